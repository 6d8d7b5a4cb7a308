"""One utterance of a made-up call, as Fisher's transcribers write it and as it is spoken.

Lower case, no punctuation, fillers, repeated and partial words, initialisms, noises in brackets, doubt in ``(( ))``.
All choices come from the random generator passed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

Kind = Literal["turn", "backchannel", "interruption"]
Transcriber = Literal["ldc", "bbn"]

OPEN, CLOSE = "((", "))"
_VOWELS = "aeiouy"


@dataclass(frozen=True)
class Token:
    """One token of a transcript line."""

    text: str
    """As transcribed."""
    spoken: str = ""
    """What the synthesiser says for it; empty for a marker."""

    @property
    def word(self) -> str:
        """The word without markup: initialisms lose their underscores (``t.v.``)."""
        return self.text.replace("_", "")


@dataclass(frozen=True)
class Utterance:
    """One side's utterance."""

    side: str
    """a or b"""
    kind: Kind
    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The line as transcribed."""
        return " ".join(t.text for t in self.tokens)

    @property
    def words(self) -> tuple[Token, ...]:
        """The tokens that are heard."""
        return tuple(t for t in self.tokens if t.spoken)


def disfluent(words: list[str], phrases: Mapping[str, Any], rng: Random) -> list[str]:
    """The words with fillers, a repeated or a broken-off word, a noise: each now and then, in all but the shortest."""
    if len(words) < 3:
        return words
    words = list(words)

    def somewhere() -> int:
        return rng.randrange(len(words))

    if rng.random() < 0.12:
        at = somewhere()
        words.insert(at, words[at])
    if rng.random() < 0.12:
        at = somewhere()
        if (start := _broken_off(words[at], rng)) is not None:
            words.insert(at, start)
    if rng.random() < 0.15:
        words.insert(somewhere(), rng.choice(("uh", "um", "like", "you know")))
    if rng.random() < 0.2:
        words.insert(0, rng.choice(phrases["fillers"]))
    if rng.random() < 0.1:
        words.insert(rng.choice((0, somewhere(), len(words))), rng.choice(phrases["markers"]))
    return " ".join(words).split()


def _broken_off(word: str, rng: Random) -> str | None:
    """A start of the word, as transcribers write a partial word (``th-``); None for one too short to break off."""
    if len(word) < 4 or not word.isalpha():
        return None
    return word[: rng.randrange(1, 3)] + "-"


def tokens_of(words: Sequence[str], mark: str) -> tuple[Token, ...]:
    """Tokens of the words; the last one heard is spoken with the closing mark, for the melody."""
    tokens = [Token(w, "" if w.startswith("[") else _spoken(w)) for w in words]
    last = max((i for i, t in enumerate(tokens) if t.spoken), default=None)
    if last is not None and not tokens[last].text.endswith("-"):
        tokens[last] = replace(tokens[last], spoken=tokens[last].spoken + mark)
    return tuple(tokens)


def _spoken(word: str) -> str:
    """How the synthesiser must be given a word: a partial word as a syllable, ``'cause`` as it sounds."""
    if word == "'cause":
        return "cuz"
    if word.endswith("-"):
        start = word[:-1]
        return (start if start[-1] in _VOWELS and len(start) > 1 else start + "uh") + ","
    return word


def uncertain(utterance: Utterance, transcriber: Transcriber, rng: Random) -> Utterance:
    """Put ``(( ))`` where that transcriber would, in a few percent of utterances."""
    if rng.random() >= 0.07:
        return utterance
    tokens = utterance.tokens
    if transcriber == "bbn":
        start, end = 0, len(tokens)
    else:
        start = rng.randrange(len(tokens))
        end = min(len(tokens), start + rng.randrange(4))
    wrapped = (*tokens[:start], Token(OPEN), *tokens[start:end], Token(CLOSE), *tokens[end:])
    return replace(utterance, tokens=wrapped)
