"""Discounts and gifts that the agent says, held against the prompt: what is given, and on what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fisherprep.speech.letters import LETTERS, words_of
from fisherprep.speech.prompt_facts import PromptFacts
from fisherprep.speech.script_goods import refuses

_DISCOUNTS = (
    ("half price", re.compile(r"\bhalf[ -](?:off|price)\b|\bfifty percent\b", re.IGNORECASE),
     r"\bhalf\b|\b50 ?(?:%|percent)"),
    ("percent", re.compile(r"\bpercent\b|%", re.IGNORECASE), r"%|\bpercent\b"),
    ("discount", re.compile(r"\bdiscount|\bon sale\b|\bspecial (?:price|deal|offer)\b|\bcoupon|"
                            r"\bdollars? off\b", re.IGNORECASE),
     r"discount|\bsale\b|\bspecial\b|%|\boff\b|coupon|half"),
    ("two for one", re.compile(r"\b(?:buy (?:one|two|1|2|an?)\b.*\bget|two for one|2 for 1|bogo|"
                               r"second one)\b.*", re.IGNORECASE),
     r"\bget\b|for one|\bsecond\b|free"),
    ("free", re.compile(
        r"\b(?:for free|free of charge|no (?:extra )?charge|on the house|complimentary|at no cost|on us|"
        r"(?:is|are|it's|they're|that's|that one's) (?:all |always |also |completely )?free(?! (?:on|at|now|"
        r"for you|of (?!charge)))|"
        r"(?:get|one) (?:one |it )?free|free (?!of |slot|appoint|to |on |at |parking|spot|now|time|with)"
        + LETTERS + r")\b",
        re.IGNORECASE), r"\bfree\b|no (?:extra )?charge|included|complimentary|\$0(?:\.00)?(?![.\d])|no cost|come with|"
                        r"comes with|warranty"),
)  # fmt: skip
"""What is claimed, how it is said, and what a prompt that gives it holds."""
_REMEDY = re.compile(r"\b(?:wrong|again|mistake|apolog\w*|complain\w*|replace\w*)\b", re.IGNORECASE)
"""What a prompt gives for free when something went wrong."""
_COMMON = frozenset(
    """
    free half price charge with this that your they from have when extra percent today will then discount about off all
    each every
    """.split()  # noqa: SIM905
)


def invented_discounts(sentences: Sequence[str], talk: str, facts: PromptFacts) -> Iterator[tuple[str, str]]:
    """What is given, and the sentence that gives it, where the prompt does not give it, or not on this.

    Args:
        sentences: of a line of the agent.
        talk: that line and some before it, which say what the discount is on.
        facts: of the prompt.
    """
    about, sorry = _stems(talk), re.search(r"sorry|apolog|mistake|our fault", talk, re.IGNORECASE)
    for sentence in sentences:
        if refuses(sentence):
            continue
        for what, said, given in _DISCOUNTS:
            if not said.search(sentence):
                continue
            sources = [s for s in facts.sentences if re.search(given, s, re.IGNORECASE)]
            if not any(_stems(source) & about or (_REMEDY.search(source) and sorry) for source in sources):
                yield what, sentence


def _stems(text: str) -> set[str]:
    """The beginnings of a text's words, without the commonest."""
    return {w[:5] for w in words_of(text) if len(w) > 3 and w not in _COMMON}
