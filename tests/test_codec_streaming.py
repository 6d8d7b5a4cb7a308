"""Whole-call codes are a live encoder's: random sounds and lengths, on a toy codec and on one of Mimi's size."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pytest
from codec_calls import signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fisherprep.checkpoint import locate
from fisherprep.codec.mimi import encode_channels, encode_voice, load_mimi, stream_channels, voice_level
from fisherprep.codec.precision import signal_encoder
from fisherprep.schema import FRAME_SAMPLES

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

MIN_EQUAL = 0.999
"""Share of codes of one example: where a latent lies midway between two entries, the order of float sums decides."""


@pytest.fixture(scope="module")
def toy(toy_checkpoint):
    files = locate(str(toy_checkpoint), ("mimi",))
    return load_mimi(files.mimi, files.mimi_config, "cpu")


@pytest.fixture(scope="module")
def full_size():
    """Mimi as released, 96 million weights, conditioned on a few seconds so that its codes follow the sound."""
    import torch
    from moshi.models import loaders
    from speech_like import speech_like_call

    from finetune.toy_codec import condition
    from fisherprep.codec.audio import to_codec_rate

    config = copy.deepcopy(loaders._mimi_config)
    config["quantizer"] |= {"n_q": 8, "bins": 32}  # fewer entries need fewer frames to be fitted; encoder as released
    torch.manual_seed(0)
    mimi = loaders.get_mimi(None, config, "cpu", 8)
    call = to_codec_rate(speech_like_call(0, 8.0).T.astype(np.float32) / 32768, 8000)
    condition(mimi, torch.from_numpy(call.reshape(4, -1, 25 * FRAME_SAMPLES).reshape(-1, 25 * FRAME_SAMPLES)), 0)
    return mimi.eval()


def sound(kind: str, seed: int, num_samples: int) -> np.ndarray:
    """float32 [2, N]; the sides differ."""
    if kind == "silence" or not num_samples:
        return np.zeros((2, num_samples), np.float32)
    samples = signal(seed, num_samples)
    if kind == "half silent":
        samples[:, num_samples // 2 :] = 0
    if kind == "clipping":
        return np.clip(samples * 100, -1, 1)
    if kind == "soft":
        return samples * np.float32(1e-4)
    return samples


lengths = st.one_of(
    st.integers(0, 3 * FRAME_SAMPLES),
    st.integers(0, 20).map(lambda frames: frames * FRAME_SAMPLES),
    st.integers(1, 40 * FRAME_SAMPLES),
)
kinds = st.sampled_from(["bursts", "silence", "half silent", "clipping", "soft"])
relaxed = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_equal_codes(mimi, samples: np.ndarray) -> None:
    whole, live = encode_channels(mimi, samples), stream_channels(mimi, samples)
    frames = -(-samples.shape[1] // FRAME_SAMPLES)
    assert whole.shape == live.shape == (2, 8, frames) and whole.dtype == live.dtype == np.int16
    differing = int((whole != live).sum())
    assert differing <= max(2, (1 - MIN_EQUAL) * whole.size), f"{differing} of {whole.size} codes differ"


@given(kinds, st.integers(0, 10_000), lengths)
@relaxed
def test_any_sound_of_any_length_on_the_toy(toy, kind, seed, num_samples):
    assert_equal_codes(toy, sound(kind, seed, num_samples))


def test_calls_longer_than_the_transformers_context_on_the_toy(toy):
    for seed, kind in enumerate(["bursts", "half silent"]):
        assert_equal_codes(toy, sound(kind, seed, 150 * FRAME_SAMPLES + 77))


@given(kinds, st.integers(0, 10_000), st.integers(0, 6 * FRAME_SAMPLES))
@settings(relaxed, max_examples=6)
def test_any_sound_of_any_length_on_a_codec_of_mimis_size(full_size, kind, seed, num_samples):
    assert_equal_codes(full_size, sound(kind, seed, num_samples))


def test_a_full_size_codecs_codes_follow_the_sound_and_are_a_live_encoders_past_its_context(full_size):
    from speech_like import speech_like_call

    from fisherprep.codec.audio import to_codec_rate

    context = 20  # steps; 250 as released, which takes ten seconds of sound to fill
    for layer in full_size.encoder_transformer.transformer.layers:
        layer.self_attn.context = context
    samples = to_codec_rate(speech_like_call(5, 3.05).T.astype(np.float32) / 32768, 8000)[:1]
    whole, live = encode_channels(full_size, samples), stream_channels(full_size, samples)
    assert whole.shape[2] > 3 * context / 2 and (whole == live).mean() > MIN_EQUAL
    assert min(len(np.unique(level)) for level in whole[0]) >= 8, "a codec of one code would agree with anything"


def test_voice_prompts_among_other_signals_are_those_of_a_fresh_stream(toy):
    """As the stage encodes them: in one go with both sides of the call, each from a state of its own."""
    call, voice = signal(1, 30 * FRAME_SAMPLES), signal(2, 24_000 * 3 + 11, channels=1)[0]
    signals = [*call, voice_level(voice), voice_level(call[0])]
    codes = signal_encoder(toy)(signals)
    live = [stream_channels(toy, one[None])[0] for one in signals]
    assert [c.shape for c in codes] == [c.shape for c in live]
    assert all((one == other).mean() > MIN_EQUAL for one, other in zip(codes, live, strict=True))
    assert np.array_equal(codes[2], encode_voice(toy, voice))


@pytest.mark.parametrize("encoder", [encode_channels, stream_channels])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_sound_is_refused(toy, encoder, odd):
    samples = signal(0, 4000)
    samples[1, 77] = odd
    with pytest.raises(ValueError, match="not finite"):
        encoder(toy, samples)
