"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fisherprep.checkpoint import DEFAULT_CHECKPOINT

FOLDER = click.Path(file_okay=False, path_type=Path)


def work_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """WORK, defaulting to the Fisher work folder under ``--data-root``."""

    def default(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path:
        return value or ctx.params["data_root"] / "fisher"

    function = click.argument("work", type=FOLDER, required=False, callback=default, metavar="[WORK]")(function)
    return data_root_option(function)


def data_root_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--data-root``, read before what defaults to a folder below it."""
    return click.option(
        "--data-root", type=FOLDER, default=Path("data"), show_default=True, is_eager=True,
        help="Folder of the work folders; WORK defaults to its subfolder of the dataset's name.",
    )(function)  # fmt: skip


workers_option = click.option(
    "--workers", type=click.IntRange(min=0), default=0, help="Worker processes; 0 is one per core.  [default: 0]"
)
strict_option = click.option("--strict", is_flag=True, help="Exit with status 1 if anything was rejected.")
checkpoint_option = click.option(
    "--checkpoint", default=DEFAULT_CHECKPOINT, show_default=True, metavar="REPO_OR_DIR",
    help="Hub repository or local folder with Mimi and the text tokenizer.",
)  # fmt: skip


def not_nan(_: click.Context, option: click.Parameter, value: float) -> float:
    """``FloatRange`` lets NaN through; this callback does not."""
    if value != value:
        raise click.BadParameter("is not a number", param=option)
    return value
