"""A call's two channels, whether they lie in one file or in two: the one way to its samples for every stage.

Legend: N samples per channel.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep.corpus.audio import Audio, read_audio
from fisherprep.corpus.problems import BadInput
from fisherprep.workfolder import WorkFolder

FISHER_RATE_HZ = 8000
"""Rate of every SPHERE file of the releases; converted files may have another."""
MAX_PADDING_S = 1.0
"""A pair's sides may differ by a converter's block or a trimmed end; more means that they are not one call's."""
_FIX = "copy the file from the release again"


def read_call_audio(work: WorkFolder, row: dict[str, Any]) -> Audio:
    """The samples [2, N] of a conversations row, as ingest saw them: mended in the same way, or not at all.

    The row must hold audio_root, audio_file, audio_file_b, num_samples, sample_rate_hz and flags.

    Of a pair of files, ``sha256`` is the hash of both hashes and ``num_bytes`` the sum.

    Raises:
        BadInput: (a ``ValueError``) a file cannot be read or decoded, or is not what ingest found there.
    """
    paths = [work.audio_path(row)]
    if row["audio_file_b"]:
        paths.append(work.audio_path(row | {"audio_file": row["audio_file_b"]}))
    files = read_call_files(paths, "salvaged" in row["flags"], "checksum_mismatch" not in row["flags"])
    for file, path, recorded in zip(files, paths, (row["audio_sha256"], row["audio_sha256_b"]), strict=False):
        if file.sha256 != recorded:
            found, expected = f"sha256 {file.sha256[:12]}...", f"{str(recorded)[:12]}..., as ingested"
            raise BadInput("changed_audio", found, expected, "run `fisherprep ingest` again", str(path))
    audio = join_sides(files)
    if audio.samples.shape[1] != row["num_samples"] or audio.rate_hz != row["sample_rate_hz"]:
        found = f"{audio.samples.shape[1]} samples at {audio.rate_hz} Hz"
        expected = f"{row['num_samples']} at {row['sample_rate_hz']} Hz, as when it was ingested"
        raise BadInput("changed_audio", found, expected, "run `fisherprep ingest` again", str(paths[0]))
    return audio


def read_call_files(paths: list[Path], salvage: bool = False, verify_checksum: bool = True) -> list[Audio]:
    """Read the one file of a call, or the two with one side each; each file once.

    Raises:
        BadInput: a file cannot be read or decoded, or has not the channels that a call needs.
    """
    expected = 2 if len(paths) == 1 else 1
    files = []
    for path in paths:
        audio = read_audio(path, salvage=salvage, verify_checksum=verify_checksum)
        channels = audio.samples.shape[0]
        if channels != expected:
            wanted = "2: side A, side B" if expected == 2 else "1: a file named for one side holds that side alone"
            raise BadInput("wrong_channels", f"{channels} channels", wanted, "give the file with both sides", str(path))
        if audio.format.startswith("sphere") and audio.rate_hz != FISHER_RATE_HZ:
            wanted = f"{FISHER_RATE_HZ} Hz in Fisher's SPHERE files"
            raise BadInput("wrong_rate", f"{audio.rate_hz} Hz", wanted, _FIX, str(path))
        files.append(audio)
    return files


def join_sides(files: list[Audio]) -> Audio:
    """One Audio with both sides; the shorter of two files is filled with silence (flag ``padded_side``).

    Raises:
        BadInput: the two files differ in rate, or by more than `MAX_PADDING_S`.
    """
    if len(files) == 1:
        return files[0]
    a, b = files
    longer = max(a.samples.shape[1], b.samples.shape[1])
    gap = 2 * longer - a.samples.shape[1] - b.samples.shape[1]
    if a.rate_hz != b.rate_hz or gap > MAX_PADDING_S * a.rate_hz:
        found = f"side a {a.duration_s:.2f} s at {a.rate_hz} Hz, side b {b.duration_s:.2f} s at {b.rate_hz} Hz"
        expected = f"one rate, and lengths that differ by at most {MAX_PADDING_S:.0f} s"
        raise BadInput("sides_differ", found, expected, "convert both sides of the call again, in the same way")
    samples = np.zeros((2, longer), np.int16)
    for channel, side in enumerate(files):
        samples[channel, : side.samples.shape[1]] = side.samples[0]
    return replace(
        a,
        samples=samples,
        format=a.format if a.format == b.format else f"{a.format}+{b.format}",
        sha256=hashlib.sha256(f"{a.sha256}{b.sha256}".encode()).hexdigest(),
        num_bytes=a.num_bytes + b.num_bytes,
        flags=a.flags + b.flags + (("padded_side",) if gap else ()),
        notes=a.notes + b.notes,
    )


def is_lossy(audio: Audio) -> bool:
    """Whether sound was lost in a conversion before the file came here."""
    return any(kind.startswith(("mp3", "ogg")) for kind in audio.format.split("+"))
