"""One-line notes on standard error; a live display that is shown there moves down for them."""

from __future__ import annotations

import sys


def note(line: str) -> None:
    """Print a line as it is. Not through a console of rich's: one that is not the display's own prints into it."""
    print(line, file=sys.stderr, flush=True)
