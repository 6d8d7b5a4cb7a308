"""Fixtures that several test files share."""

import contextlib
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The toy's layers are narrow: a second torch thread brings nothing, and where other processes want the cores as well
# (pytest -n, a busy machine) threads waiting for each other make a test take ten times as long. Read when torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts background commands with Ctrl-C ignored, and so would be every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def toy_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy checkpoint with seed 0, made once per session (about 12 s). Read it, never write to it."""
    from finetune.toy import write_toy

    directory = tmp_path_factory.mktemp("toy") / "checkpoint"
    write_toy(directory, seed=0)
    return directory


@pytest.fixture(scope="session")
def demo_fisher(tmp_path_factory: pytest.TempPathFactory, toy_checkpoint: Path) -> Path:
    """A work folder of six short calls, taken through every stage once per session. Copy it before changing it."""
    from fisherprep.align.align import align
    from fisherprep.codec.encode import encode
    from fisherprep.corpus.ingest import ingest
    from fisherprep.demo.release import write_release
    from fisherprep.engine import InlineEngine
    from fisherprep.label.label import label_topics
    from fisherprep.manifest import SplitRule
    from fisherprep.workfolder import WorkFolder

    root, engine = tmp_path_factory.mktemp("demo"), InlineEngine()
    write_release(root / "ldc", 6, 12.0, 0, engine)
    ingest([root / "ldc"], root / "fisher", SplitRule(), "fisher", engine)
    work = WorkFolder.open(root / "fisher")
    align(work, engine)
    label_topics(work, engine)
    encode(work, str(toy_checkpoint), "cpu", engine)
    return work.path


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], contextlib.AbstractContextManager[None]]]:
    """``with full_disk(8192)``: no file may grow beyond so many bytes, in this process and those that it starts."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextlib.contextmanager
    def limited(num_bytes: int) -> Iterator[None]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    yield limited
