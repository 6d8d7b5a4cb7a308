"""Cut and damaged audio: refused by default; with salvage, what is whole, flagged, and nothing that was not there."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fisher_builder import sphere, sphere_header, write
from hypothesis import given, settings
from hypothesis import strategies as st
from shorten_streams import DIFF0, DIFF1, ULAW, Writer

from fisherprep.corpus import sphere as sphere_module
from fisherprep.corpus.audio import Audio, decode_audio, read_audio
from fisherprep.corpus.decoded import CHECKSUM_MISMATCH, MAX_SAMPLES, SALVAGED
from fisherprep.corpus.g711 import ALAW_TO_PCM, ULAW_TO_PCM
from fisherprep.corpus.problems import BadInput
from fisherprep.demo.sphere import sphere_bytes, ulaw_from_pcm


def tones(num_samples: int, channels: int = 2) -> np.ndarray:
    """int16 [N, C]."""
    t = np.arange(num_samples)[:, None] * np.linspace(0.05, 0.11, channels)
    rng = np.random.default_rng(5)
    return (6000 * np.sin(t) + rng.normal(0, 40, (num_samples, channels))).astype(np.int16)


def converted(pcm: np.ndarray, kind: str, subtype: str, rate_hz: int = 8000) -> bytes:
    """The samples in a file of another kind."""
    file = io.BytesIO()
    soundfile.write(file, pcm.astype(np.float64) / 32768, rate_hz, subtype, format=kind)
    return file.getvalue()


PCM = tones(40_000)
CODES = ulaw_from_pcm(PCM)
SPHERE_FILES = {
    "ulaw": (sphere_bytes(CODES, 8000, "ulaw", shorten=False), ULAW_TO_PCM[CODES].T),
    "alaw": (sphere_bytes(CODES, 8000, "alaw", shorten=False), ALAW_TO_PCM[CODES].T),
    "pcm": (sphere_bytes(PCM, 8000, "pcm", shorten=False, byte_format="10"), PCM.T),
    "ulaw-shorten": (sphere_bytes(CODES, 8000, "ulaw", shorten=True), ULAW_TO_PCM[CODES].T),
    "pcm-shorten": (sphere_bytes(PCM, 8000, "pcm", shorten=True), PCM.T),
}


def salvaged(raw: bytes) -> np.ndarray:
    """What salvage makes of a file that is refused without it: samples [C, n]."""
    with pytest.raises(BadInput, match="--salvage") as refusal:
        decode_audio(raw)
    assert refusal.value.reason in ("truncated_audio", "corrupt_audio")
    decoded = decode_audio(raw, salvage=True)
    assert decoded.flags == (SALVAGED,)
    assert len(decoded.notes) == 1 and str(decoded.samples.shape[1]) in decoded.notes[0]
    return decoded.samples


@pytest.mark.parametrize("name", SPHERE_FILES)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_cut_sphere_file_is_kept_up_to_its_last_whole_block(name: str, share: float) -> None:
    raw, whole = SPHERE_FILES[name]
    samples = salvaged(raw[: 1024 + int((len(raw) - 1024) * share)])
    assert np.array_equal(samples, whole[:, : samples.shape[1]])
    block = 256 if name.endswith("shorten") else 1
    assert samples.shape[1] % block == 0 and samples.shape[1] > whole.shape[1] * share * 0.9 - 2 * block


@pytest.mark.parametrize("damage", ["zeros", "junk", "missing", "flipped"])
def test_salvage_of_a_damaged_stream_holds_no_noise(damage: str) -> None:
    """As in speech, hiss lies between the tones, which the encoder codes in blocks that start anew."""
    rng = np.random.default_rng(3)
    is_tone = np.arange(len(PCM))[:, None] // 2000 % 2 == 0
    codes = ulaw_from_pcm(np.where(is_tone, PCM, rng.normal(0, 60, PCM.shape)).astype(np.int16))
    raw, whole = sphere_bytes(codes, 8000, "ulaw", shorten=True), ULAW_TO_PCM[codes].T
    kept = 0
    for at in rng.integers(len(raw) // 3, len(raw) - 600, 40):
        broken = bytearray(raw)
        if damage == "missing":
            del broken[at : at + 100]
        elif damage == "flipped":
            broken[at] ^= 0xFF
        else:
            broken[at : at + 512] = bytes(512) if damage == "zeros" else rng.bytes(512)
        try:
            decoded = decode_audio(bytes(broken), salvage=True)
        except BadInput as err:
            assert err.reason == "wrong_checksum"  # decoded to the end, so there is no place to cut at
            continue
        differing = int((decoded.samples != whole[:, : decoded.samples.shape[1]]).sum())
        if decoded.flags:
            assert differing == 0
            kept += 1
        else:  # a few residuals of one block that are wrong by amounts that cancel out: no sum can tell
            assert damage == "flipped" and differing < 16
    assert kept >= 15


def test_a_damaged_stream_with_running_means_is_refused_since_damage_may_show_far_behind_its_place() -> None:
    raw = bytearray(SPHERE_FILES["pcm-shorten"][0])
    raw[len(raw) // 2 : len(raw) // 2 + 300] = bytes(300)
    with pytest.raises(BadInput, match="corrupt audio"):
        decode_audio(bytes(raw), salvage=True)


def test_a_shift_that_shows_late_is_not_kept() -> None:
    """A wrong residual moves all that follows it; that shows only where the signal gets loud, 40 blocks later."""
    writer = Writer(ULAW, block=256)
    quiet, loud = [0, 3] * 128, [0, 120] * 128
    for _ in range(20):
        writer.put(0, quiet, DIFF0)
    start = len(writer.bits.text)
    writer.put(0, [0, 20] * 128, DIFF1)
    right = writer.bits.text[start:]
    for _ in range(40):
        writer.put(0, quiet, DIFF1)
    writer.put(0, loud, DIFF1)
    num_samples = 62 * 256
    header = sphere_header(
        {
            "channel_count": 1,
            "sample_count": num_samples,
            "sample_rate": 8000,
            "sample_n_bytes": 1,
            "sample_coding": "ulaw",
        }
    )
    wrong = Writer(ULAW, block=256)
    wrong.put(0, [20, 40] * 128, DIFF1)  # 20 too high from its first residual on
    moved = wrong.bits.text[len(Writer(ULAW, block=256).bits.text) :]
    assert moved != right
    writer.bits.text = writer.bits.text[:start] + moved + writer.bits.text[start + len(right) :]
    raw = header + writer.finish()
    with pytest.raises(BadInput, match="corrupt audio"):
        decode_audio(raw)
    samples = decode_audio(raw, salvage=True).samples
    assert samples.shape[1] == 19 * 256  # up to the last block that needs none before it
    assert np.array_equal(samples[0], np.tile(ULAW_TO_PCM[[255, 252]], samples.shape[1] // 2))


def test_a_file_cut_within_its_header_or_first_block_cannot_be_salvaged() -> None:
    for name, (raw, _) in SPHERE_FILES.items():
        for size in (500, 1024, 1025 if name in ("ulaw", "alaw", "pcm") else 1040):
            with pytest.raises(BadInput):
                decode_audio(raw[:size], salvage=True)


def test_salvage_does_not_excuse_a_header_that_contradicts_the_data() -> None:
    raw = SPHERE_FILES["ulaw-shorten"][0]
    for wrong in (raw.replace(b"channel_count -i 2", b"channel_count -i 1"), raw.replace(b"-i 40000", b"-i 30000")):
        with pytest.raises(BadInput, match="wrong header"):
            decode_audio(wrong, salvage=True)
    with pytest.raises(BadInput, match="wrong header"):
        decode_audio(sphere(CODES[:3000], channel_count=1), salvage=True)
    with pytest.raises(BadInput, match="ajkg"):
        decode_audio(sphere(CODES[:3000], sample_coding="ulaw,embedded-shorten-v2.00")[:-1], salvage=True)


def test_mulaw_shorten_under_an_alaw_header_is_refused() -> None:
    raw = SPHERE_FILES["ulaw-shorten"][0].replace(b"-s27 ulaw,", b"-s27 alaw,")
    with pytest.raises(BadInput, match="unknown coding"):
        decode_audio(raw, salvage=True, verify_checksum=False)


# -- checksum --------------------------------------------------------------------------------------------------------


def with_checksum(raw: bytes, add: int) -> bytes:
    """The file with another number in its checksum field."""
    at = raw.index(b"sample_checksum -i ") + 19
    number = raw[at : raw.index(b"\n", at)]
    changed = b"%0*d" % (len(number), (int(number) + add) % 10 ** len(number) % 65536)
    return raw[:at] + changed + raw[at + len(number) :]


@pytest.mark.parametrize("name", SPHERE_FILES)
@pytest.mark.parametrize("add", [1, 128])
def test_a_wrong_checksum_is_refused_or_flagged(name: str, add: int) -> None:
    raw, whole = SPHERE_FILES[name]
    assert decode_audio(raw).flags == ()
    stale = with_checksum(raw, add)
    for salvage in (False, True):
        with pytest.raises(BadInput, match=r"wrong checksum.*--no-checksum"):
            decode_audio(stale, salvage=salvage)
    decoded = decode_audio(stale, verify_checksum=False)
    assert decoded.flags == (CHECKSUM_MISMATCH,) and "checksum" in decoded.notes[0]
    assert np.array_equal(decoded.samples, whole)


@pytest.mark.parametrize("surplus", [b"\xff" * 200, b"\0" * 1024, b""])
def test_padding_of_one_byte_is_no_sound(surplus: bytes) -> None:
    raw, whole = SPHERE_FILES["ulaw"]
    assert np.array_equal(decode_audio(raw + surplus).samples, whole)


def test_a_claim_that_is_a_little_short_is_refused() -> None:
    raw, whole = SPHERE_FILES["ulaw"]
    claim = b"sample_count -i %d" % whole.shape[1]
    short = b"sample_count -i %d" % (whole.shape[1] - 100)
    for unchecked in (False, True):
        file = raw.replace(b"sample_checksum", b"other_check_sum") if unchecked else raw
        with pytest.raises(BadInput, match="wrong header"):
            decode_audio(file.replace(claim, short), salvage=True)


def test_salvage_keeps_all_of_a_whole_stream_that_is_shorter_than_claimed() -> None:
    raw, whole = SPHERE_FILES["ulaw-shorten"]
    claim = b"sample_count -i %d" % whole.shape[1]
    longer = raw.replace(claim, b"sample_count -i %d" % (whole.shape[1] + 9000))
    assert np.array_equal(salvaged(longer), whole)


def test_the_checksum_tells_negative_from_positive_zero() -> None:
    """Both are silence, but not the same byte: the sum is that of the bytes that were compressed."""
    codes = np.array([[127], [255], [127], [255]] * 100, np.uint8)
    decoded = decode_audio(sphere_bytes(codes, 8000, "ulaw", shorten=True))
    assert decoded.flags == () and not decoded.samples.any()


def test_a_header_without_a_checksum_is_fine() -> None:
    raw, whole = SPHERE_FILES["ulaw-shorten"]
    assert np.array_equal(decode_audio(raw.replace(b"sample_checksum", b"other_check_sum")).samples, whole)


def test_only_the_mark_of_the_end_is_missing() -> None:
    """Nothing is lost, and the checksum proves it."""
    codes = ulaw_from_pcm(np.random.default_rng(1).integers(-3000, 3000, (256, 2)).astype(np.int16))
    whole = ULAW_TO_PCM[codes].T
    complete = 0
    for cut in range(1, 16):  # the end is filled up to 32 bits, so some cuts take nothing but the mark
        writer = Writer(ULAW, channels=2, block=256)
        for channel in (0, 1):
            ranks = [255 - c if c > 127 else c - 128 for c in codes[:, channel].tolist()]
            writer.put(channel, ranks, DIFF0)
        raw = sphere_bytes(codes, 8000, "ulaw", shorten=True)[:1024] + writer.finish()
        try:
            decoded = decode_audio(raw[:-cut])
        except BadInput:
            continue
        assert np.array_equal(decoded.samples, whole) and decoded.flags == ()
        complete += 1
    assert complete > 0


# -- converted files -------------------------------------------------------------------------------------------------

WAVS = {
    "PCM_16": 0,
    "PCM_24": 0,
    "PCM_32": 0,
    "FLOAT": 0,
    "DOUBLE": 0,
    "ULAW": 600,  # quantised
    "ALAW": 600,
    "PCM_U8": 300,
}


@pytest.mark.parametrize("subtype", WAVS)
@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_in_all_codings_whole_and_cut(subtype: str, kind: str, channels: int) -> None:
    pcm = tones(3000, channels)
    raw = converted(pcm, kind, subtype)
    decoded = decode_audio(raw)
    assert decoded.format == f"wav-{subtype.lower().replace('_', '')}" and decoded.rate_hz == 8000
    assert np.abs(decoded.samples.astype(int) - pcm.T).max() <= WAVS[subtype]
    samples = salvaged(raw[: len(raw) * 2 // 3 - 1])
    assert samples.shape[1] > 1900 and np.array_equal(samples, decoded.samples[:, : samples.shape[1]])


def test_wav_of_format_7_has_the_tag_that_sph2pipe_writes() -> None:
    raw = converted(tones(100), "WAV", "ULAW")
    assert raw[20:22] == b"\x07\0" and decode_audio(raw).format == "wav-ulaw"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF])
def test_a_wav_that_was_written_to_a_pipe_has_no_length_and_is_read_to_its_end(size: int) -> None:
    pcm = tones(2000)
    raw = bytearray(converted(pcm, "WAV", "PCM_16"))
    at = raw.index(b"data")
    raw[at + 4 : at + 8] = raw[4:8] = size.to_bytes(4, "little")
    assert np.array_equal(decode_audio(bytes(raw)).samples, pcm.T)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_flac_whole_cut_and_damaged(subtype: str) -> None:
    pcm = tones(120_000)
    raw = converted(pcm, "FLAC", subtype)
    decoded = decode_audio(raw)
    assert decoded.format == f"flac-{subtype.lower().replace('_', '')}" and np.array_equal(decoded.samples, pcm.T)
    broken = bytearray(raw)
    broken[len(raw) // 2] ^= 0x55
    for damaged in (raw[: len(raw) * 2 // 3], bytes(broken)):
        samples = salvaged(damaged)
        assert samples.shape[1] >= 40_960 and np.array_equal(samples, pcm.T[:, : samples.shape[1]])


def test_a_flac_that_was_written_to_a_pipe_has_no_length_and_is_read_to_its_end() -> None:
    pcm = tones(20_000)
    raw = bytearray(converted(pcm, "FLAC", "PCM_16"))
    raw[21] &= 0xF0  # the 36 bits that say how many samples there are
    raw[22:26] = bytes(4)
    assert np.array_equal(decode_audio(bytes(raw)).samples, pcm.T)


@pytest.mark.parametrize(
    ("kind", "subtype", "name"),
    [("OGG", "VORBIS", "ogg-vorbis"), ("OGG", "OPUS", "ogg-opus"), ("MP3", "MPEG_LAYER_III", "mp3")],
)
def test_lossy_conversions_are_read_and_cut_ones_refused(kind: str, subtype: str, name: str) -> None:
    pcm = tones(48_000)
    raw = converted(pcm, kind, subtype, 16_000)
    decoded = decode_audio(raw)
    assert decoded.format == name and decoded.samples.shape == (2, 48_000)
    error = decoded.samples.astype(float) - pcm.T
    assert np.sqrt(np.mean(error**2)) < 0.2 * np.sqrt(np.mean(pcm.astype(float) ** 2))
    with pytest.raises(BadInput, match=r"(truncated|corrupt) audio"):
        decode_audio(raw[: len(raw) // 2])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 20_000.0])
def test_float_samples_on_another_scale_are_refused(value: float) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.array([[0.1], [value], [0.2]]), 8000, "FLOAT", format="WAV")
    with pytest.raises(BadInput, match="float samples"):
        decode_audio(file.getvalue(), salvage=True)


def test_an_absurd_rate_is_refused() -> None:
    raw = bytearray(converted(tones(100), "WAV", "PCM_16"))
    raw[24:28] = (3).to_bytes(4, "little")
    with pytest.raises(BadInput, match="3 Hz"):
        decode_audio(bytes(raw))


def test_claims_that_no_memory_holds_are_refused_at_once() -> None:
    raw = SPHERE_FILES["ulaw-shorten"][0].replace(b"sample_count -i 40000", b"sample_count -i 400000000000")
    raw = raw[:1000] + raw[1007:]  # still a header of 1,024 bytes
    with pytest.raises(BadInput, match="too large"):
        decode_audio(raw, salvage=True)
    flac = bytearray(converted(tones(500), "FLAC", "PCM_16"))
    flac[21] |= 0x0F  # the upper four of the 36 bits that say how many samples there are
    with pytest.raises(BadInput):
        decode_audio(bytes(flac))
    assert MAX_SAMPLES * 2 < 150 << 20


# -- files -----------------------------------------------------------------------------------------------------------


def test_salvaged_files_say_how_long_they_are(tmp_path: Path) -> None:
    raw, _ = SPHERE_FILES["ulaw"]
    path = write(tmp_path / "fe_03_00001.sph", raw[: 1024 + 2 * 8000])
    audio = read_audio(path, salvage=True)
    assert isinstance(audio, Audio) and audio.duration_s == 1.0 and audio.num_bytes == 1024 + 16_000
    assert audio.flags == (SALVAGED,) and len(audio.sha256) == 64


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "fe_03_00001.sph"
    os.mkfifo(path)
    with pytest.raises(BadInput, match="no plain file"):
        read_audio(path)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(SPHERE_FILES)), st.integers(0, 1 << 20))
def test_salvage_of_any_cut_is_a_beginning_of_the_whole(name: str, cut: int) -> None:
    raw, whole = SPHERE_FILES[name]
    try:
        decoded = sphere_module.decode(raw[: cut % len(raw)], salvage=True)
    except BadInput:
        return
    assert 0 < decoded.samples.shape[1] <= whole.shape[1]
    assert np.array_equal(decoded.samples, whole[:, : decoded.samples.shape[1]])


def test_a_file_that_does_not_open_is_told_of_in_the_same_words_each_time():
    """An address in memory would give the rejects other bytes in each run."""
    told = []
    for raw in (bytes(bytearray(b"ID3 no audio" * 50)), bytes(bytearray(b"ID3 no audio" * 50))):
        with pytest.raises(BadInput, match="does not decode") as refusal:
            decode_audio(raw)
        told.append(refusal.value.found)
    assert told[0] == told[1] and "0x" not in told[0]
