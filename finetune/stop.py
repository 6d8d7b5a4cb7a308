"""SIGTERM and SIGINT while training: the step under way is finished and saved, then the run ends, ready to go on.

The first signal asks for that, a second one ends the process at once. Under torchrun a second one counts as the first
repeated: torchrun passes on what the terminal or Slurm has sent to every process already, and ends those that take
longer than 30 s itself.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

from finetune.parallel import World, torchrun_rank

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """The run has been asked to end, has saved and can be resumed. ``signal`` is what asked for it."""

    def __init__(self, step: int, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} after step {step}")
        self.step = step
        self.exit_status = 128 + number
        """143 for SIGTERM, 130 for SIGINT: what a shell reports of a process that they ended."""


class StopSignals:
    """While it is entered, the two signals are noted instead of ending the process."""

    def __init__(self) -> None:
        self._received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._received = self._received or number
        if torchrun_rank() is None:
            for each in SIGNALS:
                signal.signal(each, signal.SIG_DFL)

    def asked(self, world: World) -> int | None:
        """The signal that any of the processes has received; the same answer on all of them."""
        if not world.any(self._received is not None):
            return None
        return max(number or 0 for number in world.gather(self._received))
