"""For lhotse: recording and supervision manifests, a pair for each split, and the audio as FLAC.

Fields as ``lhotse.Recording``, ``lhotse.SupervisionSegment`` and ``AlignmentItem`` have them in their JSON form.
Audio is copied, at its own rate: neither libsndfile nor ffmpeg can read what the LDC ships, and what ingest mended is
mended here.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from fisherprep.corpus.problems import BadInput
from fisherprep.export.calls import choice_of, refused, rows_by_call, rows_of_splits
from fisherprep.export.folder import Payload, write_part
from fisherprep.schema import SIDES
from fisherprep.sound import sound_bytes
from fisherprep.stage import ShardResult
from fisherprep.workfolder import WorkFolder, check_id

VERSION = 1
TABLES = ("conversations", "turns", "words")
FOLDERS = ("audio",)
RECORDINGS = "{dataset}_recordings_{split}.jsonl.gz"
SUPERVISIONS = "{dataset}_supervisions_{split}.jsonl.gz"
INDEXES = (RECORDINGS, SUPERVISIONS)
COUNTED = "recordings"
SETTLED: frozenset[str] = frozenset()
_GENDER = {"f": "female", "m": "male"}

README = """
# {dataset} for lhotse

`{dataset}_recordings_SPLIT.jsonl.gz` and `{dataset}_supervisions_SPLIT.jsonl.gz`: a recording is a call, a
supervision a turn, with its words' times under `alignment["word"]`. Channel 0 is side a, channel 1 side b.

```python
from lhotse import CutSet, RecordingSet, SupervisionSet

recordings = RecordingSet.from_file("{out}/{dataset}_recordings_train.jsonl.gz")
supervisions = SupervisionSet.from_file("{out}/{dataset}_supervisions_train.jsonl.gz")
cuts = CutSet.from_manifests(recordings=recordings, supervisions=supervisions)
```

Sources are absolute paths: after moving the folder, export again or use `with_path_prefix`. `text` has the normalised
words; `custom` has the turn's number, its own text (`raw_text`) and its flags. Turns without words are left out.
"""


def write_shard(payload: Payload, config: dict[str, Any]) -> ShardResult:
    """FLAC files of a shard's calls, and the lines of their manifests."""
    choice, result = choice_of(config), ShardResult({})
    turns, words = rows_by_call(payload, "turns"), rows_by_call(payload, "words")
    lines = []
    for row in rows_of_splits(payload, "conversations", choice.splits):
        call_id = check_id(row["call_id"])
        try:
            recording = _recording(payload, row)
        except BadInput as err:
            result.rejects.append(refused(call_id, err.reason, row["audio_file"], err.found, err.expected, err.fix))
            continue
        found = _supervisions(row, recording["duration"], turns[call_id], words[call_id], result)
        result.files.append(recording["sources"][0]["source"])
        result.counters.update(recordings=1, supervisions=len(found))
        result.counters["hours"] += recording["duration"] / 3600
        of = {"dataset": payload.work.name, "split": row["split"]}
        lines.append((RECORDINGS.format(**of), recording))
        lines += [(SUPERVISIONS.format(**of), supervision) for supervision in found]
    result.files += write_part(payload, lines)
    return result


def _recording(payload: Payload, row: dict[str, Any]) -> dict[str, Any]:
    """Write the audio; returns its manifest, with the path relative to the export's folder."""
    from fisherprep.corpus.call_audio import read_call_audio

    audio = read_call_audio(payload.work, row)
    relative = f"audio/{row['call_id']}.flac"
    payload.out.write_bytes(relative, sound_bytes(np.asarray(audio.samples).T, audio.rate_hz, "FLAC"))
    channels = list(range(len(SIDES)))
    num_samples = audio.samples.shape[1]
    return {
        "id": row["call_id"],
        "sources": [{"type": "file", "channels": channels, "source": relative}],
        "sampling_rate": audio.rate_hz,
        "num_samples": num_samples,
        "duration": num_samples / audio.rate_hz,
        "channel_ids": channels,
    }


def _supervisions(
    row: dict[str, Any],
    duration_s: float,
    turns: list[dict[str, Any]],
    words: list[dict[str, Any]],
    result: ShardResult,
) -> list[dict[str, Any]]:
    spoken = defaultdict(list)
    for word in sorted(words, key=lambda word: word["index"]):
        spoken[word["turn"]].append(word)
    supervisions = []
    for turn in turns:
        start_s, end_s = max(0.0, turn["start_s"]), min(turn["end_s"], duration_s)
        if not turn["words"] or round(end_s - start_s, 6) <= 0:
            result.counters["turns_without_words"] += 1
            continue
        supervisions.append(_supervision(row, turn, start_s, end_s, spoken[turn["turn"]]))
    return supervisions


def _supervision(
    row: dict[str, Any], turn: dict[str, Any], start_s: float, end_s: float, words: list[dict[str, Any]]
) -> dict[str, Any]:
    side = turn["side"]
    supervision = {
        "id": f"{row['call_id']}-{side}-{turn['turn']:05d}",
        "recording_id": row["call_id"],
        "start": round(start_s, 6),
        "duration": round(end_s - start_s, 6),
        "channel": SIDES.index(side),
        "text": " ".join(turn["words"]),
        "language": "English",
        "speaker": row[f"speaker_{side}"],
        "custom": {"turn": turn["turn"], "raw_text": turn["text"], "flags": turn["flags"], "corpus": row["corpus"]},
    }
    if gender := _GENDER.get(row[f"sex_{side}"] or row[f"pin_sex_{side}"]):
        supervision["gender"] = gender
    if words:
        supervision["alignment"] = {"word": [_aligned(word) for word in words]}
    return supervision


def _aligned(word: dict[str, Any]) -> list[Any]:
    """symbol, start, duration, score."""
    length_s = round(max(0.0, word["end_s"] - word["start_s"]), 6)
    return [word["word"], round(word["start_s"], 6), length_s, word["score"]]


def index_line(out: WorkFolder, line: dict[str, Any]) -> dict[str, Any]:
    """A recording's source becomes an absolute path."""
    if "sources" not in line:
        return line
    sources = [{**source, "source": str(out.path.resolve() / source["source"])} for source in line["sources"]]
    return {**line, "sources": sources}
