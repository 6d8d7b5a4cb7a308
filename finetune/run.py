"""Fine-tune PersonaPlex/Moshi on a mixture of datasets.

\b
    python -m finetune.run --mix fisher:0.7,coffee:0.3
    python -m finetune.run --mix fisher:0.7,coffee:0.3 --data-root demo --checkpoint demo/toy --out demo/run
    python -m finetune.run --out demo/run --resume
    torchrun --nproc-per-node 8 -m finetune.run --mix fisher:0.7,coffee:0.3

Weights of the mix are shares of the trained frames. Leaves RUN/config.json, metrics.jsonl, timings.jsonl,
heldout.jsonl, best.json, summary.json (held-out loss before and after) and checkpoints/. SIGTERM or Ctrl-C finishes the
step, saves, and ends with status 143 or 130; --resume goes on. docs/training.md tells more.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune import flags, run_folder, state
from finetune.config import Config, DataConfig, ModelConfig
from finetune.errors import clean_exit, usage_error
from finetune.exam_tables import comparison
from finetune.heldout import HELD_OUT, HeldOut
from finetune.metrics import METRICS, TIMINGS, drop_after, write_json
from finetune.parallel import World, build_sharded, open_world
from finetune.progress import Progress, base_fingerprint, read_progress
from finetune.stop import Stopped, StopSignals
from finetune.watch import Start, StepReport, Watcher, Watchers
from finetune.watchers import watchers

if TYPE_CHECKING:
    import torch
    from moshi.models.lm import LMModel

    from finetune.checkpoints import BaseModel
    from finetune.data.batches import Mixture

SUMMARY = "summary.json"


@click.command(help=__doc__)
@click.option("--mix", help="Datasets and their shares of the trained frames, as in fisher:0.7,coffee:0.3.")
@click.option("--checkpoint", metavar="SRC", help=f"Folder or hub id [default: {ModelConfig.checkpoint}].")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder [default: runs/NAMES-OF-THE-MIX].")
@click.option("--data-root", help=f"Holds the datasets' work folders [default: {DataConfig.root}].")
@click.option("--manifests", help=f"Holds the datasets' manifests [default: {DataConfig.manifests}].")
@click.option("--recipe", metavar="NAME_OR_FILE", help=flags.RECIPE_HELP)
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
        goes_on = run_folder.holds_run(run)
        config = flags.resumed_config(run, given, recipe, lr) if goes_on else flags.new_config(given, recipe, lr)
    with clean_exit():
        base = open_base(config.model.checkpoint)
    if recipe is None and not goes_on:
        with usage_error():
            config = flags.new_config(given, flags.default_recipe(base.files.toy), lr)
    with usage_error("--device"), open_world(config.device) as (world, device):
        with usage_error():
            flags.check_deal(config, world.size)
        console = Console(stderr=True, soft_wrap=True, highlight=False, quiet=not world.is_main)
        with clean_exit():
            try:
                summary = train(config, base, run, world, device, say=console.print)
            except Stopped as stopped:
                console.print(f"{stopped}; saved. Go on with: python -m finetune.run --out {run} --resume")
                raise SystemExit(stopped.exit_status) from None
    if world.is_main:
        click.echo(f"model: {base.files.label}, {config.steps} steps")
        if summary["after"]:
            table = comparison("valid", summary["before"], summary["after"])
            Console(width=None if sys.stdout.isatty() else 100).print(table)
        click.echo(f"run: {run}; evaluate it with `python -m finetune.evaluate {run}`")


def train(
    config: Config, base: BaseModel, run: Path, world: World, device: torch.device, say: Callable[[str], None]
) -> dict[str, Any]:
    """Train until ``config.steps`` and return the summary, which is also in RUN/summary.json; all ranks call it.

    Goes on from the run's newest checkpoint where there is one.

    Raises:
        Stopped: a signal asked for it; the run has been saved.
        ValueError: data, model or device do not fit; the loss stopped being a number; a checkpoint could not be
            written.
    """
    from finetune.data.batches import Mixture
    from finetune.data.sources import check_tables, describe_sources, open_held_out, open_sources
    from finetune.device import describe
    from finetune.model.build import describe_parts

    on_lookers = watchers(config, world)  # what they miss is said before the model is read
    texts = base.prompt_texts()
    with world.together():
        if world.is_main:
            check_tables(config.data)
    sources = open_sources(config.data, "train", base, texts, config.seed)
    held_out_sources, without = open_held_out(config.data, "valid", base, texts)
    parts = f", on each of {world.size} processes" if world.size > 1 else ""
    say(f"model: {base.files.label}\ndevice: {describe(device)}{parts}")
    for line in (*describe_sources(sources), *without):
        say(line)

    mixture = Mixture(sources, config.data.mix)
    model, optimizer, progress = _start_or_resume(run, config, base, device, mixture, world)
    for line in describe_parts(model):
        say(line)
    if progress.step:
        say(f"resumed after step {progress.step}")
    with world.together():
        if world.is_main:
            run_folder.write_config(run, config)
            if not progress.step:
                write_json(run / SUMMARY, {"base": base.files.label, "toy": base.files.toy, "steps": config.steps})
            for note in _take_up_logs(run, progress.step):
                say(note)
    held_out = HeldOut(run, config, held_out_sources, world)

    with Watchers(on_lookers) as watch, StopSignals() as stop:
        watch.on_start(Start(run, config, base, model, device, world, progress.step))
        _measure(run, config, held_out, model, progress.step, watch)
        for progress in _steps(model, optimizer, progress, mixture, config, device, world, watch):  # noqa: B020
            signal = stop.asked(world)
            if signal or held_out.due(progress.step) or progress.step % config.save.every == 0:
                watch.on_checkpoint(progress.step, state.save(run, progress, model, optimizer, world))
            if signal:
                raise Stopped(progress.step, signal)
            _measure(run, config, held_out, model, progress.step, watch)
        summary = _summary(config, base, progress, held_out)
        if world.is_main:
            write_json(run / SUMMARY, summary)
        watch.on_end(summary)
    return summary


def _start_or_resume(
    run: Path, config: Config, base: BaseModel, device: torch.device, mixture: Mixture, world: World
) -> tuple[LMModel, torch.optim.Optimizer, Progress]:
    """Model, optimiser and progress: the base's at step 0, or all of the newest checkpoint's."""
    import torch

    from finetune.optim import make_optimizer

    progress = Progress.start(mixture.fingerprints(), base_fingerprint(base.weight_files))
    found = world.from_main(run_folder.completed(run) if world.is_main else None)
    if found:
        with world.together():
            state.verify(found[-1], world)
        progress = read_progress(found[-1]).on_same_inputs(progress)
    model = build_sharded(base, config.model, world, device)
    optimizer = make_optimizer(model, config.optim)
    torch.manual_seed(
        config.seed + world.rank
    )  # whatever building the model drew: a run and its resumption start alike
    if found:
        with world.together():
            state.restore(found[-1], progress, model, optimizer, world.rank)
    return model, optimizer, progress


def _take_up_logs(run: Path, step: int) -> list[str]:
    """Take the run's logs back to ``step``; notes where they are not whole."""
    trained, measured = range(1, step + 1), (0,) if step else ()
    expected = {METRICS: trained, TIMINGS: trained, HELD_OUT: measured}
    return [note for name, steps in expected.items() if (note := drop_after(run / name, step, steps))]


def _steps(
    model: LMModel,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    mixture: Mixture,
    config: Config,
    device: torch.device,
    world: World,
    watch: Watcher,
) -> Iterator[Progress]:
    """Take the steps that are left; yields the progress after each."""
    from finetune.step import train_step

    data = config.data
    batches = mixture.steps(
        progress.mixture,
        data.batch_size,
        data.micro_batch_size,
        world.rank,
        world.size,
        workers=data.workers,
        prefetch=data.prefetch,
        device=device,
    )
    while progress.step < config.steps:
        started = time.perf_counter()
        batch, position = next(batches)
        data_s = time.perf_counter() - started
        progress = progress.after(position)
        metrics = train_step(model, optimizer, batch, progress.step, config, mixture.names, world)
        sizes = [micro.codes.shape for micro in batch.micro_batches]
        watch.on_step(
            StepReport(
                metrics={**metrics, "frames": position.frames},
                step_frames=batch.step_frames,
                fed_frames=sum(windows * frames for windows, _, frames in sizes),
                longest=max(frames for _, _, frames in sizes),
                step_s=time.perf_counter() - started,
                data_s=data_s,
                device=device,
            )
        )
        yield progress


def _measure(run: Path, config: Config, held_out: HeldOut, model: LMModel, step: int, watch: Watcher) -> None:
    """The held-out loss where it is due, and then no more checkpoints than are to be kept."""
    row = held_out.measure(model, step)
    if row is not None:
        watch.on_heldout(step, row)
        if step == 0 and row["loss"] is not None and not math.isfinite(row["loss"]):
            raise ValueError(
                f"the base model's held-out loss is {row['loss']} before the first step: its weights are damaged, or "
                "do not belong to its config.json; fetch the checkpoint again"
            )
    if held_out.is_main:
        state.prune(run, config.save.keep, held_out.best)


def _summary(config: Config, base: BaseModel, progress: Progress, held_out: HeldOut) -> dict[str, Any]:
    return {
        "base": base.files.label,
        "toy": base.files.toy,
        "steps": config.steps,
        "before": held_out.losses(0),
        "frames": progress.mixture.frames,
        "after": held_out.losses(config.steps),
        "best_step": held_out.best,
    }


if __name__ == "__main__":
    main()
