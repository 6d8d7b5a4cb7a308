"""Write a run's weights as a checkpoint folder for one of the two worlds.

\b
    python -m finetune.export runs/fisher-coffee --out checkpoints/barista
    python -m finetune.export runs/fisher-coffee --format kyutai --out checkpoints/barista-kyutai
    python -m finetune.export runs/fisher-coffee --format lora --out checkpoints/barista-lora

\b
personaplex  the whole model with both streams' depth steps, fused attention keys and file names as NVIDIA
             releases it: for NVIDIA's moshi.offline and moshi.server (--moshi-weight), finetune.run, fisherprep.
kyutai       the agent's half of the depth steps (dep_q 8), which is what lets PyPI moshi's moshi.server and
             moshi.run_inference hear the user. The agent says the same.
lora         the adapters of a LoRA run alone, for --lora-weight and --config-path of moshi.server with the base
             model's own weights.

RUN is a run, one of its checkpoints, or a checkpoint folder or hub id, which is then converted. Numbers keep the base
model's format, weights that did not learn keep their very bits, a toy stays marked as one. docs/models.md says more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finetune.errors import clean_exit, usage_error

if TYPE_CHECKING:
    import torch

    from finetune.checkpoints import BaseModel
    from finetune.model.result import Result

FORMATS = ("personaplex", "kyutai", "lora")
LORA_NAME = "lora.safetensors"


def export(result: Result, form: str, out: Path) -> None:
    """Write a model to the folder ``out``, whole or not at all.

    Args:
        form: one of ``FORMATS``.

    Raises:
        ValueError: a file cannot be read or written, ``out`` is not free, or there are no adapters to write.
    """
    from finetune import checksums
    from finetune.metrics import write_json
    from fisherprep.checkpoint import CONFIG_NAME

    refuse_used(out)
    refuse_no_adapters(result, form)
    write = _lora if form == "lora" else _whole_model
    with _appearing(out) as tmp:
        tensors, dtype, config = write(result, form)
        names = {f"{kind}_name": _copy(file, tmp, kind) for kind, file in _companions(result.base).items()}
        _save(tensors, dtype, tmp / (LORA_NAME if form == "lora" else config["moshi_name"]), result.base.files.toy)
        write_json(tmp / CONFIG_NAME, {**config, **names})
        checksums.write(tmp, checksums.digests_of(tmp, checksums.files_of(tmp)))


def refuse_used(out: Path) -> None:
    """Raise ``ValueError`` unless ``out`` is free: missing, or an empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"--out: {out} exists and is not an empty folder; give another one")


def refuse_no_adapters(result: Result, form: str) -> None:
    """Raise ``ValueError`` where adapters are asked for and the model has none."""
    if form == "lora" and (result.checkpoint is None or result.config.train != "lora"):
        raise ValueError("--format lora: this is not a LoRA run, so there are no adapters; give personaplex or kyutai")


Written = tuple[dict[str, "torch.Tensor"], "torch.dtype", dict[str, Any]]
"""Tensors, the type to save them in, and config.json without the names of the companions."""


def _whole_model(result: Result, form: str) -> Written:
    import torch

    from finetune.checkpoints import completed_config, open_weights
    from finetune.model.build import full_state
    from finetune.model.keys import DEP_Q, fuse_attention, is_agents
    from fisherprep.checkpoint import DEFAULT_NAMES
    from fisherprep.schema import NUM_CODEBOOKS

    with open_weights(result.base) as weights:
        dtype = weights.dtype
    state = full_state(result.build(torch.device("cpu"), frozen_dtype=dtype), dtype)
    agent_alone = form == "kyutai"
    tensors = fuse_attention({key: value for key, value in state.items() if not agent_alone or is_agents(key)})
    names = {"moshi_name": DEFAULT_NAMES["moshi"]}
    return tensors, dtype, completed_config(result.base, names, NUM_CODEBOOKS if agent_alone else DEP_Q)


def _lora(result: Result, form: str) -> Written:
    """Kyutai's loader expects an adapter at every linear layer, and as many depth steps as the base model's file has.

    Tables and heads that learned in full go along under their own names: the loader lets them replace the base's. All
    stays fp32, as it was trained.
    """
    import torch

    from finetune.checkpoints import completed_config, open_weights
    from finetune.model.build import part_of
    from finetune.model.keys import DEP_Q, is_agents
    from fisherprep.schema import NUM_CODEBOOKS

    model = result.build(torch.device("cpu"), frozen_dtype=torch.bfloat16)
    with open_weights(result.base) as weights:
        agent_alone = weights.for_agent_alone
    rank = result.config.lora.rank
    tensors: dict[str, torch.Tensor] = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and not name.endswith((".frozen_W", ".lora_A", ".lora_B")):
            tensors[f"{name}.lora_A.weight"] = torch.zeros(rank, module.in_features)
            tensors[f"{name}.lora_B.weight"] = torch.zeros(module.out_features, rank)
            if (learned := tensors.pop(f"{name}.weight", None)) is not None:
                assert part_of(name + ".") == "heads", "only heads learn in full beside adapters"
                tensors[f"{name}.frozen_W.weight"] = learned
    kept = {key: value for key, value in tensors.items() if not agent_alone or is_agents(key)}
    names = {"moshi_name": result.base.weights.name, "lora_name": LORA_NAME}
    config = completed_config(result.base, names, NUM_CODEBOOKS if agent_alone else DEP_Q)
    return kept, torch.float32, {**config, "lora": True, "lora_rank": rank, "lora_scaling": result.config.lora.scaling}


def _companions(base: BaseModel) -> dict[str, Path]:
    """The files that belong to the LM: codec, its configuration where it has one of its own, tokenizer."""
    mimi, tokenizer = base.files.mimi, base.files.tokenizer
    assert mimi is not None and tokenizer is not None, "opened with its codec and tokenizer"
    files = {"mimi": mimi, "tokenizer": tokenizer}
    if base.files.mimi_config is not None:
        files["mimi_config"] = base.files.mimi_config
    return files


def _copy(file: Path, folder: Path, kind: str) -> str:
    from fisherprep.checkpoint import DEFAULT_NAMES

    name = DEFAULT_NAMES.get(kind, file.name)  # NVIDIA's programs know no other names
    shutil.copyfile(file, folder / name)
    return name


def _save(tensors: dict[str, torch.Tensor], dtype: torch.dtype, file: Path, toy: bool) -> None:
    from safetensors.torch import save_file

    from fisherprep.checkpoint import TOY_KEY

    metadata = {TOY_KEY: "true"} if toy else {"format": "pt"}  # one key: the order of several would not be fixed
    save_file({key: value.to(dtype).contiguous() for key, value in tensors.items()}, file, metadata=metadata)


@contextlib.contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder to fill, which becomes ``out`` once it is whole and on the disk; nothing is left of a failed one."""
    from safetensors import SafetensorError

    tmp = out.parent / f".tmp-{out.name}"
    _clear(tmp)
    try:
        tmp.mkdir(parents=True)
        yield tmp
        for file in tmp.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        if out.exists():
            out.rmdir()
        os.replace(tmp, out)
    except (OSError, SafetensorError) as err:
        reason = str(err).splitlines()[0]
        raise ValueError(f"{out}: could not be written ({reason}); is the disk full? Nothing was left there") from err
    finally:
        _clear(tmp)


def _clear(tmp: Path) -> None:
    shutil.rmtree(tmp, ignore_errors=True)


@click.command(help=__doc__)
@click.argument("run", metavar="RUN")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder that does not exist yet.")
@click.option("--format", "form", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.option("--step", type=int, help="Which of the run's checkpoints [default: the newest].")
@click.option("--checkpoint", "base_model", help="Where the base model is now [default: as in the run].")
def main(run: str, out: Path, form: str, step: int | None, base_model: str | None) -> None:
    from finetune.model.result import open_result, refuse_neither

    with usage_error():
        refuse_used(out)
        refuse_neither(run)
    with clean_exit():
        result = open_result(run, ("moshi", "mimi", "tokenizer"), base_model, step)
    with usage_error():
        refuse_no_adapters(result, form)
    with clean_exit():
        export(result, form, out)
    click.echo(f"{out}: {form}, {result.label}")


if __name__ == "__main__":
    main()
