"""Checkpoints by repo id or local directory: which files they hold, and whether they are toys.

One loader for users and tests alike: a hub id is fetched file by file, a directory is read in place, and both have
the layout of ``kyutai/moshiko-pytorch-bf16`` and ``nvidia/personaplex-7b-v1`` (config.json, LM weights, Mimi weights,
SentencePiece model). This file finds and checks files; it imports neither torch nor moshi.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
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

INDEX_SUFFIX = ".index.json"
"""After the name of a weights file that is split up: the list of its parts, as ``save_pretrained`` writes it."""

TOY_KEY = "toy"
"""Key in the metadata of a toy's safetensors files: ``{"toy": "true"}``."""


@dataclass(frozen=True)
class CheckpointFiles:
    """Files of a checkpoint on this disk. Those not asked for are None."""

    source: str
    config: dict[str, Any] = field(default_factory=dict)
    moshi: Path | None = None
    """the LM's weights, or the index of their parts (``weight_files``)"""
    mimi: Path | None = None
    tokenizer: Path | None = None
    mimi_config: Path | None = None
    """Mimi's architecture, where config.json names one; the released codec needs none"""
    toy: bool = False

    @property
    def label(self) -> str:
        """The source, with a warning in it when the weights are a toy."""
        return f"{self.source} (TOY weights: for trying things out, not for speech)" if self.toy else self.source


@dataclass(frozen=True)
class Source:
    """A local directory or a Hugging Face repository whose files are asked for by name."""

    name: str
    flag: str = "--checkpoint"
    """the option that gave it, for error messages"""
    toy: str = "python -m finetune.toy DIR"
    """the command that makes a toy of its kind, for error messages"""

    def file(self, name: str) -> Path:
        """A file on this disk, fetched when the source is a repository.

        Raises:
            ValueError: it is missing, or the hub cannot be reached; says what was tried and what to give instead.
        """
        directory = Path(self.name).expanduser()
        return _local(directory, name, self) if directory.is_dir() else _from_hub(name, self)

    def file_if_any(self, name: str) -> Path | None:
        """The same, None where the source has no such file. Ask for a file that it must have first.

        Raises:
            ValueError: the hub cannot be reached.
        """
        from huggingface_hub.errors import EntryNotFoundError

        directory = Path(self.name).expanduser()
        if directory.is_dir():
            return directory / name if (directory / name).is_file() else None
        try:
            return _from_hub(name, self)
        except ValueError as err:
            if isinstance(err.__cause__, EntryNotFoundError):
                return None
            raise

    @property
    def title(self) -> str:
        """The repository, or the folder's own name: a path of this machine is in no output."""
        directory = Path(self.name).expanduser()
        return directory.resolve().name if directory.is_dir() else self.name


def locate(source: str, need: tuple[str, ...]) -> CheckpointFiles:
    """Find the files of a checkpoint, fetching them when ``source`` is a hub repository.

    Without a config.json it is a 7B as released, as it is to NVIDIA's and Kyutai's loaders.

    Args:
        source: a local directory, or a Hugging Face repo id such as ``nvidia/personaplex-7b-v1``.
        need: which of ``moshi``, ``mimi``, ``tokenizer``.

    Raises:
        ValueError: a file is missing, the config cannot be read, or the hub cannot be reached; the message says what
            was tried and what to give instead.
    """
    given = Source(source)
    described = given.file_if_any(CONFIG_NAME)
    config = read_config(described) if described else {}  # kyutai/moshiko-pytorch-bf16 has none
    names = {kind: config.get(f"{kind}_name") or DEFAULT_NAMES[kind] for kind in need}
    files = {kind: _weights(given, name) if kind == "moshi" else given.file(name) for kind, name in names.items()}
    if "mimi" in need and config.get("mimi_config_name"):
        files["mimi_config"] = given.file(config["mimi_config_name"])
    toy = any(_is_toy(part) for file in files.values() for part in weight_files(file))
    return CheckpointFiles(source=source, config=config, toy=toy, **files)


def _weights(given: Source, name: str) -> Path:
    """A weights file, or where it is split up the index of its parts, all of them fetched."""
    index = f"{name}{INDEX_SUFFIX}"
    if not isinstance(name, str) or given.file_if_any(name) or not given.file_if_any(index):
        return given.file(name)
    for part in weight_files(given.file(index)):
        given.file(part.name)
    return given.file(index)


def weight_files(file: Path) -> list[Path]:
    """The parts of which a file is the index; any other file itself.

    Raises:
        ValueError: the index cannot be read.
    """
    if not file.name.endswith(INDEX_SUFFIX):
        return [file]
    places = read_config(file).get("weight_map")
    names = set(places.values()) if isinstance(places, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise ValueError(f"{file}: expected `weight_map`, tensors and the names of the files beside it that hold them")
    return [file.with_name(name) for name in sorted(names)]


def read_config(file: Path) -> dict[str, Any]:
    """A checkpoint's JSON object.

    Raises:
        ValueError: it cannot be read as one.
    """
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise ValueError(f"{file}: not JSON ({err}); expected the checkpoint's {file.name}") from err
    if not isinstance(config, dict):
        raise ValueError(f"{file}: expected a JSON object, found {type(config).__name__}")
    return config


def _local(directory: Path, name: str, source: Source) -> Path:
    if not isinstance(name, str):
        raise ValueError(f"{directory / CONFIG_NAME}: found {name!r} as a file's name; expected a text")
    file = directory / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{directory / CONFIG_NAME}: names the file {name!r}; expected a name inside the folder")
    if not file.is_file():
        present = ", ".join(sorted(p.name for p in directory.iterdir())[:12]) or "nothing"
        raise ValueError(
            f"{file}: missing; found in that folder: {present}. "
            f"Expected a checkpoint as `{source.toy}` or a hub download lays it out"
        )
    return file


def _from_hub(name: str, source: Source) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HFValidationError

    repo = source.name
    reachable = _hub_answers()
    try:
        return Path(hf_hub_download(repo, name) if reachable else hf_hub_download(repo, name, local_files_only=True))
    except HFValidationError as err:
        raise ValueError(f"checkpoint {repo!r}: neither a folder here nor a hub repository id (OWNER/NAME)") from err
    except Exception as err:  # the hub client raises many kinds: network, authentication, missing file, offline mode
        reason = str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__
        if not reachable:
            reason = "it cannot be reached, and nothing of that name was fetched before"
        raise ValueError(
            f"checkpoint {repo!r}: no such folder here, and fetching {name} from the hub failed ({reason}). "
            f"Give {source.flag} a folder that holds the files, log in with `hf auth login` if the repository is "
            f"gated, or make a toy with `{source.toy}`"
        ) from err


@cache
def _hub_answers() -> bool:
    """Whether the hub can be reached, asked once: its client tries again for half a minute, each time with a warning.

    Where it cannot be reached, what was fetched before is still found.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=constants.DEFAULT_ETAG_TIMEOUT)
    except Exception:  # of requests or of httpx, whichever the client is built on: name, route, proxy, certificate
        return False
    return True


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
