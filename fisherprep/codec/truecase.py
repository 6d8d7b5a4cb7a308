"""From normalised words to the written text that base models speak: capitals and the marks that end sentences.

Fisher's words are lower case and unpunctuated, while Moshi was taught what Whisper writes (Moshi paper, arXiv
2410.00037): cased and punctuated. These rules give each word the form it most likely has there. They are deterministic
and touch only the text row; the words table stays as it was spoken.

A sentence is a turn, or several turns of a side that go on: the pause is short, or the first ends in a word or a broken
word that cannot end a sentence and the pause is not long.

- The first word of a sentence gets a capital. So do ``i`` and its contractions, and the names of ``truecase.yaml``,
  also with ``'s`` or plural ``s``.
- Initialisms lose their dots and become capitals (``t.v.`` is TV, ``u.c.l.a.'s`` UCLA's, ``c.d.s`` CDs, ``b.`` B); the
  few that are not written so are in ``truecase.yaml``.
- The last word gets ``?`` where the sentence is shaped like a question, ``.`` otherwise, and nothing where it was
  broken off or cannot end a sentence. There are no commas.
- A turn that has capitals or marks already was written by someone (scripts of domain dialogues): it is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fisherprep.corpus.normalize import is_partial, letters

RULES = ("off", "rule")
DEFAULT_RULE = "rule"

SHORT_PAUSE_S = 0.3
"""Two turns of a side with no longer pause between them are one sentence: transcripts are cut at pauses."""
LONG_PAUSE_S = 3.0
"""How long a sentence that was not finished may rest."""
MAX_QUESTION_WORDS = 20
"""A longer sentence that begins as a question has mostly gone on to something else."""

_WH_CONTRACTED = re.compile(r"(?:what|who|where|why|how)'(?:s|re|d)")

_I = re.compile(r"i(?:'[a-z]+)?-?")
_FIRST_LETTER = re.compile(r"[^\W\d_]")
_MARKS = (",", "?", "!", ":", ";")


@dataclass(frozen=True)
class Spoken:
    """The words of one turn, and when they are said."""

    words: Sequence[str]
    start_s: float
    end_s: float


def truecase(turns: Sequence[Spoken]) -> list[list[str]]:
    """The words of one side's turns, which come in order of time, each in its written form."""
    result: list[list[str]] = []
    for sentence in _sentences(turns):
        words = [word for turn in sentence for word in turn.words]
        written = iter(words if _is_written(sentence[0]) else _write(words))
        result += [[next(written) for _ in turn.words] for turn in sentence]
    return result


def _sentences(turns: Sequence[Spoken]) -> list[list[Spoken]]:
    sentences: list[list[Spoken]] = []
    for turn in turns:
        if sentences and _goes_on(sentences[-1][-1], turn):
            sentences[-1].append(turn)
        else:
            sentences.append([turn])
    return sentences


def _goes_on(turn: Spoken, following: Spoken) -> bool:
    """Whether a turn takes up the sentence of the one before it."""
    if not turn.words or not following.words or _is_written(turn) or _is_written(following):
        return False
    limit_s = LONG_PAUSE_S if _is_unfinished(turn.words[-1]) else SHORT_PAUSE_S
    return round(following.start_s - turn.end_s, 3) <= limit_s


def _is_unfinished(word: str) -> bool:
    return word in _data().open_words or is_partial(word)


def _is_written(turn: Spoken) -> bool:
    """Whether any word has a capital, a mark, or a full stop that is no initialism's."""
    return any(
        word != word.lower() or word.endswith(_MARKS) or (word.endswith(".") and not letters(word))
        for word in turn.words
    )


def _write(words: Sequence[str]) -> list[str]:
    """One sentence, of whatever length, in its written form."""
    if not words:
        return []
    written = [_word(word) for word in words]
    for place, length in _names_in(words):
        written[place : place + length] = [_capital(word) for word in written[place : place + length]]
    written[0] = _capital(written[0]) if not words[0].startswith("-") else written[0]
    if not _is_unfinished(words[-1]):
        mark = "?" if _is_question(words) else "."
        written[-1] += "" if mark == "." and written[-1].endswith(".") else mark
    return written


def _word(word: str) -> str:
    """A word wherever it stands; names are not looked up here."""
    if initials := letters(word):
        return _initialism(word, "".join(initials))
    if _I.fullmatch(word):
        return _capital(word)
    return _data().forms.get(word, word)


def _initialism(word: str, initials: str) -> str:
    core = word.strip("-")
    lead, _, trail = word.partition(core)
    suffix = core.rpartition(".")[2]
    if suffix == "s" and len(initials) == 1:
        suffix = "'s"  # As would be another word
    return lead + _data().initialisms.get(initials, initials.upper()) + suffix + trail


def _names_in(words: Sequence[str]) -> list[tuple[int, int]]:
    """Place and length in words of each name; the longest that fits is taken."""
    found: list[tuple[int, int]] = []
    place = 0
    while place < len(words):
        for length in (3, 2, 1):
            phrase = words[place : place + length]
            if len(phrase) == length and _is_name(" ".join(phrase)):
                found.append((place, length))
                place += length
                break
        else:
            place += 1
    return found


def _is_name(phrase: str) -> bool:
    names = _data().names
    return any(form in names for form in (phrase, phrase.removesuffix("'s"), phrase.removesuffix("s")))


def _capital(word: str) -> str:
    first = _FIRST_LETTER.search(word)
    if first is None or any(c.isdigit() for c in word[: first.start()]):
        return word
    return word[: first.start()] + first[0].upper() + word[first.end() :]


def _is_question(words: Sequence[str]) -> bool:
    """Whether a sentence begins, or ends in a tag, as questions do."""
    data = _data()
    body = [word for word in words if word not in data.fillers and not is_partial(word)]
    while len(body) > 1 and body[0] in data.lead_ins:
        body.pop(0)
    if not 0 < len(body) <= MAX_QUESTION_WORDS:
        return False
    first, second = body[0], body[1] if len(body) > 1 else ""
    if first in data.question_words:
        return not second or second in data.auxiliaries or f"{first} {second}" in data.question_pairs
    if first in data.auxiliaries and second in data.subjects:
        return True
    if _WH_CONTRACTED.fullmatch(first) and second:
        return True
    return len(body) > 2 and body[-2].endswith("n't") and body[-2] in data.auxiliaries and body[-1] in data.subjects


@dataclass(frozen=True)
class _Data:
    """``truecase.yaml``; the fields mean what is said there."""

    initialisms: dict[str, str]
    forms: dict[str, str]
    names: frozenset[str]
    open_words: frozenset[str]
    fillers: frozenset[str]
    lead_ins: frozenset[str]
    question_words: frozenset[str]
    question_pairs: frozenset[str]
    auxiliaries: frozenset[str]
    subjects: frozenset[str]


@lru_cache(maxsize=1)
def _data() -> _Data:
    import yaml

    content = yaml.safe_load((Path(__file__).parent / "truecase.yaml").read_text(encoding="utf-8"))
    names = frozenset(name for group in content["names"].values() for name in group)
    grammar = {key: frozenset(words) for key, words in content["grammar"].items()}
    return _Data(content["initialisms"], content["forms"], names, **grammar)
