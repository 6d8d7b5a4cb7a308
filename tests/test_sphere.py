"""SPHERE and the other audio files: right samples, and a clear refusal of everything damaged."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fisher_builder import noise, sphere, sphere_header, write
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep.corpus.audio import read_audio
from fisherprep.corpus.problems import BadInput
from fisherprep.corpus.sphere import TABLES, decode, parse_header
from fisherprep.demo.sphere import sphere_bytes

ROOT = Path(__file__).parent.parent


def tone(num_samples: int, channels: int = 2) -> np.ndarray:
    """int16 [N, C]: something with structure, so that Shorten has predictors to choose."""
    t = np.arange(num_samples)[:, None] * np.linspace(0.05, 0.11, channels)
    rng = np.random.default_rng(5)
    return (6000 * np.sin(t) + rng.normal(0, 40, (num_samples, channels))).astype(np.int16)


def libsndfile_decodes(codes: np.ndarray, subtype: str) -> np.ndarray:
    """G.711 codes decoded by libsndfile, from a raw file: an independent reference."""
    data, _ = soundfile.read(
        io.BytesIO(codes.tobytes()), dtype="int16", samplerate=8000, channels=1, format="RAW", subtype=subtype
    )
    return data


@pytest.mark.parametrize(("coding", "subtype"), [("ulaw", "ULAW"), ("alaw", "ALAW")])
def test_g711_tables_equal_libsndfile(coding: str, subtype: str) -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(TABLES[coding], libsndfile_decodes(codes, subtype))


@pytest.mark.parametrize("shorten", [False, True])
def test_ulaw_plain_and_shorten_give_the_same_samples(tmp_path: Path, shorten: bool) -> None:
    codes = noise(1, 1.1)
    codes[3000:6000] = 0xFF  # silence, which Shorten codes as blocks of zeros
    raw = sphere_bytes(codes, 8000, "ulaw", shorten=shorten)
    audio = read_audio(write(tmp_path / "any.name", raw))
    assert audio.format == ("sphere-ulaw-shorten" if shorten else "sphere-ulaw")
    assert audio.rate_hz == 8000 and audio.num_bytes == len(raw)
    assert audio.sha256 == hashlib.sha256(raw).hexdigest()
    assert audio.samples.dtype == np.int16 and audio.samples.flags.c_contiguous
    for channel in (0, 1):
        assert np.array_equal(audio.samples[channel], libsndfile_decodes(codes[:, channel].copy(), "ULAW"))


@pytest.mark.parametrize("byte_format", ["01", "10"])
@pytest.mark.parametrize("shorten", [False, True])
def test_pcm_in_both_byte_orders(byte_format: str, shorten: bool) -> None:
    pcm = tone(5000)
    decoded = decode(sphere_bytes(pcm, 16000, "pcm", shorten=shorten, byte_format=byte_format))
    assert np.array_equal(decoded.samples, pcm.T) and decoded.rate_hz == 16000
    assert decoded.format == ("sphere-pcm16-shorten" if shorten else "sphere-pcm16")


def test_shorten_under_a_plain_header_is_recognised_by_content() -> None:
    codes = noise(2, 0.5)
    raw = sphere_bytes(codes, 8000, "ulaw", shorten=True)
    lying = raw.replace(b"-s27 ulaw,embedded-shorten-v2.00", b"-s4 ulaw".ljust(32))
    assert lying != raw
    decoded = decode(lying)
    assert decoded.format == "sphere-ulaw-shorten" and np.array_equal(decoded.samples, TABLES["ulaw"][codes].T)


def test_plain_samples_under_a_shorten_header_are_read_when_their_length_proves_it() -> None:
    codes = noise(3, 0.5)
    lying = sphere(codes, sample_coding="ulaw,embedded-shorten-v2.00")
    decoded = decode(lying)
    assert decoded.format == "sphere-ulaw" and np.array_equal(decoded.samples, TABLES["ulaw"][codes].T)
    with pytest.raises(BadInput, match="ajkg"):
        decode(lying[:-1])


@pytest.mark.parametrize("shorten", [False, True])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_truncation_is_an_error_and_never_short(tmp_path: Path, shorten: bool, keep: float) -> None:
    raw = sphere_bytes(noise(4, 1.0), 8000, "ulaw", shorten=shorten)
    path = write(tmp_path / "fe_03_00001.sph", raw[: 1024 + int(keep * (len(raw) - 1024))])
    with pytest.raises(ValueError, match=r"fe_03_00001\.sph: (truncated|corrupt) audio"):
        read_audio(path)


def test_every_cut_of_a_small_shorten_file_is_an_error(tmp_path: Path) -> None:
    """The stream is padded to words, so only cuts of the last word may leave it whole."""
    raw = sphere_bytes(noise(5, 0.05), 8000, "ulaw", shorten=True)
    whole = decode(raw).samples
    for cut in range(1024, len(raw) - 4):
        with pytest.raises(BadInput):
            decode(raw[:cut])
    for cut in range(len(raw) - 4, len(raw)):
        try:
            assert np.array_equal(decode(raw[:cut]).samples, whole)
        except BadInput:
            continue


CODES = noise(6, 0.2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sample_count": len(CODES) + 1}, "truncated audio"),
        ({"sample_count": len(CODES) - 800}, "wrong header"),
        ({"channel_count": 4}, "truncated audio"),
        ({"channel_count": 1}, "wrong header"),
        ({"sample_n_bytes": 2}, "unknown coding"),
        ({"sample_rate": 0}, "sample_rate '0'"),
        ({"sample_count": 0}, "sample_count '0'"),
        ({"sample_count": "many"}, "sample_count 'many'"),
        ({"sample_count": None}, "no field sample_count"),
        ({"sample_coding": None}, "unknown coding"),
        ({"sample_coding": "mp3"}, "unknown coding"),
        ({"channels_interleaved": "FALSE"}, "channels_interleaved"),
    ],
)
def test_header_claims_that_the_data_contradict(changes: dict, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        decode(sphere(CODES, **changes))


def test_shorten_stream_is_checked_against_the_header() -> None:
    raw = sphere_bytes(CODES, 8000, "ulaw", shorten=True)
    with pytest.raises(BadInput, match="channel_count 1"):
        decode(raw.replace(b"channel_count -i 2", b"channel_count -i 1"))
    for wrong, says in ((b"1601", "truncated"), (b"1100", "wrong header")):
        with pytest.raises(BadInput, match=says):
            decode(raw.replace(b"sample_count -i 1600", b"sample_count -i " + wrong))


def test_a_flipped_bit_in_a_shorten_stream_is_caught_by_the_checksum() -> None:
    """Damage that decodes without complaint changes the sum of the samples: all of it must be refused."""
    raw = sphere_bytes(tone(4000), 8000, "pcm", shorten=True)
    whole = decode(raw).samples
    rng = np.random.default_rng(0)
    for position in rng.integers(1040, len(raw) - 8, 150):
        damaged = bytearray(raw)
        damaged[position] ^= 1 << int(rng.integers(8))
        try:
            assert np.array_equal(decode(bytes(damaged)).samples, whole)
        except BadInput:
            continue


def test_header_is_read_leniently_where_it_does_not_matter() -> None:
    fields: dict[str, str | int] = {"channel_count": 1, "sample_count": 4, "sample_rate": 8000, "sample_n_bytes": 1}
    raw = sphere_header(fields | {"sample_coding": "ulaw", "note": "a b  c"}, size=2048)
    odd = raw.replace(b"note -s6", b"note ---").replace(b"\nchannel", b"\nwhat is this\nchannel")[:2048]
    header = parse_header(odd)
    assert (header.size, header.channels, header.samples, header.checksum) == (2048, 1, 4, None)


@pytest.mark.parametrize(
    "raw",
    [
        b"NIST_1A",
        b"NIST_1A\n",
        b"NIST_1A\n   abcd\n",
        b"NIST_1A\n     -1\n".ljust(1024),
        b"NIST_1A\n   1024\n",
        b"NIST_1A\n   1024\nsample_count -i 1\n".ljust(1024),
        b"NIST_1A\n 999999999\n".ljust(1024),
        sphere(CODES).replace(b"sample_sig_bits -i 8", b"channel_count -i 1  "),
    ],
)
def test_broken_headers(raw: bytes) -> None:
    with pytest.raises(BadInput):
        decode(raw)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 1100), st.booleans())
def test_no_bytes_make_the_decoder_fail_in_another_way(junk: bytes, at: int, shorten: bool) -> None:
    raw = bytearray(sphere_bytes(CODES[:300], 8000, "ulaw", shorten=shorten))
    raw[at : at + len(junk)] = junk
    try:
        decoded = decode(bytes(raw))
    except BadInput:
        return
    assert decoded.samples.size > 0 and decoded.rate_hz > 0


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW", "FLOAT"])
def test_wav_and_flac_whatever_the_name(tmp_path: Path, kind: str, subtype: str) -> None:
    if kind == "FLAC" and subtype in ("ULAW", "FLOAT"):
        return
    pcm = tone(3000) if subtype != "ULAW" else TABLES["ulaw"][noise(7, 0.3)]
    path = tmp_path / "fe_03_00001.sph"
    soundfile.write(path, pcm.astype(np.float64) / 32768 if subtype == "FLOAT" else pcm, 8000, subtype, format=kind)
    audio = read_audio(path)
    assert np.array_equal(audio.samples, pcm.T)
    assert audio.format == f"{kind.lower()}-{subtype.lower().replace('_', '')}"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"(truncated|corrupt) audio"):
        read_audio(path)


@pytest.mark.parametrize(
    "content", [b"", b"ID3\x04music", b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC", b"fLaCjunk" * 20, b"\0" * 64]
)
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
        read_audio(write(tmp_path / "fe_03_00001.wav", content))


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_file_of_no_samples_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "fe_03_00001.wav"
    soundfile.write(path, np.zeros((0, 2), np.int16), 8000, format=kind)
    with pytest.raises(BadInput):
        read_audio(path)


def test_missing_file_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"fe_03_00001\.sph: .*No such file"):
        read_audio(tmp_path / "fe_03_00001.sph")


def test_a_path_that_a_shell_would_split_is_read(tmp_path: Path) -> None:
    """Readers that call a program through a shell fail here."""
    codes = noise(8, 0.1)
    path = tmp_path / "training speech 1" / "d1; $HOME '\"\u00e9" / "fe_03_00001.sph"
    path.parent.mkdir(parents=True)
    assert np.array_equal(read_audio(write(path, sphere(codes))).samples, TABLES["ulaw"][codes].T)


def test_the_benchmark_ends_with_a_line_of_json() -> None:
    command = [sys.executable, "benchmarks/bench_sphere.py", "--seconds", "3", "--repeats", "1"]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["seconds"] > 0 and result["sph2pipe_seconds"] is None and result["ratio"] is None
