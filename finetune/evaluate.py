"""Held-out loss of a run, the base model beside the fine-tuned one.

\b
    python -m finetune.evaluate runs/fisher-coffee --split test

The windows are the same for both models and for every run over the same tables (their seed is fixed). Prints a table
and writes RUN/evaluate-SPLIT.json.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.config import Config
from finetune.errors import clean_exit, usage_error
from finetune.heldout import Losses, held_out_losses

if TYPE_CHECKING:
    from rich.table import Table


def comparison(split: str, before: Losses, after: Losses) -> Table:
    """A table of every dataset and stream: base, fine-tuned, change."""
    from rich.table import Table

    from finetune.loss import STREAMS

    table = Table(title=f"held-out loss ({split}), nats per target")
    for heading in ("dataset", "stream"):
        table.add_column(heading)
    for heading in ("base", "fine-tuned", "change"):
        table.add_column(heading, justify="right")
    for name in after:
        for stream in ("loss", *STREAMS):
            old, new = before[name][stream], after[name][stream]
            if old is None or new is None:
                continue
            table.add_row(name if stream == "loss" else "", stream, f"{old:.4f}", f"{new:.4f}", f"{new - old:+.4f}")
        table.add_section()
    return table


def evaluate(run: Path, config: Config, split: str) -> dict[str, Any]:
    """Losses of the base model and of the run's newest checkpoint on ``split``; also written to the run's folder.

    Raises:
        ValueError: the run has no checkpoint, no dataset has calls of the split, or something cannot be read.
    """
    from finetune import state
    from finetune.checkpoints import open_base
    from finetune.data.sources import open_held_out
    from finetune.device import pick_device
    from finetune.metrics import write_json
    from finetune.model.build import build_model, load_trained

    checkpoint = state.newest(run)
    device = pick_device(config.device)
    base = open_base(config.model.checkpoint)
    sources, missing = open_held_out(config.data, split, base, base.prompt_texts())
    if not sources:
        raise ValueError("; ".join(missing))
    model = build_model(base, config.model, device)
    before = held_out_losses(model, sources, config)
    load_trained(model, state.read_weights(checkpoint), str(checkpoint))
    after = held_out_losses(model, sources, config)
    result = {
        "split": split,
        "base": base.files.label,
        "checkpoint": checkpoint.name,
        "losses": {"base": before, "fine_tuned": after},
        "left_out": missing,
    }
    write_json(run / f"evaluate-{split}.json", result)
    return result


@click.command(help=__doc__)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["valid", "test"]), default="valid", show_default=True)
@click.option(
    "--windows", type=click.IntRange(min=1), help="At most so many windows of each dataset [default: as in the run]."
)
@click.option("--data-root", help="Where the work folders are now [default: as in the run].")
@click.option("--checkpoint", help="Where the base model is now [default: as in the run].")
@click.option("--device", help="auto, cpu, cuda or cuda:N [default: as in the run].")
def main(
    run: Path, split: str, windows: int | None, data_root: str | None, checkpoint: str | None, device: str | None
) -> None:
    from rich.console import Console

    from finetune.device import pick_device
    from finetune.state import saved_config

    given = {"heldout.windows": windows, "data.root": data_root, "model.checkpoint": checkpoint, "device": device}
    with usage_error():
        config = saved_config(run, {key: value for key, value in given.items() if value is not None})
    with usage_error("--device"):
        pick_device(config.device)
    with clean_exit():
        result = evaluate(run, config, split)
    click.echo(f"base: {result['base']}; fine-tuned: {run}, {result['checkpoint']}")
    table = comparison(split, result["losses"]["base"], result["losses"]["fine_tuned"])
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    for line in result["left_out"]:
        click.echo(f"left out: {line}", err=True)
    click.echo(f"written to {run / f'evaluate-{split}.json'}")


if __name__ == "__main__":
    main()
