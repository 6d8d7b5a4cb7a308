"""Checkpoints by repo id or local directory: which files they hold, and whether they are toys.

One loader for users and tests alike: a hub id is fetched file by file, a directory is read in place, and both have
the layout of ``kyutai/moshiko-pytorch-bf16`` and ``nvidia/personaplex-7b-v1`` (config.json, LM weights, Mimi weights,
SentencePiece model). This file finds and checks files; it imports neither torch nor moshi.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_CHECKPOINT = "nvidia/personaplex-7b-v1"

CONFIG_NAME = "config.json"
DEFAULT_NAMES = {
    "moshi": "model.safetensors",
    "mimi": "tokenizer-e351c8d8-checkpoint125.safetensors",
    "tokenizer": "tokenizer_spm_32k_3.model",
}
"""File names where config.json is silent (moshi/models/loaders.py MOSHI_NAME, MIMI_NAME, TEXT_TOKENIZER_NAME)."""

TOY_KEY = "toy"
"""Key in the metadata of a toy's safetensors files: ``{"toy": "true"}``."""


@dataclass(frozen=True)
class CheckpointFiles:
    """Files of a checkpoint on this disk. Those not asked for are None."""

    source: str
    config: dict[str, Any] = field(default_factory=dict)
    moshi: Path | None = None
    mimi: Path | None = None
    tokenizer: Path | None = None
    mimi_config: Path | None = None
    """Mimi's architecture, where config.json names one; the released codec needs none"""
    toy: bool = False

    @property
    def label(self) -> str:
        """The source, with a warning in it when the weights are a toy."""
        return f"{self.source} (TOY weights: for trying things out, not for speech)" if self.toy else self.source


def locate(source: str, need: tuple[str, ...]) -> CheckpointFiles:
    """Find the files of a checkpoint, fetching them when ``source`` is a hub repository.

    Args:
        source: a local directory, or a Hugging Face repo id such as ``nvidia/personaplex-7b-v1``.
        need: which of ``moshi``, ``mimi``, ``tokenizer``.

    Raises:
        ValueError: a file is missing, the config cannot be read, or the hub cannot be reached; the message says what
            was tried and what to give instead.
    """
    directory = Path(source).expanduser()
    fetch = (lambda name: _local(directory, name)) if directory.is_dir() else (lambda name: _from_hub(source, name))
    config = _read_config(fetch(CONFIG_NAME))
    files = {kind: fetch(config.get(f"{kind}_name") or DEFAULT_NAMES[kind]) for kind in need}
    if "mimi" in need and config.get("mimi_config_name"):
        files["mimi_config"] = fetch(config["mimi_config_name"])
    return CheckpointFiles(source=source, config=config, toy=any(_is_toy(f) for f in files.values()), **files)


def _read_config(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as err:
        raise ValueError(f"{file}: not JSON ({err}); expected the checkpoint's config.json") from err
    if not isinstance(config, dict):
        raise ValueError(f"{file}: expected a JSON object, found {type(config).__name__}")
    return config


def _local(directory: Path, name: str) -> Path:
    if not isinstance(name, str):
        raise ValueError(f"{directory / CONFIG_NAME}: found {name!r} as a file's name; expected a text")
    file = directory / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{directory / CONFIG_NAME}: names the file {name!r}; expected a name inside the folder")
    if not file.is_file():
        present = ", ".join(sorted(p.name for p in directory.iterdir())[:12]) or "nothing"
        raise ValueError(
            f"{file}: missing; found in that folder: {present}. "
            "Expected a checkpoint as `python -m finetune.toy DIR` or a hub download lays it out"
        )
    return file


def _from_hub(repo: str, name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(hf_hub_download(repo, name))
    except HFValidationError as err:
        raise ValueError(f"checkpoint {repo!r}: neither a folder here nor a hub repository id (OWNER/NAME)") from err
    except Exception as err:  # the hub client raises many kinds: network, authentication, missing file, offline mode
        reason = str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__
        raise ValueError(
            f"checkpoint {repo!r}: no such folder here, and fetching {name} from the hub failed ({reason}). "
            "Give --checkpoint a folder that holds the files, log in with `hf auth login` if the repository is gated, "
            "or make a toy with `python -m finetune.toy DIR`"
        ) from err


def _is_toy(file: Path) -> bool:
    if file.suffix != ".safetensors":
        return False
    with file.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if not 2 <= length <= 100_000_000:
            raise ValueError(f"{file}: not a safetensors file (header length {length})")
        try:
            header = json.loads(f.read(length))
        except ValueError as err:
            raise ValueError(f"{file}: not a safetensors file ({err})") from err
    return (header.get("__metadata__") or {}).get(TOY_KEY) == "true"
