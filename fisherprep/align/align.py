"""The align stage: a time for every word, from its speaker's own channel, and how far it can be trusted.

A turn in which the words are not found gets times in proportion to letters, method ``proportional``; why is counted. A
call whose audio is gone or is no longer the file that was ingested gets no words at all, and a row in rejects.
Words whose transcript gives their times (recordings) keep these, method ``given``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep.align.aligner import Aligner
from fisherprep.align.channel import Channel
from fisherprep.align.choice import AlignerChoice, identity, load_aligner, located
from fisherprep.align.confidence import HeardSide, alignment_row
from fisherprep.align.confidence import counters as confidence_counters
from fisherprep.align.given import GIVEN, add_given, has_times
from fisherprep.align.turns import FoundTurn, Row, find_turns
from fisherprep.align.untold import own_speech
from fisherprep.corpus.audio import Audio
from fisherprep.corpus.call_audio import read_call_audio
from fisherprep.corpus.problems import BadInput
from fisherprep.device import torch_device
from fisherprep.engine import Engine, once
from fisherprep.schema import SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, reject, run_stage, upstream
from fisherprep.workfolder import WorkFolder


def align(work: WorkFolder, engine: Engine, aligner: AlignerChoice | None = None) -> StageSummary:
    """Bring the words and alignments tables up to date with conversations and turns.

    Args:
        work: a folder with conversations and turns.
        engine: where shards run.
        aligner: which one, and how it runs; None: the embedded one.

    Returns:
        Counts of all shards: ``turns`` (with words), ``turns: fallback``, ``fallback: REASON``, ``words``, ``words:
        METHOD``, ``audio_s`` (of calls, both channels at once), ``coverage`` (share of words that were heard),
        ``masked_s: WHY``, ``flagged sides: FLAG``, percentiles of the sides' median scores, rejects by reason.

    Raises:
        ValueError: there are no turns yet, the aligner cannot be had, or another command is writing to the folder.
    """
    from rich.console import Console

    with work.lock("align"):
        tables = upstream(work, "conversations", "turns")
        choice = located(aligner or AlignerChoice())
        if choice.files:
            once(engine, _can_load, choice)  # a model that does not fit is one error before any shard starts
        told = f"aligner: {choice.label}"
        Console(stderr=True).print(told, markup=False, highlight=False, soft_wrap=True)
        payloads = {name: {"work": str(work.path), "shard": name, "aligner": choice} for name in tables}
        shards = [Shard(name, hashes, payloads[name]) for name, hashes in tables.items()]
        summary = run_stage(work, ALIGN, shards, identity(choice), engine)
        return replace(summary, counters=Counter({**summary.counters, **_overall(work, summary.counters)}))


def _can_load(choice: AlignerChoice) -> None:
    if choice.device:
        torch_device(choice.device)
    load_aligner(choice)


def process(payload: Row, config: Row) -> ShardResult:
    """The words of one shard's calls."""
    work, shard = WorkFolder.open(Path(payload["work"])), payload["shard"]
    turns = work.read("turns", shard).to_pylist()
    result = ShardResult({"words": [], "alignments": []})
    for call in work.read("conversations", shard).to_pylist():
        own = [turn for turn in turns if turn["call_id"] == call["call_id"]]
        if has_times(own):
            add_given(call, own, result)
            continue
        try:
            audio = _audio_of(work, call, own)
        except BadInput as err:
            row = reject("align", call["call_id"], err.reason, call["audio_file"], err.found, err.expected, err.fix)
            result.rejects.append(row)
            continue
        _align_call(call, audio, own, load_aligner(payload["aligner"]), result)
    return result


ALIGN = Stage("align", 3, ("words", "alignments"), process, retry_rejects=True, settled=frozenset({"too_many_words"}))


def _audio_of(work: WorkFolder, call: Row, turns: list[Row]) -> Audio:
    """The call's audio, which must be what was ingested.

    Raises:
        BadInput: it cannot be read, has changed, or is too short to hold the words of its turns at all.
    """
    audio = read_call_audio(work, call)
    most = max((len(turn["words"]) for turn in turns), default=0)
    if most > audio.duration_s * 1000 - 1:
        found = f"a turn of {most} words in {audio.duration_s:.3f} s of audio"
        raise BadInput("too_many_words", found, "1 ms a word at least", "check that this is the call's transcript")
    return audio


def _align_call(call: Row, audio: Audio, turns: list[Row], aligner: Aligner, result: ShardResult) -> None:
    """Add a call's rows and counts. A call has turns enough to fill a batch; a shard's sound would take 1 GB."""
    own = {side: [turn for turn in turns if turn["side"] == side] for side in SIDES}
    with_words = {side: [turn for turn in own[side] if turn["words"]] for side in SIDES}
    channels = {
        side: Channel.of(samples, audio.rate_hz, with_words[side])
        for side, samples in zip(SIDES, audio.samples, strict=True)
    }
    found = find_turns([(channels[side], with_words[side]) for side in SIDES], aligner)
    own_frames = own_speech(call, audio.samples, audio.rate_hz)
    for side in SIDES:
        spoken = [turn for turn in found if turn.turn["side"] == side]
        unspoken = [turn for turn in own[side] if not turn["words"]]
        heard = HeardSide(unspoken, spoken, channels[side], own_frames[side])
        row = alignment_row(call, side, heard, aligner.limits)
        result.rows["alignments"].append(row)
        result.counters += confidence_counters(row)
    for turn in sorted(found, key=lambda turn: turn.turn["turn"]):
        result.rows["words"] += _word_rows(turn)
        _count(turn, result.counters)
    result.counters["audio_s"] += call["duration_s"]


def _word_rows(found: FoundTurn) -> list[Row]:
    turn = found.turn
    shared = {"call_id": turn["call_id"], "side": turn["side"], "turn": turn["turn"]}
    words = zip(turn["words"], found.words, found.times_s, strict=True)
    return [
        {**shared, "index": i, "word": text, "start_s": start_s, "end_s": end_s, "score": w.score, "method": w.method}
        for i, (text, w, (start_s, end_s)) in enumerate(words)
    ]


def _count(found: FoundTurn, counters: Counter[str]) -> None:
    counters.update({"turns": 1, "words": len(found.words)})
    counters.update(f"words: {word.method}" for word in found.words)
    counters["words: heard"] += sum(word.score is not None for word in found.words)
    if found.fallback:
        counters.update(["turns: fallback", f"fallback: {found.fallback}"])


def _overall(work: WorkFolder, counters: Counter[str]) -> dict[str, Any]:
    """Figures that are no sums: the share of words heard, and how the sides' scores are spread."""
    overall: dict[str, Any] = {}
    if counters["words"]:
        overall["coverage"] = (counters["words: heard"] + counters[f"words: {GIVEN}"]) / counters["words"]
    medians = work.read("alignments", columns=["score_median"])["score_median"].drop_null().to_numpy()
    for percent in (5, 50, 95) if len(medians) else ():
        overall[f"sides' median score, percentile {percent:02d}"] = float(np.quantile(medians, percent / 100))
    return overall
