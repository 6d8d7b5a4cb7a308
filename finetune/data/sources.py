"""From a configuration to window sources: the datasets of the mix, opened and checked."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from finetune.checkpoints import BaseModel
from finetune.config import DataConfig
from finetune.data.checks import Vocabulary, check_mix, check_records
from finetune.data.dataset import EmptySplit, open_dataset
from finetune.data.mixture import find_manifests
from finetune.data.windows import WindowSource
from finetune.prompt import PromptTexts
from fisherprep.schema import FRAME_RATE_HZ


def vocabulary_of(base: BaseModel) -> Vocabulary:
    """What the base model can be fed."""
    assert base.files.tokenizer is not None, "opened with its tokenizer"
    sha256 = hashlib.sha256(base.files.tokenizer.read_bytes()).hexdigest()
    return Vocabulary(base.lm["card"], base.lm["text_card"], sha256, base.files.toy)


def check_tables(config: DataConfig) -> None:
    """Raise ``ValueError`` where a dataset of the mix is not as encode's completion records have it.

    Reads every byte of the tables, so that neither a missing shard nor a damaged one is found in mid-training.
    """
    for manifest in find_manifests(config.mix, Path(config.manifests)):
        check_records(Path(config.root) / manifest.tables)


def open_sources(
    config: DataConfig, split: str, base: BaseModel, texts: PromptTexts, seed: int
) -> dict[str, WindowSource]:
    """Dataset -> its windows of ``split``, in the mix's order.

    Raises:
        EmptySplit: a dataset has no call of the split.
        ValueError: a manifest or codes table is missing or does not fit the model; a prompt does not fit a window.
    """
    if config.max_frames > base.lm["context"]:
        raise ValueError(
            f"windows of {config.max_frames} frames are longer than the model's context of {base.lm['context']}; "
            "give a smaller --max-frames"
        )
    vocabulary = vocabulary_of(base)
    sources = {}
    for name, manifest in zip(config.mix, find_manifests(config.mix, Path(config.manifests)), strict=True):
        dataset = open_dataset(manifest, Path(config.root), split, vocabulary)
        sources[name] = WindowSource(
            dataset,
            texts,
            base.lm["delays"],
            seed,
            config.max_frames,
            config.max_prompt_share,
            agent=config.agent,
            drop_text_prompt=config.drop_text_prompt,
            drop_voice_prompt=config.drop_voice_prompt,
        )
    check_mix({name: source.dataset.made_with for name, source in sources.items()})
    return sources


def describe_sources(sources: dict[str, WindowSource]) -> list[str]:
    """What there is to train on, in lines for the user."""
    lines = []
    for name, source in sources.items():
        calls, frames, left_out = source.dataset.calls, source.dataset.num_frames, source.dataset.left_out
        hours = frames / FRAME_RATE_HZ / 3600
        lines.append(f"{name}: {len(calls)} {source.dataset.split} calls, {frames} frames ({hours:.2f} h)")
        lines += [f"{name}: {count} calls left out: {reason}" for reason, count in sorted(left_out.items())]
        prompted = [bool(call.prompts[side]) for call in calls for side in call.sides]
        if not all(prompted):
            without = f"{prompted.count(False)} of {len(prompted)} sides that may be the agent"
            lines.append(f"{name}: {without} have no text prompt: their windows carry none")
        lines += source.dataset.notes
    return lines + check_mix({name: source.dataset.made_with for name, source in sources.items()})


HELD_OUT_SEED = 0
"""Not the run's seed: held-out windows are the same for every run, so that their losses can be compared."""


def open_held_out(
    config: DataConfig, split: str, base: BaseModel, texts: PromptTexts
) -> tuple[dict[str, WindowSource], list[str]]:
    """Sources of a held-out split, and why for each dataset that has no such call.

    No prompt is dropped: a held-out loss is that of windows as the model will be used. Nor does ``data.agent`` count:
    windows of one length are the same for every run.
    """
    whole = replace(config, agent="random", drop_text_prompt=0.0, drop_voice_prompt=0.0)
    sources: dict[str, WindowSource] = {}
    missing = []
    for name, weight in config.mix.items():
        try:
            sources |= open_sources(replace(whole, mix={name: weight}), split, base, texts, HELD_OUT_SEED)
        except EmptySplit as err:
            missing.append(f"no held-out loss for {name}: {err}")
    return sources, missing
