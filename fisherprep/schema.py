"""Every table of a work folder, declared once: columns, types, units, version.

Readers and writers build their Arrow schemas from here, ``docs/data_format.md`` is generated from here, and
``finetune`` imports nothing of ``fisherprep`` but this file, ``manifest.py`` and ``checkpoint.py``.

Legend: side ``a`` is channel 1 and side ``b`` channel 2 of a call; T is the number of Mimi frames of a call.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from fisherprep.columns import column

SCHEMA_VERSION = 4
"""Raised when a column changes its name, type or meaning; a work folder of another version is refused."""

SIDES = ("a", "b")
SPLITS = ("train", "valid", "test", "excluded")
"""``excluded``: the call shares a speaker with a held-out call of another split, so nothing may use it."""

FRAME_RATE_HZ = 12.5
"""Mimi frames per second (Moshi paper, arXiv 2410.00037, section 3.3.1; moshi/models/loaders.py FRAME_RATE)."""
CODEC_RATE_HZ = 24_000
"""Mimi's input sample rate (moshi/models/loaders.py SAMPLE_RATE)."""
FRAME_SAMPLES = 1920
"""Samples per frame: CODEC_RATE_HZ / FRAME_RATE_HZ."""
NUM_CODEBOOKS = 8
"""Codebooks per audio stream: one semantic, seven acoustic (Moshi paper, section 3.3.2)."""

CODEBOOK_SIZE = 2048
"""Entries of a codebook (moshi/models/loaders.py, quantizer ``bins``); a toy codec may use fewer."""

TEXT_PAD = 3
"""Text row: no token on this frame (moshi LMModel.existing_text_padding_id)."""
TEXT_EPAD = 0
"""Text row: the frame before a word's first token (moshi LMModel.end_of_text_padding_id)."""
PROMPT_TAG = "<system>"
"""Stands at both ends of a text prompt, without a slash (NVIDIA/personaplex, moshi/moshi/offline.py
``wrap_with_system_tags``)."""
MASKED = -1
"""A target that takes no part in the loss (moshi LMModel.zero_token_id)."""


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, its unit ("" where it has none) and one line of meaning."""

    name: str
    type: pa.DataType
    doc: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the work folder; ``row`` says what one row is.

    ``group_rows``: rows of a Parquet row group, the least that a reader must decode; None: the writer's own choice.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    group_rows: int | None = None

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with the table's name and version in its metadata."""
        fields = [
            pa.field(c.name, c.type, nullable=c.nullable, metadata={"unit": c.unit} if c.unit else None)
            for c in self.columns
        ]
        return pa.schema(fields, metadata={"fisherprep.table": self.name, "fisherprep.version": str(SCHEMA_VERSION)})

    def from_rows(self, rows: list[dict]) -> pa.Table:
        """Rows (dicts) as an Arrow table of this schema; a nullable column that a row leaves out is null.

        Lists of numbers may be NumPy arrays, [8, T] for codes.

        Raises:
            ValueError: a row lacks another column, or has one too many.
        """
        names = {c.name for c in self.columns}
        needed = {c.name for c in self.columns if not c.nullable}
        for row in rows:
            if not needed <= row.keys() <= names:
                odd = sorted((needed - row.keys()) | (row.keys() - names))
                raise ValueError(f"table {self.name}: a row must hold exactly the declared columns; differs in {odd}")
        arrays = [column([row.get(c.name) for row in rows], c.type) for c in self.columns]
        return pa.Table.from_arrays(arrays, schema=self.schema)


_S, _F32, _F64 = pa.string(), pa.float32(), pa.float64()
_FLAGS = pa.list_(pa.string())
_CODES = pa.list_(pa.list_(pa.int16()), NUM_CODEBOOKS)
_CALL = Column("call_id", _S, "the call, unique in the work folder: fe_03_NNNNN for Fisher")
_SIDE = Column("side", _S, "a (channel 1) or b (channel 2)")


def _per_side(name: str, type_: pa.DataType, doc: str, unit: str = "") -> tuple[Column, Column]:
    return (
        Column(f"{name}_a", type_, f"{doc}, side a", unit, nullable=True),
        Column(f"{name}_b", type_, f"{doc}, side b", unit, nullable=True),
    )


CONVERSATIONS = Table(
    "conversations",
    "a call",
    (
        _CALL,
        Column("corpus", _S, "name of the dataset (fisher, coffee, ...)"),
        Column("part", pa.int8(), "Fisher part, 1 or 2", nullable=True),
        Column("audio_root", pa.int16(), "index into the roots listed in work.json"),
        Column("audio_file", _S, "audio file relative to that root, with forward slashes"),
        Column("audio_format", _S, "what the content is: sphere-ulaw-shorten, wav-pcm16, flac-pcm16, mp3, ..."),
        Column("audio_bytes", pa.int64(), "size of the audio file", "bytes"),
        Column("audio_sha256", _S, "hash of the audio file"),
        Column(
            "audio_file_b",
            _S,
            "the file of side b, below the same root, where each side has a file of its own and audio_file is side a's",
            nullable=True,
        ),
        Column("audio_bytes_b", pa.int64(), "size of that file", "bytes", nullable=True),
        Column("audio_sha256_b", _S, "hash of that file", nullable=True),
        Column("sample_rate_hz", pa.int32(), "rate of the audio file", "Hz"),
        Column("num_samples", pa.int64(), "decoded samples per channel", "samples"),
        Column("duration_s", _F64, "num_samples / sample_rate_hz", "s"),
        Column("transcript_file", _S, "transcript relative to its root", nullable=True),
        Column("transcriber", _S, "ldc, bbn, script or unknown"),
        Column("volume", _S, "disc on which the file lists put the call", nullable=True),
        Column("date_time", _S, "start of the call, ISO 8601, as the release states it", nullable=True),
        Column("topic_id", _S, "ENGnn; null where the table leaves it empty", nullable=True),
        Column("topic_title", _S, "title of the topic", nullable=True),
        Column("topic_text", _S, "what the speakers were asked to discuss", nullable=True),
        Column("signal_grade", _F32, "SIG_GRADE of calldata, as given", nullable=True),
        Column("conversation_grade", _F32, "CNV_GRADE of calldata, as given", nullable=True),
        *_per_side("pin", _S, "speaker's PIN"),
        *_per_side("speaker", _S, "identity used for splits and voices: the PIN, or call and side where there is none"),
        *_per_side("sex", _S, "m or f, of calldata"),
        *_per_side("dialect", _S, "a (American) or o (other), of calldata"),
        *_per_side("phone_number", _S, "encrypted number, of calldata"),
        *_per_side("phone_set", _S, "speaker-phone, headset, ear-bud, hand-held"),
        *_per_side("phone_type", _S, "cell, cordless, land-line"),
        *_per_side("pin_sex", _S, "m or f, of pindata"),
        *_per_side("age", pa.int16(), "age, of pindata", "years"),
        *_per_side("education", pa.int16(), "education, of pindata", "years"),
        *_per_side("native_language", _S, "native language, of pindata"),
        *_per_side("where_raised", _S, "where the speaker was raised, of pindata"),
        *_per_side("sides_listed", pa.int16(), "count of pindata: call sides of the PIN"),
        *_per_side("loudness_lufs", _F32, "integrated loudness (ITU-R BS.1770); null below its gate of -70", "LUFS"),
        *_per_side("clipped_ratio", _F32, "share of samples in runs of 3 or more at full scale"),
        *_per_side("dc_offset", _F32, "mean of the samples, full scale is 1"),
        *_per_side(
            "noise_dbfs", _F32, "mean level above 200 Hz while neither side speaks; null: digital silence", "dB"
        ),
        *_per_side("speech_ratio", _F32, "share of the time in which the side speaks on its channel"),
        *_per_side("crosstalk_db", _F32, "level of the other side in this channel, relative to its own channel", "dB"),
        *_per_side("agreement", _F32, "correlation of the side's turns with speech on its channel, -1 to 1"),
        *_per_side(
            "untranscribed",
            pa.list_(pa.struct([("start_s", _F64), ("end_s", _F64)])),
            "speech on the channel outside of all the side's turns: no silence, but no text either",
            "s",
        ),
        Column("swap_score", _F32, "1: sides are on their channels, -1: they are swapped", nullable=True),
        Column("channels_swapped", pa.bool_(), "null: too little evidence, or not checked", nullable=True),
        Column("role_prompt", _S, "prompt that came with the dialogue (domain data)", nullable=True),
        Column("agent_side", _S, "a or b where only that side may be the agent; null: either", nullable=True),
        Column("split", _S, "train, valid, test or excluded; no speaker is in two of the first three"),
        Column("flags", _FLAGS, "see the flags below"),
    ),
)

TURNS = Table(
    "turns",
    "one side's utterance, in order of start",
    (
        _CALL,
        Column("turn", pa.int32(), "number of the turn in its call, from 0"),
        _SIDE,
        Column("start_s", _F64, "start, from the beginning of the audio", "s"),
        Column("end_s", _F64, "end", "s"),
        Column("text", _S, "the transcript's own text"),
        Column(
            "words",
            pa.list_(pa.string()),
            "the words, as aligned and tokenised: normalised, or as they are written where word_times is not null",
        ),
        Column("flags", _FLAGS, "see the flags below"),
        Column(
            "word_times",
            pa.list_(pa.struct([("start_s", _F64), ("end_s", _F64)])),
            "times of the words, where the transcript gives them (recordings); null: align finds them",
            "s",
            nullable=True,
        ),
    ),
)

WORDS = Table(
    "words",
    "a word on a channel",
    (
        _CALL,
        _SIDE,
        Column("turn", pa.int32(), "the turn it belongs to"),
        Column("index", pa.int32(), "position in the turn's words, from 0"),
        Column("word", _S, "the word, equal to turns.words[index]"),
        Column("start_s", _F64, "start", "s"),
        Column("end_s", _F64, "end", "s"),
        Column(
            "score",
            _F32,
            "log-likelihood per frame of the aligner (pocketsphinx: 10 ms, relative to the best state; ctc: the "
            "model's), higher is better; null where no aligner heard the word",
            nullable=True,
        ),
        Column(
            "method",
            _S,
            "pocketsphinx, ctc, between (placed between its neighbours), proportional (letters of the turn), "
            "synthesis, given (by the transcript)",
        ),
    ),
)

UNKNOWN_WHY = ("untranscribed", "uncertain", "low_score", "not_found")
"""Why a span's text is not known (alignments.unknown)."""

ALIGNMENTS = Table(
    "alignments",
    "one side of a call: how well its words were found",
    (
        _CALL,
        _SIDE,
        Column("num_words", pa.int32(), "words of the side's turns"),
        Column("coverage", _F32, "share of them that the aligner heard; null where there are none", nullable=True),
        Column("score_p05", _F32, "5th percentile of the words' scores; null without scores", nullable=True),
        Column("score_median", _F32, "median of the words' scores; null without scores", nullable=True),
        Column(
            "unknown",
            pa.list_(pa.struct([("start_s", _F64), ("end_s", _F64), ("why", _S)])),
            "spans in which the side speaks but what it says, or when, is not known: text is masked there; why is "
            + ", ".join(UNKNOWN_WHY),
            "s",
        ),
        Column("flags", _FLAGS, "see the flags below"),
    ),
)

PERSONAS = Table(
    "personas",
    "one side of a call as the agent",
    (
        _CALL,
        _SIDE,
        Column("tone", _S, "tone of the conversation", nullable=True),
        Column("topic", _S, "topic as the prompt words it", nullable=True),
        Column(
            "facts",
            pa.list_(pa.struct([("text", pa.string()), ("turns", pa.list_(pa.int32()))])),
            "facts about this side, each with the turns that prove it",
        ),
        Column("name", _S, "first name, where the speaker said it", nullable=True),
        Column(
            "dropped",
            pa.list_(pa.struct([("text", pa.string()), ("turns", pa.list_(pa.int32())), ("reason", pa.string())])),
            "facts and names that the model gave and the rules refused (docs/labels.md), in no prompt",
        ),
        Column("prompts", pa.list_(pa.string()), "prompts from the least to the most detailed"),
        Column("labeler", _S, "who wrote them: topic, role, or a model's name"),
        Column("request_key", _S, "hash of the request to the model", nullable=True),
        Column("status", _S, "ok, or why the side has fewer prompts"),
    ),
)

VOICES = Table(
    "voices",
    "a candidate voice prompt",
    (
        _CALL,
        _SIDE,
        Column("speaker", _S, "whose voice it is, as in conversations"),
        Column("index", pa.int32(), "number of the candidate on its side of the call, from 0, the best first"),
        Column("start_s", _F64, "start in the call", "s"),
        Column("end_s", _F64, "end in the call", "s"),
        Column("codes", _CODES, "[8, Tv] Mimi codes, -24 LUFS, streamed from a fresh state"),
        Column("why", _S, "what qualifies the span"),
    ),
)

CODES = Table(
    "codes",
    "a call, ready to train",
    (
        _CALL,
        Column("corpus", _S, "name of the dataset"),
        Column("split", _S, "as in conversations"),
        Column("num_frames", pa.int32(), "T", "frames of 80 ms"),
        Column("codes_a", _CODES, "[8, T] Mimi codes of side a"),
        Column("codes_b", _CODES, "[8, T] Mimi codes of side b"),
        Column("text_a", pa.list_(pa.int16()), "[T] text tokens of side a: PAD 3, EPAD 0, -1 where unknown"),
        Column("text_b", pa.list_(pa.int16()), "[T] text tokens of side b"),
        Column("prompts_a", pa.list_(pa.string()), "prompts with side a as the agent, least detailed first"),
        Column("prompts_b", pa.list_(pa.string()), "prompts with side b as the agent"),
        Column("agent_side", _S, "a or b where only that side may be the agent; null: either", nullable=True),
        Column(
            "starts",
            pa.list_(pa.int32()),
            "frames at which a window may start: a turn begins, no word is under way",
            "frames",
        ),
        Column("speaker_a", _S, "identity of side a"),
        Column("speaker_b", _S, "identity of side b"),
        Column(
            "shifted_a",
            pa.int32(),
            "text tokens of side a that are not on the frame their word's start asks for",
            "tokens",
        ),
        Column("shifted_b", pa.int32(), "the same, of side b", "tokens"),
        *_per_side("gain_db", _F32, "gain of the channel before it was encoded; 0: as recorded", "dB"),
        Column(
            "provenance",
            _S,
            "JSON: source, toy, mimi_sha256, tokenizer_sha256, resampler, loudness, restore, sound, fisherprep, ...",
        ),
    ),
    group_rows=1,  # a window is cut from one call: ten minutes are 0.2 MB
)

REJECTS = Table(
    "rejects",
    "something left out, and why",
    (
        Column("stage", _S, "the stage that refused it"),
        Column("call_id", _S, "the call", nullable=True),
        Column("reason", _S, "short name of the reason, for counting"),
        Column("place", _S, "file and line, or turn"),
        Column("found", _S, "what was there"),
        Column("expected", _S, "what should have been there"),
        Column("fix", _S, "what to do about it"),
    ),
)

TABLES = {t.name: t for t in (CONVERSATIONS, TURNS, WORDS, ALIGNMENTS, PERSONAS, VOICES, CODES, REJECTS)}
