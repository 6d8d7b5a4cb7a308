"""Transcripts whose words have times: moshi-finetune's JSON and J-Moshi's word list, as turns.

Forms (sources: kyutai-labs/moshi-finetune, annotate.py and README.md; nu-dialogue/moshi-finetune, README.md)::

    {"alignments": [["Hello,", [0.46, 0.82], "SPEAKER_MAIN"], ...]}
    [{"speaker": "A", "word": "hello", "start": 0.46, "end": 0.82}, ...]          (also under the key "words")

Both projects have the model's own voice, SPEAKER_MAIN or A, in the left channel. Words stay as they are written. An
item's times are mended, and its turn flagged ``mended_times``, by the rules of Fisher's lines; what has no place in the
audio is rejected. Words of a side with less than `TURN_PAUSE_S` between them are a turn.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from fisherprep.corpus.normalize import normalize
from fisherprep.corpus.problems import BadInput, quoted
from fisherprep.corpus.transcript import MAX_ODD_LINES, OUTSIDE_AUDIO, ROUNDING_S, WORD_S, Turn
from fisherprep.schema import SIDES
from fisherprep.word_times import held_within

TURN_PAUSE_S = 0.5
"""A pause of a side from which on its next word begins a turn."""
MAX_SWAPPED_S = 2.0
"""The longest word whose end may stand before its start; a longer span is an error in one of the times."""
MAX_ITEM_CHARS = 200
MAX_STRAYS, MAX_STRAY_SHARE = 2, 0.1
"""Of items, and as a share, those whose speaker is neither side's; more are a side under another name."""
NOT_SPOKEN = "items without a spoken word"
"""Counter: punctuation, noises and other marks, which are left out."""

MAIN = "SPEAKER_MAIN"
_LABELS = {MAIN: "a", "A": "a", "LEFT": "a", "B": "b", "RIGHT": "b"}
_MARKUP = re.compile(r"[<>\[\]{}()]")
_FIX = "mend the item, or make the transcript again"


class Item(NamedTuple):
    """An item of the file: its place in it, the label of its speaker, its times and its text, nothing checked."""

    place: str
    label: Any
    start: Any
    end: Any
    text: Any


@dataclass(frozen=True)
class _Word:
    place: str
    side: str
    start_s: float
    end_s: float
    text: str
    flags: frozenset[str] = frozenset()


class Turns(NamedTuple):
    """Turns in order of start, what is wrong with single items, and counts."""

    turns: list[Turn]
    odd: list[tuple[str, BadInput]]
    counts: Counter[str]


def items_of(data: Any) -> list[Item]:
    """The items of a parsed JSON file.

    Raises:
        BadInput: the file has neither form.
    """
    if isinstance(data, dict) and isinstance(data.get("alignments"), list):
        return [_alignment(f"alignments[{i}]", item) for i, item in enumerate(data["alignments"])]
    words = data.get("words") if isinstance(data, dict) else data
    if isinstance(words, list):
        return [_listed(f"[{i}]", item) for i, item in enumerate(words)]
    keys = (
        f"an object with the keys {quoted(', '.join(map(str, data)))}" if isinstance(data, dict) else quoted(str(data))
    )
    expected = 'moshi-finetune\'s {"alignments": [...]} or a list of words with speaker, word, start and end'
    raise BadInput("unknown_form", keys, expected, "convert the transcript (docs/recordings.md)")


def _alignment(place: str, item: Any) -> Item:
    if isinstance(item, list) and len(item) == 3 and isinstance(item[1], list) and len(item[1]) == 2:
        return Item(place, item[2], item[1][0], item[1][1], item[0])
    return Item(place, None, None, None, None)


def _listed(place: str, item: Any) -> Item:
    entry = item if isinstance(item, Mapping) else {}
    return Item(place, entry.get("speaker"), entry.get("start"), entry.get("end"), entry.get("word"))


def turns_of(items: Sequence[Item], duration_s: float) -> Turns:
    """Turns inside the audio, from items in any order.

    Every word has at least a millisecond, whole milliseconds, and ends before the next of its side begins.

    Args:
        items: those of the file.
        duration_s: length of the decoded audio.
    """
    odd: list[tuple[str, BadInput]] = []
    counts: Counter[str] = Counter()
    sides = _sides(Counter(item.label for item in items if isinstance(item.label, str)))
    refuse_milliseconds([(i.start, i.end) for i in items if _is_number(i.start) and _is_number(i.end)], duration_s)
    words: dict[str, list[_Word]] = defaultdict(list)
    seen: dict[tuple[Any, ...], str] = {}
    for item in items:
        try:
            word = _checked(item, sides, duration_s)
            _refuse_repeated(seen, word)
        except BadInput as err:
            odd.append((item.place, err))
            continue
        parts = list(_spoken(word))
        counts[NOT_SPOKEN] += not parts
        words[word.side] += parts
    turns = [turn for side in SIDES for turn in _side_turns(words[side], int(duration_s * 1000))]
    return Turns(sorted(turns, key=lambda t: (t.start_s, t.end_s, t.side)), _shortened(odd), +counts)


def _sides(labels: Counter[str]) -> dict[str, str]:
    """Label -> side. Beside `MAIN`, the other label, of any name, is the other side's, as moshi-finetune has it.

    Raises:
        BadInput: labels without a side have more than a few of the items, so that a side would be lost.
    """
    sides = {label: _LABELS[label.strip().upper()] for label in labels if label.strip().upper() in _LABELS}
    others = [label for label, _ in labels.most_common() if label not in sides]
    rest = sum(labels[label] for label in others[1:])
    if MAIN in labels and others and "b" not in sides.values() and labels[others[0]] > 2 * rest:
        sides[others[0]] = "b"
        others = others[1:]
    if sum(labels[label] for label in others) > max(MAX_STRAYS, MAX_STRAY_SHARE * labels.total()):
        found = ", ".join(f"{label!r} ({labels[label]} items)" for label in labels if label in others or label in sides)
        fix = "rename the speaker of the left channel to A and that of the right channel to B, or mend stray labels"
        raise BadInput("unknown_speakers", quoted(found), f"A and B; left and right; {MAIN} and one other label", fix)
    return sides


def refuse_milliseconds(times: Sequence[tuple[float, float]], duration_s: float) -> None:
    """Most times lie past the end of the audio, and would fit as milliseconds.

    Args:
        times: starts and ends as the file has them.
        duration_s: length of the decoded audio.

    Raises:
        BadInput: so it is.
    """
    past = sum(start >= duration_s for start, _ in times)
    last = max((max(span) for span in times), default=0.0)
    if past > len(times) / 2 and 0.05 * duration_s < last / 1000 <= duration_s + MAX_SWAPPED_S:
        found = f"times up to {last:g}, in {duration_s:.2f} s of audio"
        raise BadInput("times_in_ms", found, "times in seconds", "divide all times by 1000")


def _checked(item: Item, sides: Mapping[str, str], duration_s: float) -> _Word:
    if not isinstance(item.text, str) or not isinstance(item.label, str):
        found = quoted(f"text {item.text!r}, speaker {item.label!r}")
        raise BadInput("bad_item", found, "a text, two times and a speaker", _FIX)
    if len(item.text) > MAX_ITEM_CHARS:
        raise BadInput("bad_item", quoted(item.text), f"a word, of at most {MAX_ITEM_CHARS} characters", _FIX)
    if item.label not in sides:
        expected = f"A or B; left or right; {MAIN} and one other label"
        raise BadInput("unknown_speaker", quoted(item.label), expected, "name the speakers so, left channel first")
    start_s, end_s = _times(item, duration_s)
    moved = abs(start_s - float(item.start)) > ROUNDING_S or abs(end_s - float(item.end)) > ROUNDING_S
    flags = frozenset({"mended_times"} if moved else ())
    return _Word(item.place, sides[item.label], start_s, end_s, item.text, flags)


def _times(item: Item, duration_s: float) -> tuple[float, float]:
    """Start and end inside the audio; they may be the same."""
    stated = f"{quoted(str(item.text))} from {quoted(str(item.start))} to {quoted(str(item.end))}"
    if not (_is_number(item.start) and _is_number(item.end)):
        raise BadInput("bad_times", stated, "two finite numbers of seconds", _FIX)
    start_s, end_s = sorted((float(item.start), float(item.end)))
    if item.end < item.start and end_s - start_s > MAX_SWAPPED_S:
        expected = f"an end after the start, or at most {MAX_SWAPPED_S:.0f} s before it"
        raise BadInput("bad_times", stated, expected, _FIX)
    if not 0 <= (start_s + end_s) / 2 < duration_s:
        raise BadInput(OUTSIDE_AUDIO, stated, f"times from 0 to {duration_s:.2f} s, the audio's length", _FIX)
    return max(start_s, 0.0), min(end_s, duration_s)


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _refuse_repeated(seen: dict[tuple[Any, ...], str], word: _Word) -> None:
    first = seen.setdefault((word.side, word.start_s, word.end_s, word.text), word.place)
    if first != word.place:
        raise BadInput("repeated_word", f"{first} again: {quoted(word.text)}", "each word once", "nothing to do")


def _spoken(word: _Word) -> Iterator[_Word]:
    """The words of an item: none where nothing is spoken, several where it holds spaces; these share its time."""
    words = written_words(word.text)
    total = sum(map(len, words))
    flags = word.flags | ({"mended_words"} if len(words) > 1 else frozenset())
    at = word.start_s
    for text in words:
        end_s = at + (word.end_s - word.start_s) * len(text) / total
        yield _Word(word.place, word.side, at, end_s, text, flags)
        at = end_s


def written_words(text: str) -> list[str]:
    """The words of a text as they are written, without what is not spoken; normalised where it holds markup."""
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return normalize(text) if _MARKUP.search(text) else [word for word in text.split() if normalize(word)]


def _side_turns(words: list[_Word], limit_ms: int) -> Iterator[Turn]:
    """One side's turns, its words apart from each other and inside the audio."""
    words = sorted(words, key=lambda w: (w.start_s, w.end_s))
    times = _apart(words, limit_ms)
    number = 0
    turn_numbers = []
    for i, (start, _) in enumerate(times):
        number += i > 0 and start - times[i - 1][1] >= TURN_PAUSE_S * 1000
        turn_numbers.append(number)
    for _, group in groupby(range(len(words)), key=turn_numbers.__getitem__):
        own = list(group)
        texts = [words[i].text for i in own]
        spans = [(times[i][0] / 1000, times[i][1] / 1000) for i in own]
        flags = sorted({flag for i in own for flag in words[i].flags | _moved(words[i], times[i])})
        yield Turn(0, words[own[0]].side, spans[0][0], spans[-1][1], " ".join(texts), texts, flags, spans)


def _apart(words: Sequence[_Word], limit_ms: int) -> list[tuple[int, int]]:
    """Milliseconds of words in order of start, none reaching into the next."""
    if len(words) > limit_ms:
        found = f"{len(words)} words of one side in {limit_ms} ms of audio"
        raise BadInput("too_many_words", found, "1 ms a word at least", "check that this is its transcript")
    times: list[tuple[int, int]] = []
    free = 0
    for i, word in enumerate(words):
        start = max(free, round(word.start_s * 1000))
        end_s = word.end_s if word.end_s > word.start_s else word.start_s + WORD_S
        until = words[i + 1].start_s if i + 1 < len(words) else math.inf
        free = max(start + 1, round(min(end_s, max(until, word.start_s)) * 1000))
        times.append((start, free))
    return held_within(times, limit_ms)


def _moved(word: _Word, times: tuple[int, int]) -> set[str]:
    moves = abs(times[0] / 1000 - word.start_s), abs(times[1] / 1000 - word.end_s)
    return {"mended_times"} if max(moves) > ROUNDING_S else set()


def _shortened(odd: list[tuple[str, BadInput]]) -> list[tuple[str, BadInput]]:
    """A file may hold any number of bad items; so many are told one by one."""
    if len(odd) <= MAX_ODD_LINES:
        return odd
    more = odd[MAX_ODD_LINES:]
    found = f"{len(more)} further items that cannot be used"
    return [*odd[:MAX_ODD_LINES], (more[0][0], BadInput("bad_item", found, "a transcript", "put the file right"))]
