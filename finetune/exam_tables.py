"""Tables of an evaluation: base beside fine-tuned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from finetune.heldout import Losses
from finetune.turns.heard import EARS

if TYPE_CHECKING:
    from rich.table import Table


def tables(result: dict[str, Any]) -> Iterator[Table]:
    """The tables of ``evaluate``'s result that have something to show."""
    yield comparison(result["split"], result["losses"]["base"], result["losses"]["fine_tuned"])
    if any(result["prompts"]["base"].values()):
        yield sensitivity(result["split"], result["prompts"]["base"], result["prompts"]["fine_tuned"])
    if result["turns"]["base"]:
        yield turn_taking(result)


def _table(title: str, texts: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    from rich.table import Table

    table = Table(title=title)
    for heading in texts:
        table.add_column(heading)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def comparison(split: str, before: Losses, after: Losses) -> Table:
    """Held-out loss of every dataset and stream: base ("-" where it is not known), fine-tuned, change."""
    from finetune.loss import STREAMS

    table = _table(f"held-out loss ({split}), nats per target", ("dataset", "stream"), ("base", "fine-tuned", "change"))
    for name in after:
        for stream in ("loss", *STREAMS):
            old, new = before.get(name, {}).get(stream), after[name][stream]
            if new is None:
                continue
            known = ("-", f"{new:.4f}", "-") if old is None else (f"{old:.4f}", f"{new:.4f}", f"{new - old:+.4f}")
            table.add_row(name if stream == "loss" else "", stream, *known)
        table.add_section()
    return table


def sensitivity(split: str, before: dict[str, Any], after: dict[str, Any]) -> Table:
    """How much the loss rises with another call's prompt."""
    title = f"prompt sensitivity ({split}): rise of the loss with another call's prompt, nats (higher: it reads)"
    table = _table(title, ("dataset", "stream"), ("windows", "base", "fine-tuned"))
    for name, new in after.items():
        old = before[name]
        if new is None or old is None:
            continue
        for stream in ("loss", "text_words", "agent_semantic"):
            if stream in new["rise"]:
                first = (name, stream, str(new["windows"])) if stream == "loss" else ("", stream, "")
                table.add_row(*first, f"{old['rise'][stream]:+.4f}", f"{new['rise'][stream]:+.4f}")
        table.add_section()
    return table


def turn_taking(result: dict[str, Any]) -> Table:
    """Turn-taking as each ear hears it: the people of the recordings, base, fine-tuned."""
    from finetune.turns.scores import METRICS

    title = f"turn-taking ({result['split']}), generated"
    if result["toy"]:
        title += "; TOY weights: says nothing about speech, and is heard by its text alone"
    outcomes = result["turns"]["fine_tuned"]
    ears = [ear for ear in EARS if any(ear in values for values in outcomes.values())]
    columns = [f"{ear}: {who}" for ear in ears for who in ("people", "base", "tuned")]
    table = _table(title, ("dataset", "metric", "better"), ("n", *columns))
    for name, after in outcomes.items():
        before = result["turns"]["base"][name]
        shown = name
        for (kind, metric), better in METRICS.items():
            whos = [who for ear in ears for who in (after[ear]["people"], before[ear]["model"], after[ear]["model"])]
            count = next((int(who[kind]["moments"] or 0) for who in whos if kind in who), None)
            if count is None:
                continue
            cells = [_number(who.get(kind, {}).get(metric)) for who in whos]
            table.add_row(shown, f"{kind} {metric}", better, str(count), *cells)
            shown = ""
        table.add_section()
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
