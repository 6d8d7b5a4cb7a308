"""One call's transcript beside its prompts, each fact with the turns that prove it; for a terminal or as a page.

Transcripts and prompts are untrusted text: control characters and characters that reorder a line are shown as their
numbers, markup is never interpreted.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fisherprep.schema import SIDES
from fisherprep.workfolder import WorkFolder, check_id, shard_of

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH_FOR_BOTH = 72
"""Columns of a terminal from which transcript and prompts stand side by side."""


@dataclass(frozen=True)
class CallPrompts:
    """What is to be shown of a call: its conversations, turns and personas rows."""

    call: dict[str, Any]
    turns: list[dict[str, Any]]
    personas: dict[str, dict[str, Any]]

    def proofs(self, number: int) -> list[str]:
        """Marks of the facts that cite a turn: ``A2`` is the second fact of side a."""
        return [
            f"{side.upper()}{place}"
            for side, persona in self.personas.items()
            for place, fact in enumerate(persona["facts"], start=1)
            if number in fact["turns"]
        ]


def read_call(work: WorkFolder, call_id: str) -> CallPrompts:
    """The rows of one call.

    Raises:
        ValueError: the folder has no such call, or no prompts for it yet.
    """
    shard = shard_of(check_id(call_id))
    calls = [row for row in work.read("conversations", shard).to_pylist() if row["call_id"] == call_id]
    if not calls:
        known = sorted(work.read("conversations", columns=["call_id"])["call_id"].to_pylist())
        some = f"it has {len(known):,} calls, {known[0]} to {known[-1]}" if known else "it has no calls"
        raise ValueError(f"{work.path}: no call {call_id}; {some}")
    turns = [row for row in work.read("turns", shard).to_pylist() if row["call_id"] == call_id]
    personas = {row["side"]: row for row in work.read("personas", shard).to_pylist() if row["call_id"] == call_id}
    if not personas:
        raise ValueError(f"{work.path}: call {call_id} has no prompts yet; run `fisherprep label {work.path}` first")
    return CallPrompts(calls[0], turns, {side: personas[side] for side in SIDES if side in personas})


def visible(text: str) -> str:
    """The text on one line, with characters that a terminal or browser would act on written as ``\\x1b``."""
    return "".join(
        c if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029" else c.encode("unicode_escape").decode()
        for c in text.replace("\n", " ")
    )


def for_terminal(shown: CallPrompts, width: int) -> RenderableType:
    """Transcript and prompts as a renderable of rich: side by side, or one below the other in a narrow terminal.

    Args:
        shown: the call.
        width: columns of the terminal. Nothing is left out to fit it.
    """
    from rich.console import Group
    from rich.table import Column, Table
    from rich.text import Text

    heading = Text(visible(f"{shown.call['call_id']}: {shown.call['topic_title'] or 'no topic'}"), style="bold")
    columns = (Column(title, overflow="fold") for title in ("turn", "", "proves", "said"))
    transcript = Table(*columns, box=None, padding=(0, 1))
    for turn in shown.turns:
        proofs = shown.proofs(turn["turn"])
        transcript.add_row(
            Text(str(turn["turn"])),
            Text(turn["side"].upper()),
            Text(" ".join(proofs)),
            Text(visible(turn["text"]), style="bold" if proofs else ""),
        )
    prompts = Text("\n", overflow="fold").join(
        Text(line) for side in shown.personas for line in _side_lines(shown, side)
    )
    if width < _WIDTH_FOR_BOTH:
        return Group(heading, Text(), transcript, Text(), prompts)
    beside = Table(box=None, show_header=False, padding=(0, 2))
    beside.add_row(transcript, prompts)
    return Group(heading, Text(), beside)


def _side_lines(shown: CallPrompts, side: str) -> Iterable[str]:
    """A side's prompts, proofs and dropped facts as lines."""
    row = shown.personas[side]
    yield f"Side {side.upper()} as the agent ({visible(row['labeler'])}, {visible(row['status'])})"
    for level, prompt in enumerate(row["prompts"], start=1):
        yield f"  {level}. {visible(prompt)}"
    last = row["prompts"][-1] if row["prompts"] else ""
    for place, fact in enumerate(row["facts"], start=1):
        unused = "" if fact["text"] in last else ", left out for length"
        yield f"  {side.upper()}{place} {visible(fact['text'])} (turns {_numbers(fact['turns'])}{unused})"
    if row["name"]:
        yield f"  name: {visible(row['name'])}"
    for fact in row["dropped"]:
        yield f"  dropped, {visible(fact['reason'])}: {visible(fact['text'])} (turns {_numbers(fact['turns'])})"
    yield ""


def _numbers(turns: Iterable[int]) -> str:
    return ", ".join(map(str, turns)) or "none"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body {{ font: 15px/1.4 sans-serif; margin: 1.5rem; display: grid; grid-template-columns: 3fr 2fr; gap: 2rem; }}
h1 {{ grid-column: 1 / 3; font-size: 1.2rem; }} td {{ padding: .1rem .5rem; vertical-align: top; }}
.proof td {{ background: #fff3c4; }} .a {{ color: #0b4f8a; }} .b {{ color: #8a3b0b; }}
pre {{ white-space: pre-wrap; font: inherit; }}
</style></head><body><h1>{title}</h1>
<table>{turns}</table>
<div>{sides}</div>
</body></html>
"""


def as_html(shown: CallPrompts) -> str:
    """The same as a page of its own that loads nothing and runs nothing."""
    title = visible(f"{shown.call['call_id']}: {shown.call['topic_title'] or 'no topic'}")
    rows = []
    for turn in shown.turns:
        proofs = shown.proofs(turn["turn"])
        cells = (str(turn["turn"]), turn["side"].upper(), " ".join(proofs), visible(turn["text"]))
        mark = f"{turn['side']} proof" if proofs else turn["side"]
        rows.append(
            f'<tr class="{html.escape(mark)}">' + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>"
        )
    sides = "".join(
        f'<pre class="{side}">{html.escape(chr(10).join(_side_lines(shown, side)))}</pre>' for side in shown.personas
    )
    return _PAGE.format(title=html.escape(title), turns="\n".join(rows), sides=sides)
