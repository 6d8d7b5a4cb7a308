"""The transcript of a recording, in whichever of the three forms its content has, as turns."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from fisherprep.corpus.audio import Audio
from fisherprep.corpus.call import Refusals, Told, read_bytes
from fisherprep.corpus.candidates import SourceFile
from fisherprep.corpus.problems import BadInput, text_lines
from fisherprep.corpus.recordings.untimed import place_lines, read_lines
from fisherprep.corpus.recordings.words import Turns, items_of, refuse_milliseconds, turns_of
from fisherprep.corpus.transcript import UNKNOWN, parse_transcript, place_turns


def read_told(candidates: list[SourceFile], audio: Audio) -> tuple[Told | None, Refusals]:
    """The first transcript with a turn that can be used, and what is wrong with those before it."""
    refused: Refusals = {}
    for source in candidates:
        try:
            turns, odd, counts = _read(source, audio)
            if not turns:
                found = f"no turn; {len(odd)} items or lines that cannot be used"
                raise BadInput("no_turns", found, "one word or more", "make the transcript again")
        except BadInput as err:
            refused[source.relative] = err.with_traceback(None)
        else:
            return Told(source, UNKNOWN, turns, odd, counts), refused
    return None, refused


def _read(source: SourceFile, audio: Audio) -> Turns:
    raw = read_bytes(Path(source.path))
    if not raw.strip():
        raise BadInput("empty_transcript", f"{len(raw)} bytes without text", "a transcript", "make it again")
    if source.relative.lower().endswith(".json"):
        return turns_of(items_of(parse_json(raw)), audio.duration_s)
    timed = parse_transcript(raw)
    refuse_milliseconds([(u.start_s, u.end_s) for u in timed.utterances], audio.duration_s)
    untimed, odd = ([], []) if timed.utterances else read_lines(text_lines(raw))
    if untimed:
        return Turns(place_lines(untimed, audio.samples, audio.rate_hz), odd, Counter())
    turns, outside = place_turns(timed, audio.duration_s)
    return Turns(turns, [(str(n), err) for n, err in sorted([*timed.odd, *outside], key=lambda o: o[0])], Counter())


def parse_json(raw: bytes) -> Any:
    """The value of a JSON file in UTF-8 (or UTF-16, UTF-32 with its mark).

    Raises:
        BadInput: it is not JSON.
    """
    try:
        return json.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as err:  # also of text that is not UTF-8, and of too many digits
        found = f"no JSON ({str(err)[:200] or type(err).__name__})"
        raise BadInput("broken_json", found, "a whole JSON file", "make the transcript again") from err
