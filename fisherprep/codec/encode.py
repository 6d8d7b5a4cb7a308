"""The ``encode`` stage: conversations, turns, words, alignments and personas to codes and voices.

Calls of every split are encoded, ``excluded`` ones too: the codes table has a row for each call that can be used at
all, and its ``split`` says what for. A call whose audio has become unreadable, or that has no words, is rejected.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from fisherprep import __version__
from fisherprep.checkpoint import CheckpointFiles, locate
from fisherprep.codec import DEFAULT_LUFS, DEFAULT_VERIFY, DEFAULT_VOICES, PRECISIONS
from fisherprep.codec.ahead import READERS, in_order
from fisherprep.codec.audio import RESAMPLER, Treatment, codec_audio
from fisherprep.codec.call import Call, Prepared, check_words, finish_call, prepare_call
from fisherprep.codec.kept import kept_calls, sound_key, voices_key
from fisherprep.codec.mimi import VOICE_LUFS, load_mimi
from fisherprep.codec.precision import Encode, is_batched, signal_encoder, verified
from fisherprep.codec.restore import restore_of
from fisherprep.codec.spell import word_speller
from fisherprep.codec.text_stream import TextStream, Unknown
from fisherprep.codec.truecase import DEFAULT_RULE, RULES
from fisherprep.corpus.problems import BadInput
from fisherprep.device import one_thread, torch_device
from fisherprep.engine import Engine, ThreadEngine, local_engine, once
from fisherprep.schema import NUM_CODEBOOKS, SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, reject, run_stage, upstream
from fisherprep.workfolder import WorkFolder, sha256_file

if TYPE_CHECKING:
    from moshi.models import MimiModel

_SHARDS_AT_ONCE = 3
"""Shards under way on an accelerator: one is read and one is written while one is encoded."""
_SHIFTS = (1, 2, 4, 8, 16)
"""Where counts of shifted tokens begin anew, in frames; counts by distance add up over shards, quantiles do not."""


@dataclass(frozen=True)
class _Model:
    """Files of the codec and the tokenizer with their hashes, and where the codec runs."""

    mimi: Path
    mimi_sha256: str
    architecture: Path | None
    architecture_sha256: str | None
    tokenizer: Path
    tokenizer_sha256: str
    device: str
    precision: str
    exact: bool


@dataclass(frozen=True)
class _Payload:
    work: WorkFolder
    shard: str
    model: _Model
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
        asked = _Asked(work, inputs, files, device, precision, exact, verify, treatment)
        model, told = once(engine, _ready, asked)
        for line in told:
            _tell(line)
        source, done = _source(files), work.done(STAGE.name)
        outputs = {name: record.outputs for name, record in done.items()}
        shards = [
            Shard(name, hashes, _Payload(work, name, model, treatment, source, outputs.get(name, {})))
            for name, hashes in inputs.items()
        ]
        config = _config(files, model, treatment) | {"truecase": truecase, "exact": exact, "voices": voices}
        return _with_shares(run_stage(work, STAGE, shards, config, engine or _usual_engine(model.device)))


def _tell(text: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def _first_audio(work: WorkFolder, shards: Iterable[str], num_calls: int, treatment: Treatment) -> Iterator[np.ndarray]:
    """The audio of the first calls that can be read; the same ones however much of the run is done already."""
    for shard in shards:
        for row in work.read("conversations", shard).to_pylist():
            try:
                samples = codec_audio(work, row, treatment).samples
            except BadInput:
                continue
            yield samples
            num_calls -= 1
            if not num_calls:
                return


def _usual_engine(device: str) -> Engine:
    return local_engine(0) if device == "cpu" else ThreadEngine(_SHARDS_AT_ONCE)


def _model(files: CheckpointFiles, device: str, precision: str, exact: bool) -> _Model:
    assert files.mimi is not None and files.tokenizer is not None, "located with both"
    architecture = files.mimi_config
    return _Model(
        files.mimi,
        sha256_file(files.mimi),
        architecture,
        sha256_file(architecture) if architecture else None,
        files.tokenizer,
        sha256_file(files.tokenizer),
        device,
        precision,
        exact,
    )


@dataclass(frozen=True)
class _Loaded:
    mimi: MimiModel
    encode: Encode
    spell: Callable[[str], list[int]]


@lru_cache(maxsize=1)
def _load(model: _Model) -> _Loaded:
    """Codec and tokenizer, loaded once per process; other bytes under the same names are another model."""
    mimi = load_mimi(model.mimi, model.architecture, model.device)
    return _Loaded(mimi, signal_encoder(mimi, model.precision, model.exact), word_speller(model.tokenizer))


_loading = Lock()


@dataclass(frozen=True)
class _Asked:
    """What a model is made from where the shards will be done."""

    work: WorkFolder
    inputs: dict[str, Any]
    files: CheckpointFiles
    device: str | None
    precision: str
    exact: bool
    verify: int
    treatment: Treatment


def _ready(asked: _Asked) -> tuple[_Model, list[str]]:
    """The model, once it could be loaded on a device that is there and its codes are those of plain float32."""
    model = _model(asked.files, torch_device(asked.device), asked.precision, asked.exact)
    loaded = _load(model)  # a checkpoint that does not fit is one error before any shard starts
    told = [f"codec and tokenizer: {asked.files.label}; device: {model.device}"]
    if asked.verify and is_batched(loaded.encode):
        calls = _first_audio(asked.work, asked.inputs, asked.verify, asked.treatment)
        verdict = verified(loaded.mimi, loaded.encode, calls)
        told.append(verdict.text)
        model = model if verdict.suffices else replace(model, precision="fp32")
    return model, told


def _source(files: CheckpointFiles) -> str:
    source = Path(files.source).expanduser()
    return source.resolve().name if source.is_dir() else files.source


def _config(files: CheckpointFiles, model: _Model, treatment: Treatment) -> dict[str, Any]:
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
    with _loading:
        loaded = _load(payload.model)
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
            result.counters += _text_counters(stream)
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
    ready = list(in_order(prepare, calls, READERS))
    codes = iter(encode([s for prepared in ready if isinstance(prepared, Prepared) for s in prepared.signals]))
    for prepared in ready:
        count = len(prepared.signals) if isinstance(prepared, Prepared) else 0
        yield prepared, list(islice(codes, count))


def _text_counters(stream: TextStream) -> Counter[str]:
    """Counts that add up over sides, calls and shards."""
    distance = np.abs(stream.shifts)
    counters = Counter(text_frames=len(stream.tokens), text_tokens=len(distance), text_tokens_shifted=stream.shifted)
    for low, high in zip(_SHIFTS, (*_SHIFTS[1:], None), strict=True):
        count = int(((distance >= low) & (distance < (high or np.inf))).sum())
        counters[f"text_tokens_shifted: {_span(low, high)} frames"] = count
    counters += Counter({f"text_frames_masked: {why}": count for why, count in stream.masked.items()})
    counters += Counter({f"words_left_out: {why}": count for why, count in stream.left_out.items()})
    return counters


def _span(low: int, high: int | None) -> str:
    return f"{low} or more" if high is None else str(low) if high == low + 1 else f"{low} to {high - 1}"


def _with_shares(summary: StageSummary) -> StageSummary:
    """The summary with each count of masked frames as a share of all text frames beside it."""
    counters = Counter(summary.counters)
    for name, count in summary.counters.items():
        if name.startswith("text_frames_masked: "):
            counters[f"{name}, share"] = count / summary.counters["text_frames"]  # type: ignore[assignment]
    return replace(summary, counters=counters)


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
