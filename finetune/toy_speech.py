"""Speech and text to make a toy checkpoint from: what the demo's calls and dialogues sound and read like.

Calls other than those of any demo release: voices, text and timing come from the toy's own seed.
"""

from __future__ import annotations

from random import Random

import numpy as np

from fisherprep.schema import CODEC_RATE_HZ, SIDES

SEGMENT_S = 20
NUM_EACH, LENGTH_S = 7, 40.0
"""Conversations of each kind: telephone (8 kHz, band-limited, brought to 24 kHz) and wideband (24 kHz)."""
GAINS = (0.35, 1.0)
"""Of a side, uniform: speakers are not equally loud."""
NOISE_DBFS, CROSSTALK_DB = (-70.0, -52.0), (-52.0, -36.0)
"""Of a telephone line, uniform."""
WORDS_PER_S = 3.2
"""Text to write per second of dialogue; the timeline takes as much of it as fits."""


def segments(seed: int) -> np.ndarray:
    """Speech of single sides as float32 [B, N] at 24 kHz, N = 20 s; both kinds in turn, silences included."""
    narrow, wide = (
        np.concatenate([_cut(_conversation(f"{seed} {kind} {i}", kind == "wide")) for i in range(NUM_EACH)])
        for kind in ("narrow", "wide")
    )
    count = min(len(narrow), len(wide))
    return np.stack([narrow[:count], wide[:count]], axis=1).reshape(2 * count, -1)


def _cut(samples: np.ndarray) -> np.ndarray:
    """[2, N] -> [B, 20 s], without a last part that is shorter."""
    length = SEGMENT_S * CODEC_RATE_HZ
    count = samples.shape[1] // length
    return samples[:, : count * length].reshape(-1, length)


def _conversation(name: str, wide: bool) -> np.ndarray:
    """One conversation as float32 [2, N] at 24 kHz."""
    import soxr

    from fisherprep.speech import channel, espeak, timeline

    rng = Random(f"toy {name}")
    noise = np.random.default_rng(rng.getrandbits(64))
    voices = dict(zip(SIDES, rng.sample(espeak.voices(), 2), strict=True))
    lines = _lines(rng, voices, round(LENGTH_S * WORDS_PER_S))
    rendered = timeline.render(lines, voices, noise, timeline.Timing(), LENGTH_S)
    sides = rendered.samples * np.array([[rng.uniform(*GAINS)] for _ in SIDES], dtype=np.float32)
    if wide:
        return channel.wideband(sides, rendered.rate_hz, noise, CODEC_RATE_HZ)
    levels = rng.uniform(*NOISE_DBFS), rng.uniform(*CROSSTALK_DB)
    narrow = channel.telephone(sides, rendered.rate_hz, noise, *levels)
    return soxr.resample(narrow.T, channel.TELEPHONE_RATE_HZ, CODEC_RATE_HZ, quality="HQ").T


def _lines(rng: Random, voices: dict, num_words: int) -> list:
    from fisherprep.demo import dialogue
    from fisherprep.speech.timeline import Line

    people = {side: dialogue.person(rng, voice.sex) for side, voice in voices.items()}
    said = dialogue.conversation(rng.choice(dialogue.topics()), people, "bbn", rng, num_words)
    return [Line(u.side, tuple(token.spoken for token in u.words), u.kind) for u in said if u.words]
