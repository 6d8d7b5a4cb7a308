"""Scripts written by a language model: what is asked, what an answer must be, and the checks that it has to pass.

A model gets the prompt of a fact sheet that was drawn for it and a scenario; it answers with a JSON object. What asks
the model is any asynchronous function of messages and a JSON schema, so nothing here knows of servers or keys.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from fisherprep.domain import Domain
from fisherprep.speech.dialogues import Dialogue
from fisherprep.speech.script_checks import Checker
from fisherprep.speech.script_claims import Violation, says_total
from fisherprep.speech.script_sums import OrderLine
from fisherprep.speech.scripts import Script, ScriptLine, spoken_words

MAX_ANSWER_CHARS = 40_000
_KINDS = ("turn", "backchannel", "interruption", "pause")
_MAX_TURNS = 60
_MAX_TURN_CHARS = 600

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["turns", "order"],
    "properties": {
        "turns": {
            "type": "array",
            "minItems": 4,
            "maxItems": _MAX_TURNS,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["speaker", "kind", "text"],
                "properties": {
                    "speaker": {"type": "string", "enum": ["agent", "user"]},
                    "kind": {"type": "string", "enum": list(_KINDS)},
                    "text": {"type": "string", "minLength": 1, "maxLength": _MAX_TURN_CHARS},
                },
            },
        },
        "order": {
            "type": "array",
            "maxItems": 12,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["item", "size", "count", "extras"],
                "properties": {
                    "item": {"type": "string"},
                    "size": {"type": "string"},
                    "count": {"type": "integer", "minimum": 1, "maximum": 20},
                    "extras": {"type": "array", "maxItems": 4, "items": {"type": "string"}},
                },
            },
        },
    },
}
"""Of an answer: turns as they are spoken, and what is paid for in the end (empty where nothing is sold)."""

INSTRUCTION = """\
Write one spoken dialogue between two people, as a JSON object.

- The agent has the role below and knows nothing else: it says no price, time, number, name or item that the role does
  not give. It may repeat what the user said, and add up prices.
- Totals are what the role's prices add up to. Nothing is sold that the role does not offer or calls sold out.
- People speak: short turns, "um", false starts, corrections. No stage directions, no markup. Prices and times are
  written as they are said ("four fifty", "half past" is not used, "six thirty").
- kind: "turn"; "backchannel" (a short "mm-hm" of the listener inside the turn before it); "interruption" (begins before
  the turn before it has ended); "pause" (a turn after a long silence of the same speaker).
- order: what is paid for in the end, items and sizes as the role writes them; empty if nothing is sold.
"""


class Answer(Protocol):
    """Asks a model: chat messages and the JSON schema of the answer in, the answer's text out."""

    def __call__(self, messages: list[dict[str, str]], schema: dict[str, Any]) -> Awaitable[str]: ...


@dataclass(frozen=True)
class Brief:
    """What a model is told of one dialogue."""

    name: str
    """of the script that comes of it"""
    prompts: tuple[str, ...]
    """of the agent, least detailed first; the last one is shown"""
    scenario: str
    """one or two sentences"""
    roles: tuple[str, str]
    """the agent's and the user's names, for the script's lines"""
    num_turns: int = 14


@dataclass(frozen=True)
class Written:
    """What came of a brief: a script, or why there is none."""

    brief: Brief
    script: Script | None
    problems: tuple[Violation, ...] = ()
    """of the last answer"""
    asked: int = 0
    """how often the model was asked"""


def brief_of(dialogue: Dialogue, domain: Domain) -> Brief:
    """What a model is told to write in place of a drafted dialogue: the same fact sheet, scenario and split."""
    name = dialogue.scenario or ""
    about = domain.scenarios[name].about if name in domain.scenarios else ""
    roles = (domain.agent_role, domain.user_role)
    return Brief(dialogue.call_id, dialogue.prompts, about or name.replace("_", " "), roles, len(dialogue.script.lines))


def dialogue_of(written: Written, drafted: Dialogue) -> Dialogue | None:
    """The dialogue that was written in place of ``drafted``, to be spoken or kept as a file; None where none passed."""
    return replace(drafted, source="llm", script=written.script) if written.script else None


def build_messages(brief: Brief, rejected: tuple[str, Sequence[Violation]] | None = None) -> list[dict[str, str]]:
    """The request for one dialogue.

    Args:
        brief: the dialogue.
        rejected: an answer that could not be used, and why; the model is asked to mend it.
    """
    task = f"Role of the agent:\n{brief.prompts[-1]}\n\nScenario: {brief.scenario}\nAbout {brief.num_turns} turns."
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": task}]
    if rejected:
        answer, problems = rejected
        told = "\n".join(f"- turn {p.line}: found {p.found}; expected {p.expected}" for p in problems[:8])
        messages += [
            {"role": "assistant", "content": answer[:MAX_ANSWER_CHARS]},
            {"role": "user", "content": f"That cannot be used:\n{told}\nWrite the whole dialogue again."},
        ]
    return messages


def parse_answer(text: str, brief: Brief) -> tuple[Script, dict[int, tuple[OrderLine, ...]]]:
    """An answer as a script, and what its last total has to come to.

    Raises:
        ValueError: it is not JSON, or not as the schema has it.
    """
    if len(text) > MAX_ANSWER_CHARS:
        raise ValueError(f"found {len(text)} characters, expected at most {MAX_ANSWER_CHARS}")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise ValueError(f"not a JSON object ({err})") from err
    data = _object(data, "the answer", SCHEMA)
    roles = dict(zip(("agent", "user"), brief.roles, strict=True))
    lines = []
    for number, turn in enumerate(_entries(data["turns"], "turns", SCHEMA), start=1):
        if not all(isinstance(value, str) for value in turn.values()):
            raise ValueError(f"turn {number}: found {turn!r:.100}, expected texts")
        said = " ".join(turn["text"].split())
        words = spoken_words(said)
        if not words or not said.isprintable() or len(said) > _MAX_TURN_CHARS:
            raise ValueError(f"turn {number}: found {said[:60]!r}, expected words that can be spoken")
        if turn["kind"] not in _KINDS or turn["speaker"] not in roles:
            raise ValueError(
                f"turn {number}: found {turn['kind']!r} of {turn['speaker']!r}, expected the schema's values"
            )
        lines.append(ScriptLine(number, roles[turn["speaker"]], turn["kind"], said, words))
    if {line.role for line in lines} != set(brief.roles) or len(lines) > _MAX_TURNS:
        raise ValueError(f"found {len(lines)} turns, expected turns of both sides, {_MAX_TURNS} at most")
    return Script(brief.name, brief.prompts[-1], tuple(lines)), _claim(lines, _order(data["order"]), brief.roles[0])


def _object(value: Any, what: str, schema: dict[str, Any]) -> dict[str, Any]:
    keys = schema["properties"].keys()
    if not isinstance(value, dict) or value.keys() != keys:
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"{what}: found {found}, expected the keys {sorted(keys)}")
    return value


def _entries(value: Any, key: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise ValueError(f"{key}: found {type(value).__name__}, expected a list")
    return [_object(entry, f"{key}[{i}]", schema["properties"][key]["items"]) for i, entry in enumerate(value)]


def _order(value: Any) -> tuple[OrderLine, ...]:
    lines = []
    for entry in _entries(value, "order", SCHEMA):
        item, size, count, extras = (entry[key] for key in ("item", "size", "count", "extras"))
        texts = [item, size, *extras] if isinstance(extras, list) else [None]
        if not all(isinstance(text, str) for text in texts) or type(count) is not int or not 1 <= count <= 20:
            raise ValueError(f"order: found {entry!r}, expected texts and a count from 1 to 20")
        lines.append(OrderLine(item, size, count, tuple(extras)))
    return tuple(lines)


def _claim(lines: list[ScriptLine], order: tuple[OrderLine, ...], agent: str) -> dict[int, tuple[OrderLine, ...]]:
    """The agent's last line with a total has to name what the order costs."""
    totals = [i for i, line in enumerate(lines) if line.role == agent and says_total(line.text)]
    return {totals[-1]: order} if order and totals else {}


async def write_scripts(
    briefs: Iterable[Brief], ask: Answer, checker: Checker, tries: int = 3, at_once: int = 16
) -> list[Written]:
    """Have every dialogue written and checked; what does not pass is asked for again, with what was wrong.

    Args:
        briefs: the dialogues.
        ask: asks the model; what it raises ends the whole.
        checker: the same checks as for every other source.
        tries: answers per dialogue.
        at_once: dialogues under way at a time.

    Returns:
        One outcome per brief, in their order.
    """
    gate = asyncio.Semaphore(at_once)

    async def write(brief: Brief) -> Written:
        async with gate:
            return await _write(brief, ask, checker, tries)

    return list(await asyncio.gather(*map(write, briefs)))


async def _write(brief: Brief, ask: Answer, checker: Checker, tries: int) -> Written:
    rejected: tuple[str, Sequence[Violation]] | None = None
    problems: tuple[Violation, ...] = ()
    for asked in range(1, tries + 1):
        text = await ask(build_messages(brief, rejected), SCHEMA)
        try:
            script, orders = parse_answer(text, brief)
        except ValueError as err:
            problems = (Violation("bad_answer", 0, str(err), "an answer as the schema has it", "ask again"),)
        else:
            problems = tuple(checker.check(script, brief.prompts, orders).violations)
            if not problems:
                return Written(brief, replace(script, file=f"{brief.name}.txt"), (), asked)
        rejected = (text, problems)
    return Written(brief, None, problems, tries)
