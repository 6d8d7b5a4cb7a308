"""Make a toy CTC model: a wav2vec2 checkpoint in the released layout, small, seeded, trained on espeak's speech alone.

``python -m fisherprep.demo.toy_ctc DIR`` writes what ``save_pretrained`` writes for ``Wav2Vec2ForCTC`` and its
processor, in under a minute on one core, so that ``fisherprep align --ctc-model DIR`` can be tried without a hub. It
knows the demo's sentences and voices and nothing of real speech; ``"toy": true`` in config.json says so.

A model this small would not find out by itself in a minute what to listen to. So its first layer starts as a bank of
band filters in four phases, whose rectified sum is the band's envelope, and it first learns frame by frame, from the
synthesiser's own word times, with each word's letters shared out evenly; then by CTC.

Legend: B utterances, N samples at 16 kHz, F frames, V labels.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import click
import numpy as np

from fisherprep.align.aligner import ALIGNER_RATE_HZ
from fisherprep.align.letters import Alphabet
from fisherprep.checkpoint import CONFIG_NAME, TOY_KEY, read_config

VOCABULARY = {
    token: label for label, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINHSRDLUMWCFGYPBVK'XJQZ"])
}
"""As in facebook/wav2vec2-base-960h: upper case, ``|`` between words, and the padding token is the blank."""
BLANK, DELIMITER = VOCABULARY["<pad>"], VOCABULARY["|"]
FILTER, HOP = 400, 160
"""Taps of the first layer's filters, and samples from one to the next: 25 and 10 ms."""
BANDS, PHASES, LOW_HZ, HIGH_HZ = 32, 4, 150.0, 5500.0
CONFIG: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "conv_dim": (BANDS * PHASES, 96),
    "conv_kernel": (FILTER, 4),
    "conv_stride": (HOP, 2),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "feat_extract_norm": "group",
    "do_stable_layer_norm": True,
    "hidden_dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "layerdrop": 0.0,
    "mask_time_prob": 0.0,
    "ctc_loss_reduction": "mean",
    "ctc_zero_infinity": True,
    "pad_token_id": BLANK,
    TOY_KEY: True,
}
"""wav2vec2-base, narrow: also a frame every 320 samples, a group norm over all of the time, no attention mask. Layer
norms come first in a layer, as in the large models: it learns faster."""
STEPS, BY_FRAMES = 300, 0.9
"""Updates, and the share of them that learn frame by frame."""
UTTERANCES_PER_STEP, MAX_UTTERANCES = 2, 300
"""Utterances to make: speech takes as long to make as to learn from."""
BATCH, MAX_S = 8, 5.0
PEAK_RATE, WARM_UP = 3e-3, 0.1


@dataclass(frozen=True)
class _Utterance:
    samples: np.ndarray
    """float32 [N], 16 kHz, mean 0, variance 1"""
    words: list[tuple[float, float, list[int]]]
    """start_s, end_s and labels of each word"""


def write_toy_ctc(directory: Path, seed: int = 0, steps: int = STEPS) -> None:
    """Train the toy and write it into ``directory``; config.json comes last.

    Args:
        directory: is made where it is missing.
        seed: of all that is random.
        steps: updates; with fewer it is quicker and hears worse.

    Raises:
        ValueError: the folder holds a model that is no toy, or transformers or espeak-ng is not installed.
    """
    refuse_real(directory)
    try:
        import transformers
    except ImportError as err:
        raise ValueError("a CTC model needs transformers: install it with  pip install 'fisherprep[ctc]'") from err
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # layers this narrow are no slower for it, and the order of float sums is always the same
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(**CONFIG))
            _start_as_filters(model)
            _train(model, _utterances(seed, min(steps * UTTERANCES_PER_STEP, MAX_UTTERANCES)), steps, Random(seed))
    finally:
        torch.set_num_threads(threads)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".toy-") as folder:
        _save(model, Path(folder))
        for file in sorted(Path(folder).iterdir(), key=lambda file: file.name == CONFIG_NAME):
            os.replace(file, directory / file.name)


def refuse_real(directory: Path) -> None:
    """Raise ``ValueError`` where ``directory`` holds a model that is not a toy."""
    file = directory / CONFIG_NAME
    if file.exists() and read_config(file).get(TOY_KEY) is not True:
        raise ValueError(f"{file}: is not of a toy, and would be overwritten; give another folder")


def _save(model: Any, folder: Path) -> None:
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps(VOCABULARY), encoding="utf-8")
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=ALIGNER_RATE_HZ, do_normalize=True, return_attention_mask=False)
    Wav2Vec2Processor(extractor, Wav2Vec2CTCTokenizer(str(vocabulary))).save_pretrained(folder)
    model.save_pretrained(folder)
    (folder / "README.md").write_text(_README, encoding="utf-8")


def _start_as_filters(model: Any) -> None:
    """Make the first layer a bank of filters, evenly spaced in mel, each in four phases."""
    import torch

    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOW_HZ, HIGH_HZ))
    hz = 700 * (10 ** (np.linspace(low, high, BANDS) / 2595) - 1)
    turns = hz[:, None, None] * np.arange(FILTER) / ALIGNER_RATE_HZ + np.arange(PHASES)[None, :, None] / PHASES
    bank = np.cos(2 * np.pi * turns) * np.hanning(FILTER) / FILTER**0.5
    with torch.no_grad():
        weight = model.wav2vec2.feature_extractor.conv_layers[0].conv.weight
        weight.copy_(torch.from_numpy(bank.reshape(weight.shape)))


def _utterances(seed: int, count: int) -> list[_Utterance]:
    """What the demo's people say, by every voice in turn, half of it over the telephone."""
    from fisherprep.demo import dialogue
    from fisherprep.speech.espeak import voices

    rng = Random(f"toy ctc {seed}")
    alphabet = Alphabet.of(VOCABULARY, BLANK, "|")
    spoken: list[_Utterance] = []
    while len(spoken) < count:
        people = {side: dialogue.person(rng, rng.choice("mf")) for side in "ab"}
        for said in dialogue.conversation(rng.choice(dialogue.topics()), people, "bbn", rng, num_words=200):
            labels = [alphabet.spell(token.word) for token in said.words]
            if labels and all(labels) and len(spoken) < count:
                voice = voices()[len(spoken) % len(voices())]
                found = _say([token.spoken for token in said.words], labels, voice, rng)
                spoken += [found] if len(found.samples) <= MAX_S * ALIGNER_RATE_HZ else []
    return spoken


def _say(words: list[str], labels: list[list[int]], voice: Any, rng: Random) -> _Utterance:
    import soxr

    from fisherprep.speech.channel import telephone, wideband
    from fisherprep.speech.espeak import say

    speech = say(words, voice)
    before_s, after_s = rng.uniform(0.05, 0.4), rng.uniform(0.05, 0.4)
    sound = np.pad(speech.samples * 0.3, [round(s * speech.rate_hz) for s in (before_s, after_s)])
    both, noise = np.stack([sound, np.zeros_like(sound)]), np.random.default_rng(rng.getrandbits(64))
    noise_dbfs = rng.uniform(-60, -35)
    if rng.random() < 0.5:
        line = telephone(both, speech.rate_hz, noise, noise_dbfs)[0]
        samples = soxr.resample(line, ALIGNER_RATE_HZ // 2, ALIGNER_RATE_HZ, quality="HQ")
    else:
        samples = wideband(both, speech.rate_hz, noise, ALIGNER_RATE_HZ, noise_dbfs)[0]
    assert speech.starts_s and speech.ends_s  # espeak knows when its words are
    times = zip(speech.starts_s, speech.ends_s, labels, strict=True)
    samples = ((samples - samples.mean()) / samples.std()).astype(np.float32)
    return _Utterance(samples, [(start + before_s, end + before_s, word) for start, end, word in times])


def _train(model: Any, utterances: list[_Utterance], steps: int, rng: Random) -> None:
    import torch

    if steps == 0:
        return
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda at: min(1.0, (at + 1) / (WARM_UP * steps)) * (1 + math.cos(math.pi * at / steps)) / 2
    )
    model.train()
    for step, batch in zip(range(steps), _batches(utterances, rng), strict=False):
        inputs = torch.from_numpy(_padded([item.samples for item in batch], 0.0))
        if step < steps * BY_FRAMES:
            logits = model(inputs).logits
            targets = torch.from_numpy(np.stack([_frames(item, logits.shape[1]) for item in batch]))
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        else:
            loss = model(inputs, labels=torch.from_numpy(_padded([_labels(item) for item in batch], -100))).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def _batches(utterances: list[_Utterance], rng: Random) -> Iterator[list[_Utterance]]:
    """Utterances of like length, without end."""
    by_length = sorted(utterances, key=lambda item: len(item.samples))
    groups = [by_length[i : i + BATCH] for i in range(0, len(by_length), BATCH)]
    while True:
        yield from rng.sample(groups, len(groups))


def _padded(items: list[np.ndarray], value: float) -> np.ndarray:
    longest = max(len(item) for item in items)
    return np.stack([np.pad(item, (0, longest - len(item)), constant_values=value) for item in items])


def _labels(item: _Utterance) -> np.ndarray:
    labels = [label for _, _, word in item.words for label in [DELIMITER, *word]][1:]
    return np.array(labels, np.int64)


def _frames(item: _Utterance, count: int) -> np.ndarray:
    """A label for each frame: the letters of a word share its time, a delimiter is where the next begins."""
    field = FILTER + (CONFIG["conv_kernel"][1] - 1) * HOP
    centres = (np.arange(count) * 2 * HOP + field / 2) / ALIGNER_RATE_HZ
    labels = np.full(count, BLANK)
    for number, (start, end, word) in enumerate(item.words):
        inside = np.flatnonzero((centres >= start) & (centres < end))
        part = (centres[inside] - start) / (end - start)
        labels[inside] = np.array(word)[np.minimum((part * len(word)).astype(int), len(word) - 1)]
        if number and len(inside):
            labels[max(inside[0] - 1, 0)] = DELIMITER
    return labels


_README = """\
# A toy, not a model

A small Wav2Vec2ForCTC, trained for a minute on synthetic speech by `python -m fisherprep.demo.toy_ctc`. It serves for
trying `fisherprep align --ctc-model` out and for tests. It does not understand people.
"""


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--seed", default=0, show_default=True, help="Seed of every random number.")
@click.option("--steps", default=STEPS, show_default=True, type=click.IntRange(min=0), help="Updates of training.")
def main(directory: Path, seed: int, steps: int) -> None:
    """Write a toy CTC model into DIR."""
    try:
        write_toy_ctc(directory, seed, steps)
    except (ValueError, OSError) as err:
        raise click.ClickException(str(err)) from err
    click.echo(f"{directory}: toy CTC model, seed {seed}, {steps} steps")


if __name__ == "__main__":
    main()
