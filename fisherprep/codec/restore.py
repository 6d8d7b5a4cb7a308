"""Bandwidth extension by code of the user's own: ``module:callable``, called for one channel at a time.

::

    def restore(samples, rate_hz):              # float32 [M], -1 to 1
        return samples, rate_hz                 # float [M'], as long as before, at the same or a higher rate

It is not trusted: what it raises or returns amiss costs its call only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from fisherprep.corpus.problems import BadInput, quoted
from fisherprep.plugin import find_callable, source_hash

MAX_RATE_HZ = 192_000
MAX_DRIFT_S = 0.02
"""How much longer or shorter the restored sound may be; up to this it is cut or filled with silence at its end."""
MAX_AMPLITUDE = 4.0
"""Samples beyond this are no float audio; a filter may well overshoot 1."""
REASON = "not_restored"


@dataclass(frozen=True)
class Restore:
    """The identity of a callable: another file or another ``version`` attribute restores, and encodes, anew."""

    callable: str
    sha256: str | None
    version: str | None

    def as_provenance(self) -> dict[str, Any]:
        """As it stands in the provenance of rows."""
        return asdict(self)


Restorer = Callable[[np.ndarray, int], tuple[np.ndarray, int]]
"""float32 [2, M] and its rate to float32 [2, M'] and its rate."""


def restore_of(spec: str) -> Restore:
    """What ``--restore module:callable`` names.

    Raises:
        ValueError: there is no such module or callable.
    """
    if ":" not in spec.strip(":"):
        raise ValueError(f"restore {spec!r}: expected module:callable, for example my_restore:extend")
    function = find_callable(spec, "restore")
    version = getattr(function, "version", None)
    return Restore(spec, source_hash(function), None if version is None else str(version))


@lru_cache(maxsize=4)
def load_restore(restore: Restore) -> Restorer:
    """The callable behind checks; one channel at a time in a process, as models are seldom safe in threads.

    What it gives raises BadInput where the callable raises something, or returns anything but sound of the same length.
    """
    function, lock = find_callable(restore.callable, "restore"), Lock()

    def run(samples: np.ndarray, rate_hz: int) -> tuple[np.ndarray, int]:
        with lock:
            channels = [_one(function, restore.callable, channel, rate_hz) for channel in samples]
        if (rates := {rate for _, rate in channels}) != {channels[0][1]}:
            raise _refused(restore.callable, f"channels at {sorted(rates)} Hz", "one rate for both channels")
        return np.stack([out for out, _ in channels]), channels[0][1]

    return run


def _one(function: Callable[..., Any], spec: str, channel: np.ndarray, rate_hz: int) -> tuple[np.ndarray, int]:
    """One channel, float32 [M], restored and cut or filled to exactly its own time."""
    try:
        answer = function(channel.copy(), rate_hz)
    except (Exception, SystemExit) as err:  # the user's code may raise anything
        raise _refused(spec, f"{type(err).__name__}: {quoted(str(err))}", "restored samples and their rate") from err
    expected = "(samples [N], rate_hz)"
    try:
        out, rate = answer
        samples, out_hz = np.asarray(out, np.float32), int(rate)
    except (TypeError, ValueError, OverflowError) as err:
        raise _refused(spec, f"{type(answer).__name__} ({quoted(str(err))})", expected) from err
    if not rate_hz <= out_hz <= MAX_RATE_HZ or out_hz != rate:
        raise _refused(spec, f"a rate of {rate} Hz", f"a whole rate from {rate_hz} to {MAX_RATE_HZ} Hz")
    if samples.ndim != 1:
        raise _refused(spec, f"samples of shape {samples.shape}", expected)
    length = -(-len(channel) * out_hz // rate_hz)
    if abs(len(samples) - length) > MAX_DRIFT_S * out_hz:
        found = f"{len(samples) / out_hz:.3f} s for {len(channel) / rate_hz:.3f} s"
        raise _refused(spec, found, f"the same length, give or take {MAX_DRIFT_S:g} s")
    if not np.isfinite(samples).all() or np.abs(samples).max(initial=0.0) > MAX_AMPLITUDE:
        raise _refused(spec, "samples that are not finite or far beyond full scale", "float audio from -1 to 1")
    return np.pad(samples[:length], (0, max(0, length - len(samples)))), out_hz


def _refused(spec: str, found: str, expected: str) -> BadInput:
    return BadInput(REASON, f"{spec}: {found}", expected, "mend the callable, or encode without --restore")
