"""How a word of a transcript is written for a model that hears characters: what is said, in the letters it knows.

Characters are a model's only phones, so a form that is not read as it stands is written as it is said: ``t.v.`` as the
words T and V, ``1995`` as nineteen ninety five (the likeliest way alone), ``401k`` as four hundred one k, ``mm-hm`` as
two words. A broken-off ``th-`` is its letters. Other languages' letters stay where the model has them, lose their
accents where it has the plain ones, and are dropped where it has neither.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fisherprep.align.pronounce import DIGIT_RUNS, INITIALISM, MAX_LETTERS
from fisherprep.numbers import spoken_numbers


def spoken_words(word: str) -> list[str]:
    """The words that are said for one item of a turn's words: lower case, without hyphens, digits and points.

    Never fails; empty where nothing is left.
    """
    word = word[:MAX_LETTERS].replace("\u2019", "'").lower()
    if match := INITIALISM.fullmatch(word):
        letters, ending = match.groups()
        names = letters.replace(".", " ").split()
        return [*names[:-1], names[-1] + (ending or "")]
    if re.search(r"[0-9]", word):
        return _with_digits(re.sub(r"[^a-z0-9'.-]", "", word).strip("'.-"))
    return [part for part in re.split(r"[-./\s]+", word) if part]


def _with_digits(word: str) -> list[str]:
    said: list[str] = []
    for run in DIGIT_RUNS.findall(word):
        if run[0].isdigit():
            number = spoken_numbers(run)[0]
            said += [*number[:-2], _plural(number[-2])] if number[-1] == "s" else number
        else:
            said += list(run) if len(run) < 3 else [run]
    return said


def _plural(number: str) -> str:
    """``nineties``, ``sixes``, ``hundreds``."""
    if number.endswith("y"):
        return number[:-1] + "ies"
    return number + ("es" if number.endswith("x") else "s")


@dataclass(frozen=True)
class Alphabet:
    """The labels of a CTC model that has one for each character."""

    characters: Mapping[str, int]
    """lower-case character -> label"""
    blank: int
    delimiter: int | None
    """what stands between words; None: nothing does"""

    @classmethod
    def of(cls, vocabulary: Mapping[str, int], blank: int, delimiter: str) -> Alphabet:
        """From a tokenizer's vocabulary, upper or lower case; entries of several characters are no letters.

        Raises:
            ValueError: it lacks a letter from a to z, or two characters have the same number.
        """
        upper = "a" not in vocabulary and "A" in vocabulary
        single = {token: label for token, label in vocabulary.items() if len(token) == 1 and label != blank}
        label, count = Counter(single.values()).most_common(1)[0] if single else (0, 0)
        if count > 1:
            both = " ".join(repr(token) for token, number in single.items() if number == label)
            raise ValueError(f"{both} have the same number, {label}; expected one for each character")
        end = next((single[token] for token in (delimiter, " ") if token in single), None)
        letters = {token: label for token, label in single.items() if label != end and not token.isspace()}
        folded = {token.lower() if upper else token: label for token, label in letters.items()}
        if found := [letter for letter in _ENGLISH if letter not in folded]:
            raise ValueError(
                f"the vocabulary lacks the letters {' '.join(found)} of a to z; expected a model of English with a "
                "label for each character (not for phonemes, syllables or word pieces)"
            )
        return cls(folded, blank, end)

    def spell(self, word: str) -> list[int]:
        """Labels of a word, its parts separated as words are; empty where none of its characters has one."""
        labels: list[int] = []
        for said in spoken_words(word):
            part = [self.characters[c] for c in self._known(said)]
            if labels and part and self.delimiter is not None:
                labels.append(self.delimiter)
            labels += part
        return labels

    def _known(self, said: str) -> str:
        """The characters that have a label, without their accents where they have none with them."""
        plain = "".join(
            c if c in self.characters else unicodedata.normalize("NFKD", _UNFOLDED.get(c, c))
            for c in unicodedata.normalize("NFC", said)
        )
        return "".join(c for c in plain if c in self.characters)


_ENGLISH = "abcdefghijklmnopqrstuvwxyz"
_UNFOLDED = {"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l"}
"""Letters that Unicode does not take apart."""
