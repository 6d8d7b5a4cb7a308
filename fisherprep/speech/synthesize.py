"""The ``synthesize`` stage: domain scripts spoken by two voices, as every table from conversations to personas.

A dialogue is a script (``dialogues.py`` says which), a pair of voices and a seed for its timing; its audio lies in
WORK/audio (24 kHz, two channels). No voice is in two splits. Words and alignments are written where the engine knows
when its words are said; otherwise they are left to `fisherprep align`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fisherprep.domain import Conditions, Domain, SpeechChoice
from fisherprep.engine import Engine
from fisherprep.manifest import Manifest
from fisherprep.schema import CODEC_RATE_HZ, SIDES
from fisherprep.sound import sound_bytes
from fisherprep.speech.channel import wideband
from fisherprep.speech.conditions import disturb
from fisherprep.speech.dialogues import domain_of, plan_dialogues
from fisherprep.speech.planned import Dialogue, Planned
from fisherprep.speech.rows import alignment_row, conversation_row, persona_row, turn_row, words_rows
from fisherprep.speech.timeline import Line, render
from fisherprep.speech.timing import Timing, read_timing
from fisherprep.speech.tts import Speaker, Speech, Tts, load_tts
from fisherprep.stage import Shard, ShardResult, Stage, StageSummary, reject, run_stage
from fisherprep.workfolder import WorkFolder, shard_of

_AUDIO = "audio"
_HELD_OUT = ("test", "valid")
_CUT_SHARE = 0.5
"""Of interrupted utterances, those that break off; our choice."""


@dataclass(frozen=True)
class Sound:
    """How dialogues are spoken, in place of what the manifest says; None: as it says."""

    speech: SpeechChoice | None = None
    timing: Path | None = None
    conditions: Conditions | None = None


def synthesize(
    manifest: Manifest,
    out: Path,
    dialogues: int | None,
    seed: int | None,
    engine: Engine,
    sound: Sound = Sound(),
) -> StageSummary:
    """Speak a domain's dialogues into the work folder ``out``; what is there and up to date is kept.

    Args:
        manifest: a dataset with a ``domain``.
        out: the work folder.
        dialogues: how many, in place of the manifest's number.
        seed: of drafts, voices and timing, in place of the manifest's.
        engine: where the shards run.
        sound: voices, timing and conditions, in place of the manifest's.

    Raises:
        ValueError: the manifest has no domain, its files are missing, wrong or unusable, the voices or the timing file
            cannot be had, there are too few voices for the splits, the number of dialogues is not positive, or ``out``
            holds another dataset or words that `align` placed.
    """
    domain = domain_of(manifest)
    seed = domain.seed if seed is None else seed
    choice = sound.speech or domain.speech
    tts = load_tts(choice)
    config = {
        "timing": asdict(_timing(manifest, domain, sound)),
        "conditions": asdict(sound.conditions or domain.conditions),
        "synthesiser": tts.identity,
    }
    planned = plan_dialogues(manifest, domain.dialogues if dialogues is None else dialogues, seed)
    plans = _plans(manifest, domain, planned.dialogues, seed, tts)
    work = WorkFolder.create(out, manifest.name, roots=[_AUDIO])
    with work.lock("synthesize"):
        _settle_words(work, tts.gives_words)
        stage = STAGE if tts.gives_words else _WITHOUT_WORDS
        summary = run_stage(work, stage, _shards(work, plans, planned, choice), config, engine)
        _remove_other_audio(work)
    return summary


def _timing(manifest: Manifest, domain: Domain, sound: Sound) -> Timing:
    beside = manifest.path.parent if manifest.path else Path()
    file = sound.timing or (beside / domain.timing if domain.timing else None)
    return replace(read_timing(file) if file else Timing(), cut_share=_CUT_SHARE)


def _settle_words(work: WorkFolder, gives_words: bool) -> None:
    """Words of an engine that is no longer used are removed; those that ``align`` placed are not overwritten."""
    if gives_words and work.done("align"):
        raise ValueError(
            f"{work.path}: its words were placed by `align`, but the voices now chosen know their words' times "
            "themselves; give another folder with --out"
        )
    if not gives_words:
        for record in work.done(STAGE.name).values():
            for file in record.outputs:
                if file.split("/")[0] in ("words", "alignments"):
                    (work.path / file).unlink(missing_ok=True)


def _plans(manifest: Manifest, domain: Domain, dialogues: list[Dialogue], seed: int, tts: Tts) -> list[dict[str, Any]]:
    """One JSON-able dictionary a dialogue: all that its sound and rows depend on."""
    rule = manifest.split
    casts = _casts(tts.speakers(), rule.valid, rule.test, rule.seed)
    agent = manifest.agent if manifest.agent in SIDES else SIDES[0]
    plans = []
    for dialogue in dialogues:
        cast = casts.get(dialogue.split, casts["train"])
        pair = _rng(seed, dialogue.call_id, "voices").choice(len(cast), size=2, replace=False)
        plans.append(
            {
                "call_id": dialogue.call_id,
                "corpus": manifest.name,
                "split": dialogue.split,
                "seed": seed,
                "agent": agent,
                "agent_role": domain.agent_role,
                "script_file": dialogue.origin,
                "source": dialogue.source,
                "scenario": dialogue.scenario,
                "script": asdict(dialogue.script),
                "prompts": list(dialogue.prompts),
                "voices": {side: asdict(cast[i]) for side, i in zip(SIDES, pair, strict=True)},
            }
        )
    return plans


def _casts(speakers: tuple[Speaker, ...], valid: float, test: float, seed: int) -> dict[str, list[Speaker]]:
    """The voices of each split: at least two of a held-out split, the rest for training.

    Raises:
        ValueError: there are not two for each split.
    """
    needed = 2 * (1 + (valid > 0) + (test > 0))
    if len(speakers) < needed:
        found = ", ".join(speaker.name for speaker in speakers)
        raise ValueError(
            f"voices: found {len(speakers)} ({found}), expected at least {needed}, two for each split, as no voice is "
            "in two; name more voices, or set the shares of `split:` to 0"
        )
    order = sorted(speakers, key=lambda s: hashlib.sha256(f"{seed}:{s.name}".encode()).hexdigest())
    casts: dict[str, list[Speaker]] = {}
    for name, share in zip(_HELD_OUT, (test, valid), strict=True):
        size = min(max(2, round(share * len(speakers))), len(speakers) // 2 - 1) if share > 0 else 0
        casts[name], order = order[:size], order[size:]
    casts["train"] = order
    return casts


def _rng(seed: int, call_id: str, what: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{call_id}:{what}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _shards(work: WorkFolder, plans: list[dict[str, Any]], planned: Planned, choice: SpeechChoice) -> Iterator[Shard]:
    """Dialogues by shard; what was dropped, and the counts of the plan, are noted with the first shard."""
    rejects = [
        reject("synthesize", d.call_id, d.reason, d.problem.place, d.problem.found, d.problem.expected, d.problem.fix)
        for d in planned.dropped
    ]
    counters = dict(sorted(planned.counters.items()))
    by_name: dict[str, list[dict[str, Any]]] = {}
    for plan in plans:
        by_name.setdefault(shard_of(plan["call_id"]), []).append(plan)
    for name, group in by_name.items():
        yield Shard(name, inputs=[group, rejects, counters], payload=(work, group, rejects, counters, choice))
        rejects, counters = [], {}


def _remove_other_audio(work: WorkFolder) -> None:
    """Audio that no conversation names: of an earlier plan, or of a shard that was killed."""
    named = set(work.read("conversations", columns=["audio_file"])["audio_file"].to_pylist())
    for file in (work.path / _AUDIO).glob("*.flac"):
        if file.name not in named:
            file.unlink()


def _process(payload: Any, config: dict[str, Any]) -> ShardResult:
    work, plans, rejects, counters, choice = payload
    result = ShardResult({table: [] for table in STAGE.tables}, list(rejects), Counter(counters))
    timing, conditions = Timing(**config["timing"]), Conditions(**config["conditions"])
    tts = load_tts(choice)
    for plan in plans:
        try:
            _speak(work, plan, tts, timing, conditions, result)
        except ValueError as err:
            result.rejects.append(
                reject(
                    "synthesize",
                    plan["call_id"],
                    "cannot_be_spoken",
                    plan["script_file"],
                    str(err),
                    f"lines that {choice.engine} can speak",
                    "change the line in the script, or the voice",
                )
            )
    return result


_TABLES = ("conversations", "turns", "words", "alignments", "personas")
STAGE = Stage("synthesize", 4, _TABLES, _process)
_WITHOUT_WORDS = Stage("synthesize", 4, ("conversations", "turns", "personas"), _process)
"""The same, where the engine does not know when its words are said."""


def _speak(
    work: WorkFolder, plan: dict[str, Any], tts: Tts, timing: Timing, conditions: Conditions, result: ShardResult
) -> None:
    """Render one dialogue, write its audio and add its rows."""
    agent, call_id, seed = plan["agent"], plan["call_id"], plan["seed"]
    user = SIDES[1 - SIDES.index(agent)]
    script = plan["script"]
    cast = {side: voice["name"] for side, voice in plan["voices"].items()}
    sides = [agent if line["role"] == plan["agent_role"] else user for line in script["lines"]]
    lines = [Line(side, tuple(line["words"]), line["kind"]) for side, line in zip(sides, script["lines"], strict=True)]

    def say(words: tuple[str, ...], voice: str, index: int) -> Speech:
        return tts.say(words, voice, int(_rng(seed, call_id, f"line {index}").integers(2**31)))

    rendered = render(lines, cast, _rng(seed, call_id, "timing"), timing, max_s=None, say=say)
    clean = wideband(rendered.samples, rendered.rate_hz, _rng(seed, call_id, "noise"), CODEC_RATE_HZ)
    samples, flags = disturb(clean, CODEC_RATE_HZ, user, conditions, _rng(seed, call_id, "conditions"))
    audio = _write_audio(work, call_id, samples)
    result.files.append(f"{_AUDIO}/{audio.name}")
    result.rows["conversations"].append(conversation_row(plan, audio, samples.shape[1], flags))
    in_time = sorted(rendered.placed, key=lambda p: (p.start_s, p.line))
    for turn, placed in enumerate(in_time):
        result.rows["turns"].append(turn_row(call_id, turn, placed, script["lines"][placed.line]["text"]))
        result.rows["words"] += words_rows(call_id, turn, placed)
    result.rows["alignments"] += [alignment_row(call_id, side, in_time) for side in SIDES]
    result.rows["personas"] += [persona_row(call_id, side, plan["prompts"] if side == agent else []) for side in SIDES]
    result.counters += Counter(
        dialogues=1, seconds=samples.shape[1] / CODEC_RATE_HZ, words=sum(len(p.words) for p in in_time)
    )
    result.counters += Counter(flags) + Counter(broke_off=sum(p.cut for p in in_time))


def _write_audio(work: WorkFolder, call_id: str, samples: np.ndarray) -> Path:
    pcm = np.round(samples.T * 32767.0).astype(np.int16)
    return work.write_bytes(f"{_AUDIO}/{call_id}.flac", sound_bytes(pcm, CODEC_RATE_HZ, "FLAC"))
