"""Blocks that call themselves and rules that hold themselves, by whatever way round: such a grammar has no end."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from fisherprep.strict_yaml import Node


def check_circles(uses: Mapping[str, Mapping[str, Node]], what: str) -> None:
    """Nothing uses itself.

    Args:
        uses: a name -> the names that it uses, each with the place where it does.
        what: they are, for the message.

    Raises:
        ValueError: something does; with file and line.
    """
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as err:
        used, user, *_ = circle = err.args[1]  # each is used by the next; the last is the first
        uses[user][used].fail(f"no circle of {what}", found=" > ".join(reversed(circle)), fix="break it")
