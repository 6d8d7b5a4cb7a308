"""Fine-tune PersonaPlex/Moshi on a mixture of datasets.

\b
    python -m finetune.run --mix fisher:0.7,coffee:0.3
    python -m finetune.run --mix fisher:0.7,coffee:0.3 --data-root demo --checkpoint demo/toy --out demo/run
    python -m finetune.run --out demo/run --resume

Weights of the mix are shares of the trained frames. Leaves RUN/config.json, metrics.jsonl, timings.jsonl, summary.json
(held-out loss before and after) and checkpoints/.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune import flags, state
from finetune.config import Config, DataConfig, ModelConfig
from finetune.errors import clean_exit, usage_error
from finetune.evaluate import comparison, held_out_losses
from finetune.metrics import write_json

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

    from finetune.checkpoints import BaseModel
    from finetune.data.batches import Mixture
    from finetune.data.windows import WindowSource

SUMMARY = "summary.json"
TOY_RECIPE = "debug_cpu"
"""Taken for a toy checkpoint when no recipe is named."""


@click.command(help=__doc__)
@click.option("--mix", help="Datasets and their shares of the trained frames, as in fisher:0.7,coffee:0.3.")
@click.option("--checkpoint", metavar="SRC", help=f"Folder or hub id [default: {ModelConfig.checkpoint}].")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder [default: runs/NAMES-OF-THE-MIX].")
@click.option("--data-root", help=f"Holds the datasets' work folders [default: {DataConfig.root}].")
@click.option("--manifests", help=f"Holds the datasets' manifests [default: {DataConfig.manifests}].")
@click.option("--recipe", metavar="NAME_OR_FILE", help="[default: debug_cpu for a toy checkpoint, else default].")
@click.option("--steps", type=int, help="Optimiser steps.")
@click.option("--batch-size", type=int, help="Windows per step.")
@click.option("--micro-batch-size", type=int, help="Windows per forward pass; the rest is accumulated.")
@click.option("--max-frames", type=int, help="Longest window in frames of 80 ms, prompt included.")
@click.option("--lr", type=float, help="Temporal transformer's rate; the depth transformer's keeps the recipe's ratio.")
@click.option("--seed", type=int, help="Decides windows, sides and prompts.")
@click.option("--device", help="auto, cpu, cuda or cuda:N.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other value, as in loss.text_pad=0.5.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, exactly where its last checkpoint stands.")
def main(
    mix: str | None,
    out: Path | None,
    recipe: str | None,
    lr: float | None,
    settings: tuple[str, ...],
    resume: bool,
    **typed: Any,
) -> None:
    from rich.console import Console

    from finetune.checkpoints import open_base

    with usage_error():
        given = flags.overrides(mix, typed, settings)
        run = flags.run_folder(out, given.get("data.mix"), resume)
        goes_on = (run / state.CONFIG).exists()
        config = flags.resumed_config(run, given, recipe, lr) if goes_on else flags.new_config(given, recipe, lr)
    with clean_exit():
        base = open_base(config.model.checkpoint)
    if base.files.toy and recipe is None and not goes_on:
        with usage_error():
            config = flags.new_config(given, TOY_RECIPE, lr)
    with clean_exit():
        summary = train(config, base, run, say=Console(stderr=True, soft_wrap=True, highlight=False).print)
    click.echo(f"model: {base.files.label}, {config.steps} steps")
    Console(width=None if sys.stdout.isatty() else 100).print(comparison("valid", summary["before"], summary["after"]))
    click.echo(f"run: {run}; evaluate it with `python -m finetune.evaluate {run}`")


def train(config: Config, base: BaseModel, run: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Train until ``config.steps`` and return the summary, which is also in RUN/summary.json.

    Goes on from the run's newest checkpoint where there is one.

    Raises:
        ValueError: data, model or device do not fit; the loss stopped being a number; a checkpoint could not be
            written.
    """
    from finetune.data.batches import Mixture
    from finetune.data.sources import describe_sources, open_held_out, open_sources
    from finetune.device import describe, pick_device
    from finetune.metrics import RunLog
    from finetune.step import train_step

    device = pick_device(config.device)
    texts = base.prompt_texts()
    sources = open_sources(config.data, "train", base, texts, config.seed)
    held_out, without = open_held_out(config.data, "valid", base, texts)
    for line in (f"model: {base.files.label}", f"device: {describe(device)}", *describe_sources(sources), *without):
        say(line)

    mixture = Mixture(sources, config.data.mix)
    model, optimizer, progress = _start_or_resume(run, config, base, device, mixture)
    if progress.step:
        say(f"resumed after step {progress.step}")
    state.write_config(run, config)
    before = _summary_before(run, config, base, model, held_out, known=progress.step > 0)

    data = config.data
    batches = mixture.steps(
        progress.mixture,
        data.batch_size,
        data.micro_batch_size,
        workers=data.workers,
        prefetch=data.prefetch,
        device=device,
    )
    with RunLog(run, progress.step, config.steps) as log:
        while progress.step < config.steps:
            started = time.perf_counter()
            batch, position = next(batches)
            data_s = time.perf_counter() - started
            progress = progress.after(position)
            metrics = train_step(model, optimizer, batch, progress.step, config, mixture.names)
            step_s = time.perf_counter() - started
            log.step({**metrics, "frames": position.frames}, batch.dialogue_frames, step_s, data_s, device)
            if progress.step % config.save.every == 0 or progress.step == config.steps:
                state.save(run, progress, model, optimizer, config.save.keep)

    after = held_out_losses(model, held_out, config)
    summary = {**before, "frames": progress.mixture.frames, "after": after}
    write_json(run / SUMMARY, summary)
    return summary


def _start_or_resume(
    run: Path, config: Config, base: BaseModel, device: torch.device, mixture: Mixture
) -> tuple[LMModel, torch.optim.Optimizer, state.Progress]:
    """Model, optimiser and progress: the base's at step 0, or all of the newest checkpoint's."""
    import torch

    from finetune.checkpoints import load_model, model_from
    from finetune.optim import make_optimizer

    progress = state.Progress.start(mixture.fingerprints())
    found = state.completed(run)
    if not found:
        model = load_model(base, device, config.model.gradient_checkpointing)
        torch.manual_seed(config.seed)  # whatever building the model drew: a run and its resumption start alike
        return model, make_optimizer(model, config.optim), progress
    checkpoint = found[-1]
    progress = state.read_progress(checkpoint).on_same_data(progress)
    weights = state.read_weights(checkpoint)
    model = model_from(base, weights, str(checkpoint), device, config.model.gradient_checkpointing)
    optimizer = make_optimizer(model, config.optim)
    state.restore_optimizer(checkpoint, optimizer)
    return model, optimizer, progress


def _summary_before(
    run: Path,
    config: Config,
    base: BaseModel,
    model: LMModel,
    held_out: dict[str, WindowSource],
    known: bool,
) -> dict[str, Any]:
    """The summary as far as it goes before the first step; a resumed run has it on disk."""
    if known:
        return json.loads((run / SUMMARY).read_text(encoding="utf-8"))
    before = held_out_losses(model, held_out, config)
    summary = {"base": base.files.label, "toy": base.files.toy, "steps": config.steps, "before": before}
    write_json(run / SUMMARY, summary)
    return summary


if __name__ == "__main__":
    main()
