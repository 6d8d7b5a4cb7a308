"""The ``encode`` stage: conversations, turns, words, alignments and personas to codes and voices.

Calls of every split are encoded, ``excluded`` ones too: the codes table has a row for each call that can be used at
all, and its ``split`` says what for. A call whose audio has become unreadable, or that has no words, is rejected.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep import __version__
from fisherprep.checkpoint import CheckpointFiles, locate
from fisherprep.codec import DEFAULT_LUFS, DEFAULT_VERIFY, DEFAULT_VOICES, PRECISIONS
from fisherprep.codec.ahead import READERS, in_order
from fisherprep.codec.audio import RESAMPLER, Treatment, codec_audio
from fisherprep.codec.call import Call, Prepared, check_words, finish_call, prepare_call
from fisherprep.codec.kept import kept_calls, sound_key, voices_key
from fisherprep.codec.loaded import Asked, Model, load_once, ready
from fisherprep.codec.mimi import VOICE_LUFS
from fisherprep.codec.precision import Encode, is_batched
from fisherprep.codec.restore import restore_of
from fisherprep.codec.summary import text_counters, with_shares
from fisherprep.codec.text_stream import Unknown
from fisherprep.codec.truecase import DEFAULT_RULE, RULES
from fisherprep.corpus.problems import BadInput
from fisherprep.device import one_thread
from fisherprep.engine import Engine, ThreadEngine, local_engine, once
from fisherprep.schema import NUM_CODEBOOKS, SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, reject, run_stage, upstream
from fisherprep.workfolder import WorkFolder

_SHARDS_AT_ONCE = 3
"""Shards under way on an accelerator: one is read and one is written while one is encoded."""


@dataclass(frozen=True)
class _Payload:
    work: WorkFolder
    shard: str
    model: Model
    treatment: Treatment
    source: str
    """name of the checkpoint, for the provenance; the hashes tell whether it is another"""
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """what an earlier run left, by its completion record"""


def encode(
    work: WorkFolder,
    checkpoint: str,
    device: str | None = None,
    engine: Engine | None = None,
    truecase: str = DEFAULT_RULE,
    precision: str = PRECISIONS[0],
    verify: int = DEFAULT_VERIFY,
    exact: bool = False,
    voices: int = DEFAULT_VOICES,
    loudness: float | None = DEFAULT_LUFS,
    restore: str | None = None,
) -> StageSummary:
    """Bring the codes and voices tables up to date.

    Calls whose sound is as before keep their codes, whatever became of their words, prompts and names.

    Args:
        work: a folder with conversations, turns, words, alignments and personas.
        checkpoint: local directory or hub repo id whose Mimi and tokenizer are used.
        device: of torch; None: cuda where there is one, else cpu.
        engine: where shards run; None: a process per core on a CPU (torch's threads spend much of their time waiting
            for each other), threads of this process on an accelerator.
        truecase: how words are written on the text row, one of ``truecase.RULES``.
        precision: ``auto``: batches on an accelerator, where their codes equal plain float32's; ``fp32``: plain.
        verify: with ``auto``, how many of the first calls are encoded in both ways to tell; 0: none, trust the batches.
        exact: stream every call frame by frame, as a live server does.
        voices: candidate voice prompts of each side of a call, at the most.
        loudness: integrated loudness, in LUFS, to which each channel is brought; None: as recorded.
        restore: ``module:callable`` that extends the band of recordings below 24 kHz (``fisherprep.codec.restore``).

    Returns:
        Counts over all shards, with the share of text frames that are masked, by reason.

    Raises:
        ValueError: there is no such rule, precision, device or callable, a table or a checkpoint file is missing, or
            the weights do not fit.
    """
    if truecase not in RULES:
        raise ValueError(f"truecase {truecase!r}: expected one of {', '.join(RULES)}")
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    treatment = Treatment(loudness, None if restore is None else restore_of(restore))
    with work.lock("encode"):
        inputs = upstream(work, "conversations", "turns", "words", "alignments", "personas")
        files = locate(checkpoint, ("mimi", "tokenizer"))
        asked = Asked(work, inputs, files, device, precision, exact, verify, treatment)
        model, told = once(engine, ready, asked)
        for line in told:
            _tell(line)
        source, done = _source(files), work.done(STAGE.name)
        outputs = {name: record.outputs for name, record in done.items()}
        shards = [
            Shard(name, hashes, _Payload(work, name, model, treatment, source, outputs.get(name, {})))
            for name, hashes in inputs.items()
        ]
        config = _config(files, model, treatment) | {"truecase": truecase, "exact": exact, "voices": voices}
        return with_shares(run_stage(work, STAGE, shards, config, engine or _usual_engine(model.device)))


def _tell(text: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def _usual_engine(device: str) -> Engine:
    return local_engine(0) if device == "cpu" else ThreadEngine(_SHARDS_AT_ONCE)


def _source(files: CheckpointFiles) -> str:
    source = Path(files.source).expanduser()
    return source.resolve().name if source.is_dir() else files.source


def _config(files: CheckpointFiles, model: Model, treatment: Treatment) -> dict[str, Any]:
    """What the rows depend on besides the inputs; with the checkpoint's name it becomes each row's provenance."""
    return {
        "toy": files.toy,
        "mimi_sha256": model.mimi_sha256,
        "mimi_config_sha256": model.architecture_sha256,
        "num_codebooks": NUM_CODEBOOKS,
        "tokenizer_sha256": model.tokenizer_sha256,
        "resampler": RESAMPLER,
        "loudness": treatment.loudness,
        "restore": treatment.restore and treatment.restore.as_provenance(),
        "voice_lufs": VOICE_LUFS,
        "fisherprep": __version__,
    }


def _process(payload: _Payload, config: dict[str, Any]) -> ShardResult:
    loaded = load_once(payload.model)
    result = ShardResult({"codes": [], "voices": []})
    for prepared, codes in _encoded(payload, config, loaded.encode):
        call = prepared.call if isinstance(prepared, Prepared) else prepared[0]
        try:
            if not isinstance(prepared, Prepared):
                raise prepared[1]
            encoded = finish_call(prepared, codes, loaded.spell, config["truecase"])
        except BadInput as err:
            result.rejects.append(_reject(call.row, err))
            continue
        keys = {"sound": sound_key(call, config), "voices_key": voices_key(call, config)}
        provenance = json.dumps(config | keys | {"source": payload.source}, sort_keys=True)
        result.rows["codes"].append({**encoded.row, "provenance": provenance})
        result.rows["voices"] += encoded.voices
        heard = {voice["side"] for voice in encoded.voices}
        result.counters += Counter(
            frames=encoded.row["num_frames"],
            voice_prompts=len(encoded.voices),
            sides_without_voice=len(SIDES) - len(heard),
        )
        for stream in encoded.text.values():
            result.counters += text_counters(stream)
    return result


_Refused = tuple[Call, BadInput]


def _encoded(
    payload: _Payload, config: dict[str, Any], encode: Encode
) -> Iterator[tuple[Prepared | _Refused, list[np.ndarray]]]:
    """Each call of a shard with the codes of its signals: all at once where the encoder works in batches."""
    calls = _calls(payload.work, payload.shard)
    kept = kept_calls(payload.work, payload.shard, payload.outputs)

    def prepare(call: Call) -> Prepared | _Refused:
        try:
            check_words(call)
            sound, voices, made = kept.get(call.row["call_id"], ("", "", None))
            if made is not None and voices == voices_key(call, config):
                return Prepared(call, [], made.voices, made.gains_db, made.sides)
            audio = codec_audio(payload.work, call.row, payload.treatment)
            prepared = prepare_call(call, audio, config["voices"], made if sound == sound_key(call, config) else None)
            return replace(prepared, signals=encode.pinned(prepared.signals)) if is_batched(encode) else prepared
        except BadInput as err:
            return call, err

    if not is_batched(encode):
        for prepared in map(prepare, calls):
            with one_thread():
                encoded = encode(prepared.signals) if isinstance(prepared, Prepared) else []
            yield prepared, encoded
        return
    waiting = list(in_order(prepare, calls, READERS))
    codes = iter(encode([s for prepared in waiting if isinstance(prepared, Prepared) for s in prepared.signals]))
    for prepared in waiting:
        count = len(prepared.signals) if isinstance(prepared, Prepared) else 0
        yield prepared, list(islice(codes, count))


def _reject(row: dict[str, Any], err: BadInput) -> dict[str, Any]:
    return reject(STAGE.name, row["call_id"], err.reason, row["audio_file"], err.found, err.expected, err.fix)


def _calls(work: WorkFolder, shard: str) -> list[Call]:
    def by_call(table: str, *columns: str) -> dict[str, list[dict[str, Any]]]:
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in work.read(table, shard, list(columns) or None).to_pylist():
            groups.setdefault(row["call_id"], []).append(row)
        return groups

    turns, words = by_call("turns"), by_call("words")
    personas = by_call("personas", "call_id", "side", "prompts")
    alignments = by_call("alignments", "call_id", "side", "unknown")
    return [
        Call(
            row,
            turns.get(call_id, []),
            words.get(call_id, []),
            {persona["side"]: persona["prompts"] for persona in personas.get(call_id, [])},
            {side["side"]: [Unknown(**span) for span in side["unknown"]] for side in alignments.get(call_id, [])},
        )
        for call_id, (row,) in by_call("conversations").items()
    ]


STAGE = Stage(
    "encode", 3, ("codes", "voices"), _process, retry_rejects=True, settled=frozenset({"no_words", "text_does_not_fit"})
)
