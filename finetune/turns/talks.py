"""The model talks through moments of held-out calls: the real call up to there, then what it says by itself.

The prompt and the call's own rows before the moment are dictated; from ``free_s`` on the model hears the user's real
codes and speaks for itself. What it says is heard twice: ``text``, by the words on its text row, and ``audio``, by the
level of its decoded codes. A reply's frame t is played while the user's frame t is heard (``talk.converse``), so
latencies are those of a conversation without any computing time.

Legend: B moments, T frames of the longest free part, H frames of history, N samples.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.data.dataset import Call, CallCodes
from finetune.data.windows import WindowSource, dialogue_rows
from finetune.introduction import introduce
from finetune.prompt import AGENT, SILENCE_TOKENS, USER, PromptTexts
from finetune.talk import Sampling, converse
from finetune.turns.heard import HOP_S, Heard, joined, levels_db, of_text, stretches_of, threshold_db
from finetune.turns.moments import KINDS, Moment, find_moments
from finetune.turns.scores import Scores, means, score
from fisherprep.schema import FRAME_RATE_HZ, MASKED, SIDES, TEXT_PAD

if TYPE_CHECKING:
    from moshi.models.lm import LMModel

Decode = Callable[[np.ndarray], np.ndarray]
"""Codes ``[8, T]`` to samples ``[N]`` at 24 kHz."""

HISTORY_S = 20.0
"""Of the call before the moment."""
LEVEL_S = 4.0
"""Of history is decoded with what is said: the decoder needs a past, the threshold a level."""


@dataclass(frozen=True)
class Task:
    """One moment of one side of a call."""

    dataset: str
    call: Call
    side: str
    moment: Moment

    @property
    def free_frame(self) -> int:
        """First frame that the model speaks for itself."""
        return math.floor(self.moment.free_s * FRAME_RATE_HZ)

    @property
    def free_frames(self) -> int:
        """How many of them."""
        return min(math.ceil(self.moment.until_s * FRAME_RATE_HZ), self.call.num_frames) - self.free_frame


def choose(source: WindowSource, count: int, begins_word: Callable[[int], bool], max_calls: int = 200) -> list[Task]:
    """At most ``count`` moments of each kind of a held-out dataset, the same for every model, spread over its calls."""
    found: dict[str, list[tuple[int, Task]]] = {kind: [] for kind in KINDS}
    calls = sorted(source.dataset.calls, key=lambda call: zlib.crc32(call.call_id.encode()))[:max_calls]
    for call in calls:
        codes = source.dataset.read(call)
        for side in call.sides:
            agent, user = (of_text(codes.text[s], begins_word).stretches for s in (side, _other(side)))
            for moment in find_moments(agent, user, call.num_frames / FRAME_RATE_HZ):
                if _is_known(codes, moment):
                    draw = zlib.crc32(f"{call.call_id} {side} {moment}".encode())
                    found[moment.kind].append((draw, Task(source.dataset.name, call, side, moment)))
    return [task for kind in KINDS for _, task in sorted(found[kind], key=lambda pair: pair[0])[:count]]


def _other(side: str) -> str:
    return SIDES[1 - SIDES.index(side)]


def _is_known(codes: CallCodes, moment: Moment) -> bool:
    """Both text rows are known throughout: masked text would hide who speaks."""
    begin, end = (round(time_s * FRAME_RATE_HZ) for time_s in (moment.free_s, moment.until_s))
    return all(bool((codes.text[side][begin:end] != MASKED).all()) for side in SIDES)


@dataclass(frozen=True)
class Talk:
    """A task with what was said: the person's and the model's rows of the free part, and the history before."""

    task: Task
    rows: np.ndarray
    """``[17, H + T]`` of the call"""
    history: int
    """H"""
    text: np.ndarray
    """``[T]``"""
    audio: np.ndarray
    """``[8, T]``"""


def talk_through(
    model: LMModel, source: WindowSource, texts: PromptTexts, tasks: list[Task], sampling: Sampling, batch_size: int
) -> Iterator[Talk]:
    """Let the model speak at each task's moment; tasks of like length go together."""
    ordered = sorted(tasks, key=lambda task: task.free_frames)
    for first in range(0, len(ordered), batch_size):
        yield from _batch(model, source, texts, ordered[first : first + batch_size], sampling)


def _batch(
    model: LMModel, source: WindowSource, texts: PromptTexts, tasks: list[Task], sampling: Sampling
) -> Iterator[Talk]:
    longest = max(task.free_frames for task in tasks)
    users = np.tile(np.asarray(SILENCE_TOKENS)[None, :, None], (len(tasks), 1, longest))
    prompts, rows, histories = [], [], []
    for place, task in enumerate(tasks):
        history = min(task.free_frame, round(HISTORY_S * FRAME_RATE_HZ))
        codes = source.dataset.read(task.call)
        begin, end = task.free_frame - history, task.free_frame + task.free_frames
        dialogue = dialogue_rows(codes, task.side, begin, end)
        dictated = dialogue[:, :history].copy()
        dictated[0][dictated[0] == MASKED] = TEXT_PAD
        introduction = introduce(source, texts, task.call, task.side, begin, end)
        prompts.append(np.concatenate([introduction, dictated], axis=1))
        users[place, :, : task.free_frames] = dialogue[USER, history:]
        rows.append(dialogue)
        histories.append(history)
    reply = converse(model, users, prompts, sampling)
    for place, task in enumerate(tasks):
        said = reply.text[place, : task.free_frames], reply.audio[place, :, : task.free_frames]
        yield Talk(task, rows[place], histories[place], *said)


def heard_by_text(talk: Talk, begins_word: Callable[[int], bool]) -> tuple[Heard, Heard]:
    """The model and the person in its place, from the moment's first free frame on."""
    first = talk.task.free_frame
    person = talk.rows[0, talk.history :]
    return of_text(talk.text, begins_word, first), of_text(person, begins_word, first)


def heard_by_audio(talk: Talk, decode: Decode, begins_word: Callable[[int], bool]) -> tuple[Heard, Heard]:
    """The same from decoded codes; words are the text row's."""
    past = min(talk.history, round(LEVEL_S * FRAME_RATE_HZ))
    before = talk.rows[AGENT, talk.history - past : talk.history]
    person = talk.rows[AGENT, talk.history :]
    words = [heard.words for heard in heard_by_text(talk, begins_word)]
    heard = []
    for codes, own_words in zip((talk.audio, person), words, strict=True):
        levels = levels_db(decode(np.concatenate([before, codes], axis=1)))
        cut = round(past / FRAME_RATE_HZ / HOP_S)
        stretches = stretches_of(levels[cut:], threshold_db(levels[:cut]), talk.task.free_frame / FRAME_RATE_HZ)
        heard.append(Heard(joined(stretches), own_words))
    return heard[0], heard[1]


Outcome = dict[str, dict[str, dict[str, dict[str, float | None]]]]
"""Ear -> ``people`` or ``model`` -> kind -> metric -> mean."""


def turn_taking(
    model: LMModel,
    source: WindowSource,
    texts: PromptTexts,
    tasks: list[Task],
    *,
    begins_word: Callable[[int], bool],
    decode: Decode | None,
    sampling: Sampling | None = None,
    batch_size: int = 16,
) -> Outcome:
    """Scores of a model, and of the people it stands in for, at the same moments.

    Args:
        decode: None leaves the ``audio`` ear out.
    """
    scored: dict[str, dict[str, list[tuple[str, Scores]]]] = {}
    for talk in talk_through(model, source, texts, tasks, sampling or Sampling(), batch_size):
        pairs = {"text": heard_by_text(talk, begins_word)}
        if decode is not None:
            pairs["audio"] = heard_by_audio(talk, decode, begins_word)
        for ear, (said, person) in pairs.items():
            moment = talk.task.moment
            by = scored.setdefault(ear, {"people": [], "model": []})
            by["people"].append((moment.kind, score(moment, person, person)))
            by["model"].append((moment.kind, score(moment, said, person)))
    return {ear: {who: means(rows) for who, rows in by.items()} for ear, by in scored.items()}


def word_starts(tokenizer: Any) -> Callable[[int], bool]:
    """Whether a token of a SentencePiece model begins a word."""
    begins = [tokenizer.id_to_piece(token).startswith("\u2581") for token in range(tokenizer.get_piece_size())]
    return lambda token: 0 <= token < len(begins) and begins[token]
