"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fisherprep.checkpoint import DEFAULT_CHECKPOINT

if TYPE_CHECKING:
    from fisherprep.engine import Engine
    from fisherprep.ray_cluster import Cluster
    from fisherprep.workfolder import WorkFolder

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


def engine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--engine`` and ``--ray-address``; see `ray_cluster` and `ray_engine`."""
    function = click.option(
        "--ray-address", metavar="HOST:PORT", envvar="RAY_ADDRESS", show_envvar=True,
        help="Head of the Ray cluster; auto: that of this machine.  [default: a Ray of its own on this machine]",
    )(function)  # fmt: skip
    return click.option(
        "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
        help="Where shards are done: processes of this machine, or Ray's, on many (docs/scaling.md).",
    )(function)  # fmt: skip


def ray_cluster(engine: str, address: str | None, workers: int) -> Cluster | None:
    """The cluster that the flags name, joined until the command ends; None with local processes."""
    ctx = click.get_current_context()
    if engine == "local":
        if ctx.get_parameter_source("ray_address") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--ray-address: needs --engine ray")
        return None
    from fisherprep.ray_cluster import Cluster

    return ctx.with_resource(Cluster(address or None, workers))


def shard_engine(
    cluster: Cluster | None, workers: int, folder: Path, needs: Iterable[Path] = (), gpus: bool = False
) -> Engine:
    """Where a stage's shards are done: on the cluster, or in local processes where there is none."""
    if cluster is None:
        from fisherprep.engine import local_engine

        return local_engine(workers)
    from fisherprep.ray_engine import RayEngine

    return RayEngine(cluster, folder, [path for path in needs if path.exists()], gpus, workers)


def cluster_device(cluster: Cluster | None, device: str | None) -> str | None:
    """The device that was asked for; else, on a cluster, what its machines have."""
    if cluster is None or device:
        return device
    return "cuda" if cluster.count("GPU") else "cpu"


def audio_roots(work: WorkFolder) -> list[Path]:
    """Folders that a work folder's audio lies in."""
    return [work.path / root for root in work.meta["roots"]]


def not_nan(_: click.Context, option: click.Parameter, value: float) -> float:
    """``FloatRange`` lets NaN through; this callback does not."""
    if value != value:
        raise click.BadParameter("is not a number", param=option)
    return value
