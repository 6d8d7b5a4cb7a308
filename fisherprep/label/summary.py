"""What labelling left: counts over the personas table, and examples to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from fisherprep.label.grounding.ground import TOPIC_IDENTIFIES
from fisherprep.label.personas import TOPIC_REFUSED
from fisherprep.label.show import visible
from fisherprep.workfolder import WorkFolder

NUM_EXAMPLES = 10
_COMMONEST = 8
_LEVELS = ("level 1 (opener)", "level 2 (tone and topic)", "level 3 (facts)")
_RATES = ("requests", "answers from the cache", "retries", "failed requests", "put off by a busy server")


def label_rows(
    work: WorkFolder, count_tokens: Callable[[str], int], counters: Mapping[str, float] | None = None
) -> list[tuple[str, str]]:
    """The rows of the table at the end of ``fisherprep label``: name and value.

    Args:
        work: a folder with personas.
        count_tokens: tokens of a prompt with its tags.
        counters: of the run that asked the model: ``requests``, ``answers from the cache``, ``retries``, ``failed
            requests``, ``put off by a busy server``, ``prompt_tokens``, ``completion_tokens`` and ``seconds``, each
            where it is known.
    """
    personas = work.read("personas").to_pylist()
    rows = [("calls", f"{len({row['call_id'] for row in personas}):,}"), ("sides", f"{len(personas):,}")]
    rows += _levels(personas, count_tokens)
    rows += _commonest("status", Counter(row["status"] for row in personas))
    rows += _commonest("tone", Counter(row["tone"] for row in personas if row["tone"]))
    rows += _commonest("topic", Counter(row["topic"] for row in personas if row["topic"]))
    facts = sum(len(row["facts"]) for row in personas)
    dropped = Counter(fact["reason"] for row in personas for fact in row["dropped"])
    topics = dropped[TOPIC_IDENTIFIES] + dropped[TOPIC_REFUSED]
    rows += [("facts kept", f"{facts:,}"), ("facts dropped", f"{dropped.total() - topics:,}")]
    rows.append(("topics dropped", f"{topics:,}"))
    rows += [(f"dropped: {reason}", f"{count:,}") for reason, count in dropped.most_common()]
    rows.append(("sides with a name", f"{sum(1 for row in personas if row['name']):,}"))
    return rows + _work_done(counters or {})


def _levels(personas: list[dict[str, Any]], count_tokens: Callable[[str], int]) -> list[tuple[str, str]]:
    """Sides that reach each level, and how long its prompts are."""
    rows = []
    for level, name in enumerate(_LEVELS):
        lengths = [count_tokens(row["prompts"][level]) for row in personas if len(row["prompts"]) > level]
        mean = f", {sum(lengths) / len(lengths):.1f} tokens on average, at most {max(lengths)}" if lengths else ""
        rows.append((name, f"{len(lengths):,} sides{mean}"))
    return rows


def _commonest(name: str, counts: Counter[str]) -> list[tuple[str, str]]:
    """The commonest values, in order of count and then of name; the others in one row."""
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [(f"{name}: {visible(value)}", f"{count:,}") for value, count in order[:_COMMONEST]]
    if rest := order[_COMMONEST:]:
        rows.append((f"{name}: {len(rest):,} others", f"{sum(count for _, count in rest):,}"))
    return rows


def _work_done(counters: Mapping[str, float]) -> list[tuple[str, str]]:
    rows = [(name, f"{int(counters[name]):,}") for name in _RATES if name in counters]
    seconds = counters.get("seconds", 0)
    for kind in ("prompt_tokens", "completion_tokens"):
        if kind in counters:
            rate = f" ({counters[kind] / seconds:,.1f} per second)" if seconds > 0 else ""
            rows.append((kind.replace("_", " "), f"{int(counters[kind]):,}{rate}"))
    return rows


def examples(work: WorkFolder, seed: int = 0, count: int = NUM_EXAMPLES) -> list[tuple[str, str]]:
    """Random sides with their most detailed prompts, ``(call and side, prompt)``; the same ones for the same seed."""
    personas = work.read("personas", columns=["call_id", "side", "prompts"]).to_pylist()
    sides = sorted((row for row in personas if row["prompts"]), key=lambda row: (row["call_id"], row["side"]))
    chosen = Random(f"label examples {seed}").sample(sides, min(count, len(sides)))
    chosen.sort(key=lambda row: (row["call_id"], row["side"]))
    return [(f"{row['call_id']} {row['side'].upper()}", visible(row["prompts"][-1])) for row in chosen]
