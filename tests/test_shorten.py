"""The Shorten encoder and the SPHERE writer, read back by desphere and libsndfile, which know nothing of them."""

from __future__ import annotations

import io

import desphere
import numpy as np
import pytest
import soundfile
from desphere import shorten as reader
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.demo.shorten import BLOCK_SAMPLES, SampleType, encode
from fisherprep.demo.sphere import HEADER_BYTES, pcm_from_ulaw, sphere_bytes, ulaw_bytes, ulaw_from_pcm

RATE_HZ = 8000


def wav_samples(sphere: bytes, channels: int) -> np.ndarray:
    """Samples [T, C] of what desphere (its native decoder) makes of a SPHERE file."""
    pcm, rate_hz = soundfile.read(io.BytesIO(desphere.transcode_bytes(sphere)), dtype="int16", always_2d=True)
    assert rate_hz == RATE_HZ
    assert pcm.shape[1] == channels
    return pcm


def voiced(num_samples: int, channels: int, seed: int) -> np.ndarray:
    """Something like speech, int16 [T, C]: a buzzing vowel, a hiss, a pause, in turn."""
    rng = np.random.default_rng(seed)
    t = np.arange(num_samples)[:, None] / RATE_HZ + rng.uniform(0, 1, channels)
    vowel = sum(np.sin(2 * np.pi * 120 * h * t) * np.exp(-((h - 5) ** 2) / 20) for h in range(1, 20))
    hiss = rng.standard_normal((num_samples, channels))
    phase = (t * 3).astype(int) % 3
    wave = np.where(phase == 0, vowel * 4000, np.where(phase == 1, hiss * 700, hiss * 4))
    return np.clip(wave, -32768, 32767).astype(np.int16)


def material(kind: str, num_samples: int, channels: int, seed: int) -> np.ndarray:
    """int16 [T, C] of one kind."""
    shape, rng = (num_samples, channels), np.random.default_rng(seed)
    if kind == "speech":
        return voiced(num_samples, channels, seed)
    if kind == "noise":
        return rng.integers(-32768, 32768, shape).astype(np.int16)
    if kind == "silence":
        return np.zeros(shape, np.int16)
    if kind == "square":
        return np.where(np.arange(num_samples)[:, None] % 2, 32767, -32768).repeat(channels, 1).astype(np.int16)
    if kind == "offset":
        return (rng.integers(-3, 4, shape) + 20_000).astype(np.int16)
    assert kind == "bursts"
    return (rng.integers(-32768, 32768, shape) * (rng.random(shape) < 0.002)).astype(np.int16)


KINDS = st.sampled_from(["speech", "noise", "silence", "square", "offset", "bursts"])
LENGTHS = st.one_of(
    st.integers(0, 6),
    st.builds(lambda blocks, odd: max(0, blocks * BLOCK_SAMPLES + odd), st.integers(1, 5), st.integers(-2, 2)),
    st.integers(0, 1500),
)
CHANNELS = st.integers(1, 3)
SEEDS = st.integers(0, 1000)


@settings(max_examples=60, deadline=None)
@given(KINDS, LENGTHS, CHANNELS, SEEDS, st.sampled_from([None, 0, 1, 3, 4]))
def test_ulaw_comes_back_byte_for_byte(kind, num_samples, channels, seed, num_means):
    ulaw = ulaw_from_pcm(material(kind, num_samples, channels, seed))
    values, coding, found_channels = reader.decode(encode(ulaw, SampleType.ULAW, num_means))
    assert (coding, found_channels) == ("ulaw", channels)
    assert bytes(values) == ulaw.tobytes()


@settings(max_examples=40, deadline=None)
@given(LENGTHS, CHANNELS, SEEDS)
def test_any_ulaw_bytes_come_back(num_samples, channels, seed):
    ulaw = np.random.default_rng(seed).integers(0, 256, (num_samples, channels)).astype(np.uint8)
    values, _, _ = reader.decode(encode(ulaw, SampleType.ULAW))
    assert bytes(values) == ulaw.tobytes()


@settings(max_examples=60, deadline=None)
@given(KINDS, LENGTHS, CHANNELS, SEEDS, st.sampled_from([SampleType.S16HL, SampleType.S16LH]))
def test_pcm_comes_back(kind, num_samples, channels, seed, sample_type):
    pcm = material(kind, num_samples, channels, seed)
    values, coding, found_channels = reader.decode(encode(pcm, sample_type))
    assert (coding, found_channels) == ("pcm16", channels)
    assert values == pcm.ravel().tolist()


def test_every_ulaw_value_and_every_jump_between_two_comes_back():
    pairs = np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1).reshape(-1, 1).astype(np.uint8)
    values, _, _ = reader.decode(encode(pairs[::5], SampleType.ULAW))
    assert bytes(values) == pairs[::5].tobytes()


def test_stream_bit_for_bit():
    """One sample of mu-law silence, written out by hand from the report's definition of uvar and ulong."""
    ulong = {8: "0100 11000", 1: "101 11", 256: "00101 1100000000", 0: "100 1"}  # bits that follow, then the number
    header = ulong[8] + ulong[1] + ulong[256] + ulong[0] + ulong[0] + ulong[0]
    block = "01 01" + ulong[1] + "001 00"  # BLOCKSIZE (5), 1, ZERO (8)
    quit_ = "01 00"
    bits = (header + block + quit_).replace(" ", "")
    bits += "0" * (-len(bits) % 32)
    expected = b"ajkg\x02" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert encode(np.full((1, 1), 0xFF, np.uint8), SampleType.ULAW) == expected


@pytest.mark.parametrize("num_samples", [0, 1, 255, 256, 257, 5000])
def test_streams_end_on_a_word(num_samples):
    ulaw = ulaw_from_pcm(voiced(num_samples, 2, 1))
    assert (len(encode(ulaw, SampleType.ULAW)) - 5) % 4 == 0


def test_compression_is_worth_it():
    pcm = voiced(5 * RATE_HZ, 2, 2)
    ulaw = ulaw_from_pcm(pcm)
    assert len(encode(ulaw, SampleType.ULAW)) < 0.8 * ulaw.nbytes
    assert len(encode(pcm, SampleType.S16LH)) < 0.8 * pcm.nbytes
    silence = np.full((100 * BLOCK_SAMPLES, 1), 0xFF, np.uint8)
    assert len(encode(silence, SampleType.ULAW)) < 100


@pytest.mark.parametrize(
    ("samples", "sample_type"),
    [
        (np.zeros((4, 1), np.int16), SampleType.ULAW),
        (np.zeros((4, 1), np.uint8), SampleType.S16LH),
        (np.zeros(4, np.uint8), SampleType.ULAW),
        (np.zeros((4, 0), np.uint8), SampleType.ULAW),
    ],
)
def test_wrong_samples_are_refused(samples, sample_type):
    with pytest.raises(ValueError, match=r"found .* expected"):
        encode(samples, sample_type)


def every_pcm_value() -> np.ndarray:
    return np.arange(-32768, 32768).astype(np.int16)


def test_ulaw_is_that_of_libsndfile():
    pcm, raw = every_pcm_value(), io.BytesIO()
    soundfile.write(raw, pcm, RATE_HZ, format="RAW", subtype="ULAW")
    assert ulaw_from_pcm(pcm).tobytes() == raw.getvalue()
    raw = io.BytesIO(bytes(range(256)))
    linear, _ = soundfile.read(raw, dtype="int16", samplerate=RATE_HZ, channels=1, format="RAW", subtype="ULAW")
    assert pcm_from_ulaw(np.arange(256).astype(np.uint8)).tolist() == linear.tolist()


def test_loud_floats_are_clipped():
    assert pcm_from_ulaw(ulaw_bytes(np.array([2.0, 1.0, 0.0, -1.0, -2.0]))).tolist() == [
        32124,
        32124,
        0,
        -32124,
        -32124,
    ]


@pytest.mark.parametrize("byte_format", ["01", "10"])
@pytest.mark.parametrize("shorten", [False, True])
def test_pcm_sphere(shorten, byte_format):
    pcm = voiced(3000, 2, 3)
    data = sphere_bytes(pcm, RATE_HZ, "pcm", shorten=shorten, byte_format=byte_format)
    assert wav_samples(data, 2).tolist() == pcm.tolist()
    if not shorten:
        assert soundfile.read(io.BytesIO(data), dtype="int16")[0].tolist() == pcm.tolist()


def test_ulaw_sphere():
    ulaw = ulaw_from_pcm(voiced(3000, 2, 4))
    for shorten in (False, True):
        assert wav_samples(sphere_bytes(ulaw, RATE_HZ, "ulaw", shorten=shorten), 2).tolist() == (
            pcm_from_ulaw(ulaw).tolist()
        )
    plain = sphere_bytes(ulaw, RATE_HZ, "ulaw", shorten=False)
    assert soundfile.read(io.BytesIO(plain), dtype="int16")[0].tolist() == pcm_from_ulaw(ulaw).tolist()
    assert soundfile.info(io.BytesIO(plain)).subtype == "ULAW"


def test_alaw_sphere():
    alaw = np.arange(256).astype(np.uint8).reshape(-1, 2)
    data = sphere_bytes(alaw, RATE_HZ, "alaw", shorten=False)
    raw = io.BytesIO(alaw.tobytes())
    expected, _ = soundfile.read(raw, dtype="int16", samplerate=RATE_HZ, channels=2, format="RAW", subtype="ALAW")
    assert wav_samples(data, 2).tolist() == expected.tolist()


def test_header():
    ulaw = ulaw_from_pcm(voiced(1000, 2, 5))
    data = sphere_bytes(ulaw, RATE_HZ, "ulaw", shorten=True, extra_fields={"database_id": "demo"})
    lines = data[:HEADER_BYTES].decode("ascii").rstrip(" ").splitlines()
    assert lines[:3] == ["NIST_1A", "   1024", "database_id -s4 demo"]
    assert lines[-1] == "end_head"
    linear = pcm_from_ulaw(ulaw)
    for line in (
        "channel_count -i 2",
        "sample_count -i 1000",
        "sample_rate -i 8000",
        f"sample_min -i {linear.min()}",
        f"sample_max -i {linear.max()}",
        "sample_n_bytes -i 1",
        "sample_byte_format -s1 1",
        "sample_sig_bits -i 8",
        "sample_coding -s27 ulaw,embedded-shorten-v2.00",
        f"sample_checksum -i {sum(ulaw.tobytes()) % 65536}",  # bytes, unsigned, as in sph2pipe's sample files
    ):
        assert line in lines
    assert data[HEADER_BYTES:].startswith(b"ajkg\x02")


def test_checksum_of_pcm_wraps_around():
    pcm = np.array([[-1, 5], [32767, -32768]], np.int16)
    header = desphere.SphereHeader.parse(sphere_bytes(pcm, RATE_HZ, "pcm", shorten=True))
    assert header.get("sample_checksum") == 3
    header = desphere.SphereHeader.parse(sphere_bytes(pcm[:1] - 10, RATE_HZ, "pcm", shorten=True))
    assert header.get("sample_checksum") == 65536 - 16


@pytest.mark.parametrize(
    "arguments",
    [
        {"samples": np.zeros((4, 1), np.int16), "coding": "ulaw", "shorten": False},
        {"samples": np.zeros((4, 1), np.uint8), "coding": "alaw", "shorten": True},
        {"samples": np.zeros((4, 1), np.int16), "coding": "pcm", "shorten": True, "byte_format": "1"},
        {"samples": np.zeros((4, 1), np.uint8), "coding": "ulaw", "shorten": True, "extra_fields": {"a": "x" * 1024}},
    ],
)
def test_impossible_files_are_refused(arguments):
    with pytest.raises(ValueError, match="sphere: "):
        sphere_bytes(rate_hz=RATE_HZ, **arguments)
