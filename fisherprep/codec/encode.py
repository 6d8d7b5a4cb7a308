"""The ``encode`` stage: conversations, turns, words, alignments and personas to codes and voices.

Calls of every split are encoded, ``excluded`` ones too: the codes table has a row for each call that can be used at
all, and its ``split`` says what for. A call whose audio has become unreadable, or that has no words, is rejected.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fisherprep import __version__
from fisherprep.checkpoint import CheckpointFiles, locate
from fisherprep.codec.call import RESAMPLER, Call, codec_audio, encode_call
from fisherprep.codec.mimi import VOICE_LUFS, load_mimi
from fisherprep.codec.text_stream import TextStream, Unknown
from fisherprep.codec.truecase import DEFAULT_RULE, RULES
from fisherprep.corpus.problems import BadInput
from fisherprep.device import one_thread, torch_device
from fisherprep.engine import Engine, InlineEngine, local_engine, once
from fisherprep.schema import NUM_CODEBOOKS, SIDES
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, reject, run_stage, upstream
from fisherprep.workfolder import WorkFolder, sha256_file

if TYPE_CHECKING:
    from moshi.models import MimiModel

_MAX_TOKEN = 32_767
"""Text tokens are stored as int16."""
_SHIFTS = (1, 2, 4, 8, 16)
"""Where counts of shifted tokens begin anew, in frames; counts by distance add up over shards, quantiles do not."""
_PROBE = "i don't know what you mean"


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


@dataclass(frozen=True)
class _Payload:
    work: WorkFolder
    shard: str
    model: _Model


def encode(
    work: WorkFolder,
    checkpoint: str,
    device: str | None = None,
    engine: Engine | None = None,
    truecase: str = DEFAULT_RULE,
) -> StageSummary:
    """Bring the codes and voices tables up to date.

    Args:
        work: a folder with conversations, turns, words, alignments and personas.
        checkpoint: local directory or hub repo id whose Mimi and tokenizer are used.
        device: of torch; None: cuda where there is one, else cpu.
        engine: where shards run; None: a process per core on a CPU (torch's threads spend much of their time waiting
            for each other), this process on an accelerator.
        truecase: how words are written on the text row, one of ``truecase.RULES``.

    Returns:
        Counts over all shards, with the share of text frames that are masked, by reason.

    Raises:
        ValueError: there is no such rule or device, a table or a checkpoint file is missing, or the weights do not fit.
    """
    from rich.console import Console

    if truecase not in RULES:
        raise ValueError(f"truecase {truecase!r}: expected one of {', '.join(RULES)}")
    with work.lock("encode"):
        inputs = upstream(work, "conversations", "turns", "words", "alignments", "personas")
        files = locate(checkpoint, ("mimi", "tokenizer"))
        # A checkpoint that does not fit is one error before any shard starts.
        model = once(engine, _loaded_once, (files, device))
        told = f"codec and tokenizer: {files.label}; device: {model.device}"
        Console(stderr=True).print(told, markup=False, highlight=False, soft_wrap=True)
        shards = [Shard(name, hashes, _Payload(work, name, model)) for name, hashes in inputs.items()]
        config = _config(files, model) | {"truecase": truecase}
        return _with_shares(run_stage(work, STAGE, shards, config, engine or _usual_engine(model.device)))


def _usual_engine(device: str) -> Engine:
    return local_engine(0) if device == "cpu" else InlineEngine()


def _model(files: CheckpointFiles, device: str) -> _Model:
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
    )


@lru_cache(maxsize=1)
def _load(model: _Model) -> tuple[MimiModel, Callable[[str], list[int]]]:
    """Codec and tokenizer, loaded once per process; other bytes under the same names are another model."""
    return load_mimi(model.mimi, model.architecture, model.device), word_speller(model.tokenizer)


def _loaded_once(asked: tuple[CheckpointFiles, str | None]) -> _Model:
    """The model, once it could be loaded on a device that is there."""
    files, device = asked
    model = _model(files, torch_device(device))
    _load(model)
    return model


def _config(files: CheckpointFiles, model: _Model) -> dict[str, Any]:
    """What the rows depend on besides the inputs; it becomes each row's provenance."""
    source = Path(files.source).expanduser()
    return {
        "source": source.resolve().name if source.is_dir() else files.source,
        "toy": files.toy,
        "mimi_sha256": model.mimi_sha256,
        "mimi_config_sha256": model.architecture_sha256,
        "num_codebooks": NUM_CODEBOOKS,
        "tokenizer_sha256": model.tokenizer_sha256,
        "resampler": RESAMPLER,
        "loudness": None,
        "voice_lufs": VOICE_LUFS,
        "fisherprep": __version__,
    }


def word_speller(tokenizer: Path) -> Callable[[str], list[int]]:
    """The text tokens of one word, by a SentencePiece model.

    Raises:
        ValueError: the file is no SentencePiece model, its ids do not fit the table, or words encoded one by one are
            not the sentence.
    """
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    except (OSError, RuntimeError) as err:
        raise ValueError(f"{tokenizer}: cannot be read as a SentencePiece model ({err})") from err
    if processor.vocab_size() > _MAX_TOKEN + 1:
        raise ValueError(f"{tokenizer}: {processor.vocab_size()} pieces; expected at most {_MAX_TOKEN + 1}")
    if processor.encode(_PROBE) != [token for word in _PROBE.split() for token in processor.encode(word)]:
        raise ValueError(
            f"{tokenizer}: writes a word otherwise alone than inside a sentence; expected a SentencePiece model with "
            "add_dummy_prefix whose pieces do not cross spaces, as the released models have"
        )
    return lru_cache(maxsize=100_000)(processor.encode)


def _process(payload: _Payload, config: dict[str, Any]) -> ShardResult:
    mimi, spell = _load(payload.model)
    provenance = json.dumps(config, sort_keys=True)
    result = ShardResult({"codes": [], "voices": []})
    for call in _calls(payload.work, payload.shard):
        try:
            samples = codec_audio(payload.work, call.row)
            with one_thread():
                encoded = encode_call(call, samples, mimi, spell, config["truecase"])
        except BadInput as err:
            result.rejects.append(_reject(call.row, err))
            continue
        result.rows["codes"].append({**encoded.row, "provenance": provenance})
        result.rows["voices"] += encoded.voices
        result.counters += Counter(
            frames=encoded.row["num_frames"], sides_without_voice=len(SIDES) - len(encoded.voices)
        )
        for stream in encoded.text.values():
            result.counters += _text_counters(stream)
    return result


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
    "encode", 2, ("codes", "voices"), _process, retry_rejects=True, settled=frozenset({"no_words", "text_does_not_fit"})
)
