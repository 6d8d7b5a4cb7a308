"""Dialogues as the text files that people read, change and give back (``scripts.py`` reads them)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from fisherprep.speech.planned import Dialogue
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


def script_targets(dialogues: Sequence[Dialogue], folder: Path) -> dict[str, Path]:
    """Each dialogue's file by its id: in ``folder``/train, valid or test, so that its split is that when read again.

    Raises:
        ValueError: the folder holds other scripts.
    """
    targets = {d.call_id: folder / d.split / f"{check_id(d.call_id)}.txt" for d in dialogues}
    wanted = set(targets.values())
    if others := [f for f in sorted(folder.glob("**/*.txt")) if f not in wanted]:
        raise ValueError(f"{others[0]}: found a script of something else, expected an empty folder; give another --out")
    return targets


def write_script(dialogue: Dialogue, file: Path) -> None:
    """Write a dialogue's file, which is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    unfinished.write_text(script_text(dialogue), encoding="utf-8")
    unfinished.replace(file)


def write_scripts(dialogues: Sequence[Dialogue], folder: Path) -> list[Path]:
    """One file per dialogue, where `script_targets` says.

    Raises:
        ValueError: the folder holds other scripts.
    """
    targets = script_targets(dialogues, folder)
    for dialogue in dialogues:
        write_script(dialogue, targets[dialogue.call_id])
    return list(targets.values())
