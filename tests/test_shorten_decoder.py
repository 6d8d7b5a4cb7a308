"""The Shorten decoder against sph2pipe (by the hashes of what it made of the same streams) and desphere."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import desphere_native
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shorten_streams import DIFF0, DIFF1, PCM_LITTLE, QLPC, ULAW, ZERO, Bits, Writer, random_stream

from fisherprep.corpus import shorten, shorten_blocks
from fisherprep.corpus.g711 import ULAW_TO_PCM
from fisherprep.demo.shorten import SampleType, encode
from fisherprep.demo.sphere import ulaw_from_pcm

ROOT = Path(__file__).parent.parent


def speechlike(num_samples: int, channels: int, seed: int = 0) -> np.ndarray:
    """int16 [N, C]: tones that come and go, silence, a little hiss."""
    rng = np.random.default_rng(seed)
    t = np.arange(num_samples)[:, None]
    tone = 5000 * np.sin(t * np.linspace(0.05, 0.3, channels)) * (t // 900 % 3 > 0)
    return (tone + rng.normal(0, 30, (num_samples, channels)) * (t // 900 % 3 > 1)).astype(np.int16)


def test_every_command_decodes_as_sph2pipe_decodes_it() -> None:
    """400 streams with shifts, running means, linear prediction and both versions; golden: what sph2pipe 2.5 writes."""
    found = hashlib.sha256()
    for seed in range(400):
        _, stream, num_samples = random_stream(seed)
        decoded = shorten.decode(stream, num_samples)
        assert decoded.error is None and decoded.num_decoded == num_samples, seed
        found.update(decoded.samples.T.astype("<i2").tobytes())
    assert found.hexdigest() == "f627c55f66a1d3ce12a8e5223dac613e581b9d301fa16a9fd437d95dd7c3be6d"


def test_mulaw_ranks_stand_for_the_bytes_that_sph2pipe_gives() -> None:
    """All 13 shifts of all 256 ranks; golden: the table of sph2pipe 2.5 in the order of ranks."""
    golden = "d3fcfc693bf36a32e5a833de11faaf9de1972659436cc206308e881be65ef5e8"
    assert hashlib.sha256(shorten.ulaw_codes().tobytes()).hexdigest() == golden


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 1200), st.integers(1, 2), st.integers(0, 1000), st.sampled_from(["ulaw", "pcm"]), st.booleans())
def test_what_the_encoder_writes_is_read_as_by_desphere(
    num_samples: int, channels: int, seed: int, coding: str, loud: bool
) -> None:
    pcm = speechlike(num_samples, channels, seed)
    if loud:
        pcm = np.random.default_rng(seed).integers(-32768, 32768, pcm.shape).astype(np.int16)
    values = ulaw_from_pcm(pcm) if coding == "ulaw" else pcm
    stream = encode(values, SampleType.ULAW if coding == "ulaw" else SampleType.S16LH)
    decoded = shorten.decode(stream, num_samples)
    reference = np.frombuffer(desphere_native.shorten_to_pcm(stream)[2], "<i2").reshape(-1, channels).T
    assert decoded.error is None
    assert np.array_equal(decoded.samples, reference)
    assert np.array_equal(decoded.samples, (ULAW_TO_PCM[values] if coding == "ulaw" else values).T)
    assert decoded.checksum == int(values.sum(dtype=np.int64)) % 65536


def test_verbatim_bytes_and_skipped_bytes_are_passed_over() -> None:
    writer = Writer(PCM_LITTLE, skip=b"RIFF....", block=4)
    writer.verbatim(b"hello")
    writer.put(0, [5, 6, 7, 8], DIFF1)
    writer.verbatim(b"")
    decoded = shorten.decode(writer.finish(), 4)
    assert decoded.samples.tolist() == [[5, 6, 7, 8]] and decoded.error is None


def test_a_zero_block_is_silence_also_around_a_mean() -> None:
    writer = Writer(PCM_LITTLE, block=4, num_means=2)
    writer.put(0, [100, 100, 100, 100], DIFF0)
    writer.put(0, [0, 0, 0, 0], ZERO)
    writer.put(0, [51, 52, 53, 54], DIFF0)
    assert shorten.decode(writer.finish(), 12).samples[0, 4:].tolist() == [0, 0, 0, 0, 51, 52, 53, 54]


def stream_of(*ulongs: int) -> bytes:
    bits = Bits()
    for value in ulongs:
        bits.ulong(value)
    return b"ajkg\x02" + bits.to_bytes()


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (b"", "expected b'ajkg'"),
        (b"ajkg", "expected b'ajkg'"),
        (b"ajkg\x02", "a version byte"),
        (b"ajkg\x03aaaa", "version 3"),
        (b"ajkg\x00aaaa", "version 0"),
        (b"ajkg\x02" + bytes(4000), "ends within its own header"),
        (stream_of(7, 2, 256, 0, 4, 0), "sample type 7"),
        (stream_of(8, 0, 256, 0, 4, 0), "channel count 0"),
        (stream_of(8, 1000, 256, 0, 4, 0), "channel count 1000"),
        (stream_of(8, 2, 0, 0, 4, 0), "block size 0"),
        (stream_of(8, 2, 1 << 30, 0, 4, 0), "block size 1073741824"),
        (stream_of(8, 2, 256, 1 << 20, 4, 0), "predictor order"),
        (stream_of(8, 2, 256, 0, 1 << 31, 0), "number of means"),
        (stream_of(8, 2, 256, 0, 4, 1 << 31), "number of skipped bytes"),
        (stream_of(8, 2, 256, 0, 4, 1000), "ends within its own header"),
    ],
)
def test_a_damaged_stream_header_is_a_value_error(stream: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        shorten.decode(stream, 100)


def impossible(kind: str) -> bytes:
    """One good block, then something that no encoder writes."""
    writer = Writer(ULAW if kind == "rank" else PCM_LITTLE, block=4)
    writer.put(0, [1, 2, 3, 4], DIFF1)
    if kind == "rank":
        writer.put(0, [128, 0, 0, 0], DIFF1)
    elif kind == "sample":
        writer.put(0, [32768, 0, 0, 0], DIFF1)
    elif kind == "shift":
        writer.set_shift(13)
    elif kind == "order":
        writer.put(0, [1, 2, 3, 4], QLPC, (1,))
    elif kind == "block":
        writer.command(5)
        writer.bits.ulong(5)
    elif kind == "energy":
        writer.command(DIFF0)
        writer.bits.uvar(31, 3)
    elif kind == "command":
        writer.command(10)
    return writer.finish()


@pytest.mark.parametrize("kind", ["rank", "sample", "shift", "order", "block", "energy", "command"])
def test_impossible_values_end_the_stream_after_the_last_whole_block(kind: str) -> None:
    decoded = shorten.decode(impossible(kind), 100)
    assert decoded.error and re.search("an impossible value|an unknown command", decoded.error)
    assert decoded.samples.shape == (1, 4)


def test_a_stream_that_ends_between_channels_is_cut() -> None:
    writer = Writer(PCM_LITTLE, channels=2, block=4)
    writer.put(0, [1, 2, 3, 4], DIFF1)
    decoded = shorten.decode(writer.finish(), 4)
    assert decoded.error == shorten.CUT and decoded.samples.shape == (2, 0)


def test_every_cut_keeps_exactly_the_whole_blocks() -> None:
    values = ulaw_from_pcm(speechlike(3000, 2))
    stream = encode(values, SampleType.ULAW)
    whole, lengths = ULAW_TO_PCM[values].T, []
    for cut in range(40, len(stream) - 4, 7):
        decoded = shorten.decode(stream[:cut], 3000)
        kept = decoded.samples.shape[1]
        assert decoded.error == shorten.CUT and kept % 256 == 0
        assert np.array_equal(decoded.samples, whole[:, :kept])
        lengths.append(kept)
    assert lengths == sorted(lengths) and set(range(1024, 2561, 256)) <= set(lengths)


def test_samples_past_the_promised_number_are_counted_and_dropped() -> None:
    stream = encode(speechlike(700, 1), SampleType.S16LH)
    decoded = shorten.decode(stream, 650)
    assert decoded.samples.shape == (1, 650) and decoded.num_decoded == 700 and decoded.error is None
    assert shorten.decode(stream, 100).error == shorten.TOO_LONG


def bomb(commands: int) -> bytes:
    """A few bytes that claim very much: silent blocks of the largest size."""
    writer = Writer(ULAW, channels=1, block=1 << 16, num_means=1)
    writer.bits.text += "00100" * commands  # command 8, ZERO
    return writer.finish()


def test_a_bomb_takes_no_more_than_the_promised_samples() -> None:
    stream = bomb(100_000)  # 63 KB that stand for 6.5 billion samples
    shorten.decode(stream, 10)  # compiled
    tracemalloc.start()
    decoded = shorten.decode(stream, 2_000_000)
    assert decoded.error == shorten.TOO_LONG and not decoded.samples.any()
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 2000))
def test_no_bytes_do_anything_but_decode_or_be_refused(junk: bytes, num_samples: int) -> None:
    head = stream_of(8, 2, 256, 3, 2, 0)[:-2]
    for stream in (b"ajkg\x02" + junk, head + junk):
        try:
            decoded = shorten.decode(stream, num_samples)
        except ValueError:
            continue
        assert decoded.samples.shape[1] <= num_samples


def test_it_works_where_nothing_can_be_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """numba refuses ``cache=True`` where neither the installation nor the user's cache folder can be written."""

    def njit_without_a_folder(function: Callable, cache: bool = False, **options: object) -> Callable:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return function

    monkeypatch.setattr(shorten_blocks, "njit", njit_without_a_folder)
    assert shorten_blocks._entry(speechlike) is speechlike


def test_reading_a_release_does_not_import_the_compiler_before_it_is_needed() -> None:
    script = "import sys, fisherprep.corpus.audio; sys.exit(bool({'numba', 'soundfile'} & sys.modules.keys()))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == 0
