"""Files of a run, written line by line or whole: their names, and how they stay sound when a run is killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"


def drop_after(file: Path, step: int) -> None:
    """Keep a log's lines up to ``step``: later ones, which a resumed run writes again, go; so does a torn last one."""
    if not file.exists():
        return
    kept = []
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            break
    tmp = file.with_name(f".tmp-{file.name}")
    tmp.write_text("".join(kept), encoding="utf-8")
    os.replace(tmp, file)


def write_json(file: Path, values: Any) -> None:
    """Write a JSON file whole or not at all."""
    tmp = file.with_name(f".tmp-{file.name}")
    tmp.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    os.replace(tmp, file)
