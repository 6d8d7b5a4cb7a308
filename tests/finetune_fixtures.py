"""Fixtures of the trainer's tests; a test module takes them with ``pytest_plugins = ["finetune_fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from finetune_tiny import World


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: the tests run beside others on few cores, and the bits do not depend on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One world for all tests; they write only into folders of their own."""
    return World(tmp_path_factory.mktemp("world"))
