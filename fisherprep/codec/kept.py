"""Codes of an earlier run that need not be made again: other prompts, words or names do not change a call's sound.

What a call's codes were made from is told by the ``sound`` hash in its provenance: the audio, the codec, and what was
done to the one before the other. A shard's tables are believed only where they are, byte for byte, those that its
completion record names: the voices table has no hash of its own, and a killed run may leave one table new and one old.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from fisherprep.codec.call import Call, Kept
from fisherprep.schema import NUM_CODEBOOKS, SIDES
from fisherprep.workfolder import WorkFolder, fingerprint

SOUND_VERSION = 1
"""Raised when the same sound and codec give other codes, or the same words other voice prompts."""

_AUDIO = ("audio_sha256", "audio_sha256_b", "num_samples", "sample_rate_hz", "loudness_lufs_a", "loudness_lufs_b")
_MENDED = ("salvaged", "checksum_mismatch", "padded_side")
_CODEC = (
    "mimi_sha256", "mimi_config_sha256", "num_codebooks", "resampler", "loudness", "restore", "voice_lufs", "exact",
)  # fmt: skip


def sound_key(call: Call, config: Mapping[str, Any]) -> str:
    """Hash of all that the codes of a call's sides depend on."""
    audio = [call.row.get(name) for name in _AUDIO] + [flag in call.row["flags"] for flag in _MENDED]
    return fingerprint([SOUND_VERSION, audio, [config[name] for name in _CODEC]])


def voices_key(call: Call, config: Mapping[str, Any]) -> str:
    """Hash of all that a call's voice prompts depend on."""
    speakers = [call.row[f"speaker_{side}"] for side in SIDES]
    told = [call.turns, call.words, call.unsure(), speakers, config["voices"]]
    return fingerprint([sound_key(call, config), told])


def kept_calls(
    work: WorkFolder, shard: str, outputs: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[str, str, Kept]]:
    """What a shard's tables hold, by call: the hashes of `sound_key` and `voices_key`, and what was made.

    ``outputs``: the files of the shard's completion record. Empty where they are no more what the record says.
    """
    files = [f"{table}/{shard}.parquet" for table in ("codes", "voices")]
    if not outputs.keys() >= set(files) or work.changed({file: outputs[file] for file in files}):
        return {}
    try:
        codes, voices = work.read("codes", shard), work.read("voices", shard)
    except ValueError:  # of an earlier schema
        return {}
    of_call: dict[str, list[dict[str, Any]]] = {}
    for row, found in zip(voices.drop(["codes"]).to_pylist(), code_arrays(voices["codes"]), strict=True):
        of_call.setdefault(row["call_id"], []).append(row | {"codes": found})
    sides = zip(*(code_arrays(codes[f"codes_{side}"]) for side in SIDES), strict=True)
    gains = zip(*(codes[f"gain_db_{side}"].to_pylist() for side in SIDES), strict=True)
    kept = {}
    for call_id, provenance, pair, pair_db in zip(
        codes["call_id"].to_pylist(), codes["provenance"].to_pylist(), sides, gains, strict=True
    ):
        told = json.loads(provenance)
        kept[call_id] = told.get("sound", ""), told.get("voices_key", ""), Kept(pair, pair_db, of_call.get(call_id, []))
    return kept


def code_arrays(column: Any) -> list[np.ndarray]:
    """Each row of a column of codes as int16 [8, T]."""
    rows = column.combine_chunks()
    if not len(rows):
        return []
    inner = rows.flatten()
    offsets, flat = inner.offsets.to_numpy(), inner.values.to_numpy()
    starts = offsets[::NUM_CODEBOOKS]
    return [flat[a:b].reshape(NUM_CODEBOOKS, -1) for a, b in pairwise(starts)]
