"""Dialogues as the text files that people read, change and give back (``scripts.py`` reads them)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from fisherprep.speech.dialogues import Dialogue
from fisherprep.workfolder import check_id

_MARKS = {"turn": "", "backchannel": " (backchannel)", "interruption": " (interrupts)", "pause": " (pause)"}
_WIDTH = 120


def script_text(dialogue: Dialogue) -> str:
    """A dialogue in the form of a script file; its scenario and further prompts are comments."""
    comments = [f"# {dialogue.scenario}"] if dialogue.scenario else []
    comments += [f"# with this prompt too: {prompt}" for prompt in dialogue.prompts[:-1]]
    prompt = textwrap.fill(
        f"Prompt: {dialogue.script.prompt}",
        _WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [f"{line.role}{_MARKS[line.kind]}: {line.text}" for line in dialogue.script.lines]
    return "\n".join([*comments, prompt, "", *lines, ""])


def write_scripts(dialogues: Sequence[Dialogue], folder: Path) -> list[Path]:
    """One file per dialogue in ``folder``/train, valid or test, so that each keeps its split when it is read again.

    Raises:
        ValueError: the folder holds other scripts.
    """
    wanted = {folder / d.split / f"{check_id(d.call_id)}.txt": d for d in dialogues}
    if others := [f for f in sorted(folder.glob("**/*.txt")) if f not in wanted]:
        raise ValueError(f"{others[0]}: found a script of something else, expected an empty folder; give another --out")
    for file, dialogue in wanted.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script_text(dialogue), encoding="utf-8")
    return list(wanted)
