"""Files of a run, written line by line or whole: their names, and how they stay sound when a run is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"


def drop_after(file: Path, step: int, expected: Collection[int] = ()) -> str | None:
    """Keep a log's lines up to ``step``: later ones, which a resumed run writes again, go; so do damaged ones.

    Returns:
        A note for the user where whole lines are damaged or steps of ``expected`` have none.
    """
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    steps = [_step_of(line) for line in lines]
    if lines:
        tmp = file.with_name(f".tmp-{file.name}")
        tmp.write_bytes(b"".join(line for line, at in zip(lines, steps, strict=True) if at is not None and at <= step))
        os.replace(tmp, file)
    damaged = sum(at is None and line.endswith(b"\n") for line, at in zip(lines, steps, strict=True))
    missing = set(expected).difference(steps)
    if not damaged and not missing:
        return None
    return f"{file}: {damaged} damaged lines dropped, {len(missing)} missing; what they held is lost, the run goes on"


def _step_of(line: bytes) -> int | None:
    """The step that a log's line is about; None: it is damaged, or torn by a sudden end."""
    try:
        step = json.loads(line)["step"] if line.endswith(b"\n") else None
    except (ValueError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


def write_json(file: Path, values: Any) -> None:
    """Write a JSON file whole or not at all."""
    tmp = file.with_name(f".tmp-{file.name}")
    tmp.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    os.replace(tmp, file)
