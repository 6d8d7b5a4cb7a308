"""Checksums of what was saved, beside it: a byte that a disk or a copy has changed is noticed when it is read again.

FOLDER/checksums.xxh128 holds a line for each file, as the program ``xxhsum`` writes and checks them (``xxhsum -c``).
XXH3 (128 bits) is against accidents, not against forgery, and takes hardly longer than reading the files does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from finetune.parallel import World
from fisherprep.checkpoint import CONFIG_NAME, CheckpointFiles, weight_files

NAME = "checksums.xxh128"


def digests_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Name -> digest of files of a folder.

    Raises:
        OSError: one cannot be read.
    """
    import xxhash

    found = {}
    for name in names:
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
    return found


def files_of(folder: Path) -> list[str]:
    """Names of all files below a folder, as a list of checksums has them."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def share(names: list[str], world: World) -> list[str]:
    """This rank's part of some files: of a checkpoint's shards, which are numbered by rank, those it wrote itself."""
    first, last = (len(names) * rank // world.size for rank in (world.rank, world.rank + 1))
    return names[first:last]


def write(folder: Path, digests: Mapping[str, str]) -> None:
    """Write the list of checksums into a folder, flushed to the disk."""
    with (folder / NAME).open("w", encoding="utf-8") as file:
        file.writelines(f"{digests[name]}  {name}\n" for name in sorted(digests))
        file.flush()
        os.fsync(file.fileno())


def recorded(folder: Path) -> dict[str, str]:
    """Name -> digest as it was when the folder was written; empty where it has no list.

    Raises:
        ValueError: the list cannot be read.
    """
    file = folder / NAME
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as err:
        raise ValueError(f"{file}: cannot be read ({err})") from err
    pairs = [line.partition("  ") for line in lines]
    if not all(digest and name for digest, _, name in pairs):
        raise ValueError(f"{file}: is damaged: not every line is a checksum and a file's name")
    return {name: digest for digest, _, name in pairs}


def check(folder: Path, expected: Mapping[str, str]) -> None:
    """Raise ``ValueError`` where a file of a folder is missing or is not as ``recorded`` has it."""
    for name, digest in expected.items():
        try:
            found = digests_of(folder, [name])[name]
        except OSError as err:
            raise ValueError(f"{folder / name}: cannot be read ({err.strerror or err})") from err
        if found != digest:
            raise ValueError(
                f"{folder / name}: is damaged: its checksum is {found}, but was {digest} when it was saved"
            )


def compare_export(files: CheckpointFiles) -> None:
    """Raise ``ValueError`` where a file is not as it was exported; what comes from elsewhere has no list and passes."""
    given = [file for file in (files.moshi, files.mimi, files.mimi_config, files.tokenizer) if file is not None]
    used = [*given, *(part for file in given for part in weight_files(file) if part != file)]
    for folder in sorted({file.parent for file in used}):
        expected = recorded(folder)
        names = [CONFIG_NAME, *(file.name for file in used if file.parent == folder)]
        try:
            check(folder, {name: expected[name] for name in names if name in expected})
        except ValueError as err:
            raise ValueError(
                f"{err}; export or copy it again, or delete {NAME} there if you changed it yourself"
            ) from err
