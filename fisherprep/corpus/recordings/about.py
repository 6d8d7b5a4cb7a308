"""What is said about a recording besides its words: whose voices, which side the agent, its role prompt.

The same keys stand in a JSON transcript that is an object, and in a line of a list of files (moshi-finetune's
``.jsonl``): ``agent`` (left, right, a, b), ``prompt`` or ``text_prompt``, ``speaker_a`` and ``speaker_b``.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fisherprep.corpus.call import read_bytes
from fisherprep.corpus.candidates import SourceFile
from fisherprep.corpus.problems import BadInput, problem, quoted, text_lines
from fisherprep.corpus.recordings.transcript import parse_json
from fisherprep.schema import SIDES

AGENTS = {"left": "a", "right": "b", "a": "a", "b": "b"}
MAX_PROMPT_CHARS = 4000
MAX_SPEAKER_CHARS = 128
_PROMPT_KEYS = ("prompt", "text_prompt")
_SPEAKER_KEYS = ("speaker_a", "speaker_b")
_KEYS = ("agent", *_PROMPT_KEYS, *_SPEAKER_KEYS)


@dataclass(frozen=True)
class About:
    """What was said; None: nothing."""

    agent: str | None = None
    """a or b"""
    prompt: str | None = None
    speaker_a: str | None = None
    speaker_b: str | None = None
    duration_s: float | None = None

    def over(self, other: About) -> About:
        """This; where it says nothing, what the other says."""
        return replace(other, **{key: value for key, value in vars(self).items() if value is not None})


class Noted:
    """Reads facts of one file; what is wrong with them becomes notes."""

    def __init__(self, call_id: str | None, place: str, notes: list[dict[str, Any]]) -> None:
        self.call_id, self.place, self.notes = call_id, place, notes

    def about(self, keys: Mapping[str, Any]) -> About:
        """The facts among the keys of an object."""
        prompts = [keys[key] for key in _PROMPT_KEYS if keys.get(key) is not None]
        return About(
            agent=self._taken(_agent, keys.get("agent")),
            prompt=self._taken(prompt_text, prompts[0] if prompts else None),
            speaker_a=self._taken(_speaker, keys.get("speaker_a")),
            speaker_b=self._taken(_speaker, keys.get("speaker_b")),
        )

    def prompt(self, raw: bytes) -> About:
        """The prompt of a file of its own."""
        return About(prompt=self._taken(prompt_text, " ".join(text_lines(raw)) if raw else ""))

    def _taken(self, read: Any, value: Any) -> str | None:
        if value is None:
            return None
        try:
            return read(value)
        except BadInput as err:
            self.notes.append(problem(self.call_id, err.reason, self.place, err.found, err.expected, err.fix))
            return None


def about_files(call_id: str, prompt: SourceFile | None, transcript: SourceFile, notes: list[dict[str, Any]]) -> About:
    """What a recording's prompt file and, after it, its JSON transcript say; what is wrong is added to the notes."""
    said = About()
    if prompt:
        try:
            said = Noted(call_id, prompt.relative, notes).prompt(read_bytes(Path(prompt.path)))
        except BadInput as err:
            notes.append(err.row(call_id, prompt.relative))
    return said.over(_of_transcript(call_id, transcript, notes))


def _of_transcript(call_id: str, file: SourceFile, notes: list[dict[str, Any]]) -> About:
    """A transcript that cannot be read says nothing here: reading its words tells what is wrong."""
    if os.path.splitext(file.relative)[1].lower() != ".json":
        return About()
    try:
        raw = read_bytes(Path(file.path))
        data = parse_json(raw) if any(f'"{key}"'.encode() in raw for key in _KEYS) else None
    except BadInput:
        return About()
    return Noted(call_id, file.relative, notes).about(data) if isinstance(data, dict) else About()


def prompt_text(value: Any) -> str:
    """A role prompt on one line.

    Raises:
        BadInput: it is no text, is empty or too long, or holds markup.
    """
    expected = f"a prompt of 1 to {MAX_PROMPT_CHARS} characters without < and >"
    if not isinstance(value, str):
        raise BadInput("bad_prompt", quoted(str(value)), expected, "write the prompt as a text")
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in value)
    text = " ".join(text.split())
    if not 0 < len(text) <= MAX_PROMPT_CHARS or "<" in text or ">" in text:
        raise BadInput("bad_prompt", quoted(text) if text else "nothing", expected, "write the prompt anew")
    return text


def _agent(value: Any) -> str:
    if not isinstance(value, str) or value.strip().lower() not in AGENTS:
        raise BadInput("bad_agent", quoted(str(value)), " or ".join(AGENTS), "name the agent's channel so")
    return AGENTS[value.strip().lower()]


def _speaker(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    text = text.strip()
    if not 0 < len(text) <= MAX_SPEAKER_CHARS or not text.isprintable():
        expected = f"a name or number of at most {MAX_SPEAKER_CHARS} characters"
        raise BadInput("bad_speaker", quoted(str(value)), expected, "give the speaker another id")
    return text


def speakers(call_id: str, about: About) -> dict[str, str]:
    """The speaker of each side, by column; one of its own, named after the recording, where none is said."""
    return {f"speaker_{side}": getattr(about, f"speaker_{side}") or f"{call_id}_{side}" for side in SIDES}
