"""From a transcript's text to normalised words: what is aligned, tokenised and shown on the text stream.

Words are what was said, lower case, one item per word. The rule for every marker:

=================================  ===============================================================================
marker                             rule
=================================  ===============================================================================
``[laughter] [mn] [[skip]]`` ...   removed, with a dash that hangs on (``[laughter]-``); LDC does not define ``[mn]``
``[uh] [um]``                      fillers are spoken: unwrapped to ``uh``, ``um``
``<noise>``, ``<german ja wohl>``  removed with what is inside: noises, and words of another language
``{...}``                          removed
``(( words ))``                    unwrapped; the turn's flags say that they are in doubt
``t._v.``, ``u._c._l._a.'s``       one word: ``t.v.``, ``u.c.l.a.'s``. Letters, each with its dot, are spoken one by one
                                   (`letters`); a lone letter with a dot stays ``b.``, distinct from the word ``a``
``a.s``                            kept: a letter in the plural
``th-``, ``-bout``, ``-'s``        partial words are spoken, and kept with their dash; a lone ``-`` is dropped
``pot-heads``, ``uh-huh``          one word
``'cause``, ``dogs'``, ``i'm``     apostrophes are kept; a pair around words (``'hello'``) is dropped, typographic ones
                                   become plain
``401k``, ``5.15``, ``1,000``      digits are kept, a comma within a number is dropped
``& % @ + =``, ``$5``              spelled as spoken: and, percent, at, plus, equals, ``5 dollars``
``*mandatory``, ``, ? ! " ...``    other characters separate words or are dropped
=================================  ===============================================================================

A tag that is not closed is removed up to the next space. Normalising words again leaves them as they are.
"""

from __future__ import annotations

import re
import unicodedata

MAX_NESTED_TAGS = 3
"""Tags within tags are taken apart to this depth; ``[[skip]]`` needs two."""

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u0060\u00b4\u2032", "'") | {"\u00ad": None})
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2212", "-") | dict.fromkeys("\u2013\u2014\u2015", " "))
_FILLER_TAG = re.compile(r"\[\s*(uh|um)\s*\]")
_TAGS = re.compile(r"\[[^\[\]]*\]-*|<[^<>]*>-*|\{[^{}]*\}-*")
_BRACKET = re.compile(r"[\[\]<>{}]")
_OPEN_TAG = re.compile(r"[\[<{]\S*|(?<!\S)\S*[\]>}]|[\]>}]")
_LAST_DOT = re.compile(r"(?<=\._)([^\W\d_])(?![\w.])")
_LETTER_JOIN = re.compile(r"(?<=\.)_(?=\S)")
_MARKS_LEFT = re.compile(r"[^\w\s.'()-]|--|''|(?<![\w'])'|'(?![\w'])|-\(+-|'\(+'")
"""Signs, doubled marks, or apostrophes that may be quotation marks."""
_DOLLARS = re.compile(r"\$\s*([0-9]+(?:[.,][0-9]+)*)")
_SPOKEN = {"&": " and ", "%": " percent ", "@": " at ", "+": " plus ", "=": " equals "}
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_LEADING_APOSTROPHE = r"(?!(?:cause|em|til|n|bout|burbs?|kay|round|scuse|s|tis|twas|d|ll|re|ve|m)\b)"
_QUOTED = re.compile(rf"(?<![\w'])'{_LEADING_APOSTROPHE}((?:[^'\s]|(?<=\w)'(?=\w)|\s(?!'))*)'(?![\w'])")
_LETTERS = r"(?:[^\W\d_]\.)+(?:'?s|'(?:d|ll|re|ve))?-?(?![\w.'-])"
_WORD = re.compile(
    rf"(?<![\w.'])-?{_LETTERS}"  # initialisms
    r"|-?'?\w+(?:(?:[-']|(?<=\d)\.(?=\d))\w+)*'?-?"
)
_INITIALISM = re.compile(rf"-?{_LETTERS}")
_PLAIN_WORD = "(?:-?[a-z]+(?:['-][a-z]+)*-?|'(?:cause|em|til|bout))"
_PLAIN = re.compile(rf" *(?:{_PLAIN_WORD}(?: +|$))*")
"""Text to which no rule applies but the taking away of parentheses: nine turns of ten, told in one match."""
_PLAIN_TAG = re.compile(r"(?<![^ ])\[(?!uh\]|um\])[a-z]+\](?![^ ])")


def normalize(text: str) -> list[str]:
    """The words of a turn's text by the rules above; empty when nothing was said.

    Never fails, whatever the text. Words hold letters, digits, ``'``, ``-`` and ``.`` only, and at least one letter or
    digit.
    """
    plain = _without_plain_markup(text)
    if _PLAIN.fullmatch(plain):
        return plain.split()
    text = _lowered(text)
    if _BRACKET.search(text):
        text = _without_tags(text)
    if "_" in text:
        text = _LETTER_JOIN.sub("", _LAST_DOT.sub(r"\1.", text)).replace("_", " ")
    if not _MARKS_LEFT.search(text):
        return _WORD.findall(text)
    text = _THOUSANDS.sub("", _DOLLARS.sub(r" \1 dollars ", text))
    for sign, spoken in _SPOKEN.items():
        text = text.replace(sign, spoken)
    text = re.sub(r"-{2,}", " ", re.sub(r"[^\w\s.'-]", " ", text))
    text = re.sub(r"'{2,}", " ", text)
    return _WORD.findall(_QUOTED.sub(r" \1 ", text))


def _without_tags(text: str) -> str:
    text = _FILLER_TAG.sub(r" \1 ", text)
    for _ in range(MAX_NESTED_TAGS):
        text = _TAGS.sub(" ", text)
    return _OPEN_TAG.sub(" ", text)


def _without_plain_markup(text: str) -> str:
    """Lower case, without tags that stand alone and parentheses, where these are all the markup there may be."""
    text = text.lower() if text.isascii() else text
    if "[" in text:
        text = _PLAIN_TAG.sub(" ", text)
    return text.replace("(", " ").replace(")", " ") if "(" in text else text


def _lowered(text: str) -> str:
    """Lower case; compatible characters made one, and accents that stand alone or cannot be seen dropped."""
    if text.isascii():
        return text.translate(_APOSTROPHES).lower()
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES).translate(_DASHES)).translate(_APOSTROPHES)
    text = unicodedata.normalize("NFKC", text.lower())
    return "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Mc", "Me", "Cf"))


def letters(word: str) -> list[str]:
    """The letters of an initialism (``t.v.'s`` gives ``t``, ``v``); empty for any other word."""
    return re.findall(r"[^\W\d_](?=\.)", word) if _INITIALISM.fullmatch(word) else []


def is_partial(word: str) -> bool:
    """Whether the word was broken off (``th-``) or taken up again (``-bout``)."""
    return word.startswith("-") or word.endswith("-")
