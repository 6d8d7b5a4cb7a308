"""One-line notes on standard error; a live display that is shown there moves down for them."""

from __future__ import annotations


def note(line: str) -> None:
    """Print a line as it is, however long: what servers say is no markup."""
    from rich.console import Console

    Console(stderr=True).print(line, markup=False, highlight=False, soft_wrap=True)
