"""Write a run's newest weights as a checkpoint folder.

\b
    python -m finetune.export runs/fisher-coffee --out checkpoints/barista

DIR gets config.json, model.safetensors, the Mimi weights and the SentencePiece model, in the layout, key names and
number format of the base model, so that whatever opened the base opens DIR: PyPI moshi, NVIDIA's fork,
finetune.run and fisherprep encode. A toy stays marked as one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.errors import clean_exit, usage_error

if TYPE_CHECKING:
    import torch

    from finetune.checkpoints import BaseModel


def export(checkpoint: Path, out: Path, base: BaseModel) -> None:
    """Write a run's checkpoint to the folder ``out``, whole or not at all.

    Raises:
        ValueError: a file cannot be read, or ``out`` exists and is not empty.
    """
    from finetune import state
    from finetune.checkpoints import completed_config
    from finetune.metrics import write_json
    from fisherprep.checkpoint import CONFIG_NAME

    refuse_used(out)
    tmp = out.parent / f".tmp-{out.name}"
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True)
    names = {f"{kind}_name": _copy(file, tmp) for kind, file in _companions(base).items()}
    names["moshi_name"] = base.weights.name
    _write_weights(state.read_weights(checkpoint), base, tmp / base.weights.name)
    write_json(tmp / CONFIG_NAME, completed_config(base, names))
    if out.exists():
        out.rmdir()
    os.replace(tmp, out)


def refuse_used(out: Path) -> None:
    """Raise ``ValueError`` unless ``out`` is free: missing, or an empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"--out: {out} exists and is not an empty folder; give another one")


def _companions(base: BaseModel) -> dict[str, Path]:
    """The files that belong to the LM: codec, its configuration where it has one of its own, tokenizer."""
    mimi, tokenizer = base.files.mimi, base.files.tokenizer
    assert mimi is not None and tokenizer is not None, "opened with its codec and tokenizer"
    files = {"mimi": mimi, "tokenizer": tokenizer}
    if base.files.mimi_config is not None:
        files["mimi_config"] = base.files.mimi_config
    return files


def _copy(file: Path, folder: Path) -> str:
    shutil.copyfile(file, folder / file.name)
    return file.name


def _write_weights(weights: dict[str, torch.Tensor], base: BaseModel, file: Path) -> None:
    """Save in the base's key layout and number format, with its toy mark."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    from finetune.checkpoints import fuse_attention, is_fused
    from fisherprep.checkpoint import TOY_KEY

    with safe_open(base.weights, framework="pt") as handle:
        keys = list(handle.keys())
        dtype = handle.get_tensor("text_linear.weight").dtype
    tensors = fuse_attention(weights) if is_fused(keys) else weights
    metadata = {"format": "pt", **({TOY_KEY: "true"} if base.files.toy else {})}
    save_file({key: value.to(dtype).contiguous() for key, value in tensors.items()}, file, metadata=metadata)


@click.command(help=__doc__)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder that does not exist yet.")
@click.option("--checkpoint", "base_model", help="Where the base model is now [default: as in the run].")
def main(run: Path, out: Path, base_model: str | None) -> None:
    from finetune.checkpoints import open_base
    from finetune.state import newest, saved_config

    given: dict[str, Any] = {"model.checkpoint": base_model} if base_model else {}
    with usage_error():
        config = saved_config(run, given)
        refuse_used(out)
    with clean_exit():
        checkpoint = newest(run)
        base = open_base(config.model.checkpoint, need=("moshi", "mimi", "tokenizer"))
        export(checkpoint, out, base)
    click.echo(f"{out}: {checkpoint.name} of {run}, made from {base.files.label}")


if __name__ == "__main__":
    main()
