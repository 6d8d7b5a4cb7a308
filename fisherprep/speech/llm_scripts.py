"""Scripts written by a language model: what is asked, what an answer must be, and the checks that it has to pass.

A model gets the prompt of a fact sheet that was drawn for it and a scenario; it answers with a JSON object. An answer
that cannot be used is followed by a request that quotes it and says what is wrong. The exchange about a dialogue is a
pure function of the replies that are there, so it can be taken up at any point from kept answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fisherprep.domain import Domain
from fisherprep.llm.cache import NO_ANSWER, REFUSED, TOO_LONG, Reply
from fisherprep.llm.json_answer import read_answer, spoken_part
from fisherprep.llm.request import TEMPLATE_TOKENS, Pending, estimate_tokens, json_format, pending
from fisherprep.llm.settings import Plan
from fisherprep.speech.planned import Dialogue, chance
from fisherprep.speech.script_checks import Checker
from fisherprep.speech.script_claims import Violation, says_total, short
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
RESPONSE_FORMAT = json_format("dialogue", SCHEMA)
"""The request's ``response_format``."""

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


def build_messages(brief: Brief) -> list[dict[str, str]]:
    """The first request for a dialogue."""
    task = f"Role of the agent:\n{brief.prompts[-1]}\n\nScenario: {brief.scenario}\nAbout {brief.num_turns} turns."
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": task}]


def parse_answer(text: str, brief: Brief) -> tuple[Script, tuple[OrderLine, ...]]:
    """A model's text as a script, and what it says is paid for in the end.

    Raises:
        ValueError: it holds no JSON object as the schema has it.
    """
    if len(text) > MAX_ANSWER_CHARS:
        raise ValueError(f"found {len(text)} characters, expected at most {MAX_ANSWER_CHARS}")
    return read_answer(text, lambda data: _script(data, brief), frozenset(SCHEMA["properties"]))


def _script(data: dict[str, Any], brief: Brief) -> tuple[Script, tuple[OrderLine, ...]]:
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
    return Script(brief.name, brief.prompts[-1], tuple(lines)), _order(data["order"])


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


def _claim(script: Script, order: tuple[OrderLine, ...], agent: str) -> dict[int, tuple[OrderLine, ...]]:
    """The agent's last line with a total has to name what the order costs."""
    totals = [i for i, line in enumerate(script.lines) if line.role == agent and says_total(line.text)]
    return {totals[-1]: order} if order and totals else {}


_PROBLEMS_TOLD = 8
_CORRECTION_TOKENS = 900
"""What so many problems take, and the words around them."""
_FIXES = {
    NO_ANSWER: "run the same command again, which asks again; look at the server's log if it stays so",
    REFUSED: "see what the server says; it may lack an option (structured output, reasoning effort); then run again",
    TOO_LONG: "give --context-length as the server has it, or raise both",
}


class Writing:
    """The exchange about one dialogue.

    Args:
        brief: the dialogue.
        checker: the same checks as for every other source.
        plan: whom to ask, and how. Its seed is that of all dialogues; each is sampled with one of its own, since two
            may have the same prompt and scenario.

    Raises:
        ValueError: the context is too short for the request and its answer.
    """

    def __init__(self, brief: Brief, checker: Checker, plan: Plan) -> None:
        self.brief, self.checker = brief, checker
        self.plan = replace(plan, seed=chance(plan.seed, brief.name, "sampling").getrandbits(31))
        self._messages = build_messages(brief)
        first = sum(estimate_tokens(message["content"]) for message in self._messages)
        self._room = plan.context_length - plan.max_tokens - TEMPLATE_TOKENS - first - _CORRECTION_TOKENS
        """tokens of an answer that a correction may quote"""
        if self._room < 0:
            raise ValueError(
                f"a context of {plan.context_length} tokens less {plan.max_tokens} for the answer leaves no room for "
                f"the prompt of {brief.name}; expected at least {plan.context_length - self._room}: give a larger "
                "--context-length or a smaller --max-tokens"
            )

    def step(self, replies: Mapping[str, Reply]) -> Pending | Written:
        """Where the exchange stands, given the replies that are there by request key."""
        correction: list[dict[str, str]] = []
        problems: tuple[Violation, ...] = ()
        tries = self.plan.retries + 1
        for asked in range(1, tries + 1):
            request = pending(self.plan, self._messages + correction, RESPONSE_FORMAT)
            reply = replies.get(request.key)
            if reply is None:
                return request
            if reply.failure:
                failed = Violation(reply.failure, 0, reply.detail, "an answer", _FIXES[reply.failure])
                return Written(self.brief, None, (failed,), asked)
            script, problems = self._read(reply)
            if not problems:
                return Written(self.brief, script, (), asked)
            correction = self._correction(reply.text, problems, asked)
        return Written(self.brief, None, problems, tries)

    def _read(self, reply: Reply) -> tuple[Script | None, tuple[Violation, ...]]:
        try:
            script, order = parse_answer(reply.text, self.brief)
        except ValueError as err:
            cut_off = f"the answer was cut off after {self.plan.max_tokens} tokens; " if reply.cut_off else ""
            fix = "raise --retries or --max-tokens, or use a larger model"
            return None, (Violation("bad_answer", 0, f"{cut_off}{err}", "an answer as the schema has it", fix),)
        orders = _claim(script, order, self.brief.roles[0])
        found = self.checker.check(script, self.brief.prompts, orders).violations
        found += self.checker.unsaid(script, order)
        fix = "raise --retries, or use a larger model"
        return replace(script, file=f"{self.brief.name}.txt"), tuple(replace(v, fix=fix) for v in found)

    def _correction(self, text: str, problems: Sequence[Violation], nth: int) -> list[dict[str, str]]:
        """The model's answer and what is wrong with it, as messages. The number keeps each request a new one."""
        quoted = spoken_part(text).strip()[:MAX_ANSWER_CHARS]
        while estimate_tokens(quoted) > self._room:
            quoted = quoted[: len(quoted) * 3 // 4]
        told = "\n".join(
            f"- {f'turn {p.line}: ' if p.line else ''}found {short(p.found)}; expected {short(p.expected)}"
            for p in problems[:_PROBLEMS_TOLD]
        )
        again = f"That cannot be used:\n{told}\nWrite the whole dialogue again. (Correction {nth}.)"
        return [{"role": "assistant", "content": quoted or "(nothing)"}, {"role": "user", "content": again}]
