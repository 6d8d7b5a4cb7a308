"""For kyutai-labs/moshi-finetune: stereo WAV at 24 kHz with the agent on the left, alignments, and jsonl lists.

Read by its ``finetune/data/dataset.py`` (``sphn.dataset_jsonl``: ``path`` relative to the jsonl, ``duration`` in
seconds) and ``finetune/data/interleaver.py`` (``InterleavedTokenizer``: the JSON beside the WAV, whose alignments
must be in order of start; ``train.py`` keeps those of SPEAKER_MAIN alone). Legend: N samples at 24 kHz.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.corpus.problems import BadInput
from fisherprep.export.calls import Choice, Item, choice_of, items_of, not_agent, refused, rows_by_call, rows_of_splits
from fisherprep.export.folder import Payload, write_part
from fisherprep.schema import CODEC_RATE_HZ, SIDES
from fisherprep.sound import sound_bytes
from fisherprep.stage import ShardResult
from fisherprep.workfolder import WorkFolder

VERSION = 1
TABLES = ("conversations", "words", "personas")
FOLDERS = ("audio",)
LIST = "{split}.jsonl"
INDEXES = (LIST,)
COUNTED = "items"
SETTLED = frozenset({"no_words", "agent_side"})
MAIN, OTHER = "SPEAKER_MAIN", "SPEAKER_USER"
_SHORTEST_S = 0.001
"""Words without a duration are dropped by the interleaver."""

README = """
# {dataset} for moshi-finetune

`train.jsonl`, `valid.jsonl` and `test.jsonl` list stereo WAV files (24 kHz, 16 bits): **left is the agent, right the
user**. Beside each lies a JSON file with the words of both and their times; `SPEAKER_MAIN` is the agent. Name one
file, not the folder: moshi-finetune takes every jsonl file below a folder, held-out ones too.

```yaml
data:
  train_data: '{out}/train.jsonl'
  eval_data: '{out}/valid.jsonl'
```

Side a of a call is its channel 1. An item is called as its call, and `CALL-a` or `CALL-b` where each side was the
agent in turn. `prompts` in the JSON files is not read by moshi-finetune. Its text row knows no masked frames: where
what is said is not known, it holds padding.
"""


def write_shard(payload: Payload, config: dict[str, Any]) -> ShardResult:
    """WAV and JSON files of a shard's calls."""
    choice, result = choice_of(config), ShardResult({})
    words, personas = rows_by_call(payload, "words"), rows_by_call(payload, "personas")
    lines = []
    for row in rows_of_splits(payload, "conversations", choice.splits):
        call_id = row["call_id"]
        items = items_of(row, choice.agent_side)
        if not items:
            result.rejects.append(not_agent(row, choice))
        elif not words[call_id]:
            expected = "a transcript with words"
            fix = "see the rejects of ingest and align"
            result.rejects.append(refused(call_id, "no_words", "words", "no words on either side", expected, fix))
        else:
            try:
                lines += _write_call(payload, row, items, _Text(words[call_id], personas[call_id], choice), result)
            except BadInput as err:
                place = row["audio_file"]
                result.rejects.append(refused(call_id, err.reason, place, err.found, err.expected, err.fix))
    result.files += write_part(payload, lines)
    return result


class _Text:
    """The words of a call's sides as they are written, with their times, and their prompts."""

    def __init__(self, words: list[dict[str, Any]], personas: list[dict[str, Any]], choice: Choice) -> None:
        from fisherprep.codec.call import written_words

        self.words: dict[str, list[tuple[str, float, float]]] = {}
        for side in SIDES:
            own = [word for word in words if word["side"] == side]
            own.sort(key=lambda word: (word["start_s"], word["turn"], word["index"]))
            written = written_words(own, choice.truecase)
            pairs = zip(written, own, strict=True)
            self.words[side] = [(text, start_s, word["end_s"]) for (text, start_s), word in pairs]
        self.prompts = {persona["side"]: persona["prompts"] for persona in personas}

    def alignments(self, item: Item) -> list[list[Any]]:
        """As moshi-finetune has them, in order of start."""
        labels = ((item.agent, MAIN), (item.user, OTHER))
        spoken = [(*word, label) for side, label in labels for word in self.words[side]]
        return [
            [text, [round(start_s, 3), max(round(end_s, 3), round(start_s + _SHORTEST_S, 3))], label]
            for text, start_s, end_s, label in sorted(spoken, key=lambda word: word[1])
        ]


def _write_call(
    payload: Payload, row: dict[str, Any], items: list[Item], text: _Text, result: ShardResult
) -> list[tuple[str, dict[str, Any]]]:
    samples = _at_codec_rate(payload.work, row)
    result.counters["clipped_samples"] += int((np.abs(samples + 0.5) > 32768).sum())
    pcm = dict(zip(SIDES, np.clip(samples, -32768, 32767).astype(np.int16), strict=True))
    num_samples = samples.shape[1]
    lines = []
    for item in items:
        spoken = {"alignments": text.alignments(item), "prompts": text.prompts.get(item.agent, [])}
        files = [f"audio/{item.name}.wav", f"audio/{item.name}.json"]
        stereo = np.stack([pcm[item.agent], pcm[item.user]], axis=1)
        payload.out.write_bytes(files[0], sound_bytes(stereo, CODEC_RATE_HZ, "WAV"))
        payload.out.write_text(files[1], json.dumps(spoken, ensure_ascii=False) + "\n")
        result.files += files
        result.counters.update(items=1, words=len(spoken["alignments"]))
        duration_s = num_samples / CODEC_RATE_HZ
        result.counters["hours"] += duration_s / 3600
        lines.append((LIST.format(split=row["split"]), {"path": files[0], "duration": duration_s}))
    return lines


def _at_codec_rate(work: WorkFolder, row: dict[str, Any]) -> np.ndarray:
    """Both channels as whole numbers, float32 [2, N] at 24 kHz, N = ceil(M * 24000 / rate).

    Raises:
        BadInput: a file cannot be read, or is not the one that was ingested.
    """
    import soxr

    audio = read_call_audio(work, row)
    samples, rate_hz = np.asarray(audio.samples, np.float32), audio.rate_hz
    if rate_hz == CODEC_RATE_HZ:
        return samples
    resampled = np.zeros((len(samples), -(-samples.shape[1] * CODEC_RATE_HZ // rate_hz)), np.float32)
    for channel, new in zip(samples, resampled, strict=True):
        found = soxr.resample(channel, rate_hz, CODEC_RATE_HZ, quality="HQ")[: len(new)]
        new[: len(found)] = found
    return np.round(resampled)


def index_line(out: WorkFolder, line: dict[str, Any]) -> dict[str, Any]:
    """Paths stay relative: they are looked up beside the jsonl."""
    return line
