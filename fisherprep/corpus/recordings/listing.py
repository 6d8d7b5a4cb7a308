"""Lists of files as moshi-finetune has them: a JSON object a line, with ``path`` and ``duration``.

A path counts from the list's own folder. A line may also hold the keys that `about` knows.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fisherprep.corpus.problems import BadInput, problem, quoted, text_lines
from fisherprep.corpus.recordings.about import About, Noted
from fisherprep.corpus.recordings.layout import Found, Recording

MAX_LIST_BYTES = 1 << 30
_FIX_LINE = 'write {"path": "...", "duration": ...}'


def listed(found: Found, lists: Sequence[Path]) -> dict[str, About]:
    """What the lists say of each recording they name, by id; lines that cannot be used become notes of ``found``.

    Raises:
        ValueError: a list cannot be read, or together they name no recording.
    """
    by_path = {
        os.path.realpath(file.path): recording for recording in found.recordings.values() for (file,) in recording.audio
    }
    said: dict[str, About] = {}
    for path in lists:
        for number, line in enumerate(_lines(path), start=1):
            place = f"{path.name}:{number}"
            if not line.strip():
                continue
            try:
                recording, keys = _line(line, path.parent, by_path)
                if recording.call_id in said:
                    raise BadInput("repeated_line", quoted(line), "each file once", "nothing to do")
            except BadInput as err:
                found.notes.append(err.row(None, place))
                continue
            about = Noted(recording.call_id, place, found.notes).about(keys)
            said[recording.call_id] = About(**{**vars(about), "duration_s": keys["duration"]})
    if not said:
        names = ", ".join(map(str, lists))
        raise ValueError(f"{names}: names no recording below {', '.join(map(str, found.roots))} that has a transcript")
    return said


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            yield from text_lines(file.read(MAX_LIST_BYTES))
    except OSError as err:
        raise ValueError(f"{path}: {err.strerror or err}; expected a list of files, a JSON object a line") from err


def _line(line: str, folder: Path, by_path: dict[str, Recording]) -> tuple[Recording, dict[str, Any]]:
    try:
        keys = json.loads(line)
    except (ValueError, RecursionError) as err:
        raise BadInput("bad_line", quoted(line), "a JSON object", _FIX_LINE) from err
    path: Any = keys.get("path") if isinstance(keys, dict) else None
    try:
        real = os.path.realpath(folder / path)
    except (TypeError, ValueError) as err:  # no text, or one that cannot name a file
        raise BadInput("bad_line", quoted(line), "an object with a path", _FIX_LINE) from err
    duration = keys.get("duration")
    is_number = isinstance(duration, int | float) and not isinstance(duration, bool)
    keys["duration"] = float(duration) if is_number and abs(duration) < 1e9 and math.isfinite(duration) else None
    recording = by_path.get(real)
    if recording is None:
        expected = "a WAV or FLAC file below the folders given, with a transcript"
        raise BadInput("not_found", quoted(path), expected, "mend the path, or give the folder that holds it")
    return recording, keys


def length_note(call_id: str, place: str, duration_s: float, stated_s: float) -> dict[str, Any]:
    """A note that a list gives another length than the file has."""
    found = f"{duration_s:.3f} s of audio, where the list says {stated_s:.3f} s"
    return problem(
        call_id, "odd_value", place, found, "the listed length", "check that this is the file that was listed"
    )
