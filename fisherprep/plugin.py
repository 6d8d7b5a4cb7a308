"""Code of the user's own, named ``module:callable``: finding it, and telling whether it is still the same."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def find_callable(spec: str, what: str) -> Callable[..., Any]:
    """The callable; modules of the current folder are found too. ``what``: what it is for, to begin a message with.

    Raises:
        ValueError: there is no such module or callable.
    """
    module_name, _, name = spec.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as err:  # importing runs the user's code, which may raise anything
        raise ValueError(f"{what} {spec!r}: cannot be had ({type(err).__name__}: {err})") from err
    if not callable(found):
        raise ValueError(f"{what} {spec!r}: found {type(found).__name__}, expected a callable")
    return found


def source_hash(function: Any) -> str | None:
    """SHA-256 of the file it is defined in; None where there is no such file."""
    try:
        file = inspect.getsourcefile(function if inspect.isroutine(function) else type(function))
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
    except (TypeError, OSError):
        return None
