"""Bad input ends in one clear line and an exit status, never in a traceback.

Logic raises ``ValueError`` (bad data) and knows nothing of Click; the entry scripts wrap their work in these two.
Exit status 2: a flag was wrong. Exit status 1: the flags were fine, the data, files or machine were not.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

import click

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def clean_exit() -> Iterator[None]:
    """Turn errors that a user can mend into a message and exit status 1."""
    try:
        yield
    except OSError as err:
        full = "; make room (a run then goes on with --resume)" if err.errno in _DISK_FULL else ""
        raise click.ClickException(f"{_who()}{err}{full}") from err
    except ValueError as err:
        raise click.ClickException(f"{_who()}{err}") from err
    except RuntimeError as err:
        if "out of memory" not in str(err).lower():
            raise
        raise click.ClickException(
            f"{_who()}out of memory ({str(err).splitlines()[0]}); give a smaller --micro-batch-size or --max-frames"
        ) from err


def _who() -> str:
    """Under torchrun, which of the processes speaks: they may stand on different machines."""
    return f"process {os.environ['RANK']}: " if int(os.environ.get("WORLD_SIZE", "1")) > 1 else ""


@contextlib.contextmanager
def usage_error(flag: str = "") -> Iterator[None]:
    """Turn a ``ValueError`` about what was typed into a usage error, exit status 2."""
    try:
        yield
    except ValueError as err:
        if _who() and os.environ["RANK"] != "0":  # all have read the same flags: one of them says it
            raise SystemExit(click.UsageError.exit_code) from err
        raise click.UsageError(f"{flag}: {err}" if flag else str(err)) from err
