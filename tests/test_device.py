"""Where torch runs: one thread while a table's rows are made, whoever makes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from codec_calls import build_work

from fisherprep.codec import encode as encode_module
from fisherprep.codec.encode import encode
from fisherprep.device import one_thread
from fisherprep.engine import InlineEngine


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_one_thread_and_then_as_before(three_threads: None) -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
    with pytest.raises(ValueError, match="within"), one_thread():
        raise ValueError("within")
    assert torch.get_num_threads() == 3


def test_calls_are_encoded_with_one_thread_in_this_process_too(
    three_threads: None, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, signal_encoder = [], encode_module.signal_encoder

    def watched(*given: Any) -> Any:
        encoder = signal_encoder(*given)

        def encoded(signals: Any) -> Any:
            seen.append(torch.get_num_threads())
            return encoder(signals)

        return encoded

    encode_module._load.cache_clear()
    monkeypatch.setattr(encode_module, "signal_encoder", watched)
    encode(build_work(tmp_path), str(toy_checkpoint), device="cpu", engine=InlineEngine())
    encode_module._load.cache_clear()
    assert seen == [1, 1, 1]
    assert torch.get_num_threads() == 3
