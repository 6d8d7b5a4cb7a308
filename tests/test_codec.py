"""Mimi codes equal a live encoder's, voice prompts NVIDIA's procedure; one call's row; the encode stage."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import sentencepiece
import soundfile
from codec_calls import SCRIPT, WRITTEN, build_work, signal, word
from hypothesis import given, settings
from hypothesis import strategies as st

from fisherprep import __version__
from fisherprep.check import check_work
from fisherprep.checkpoint import locate
from fisherprep.codec import mimi as mimi_module
from fisherprep.codec.audio import to_codec_rate
from fisherprep.codec.call import Call, window_starts
from fisherprep.codec.encode import encode
from fisherprep.codec.mimi import encode_channels, encode_voice, load_mimi
from fisherprep.codec.text_stream import text_stream
from fisherprep.engine import InlineEngine
from fisherprep.schema import FRAME_SAMPLES
from fisherprep.workfolder import WorkFolder


@pytest.fixture(scope="module")
def mimi(toy_checkpoint):
    files = locate(str(toy_checkpoint), ("mimi",))
    return load_mimi(files.mimi, files.mimi_config, "cpu")


def live_codes(mimi, samples: np.ndarray) -> np.ndarray:
    """What a server's encoder gives: moshi's streaming mode, one frame at a time. int16 [C, 8, T]."""
    import torch

    frames = np.pad(samples, ((0, 0), (0, -samples.shape[1] % FRAME_SAMPLES)))
    with torch.inference_mode(), mimi.streaming(len(frames)):
        codes = [mimi.encode(frame) for frame in torch.from_numpy(frames)[:, None].split(FRAME_SAMPLES, dim=-1)]
    return torch.cat(codes, dim=-1).to(torch.int16).numpy()


# -- Mimi ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.01, 1.0, 11.1, 33.3])
def test_whole_calls_give_the_codes_of_a_live_encoder(mimi, seconds):
    """Also past the transformer's context of 10 s."""
    samples = signal(3, round(seconds * 24000))
    codes = encode_channels(mimi, samples)
    live = live_codes(mimi, samples)
    assert codes.shape == live.shape and codes.dtype == np.int16
    assert (codes == live).mean() > 0.999


def test_moshis_own_whole_call_encoding_agrees_within_the_context_only(mimi):
    """Why this package does not call it: see the module's docstring."""
    import torch

    samples = signal(4, 24000 * 40)
    with torch.inference_mode():
        whole = mimi.encode(torch.from_numpy(samples)[:, None]).numpy()
    same = (encode_channels(mimi, samples) == whole).mean(axis=(0, 1))
    assert same[:125].mean() > 0.999
    assert same[125:].mean() < 0.999


@given(st.integers(1, 4 * FRAME_SAMPLES), st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_frames_cover_the_audio_and_channels_do_not_mix(mimi, num_samples, seed):
    samples = signal(seed, num_samples)
    codes = encode_channels(mimi, samples)
    assert codes.shape == (2, 8, -(-num_samples // FRAME_SAMPLES))
    assert codes.min() >= 0 and codes.max() < 256
    assert np.array_equal(codes[1], encode_channels(mimi, samples[1:])[0])


def test_no_audio_is_no_frames(mimi):
    assert encode_channels(mimi, np.zeros((2, 0), np.float32)).shape == (2, 8, 0)


def test_codes_do_not_depend_on_chunks_or_threads(mimi, monkeypatch):
    import torch

    samples = signal(5, 24000 * 15)
    codes = encode_channels(mimi, samples)
    for chunk in (1, 7, 1000):
        monkeypatch.setattr(mimi_module, "CHUNK_FRAMES", chunk)
        assert (encode_channels(mimi, samples) == codes).mean() > 0.999
    monkeypatch.undo()
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            assert np.array_equal(encode_channels(mimi, samples), codes)
    finally:
        torch.set_num_threads(threads)


def test_voice_prompts_are_made_as_nvidia_makes_them(mimi):
    """-24 LUFS by pyloudnorm, then frame by frame from a fresh state, the last frame filled with zeros."""
    import pyloudnorm

    samples = signal(6, 24000 * 3 + 500, channels=1)[0]
    level = pyloudnorm.Meter(24000).integrated_loudness(samples)
    normalised = pyloudnorm.normalize.loudness(samples, level, -24.0)
    live = live_codes(mimi, normalised[None].astype(np.float32))[0]
    codes = encode_voice(mimi, samples)
    assert codes.shape == (8, 38)
    assert (codes == live).mean() > 0.999
    assert (encode_voice(mimi, samples * 0.1) == codes).mean() > 0.99


@pytest.mark.parametrize("samples", [np.zeros(48000, np.float32), np.ones(2000, np.float32)])
def test_a_voice_that_cannot_be_heard_is_an_error(mimi, samples):
    with pytest.raises(ValueError):
        encode_voice(mimi, samples)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("encoder.model.0.conv.conv.weight"), "encoder.model.0.conv.conv.weight"),
        (lambda s: s.update({"decoder.odd": s["downsample.conv.conv.conv.weight"].clone()}), "decoder.odd"),
        (
            lambda s: s.update({"encoder.model.0.conv.conv.weight": s["encoder.model.0.conv.conv.weight"][:2].clone()}),
            r"encoder.model.0.conv.conv.weight.*\[2, 1, 7\].*\[4, 1, 7\]",
        ),
    ],
)
def test_weights_that_do_not_fit_name_the_tensor(toy_checkpoint, tmp_path, damage, message):
    from safetensors.torch import load_file, save_file

    files = locate(str(toy_checkpoint), ("mimi",))
    state = load_file(files.mimi)
    damage(state)
    save_file(state, tmp_path / "mimi.safetensors")
    with pytest.raises(ValueError, match=message):
        load_mimi(tmp_path / "mimi.safetensors", files.mimi_config, "cpu")


def test_the_standard_architecture_does_not_take_narrow_weights(toy_checkpoint):
    files = locate(str(toy_checkpoint), ("mimi",))
    with pytest.raises(ValueError, match=r"does not fit the codec's architecture: .* \(and \d+ more\)"):
        load_mimi(files.mimi, None, "cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("nonsense", "cannot be read as the codec's architecture"),
        ({"seanet": None}, "no codec can be built"),
        ({"frame_rate": 25}, "frame rate 25"),
    ],
)
def test_an_architecture_that_is_not_mimis_is_an_error(toy_checkpoint, tmp_path, change, message):
    files = locate(str(toy_checkpoint), ("mimi",))
    config = json.loads(files.mimi_config.read_text())
    text = change if isinstance(change, str) else json.dumps(config | change)
    (tmp_path / "mimi.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_mimi(files.mimi, tmp_path / "mimi.json", "cpu")


def test_damaged_and_missing_files_are_errors(toy_checkpoint, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(toy_checkpoint, folder)
    files = locate(str(folder), ("mimi",))
    architecture = files.mimi_config
    files.mimi.write_bytes(files.mimi.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        load_mimi(files.mimi, architecture, "cpu")
    architecture.unlink()
    with pytest.raises(ValueError, match=r"mimi_config.json: missing"):
        locate(str(folder), ("mimi",))


# -- one call ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate_hz", "num_samples"), [(8000, 12345), (16000, 1), (44100, 44101), (48000, 999)])
def test_resampling_keeps_the_length_exact(rate_hz, num_samples):
    out = to_codec_rate(np.zeros((2, num_samples), np.float32), rate_hz)
    assert out.shape == (2, -(-num_samples * 24000 // rate_hz)) and out.dtype == np.float32


def test_resampling_keeps_pitch_level_and_channels():
    time_s = np.arange(16000) / 8000
    tone = np.stack([0.5 * np.sin(2 * np.pi * 440 * time_s), np.zeros(16000)]).astype(np.float32)
    out = to_codec_rate(tone, 8000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 24000)
    assert np.abs(out[0] - expected)[2400:-2400].max() < 1e-3 and np.abs(out[1]).max() == 0


def test_windows_start_where_nobody_is_inside_a_word():
    words = [
        word("a", 0, 0, "aa", 0.5, 0.9), word("a", 0, 1, "bb", 0.9, 2.0),
        word("b", 1, 0, "cc", 1.6, 2.4),  # begins while a is inside a word
        word("a", 2, 0, "dd", 3.0, 3.4), word("b", 3, 0, "ee", 4.0, 4.2),
        word("a", 4, 0, "ffffffffffffffffffff", 5.0, 5.2),  # twenty tokens: text runs on to frame 82
        word("b", 5, 0, "gg", 6.0, 6.2),  # nobody speaks, but a's text is inside a word
    ]  # fmt: skip
    call = Call({}, [], words, {})
    text = {
        side: text_stream([(w["word"], w["start_s"]) for w in call.words_of(side)], 100, lambda t: [9] * len(t))
        for side in "ab"
    }
    starts = window_starts(call, text)
    assert starts.tolist() == [0, 5, 36, 49, 61]


# -- the stage -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encoded(tmp_path_factory, toy_checkpoint):
    work = build_work(tmp_path_factory.mktemp("stage"))
    return work, encode(work, str(toy_checkpoint), "cpu", InlineEngine())


def test_the_stage_writes_what_its_parts_give(encoded, toy_checkpoint, mimi):
    work, summary = encoded
    assert (summary.rows["codes"], summary.rows["voices"], summary.rejects) == (2, 4, {"no_words": 1})
    first = work.read("codes").to_pylist()[0]
    samples, rate_hz = soundfile.read(work.path.parent / "audio" / "call_000.wav", dtype="float32", always_2d=True)
    audio = to_codec_rate(samples.T, rate_hz)
    gains = np.array([[first["gain_db_a"]], [first["gain_db_b"]]])
    codes = encode_channels(mimi, audio * (10 ** (gains / 20)).astype(np.float32))
    assert first["num_frames"] == codes.shape[2] == 138
    assert np.array_equal([first["codes_a"], first["codes_b"]], codes)
    tokenizer = sentencepiece.SentencePieceProcessor(str(locate(str(toy_checkpoint), ("tokenizer",)).tokenizer))
    for side in SCRIPT:
        tokens = [t for t in first[f"text_{side}"] if t not in (0, 3)]
        assert tokenizer.decode(tokens) == WRITTEN[side]
        assert first[f"prompts_{side}"] == [f"prompt {side}"]
    assert (first["speaker_a"], first["agent_side"], first["starts"]) == ("p0", None, [0, 5, 61])
    voices = work.read("voices").to_pylist()
    assert [(v["side"], v["index"], v["speaker"]) for v in voices[:2]] == [("a", 0, "p0"), ("b", 0, "q0")]
    times = [(voice["start_s"], voice["end_s"]) for voice in voices[:2]]
    assert times == [(0.4, pytest.approx(4.1)), (4.9, pytest.approx(8.0))]
    assert not check_work(work).findings


def test_provenance_says_what_the_codes_come_from_and_nothing_of_this_machine(encoded, toy_checkpoint, tmp_path):
    work, _ = encoded
    text = work.read("codes")["provenance"][0].as_py()
    provenance = json.loads(text)
    mimi_file = locate(str(toy_checkpoint), ("mimi",)).mimi
    assert provenance["mimi_sha256"] == hashlib.sha256(mimi_file.read_bytes()).hexdigest()
    assert provenance["toy"] is True and provenance["fisherprep"] == __version__
    assert str(toy_checkpoint.parent) not in text and provenance["source"] == toy_checkpoint.name


def test_running_again_does_nothing_and_another_folder_gets_the_same_bytes(encoded, toy_checkpoint, tmp_path):
    work, _ = encoded
    assert encode(work, str(toy_checkpoint), "cpu", InlineEngine()).ran == 0
    other = build_work(tmp_path)
    encode(other, str(toy_checkpoint), "cpu", InlineEngine())
    for table in ("codes", "voices", "rejects"):
        (mine,), (theirs,) = work.files(table), other.files(table)
        assert mine.read_bytes() == theirs.read_bytes(), table


def test_datasets_gives_rectangular_arrays(encoded, tmp_path):
    import datasets

    work, _ = encoded
    files = [str(file) for file in work.files("codes")]
    rows = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path), split="train")
    row = rows.with_format("numpy")[0]
    for side in "ab":
        assert row[f"codes_{side}"].shape == (8, row["num_frames"])
        assert row[f"text_{side}"].shape == (row["num_frames"],)
        assert row[f"codes_{side}"].dtype.kind == row[f"text_{side}"].dtype.kind == "i"
    assert (row["call_id"], row["split"], list(row["prompts_a"])) == ("call_000", "train", ["prompt a"])


def test_audio_that_changed_or_vanished_is_rejected_and_the_rest_goes_on(toy_checkpoint, tmp_path):
    work = build_work(tmp_path, num_calls=4)
    audio = tmp_path / "audio"
    shutil.copy(audio / "call_003.wav", audio / "call_002.wav")
    (audio / "call_003.wav").unlink()
    summary = encode(work, str(toy_checkpoint), "cpu", InlineEngine())
    assert summary.rows["codes"] == 1
    rejects = {row["call_id"]: row for row in work.read("rejects").to_pylist()}
    assert {call: row["reason"] for call, row in rejects.items()} == {
        "call_001": "no_words", "call_002": "changed_audio", "call_003": "unreadable_audio",
    }  # fmt: skip
    assert all(str(tmp_path) not in str(row) for row in rejects.values())


def test_what_cannot_run_at_all_is_one_clear_error(encoded, toy_checkpoint, tmp_path):
    work, _ = encoded
    with pytest.raises(ValueError, match="device 'gpu0'"):
        encode(work, str(toy_checkpoint), "gpu0")
    empty = WorkFolder.create(tmp_path / "empty", "test", [])
    with pytest.raises(ValueError, match="run `fisherprep ingest` first"):
        encode(empty, str(toy_checkpoint), "cpu", InlineEngine())
    unaligned = build_work(tmp_path / "unaligned", without=("alignments",))
    with pytest.raises(ValueError, match=r"alignments table lacks 1 of 1 shards .* run `fisherprep align` first"):
        encode(unaligned, str(toy_checkpoint), "cpu", InlineEngine())
