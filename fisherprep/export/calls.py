"""The calls of a shard that an export takes, and who is their agent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from fisherprep.export.folder import Payload
from fisherprep.schema import SIDES
from fisherprep.stage import reject
from fisherprep.workfolder import check_id


@dataclass(frozen=True)
class Choice:
    """What is exported. ``truecase``: how words are written, as in the encode stage."""

    splits: tuple[str, ...]
    agent_side: str
    truecase: str


@dataclass(frozen=True)
class Item:
    """One call with one side as the agent."""

    name: str
    agent: str

    @property
    def user(self) -> str:
        """The other side."""
        return SIDES[1 - SIDES.index(self.agent)]


def items_of(row: dict[str, Any], agent_side: str) -> list[Item]:
    """The items that a call becomes; none where the side that is asked for may not be its agent.

    Raises:
        ValueError: the call's id cannot be a file name.
    """
    call_id = check_id(row["call_id"])
    allowed = [side for side in SIDES if row["agent_side"] in (side, None)]
    if agent_side == "both":
        return [Item(f"{call_id}-{side}", side) for side in allowed]
    chosen = allowed[:1] if agent_side == "auto" else [side for side in allowed if side == agent_side]
    return [Item(call_id, side) for side in chosen]


def rows_of_splits(payload: Payload, table: str, splits: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The rows of a table with a column ``split`` that are of these splits."""
    for row in payload.work.read(table, payload.shard).to_pylist():
        if row["split"] in splits:
            yield row


def rows_by_call(payload: Payload, table: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of a table by call."""
    rows = defaultdict(list)
    for row in payload.work.read(table, payload.shard).to_pylist():
        rows[row["call_id"]].append(row)
    return rows


def refused(call_id: str, reason: str, place: str, found: str, expected: str, fix: str) -> dict[str, Any]:
    """A row of the rejects table, written by export."""
    return reject("export", call_id, reason, place, found, expected, fix)


def not_agent(row: dict[str, Any], choice: Choice) -> dict[str, Any]:
    """The reject of a call whose agent cannot be the side that was asked for."""
    found, expected = f"only side {row['agent_side']} may be the agent", f"--agent-side {choice.agent_side}"
    return refused(row["call_id"], "agent_side", "agent_side", found, expected, "export with --agent-side auto")


def choice_of(config: dict[str, Any]) -> Choice:
    """The choice in a stage's configuration, which is JSON."""
    return replace(Choice(**config["choice"]), splits=tuple(config["choice"]["splits"]))
