"""What the agent sells or offers: the noun phrases that stand where goods are named, held against the prompt.

Such places are an offer ("we have ...", "would you like ..."), a confirmation ("here's your ...", "so that's ...",
"... coming right up"), the subject of a price ("... is four dollars"), and what the user asked for and the agent agrees
to. A phrase is licensed by its prompt where its head and what makes it another thing (a *vanilla* latte) stand there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fisherprep.speech.heard import MONEY, hear
from fisherprep.speech.letters import WORD
from fisherprep.speech.prompt_facts import PromptFacts, vocabulary
from fisherprep.speech.script_words import LOOKS, NOT_GOODS, sells_nothing

_NUMBER = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\\d+"
_DETERMINER = re.compile(rf"(?:an?|one|another|some|any|our|your|the|extra|more|{_NUMBER})\b")
_COUNTED = re.compile(rf"(?:an?|one|another|some|{_NUMBER})\b")
_WORD = re.compile(rf"{WORD}|\d+|\S")
_END = frozenset(
    """
    and or plus with in on at to for from that which who is are was were will would can could do does did be
    been if when as because since so i you we it they he she this these those my his her their then please too
    also well right today tomorrow tonight now here there coming ready instead only but not no by about over up
    out off into than per each like have has had get got take make want need i'll i'd i'm you'll you'd we'll
    we've that's it's there's how what where why maybe thanks thank sorry yes yeah okay altogether together
    total until before after while though without the a an your our actually again first anyway later soon
    around under anywhere somewhere comes costs cost goes works left available included sounds looks should may
    might must still just back come run make
    """.split()  # noqa: SIM905
)
"""What ends a noun phrase."""
_OFFERS = re.compile(
    r"\b(?:here(?:'s| is| are| comes?)|there(?:'s| is| are)(?: also)?|"
    r"i(?:'ll| will|'d| can| could|'ve|)(?: also| just| gladly)? (?:add(?:ed)?|grab|ring(?: you)? up|send|"
    r"ship|mail|pack|throw in|put in|"
    r"include|sell|offer|recommend|suggest|toss in|got|get)(?: you)?(?: in| up)?|"
    r"(?:we|i)(?:'ve got| have| also have| sell| offer| carry| also do| serve| stock| only have| do have| got)|"
    r"(?:would you|do you|did you) (?:like|want)|can i (?:get you|interest you in|offer you|bring you)|how about|"
    r"(?:^|[.,!] )try|you (?:can|could)(?: also)? (?:have|add|try|order|buy))\s+"
)
_CONFIRMS = re.compile(r"(?:^|[,.!:]\s*|\band )(?:(?:so|okay|ok|sure|great|perfect|alright|all right|"
                       r"of course|got it|no problem|"
                       r"then|and|right|certainly|absolutely)[,.!]?\s+)*(?:that's|that is|that makes|so|"
                       r"for)?\s*")  # fmt: skip
_COMING = re.compile(r"([^.,!?]*?)\s*,?\s*(?:coming (?:right )?up|coming|is ready|are ready|on (?:its|the) way)\b")
_PRICE_OF = re.compile(r"([^.,!?;]*?)\s+(?:is|are|costs?|would be|will be|runs?)\s+(?:only |just |about )?$")
_WANTS = re.compile(
    r"\b(?:(?:can|could|may) (?:i|we|you) (?:please |also |maybe )?(?:get|have|order|grab|buy|add|bring|sell|"
    r"send)(?: me| us)?|"
    r"(?:i|we)(?:'d| would) (?:really |also )?like|(?:i|we)'ll (?:also )?(?:have|take|get|try|go with)|i want|"
    r"i need|we need|"
    r"give me|let me get|do (?:you|you guys) (?:have|sell|do|offer|carry|serve)|(?:is|are) there|have you got)\s+"
)
_ASKS = re.compile(r"\b(?:do (?:you|you guys)|is there|are there|have you got)\b")
_ALSO_WANTS = re.compile(rf"(?:^|[.,!?] )(?:(?:oh|um|uh|hi|hello|and|plus|also|okay|then),? )*(?={_COUNTED.pattern})")
_AGREES = re.compile(
    r"\W*(?:(?:oh|um|uh|well|hi|hello|hey|thanks|good morning|hm),?\W+)*(?:sure|of course|yes|yeah|yep|okay|"
    r"ok|coming|got it|no problem|"
    r"absolutely|certainly|great|perfect|all ?right|you got it|will do|right away|definitely|we do|here|gladly|exactly|"
    r"that's right|right|correct|fine|i can)\b",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"n't\b|\b(?:no|not|never|none|nothing|sorry|afraid|unfortunately|out of|sold out|gone|ran out|without|instead|"
    r"cannot|anymore|only|nuts? in|have to ask|let me (?:check|ask|see|look))\b",
    re.IGNORECASE,
)
_NO_REFUSAL = re.compile(r"\b(?:no (?:problem|worries|rush)|not a problem|don't worry|why not)\b", re.IGNORECASE)


_AMOUNTS = frozenset({"dollar", "dollars", "bucks", "cent", "cents", "hundred", "thousand", "percent", "even", "total"})


@dataclass(frozen=True)
class Phrase:
    """A noun phrase, without its determiner."""

    words: tuple[str, ...]
    strict: bool
    """it has a price, or somebody counts it: no papers, no time"""

    @property
    def text(self) -> str:
        return " ".join(self.words)


def agrees(text: str) -> bool:
    """Whether a line takes up what was asked for."""
    return bool(_AGREES.match(text)) and not refuses(text)


def refuses(text: str) -> bool:
    """Whether the agent sells none of what a sentence names."""
    return bool(_REFUSES.search(_NO_REFUSAL.sub(" ", text)))


def sold_by_agent(sentence: str) -> Iterator[Phrase]:
    """The goods that a sentence of the agent offers, confirms or prices."""
    low = sentence.lower()
    amounts = [h for h in hear(sentence) if h.values(MONEY)]
    for heard in amounts:
        if subject := _PRICE_OF.search(low[: heard.start]):
            words = _subject(_WORD.findall(subject[1])[-4:])
            found = _phrase(words, False)
            if found and (len(found) == 1 or _DETERMINER.match(words[0])):
                yield Phrase(found, True)
        yield from _listed(re.sub(r"^\s*(?:for|more for)\s+", "", low[heard.end :]), _COUNTED, bool(amounts))
    for match in _COMING.finditer(low):
        yield from _listed(match[1].strip(), _DETERMINER, True)
    for match in _OFFERS.finditer(low):
        yield from _listed(low[match.end() :], None, False)
    if amounts or _COMING.search(low) or re.search(r"\bso\b|that's", low):
        for match in _CONFIRMS.finditer(low):
            yield from _listed(low[match.end() :], _COUNTED, False)


def _subject(words: list[str]) -> list[str]:
    """What has a price, up to what is said of it: "the router by itself is ..."."""
    ends = [i for i, word in enumerate(words) if i > 1 and word in _END]
    return words[: ends[0]] if ends and _DETERMINER.match(words[0]) else words


def wanted_by_user(text: str) -> Iterator[tuple[Phrase, bool]]:
    """What the user asks for, and whether it is only asked whether there is such a thing."""
    low = text.lower()
    for match in _WANTS.finditer(low):
        asks = bool(_ASKS.search(match[0]))
        yield from ((phrase, asks) for phrase in _listed(low[match.end() :], None, False))
    for match in _ALSO_WANTS.finditer(low):
        yield from ((phrase, False) for phrase in _listed(low[match.end() :], _COUNTED, False))


def _listed(text: str, first: re.Pattern[str] | None, strict: bool) -> Iterator[Phrase]:
    """The noun phrases that a text begins with, joined by commas, and, or, with."""
    words = _WORD.findall(text)
    at = 0
    while at < len(words):
        bare = not _DETERMINER.match(words[at])
        if bare and (first is not None or words[at] in _END or not words[at].isalpha()):
            return
        if first is not None and not first.match(words[at]):
            return
        start = at if bare else at + 1
        end = start
        while end < len(words) and words[end] not in _END and words[end][0].isalnum():
            end += 1
        found = _phrase(words[at:end], bare)
        if found and not (bare and not _may_be_bare(found)):
            yield Phrase(found, strict)
        while end < len(words) and words[end] in (",", "and", "or", "plus", "with", "then"):
            end += 1
        if end <= at or end >= len(words) or words[end - 1] not in (",", "and", "or", "plus", "with", "then"):
            return
        at = end
        first = first if first is not None else _DETERMINER if not bare else None


def _may_be_bare(words: tuple[str, ...]) -> bool:
    """Goods without a determiner: in the plural, or a word or two ("orange juice")."""
    return words[-1].endswith("s") or (len(words) <= 2 and not words[0].endswith(("ed", "ly", "en")))


def _phrase(words: list[str], bare: bool) -> tuple[str, ...]:
    """What stands after a determiner; of "a slice of lemon cake", the cake."""
    own = [w for w in words if w[0].isalnum()]
    if own and _DETERMINER.match(own[0]) and not bare:
        own = own[1:]
    while "of" in own[:-1]:
        own = own[own.index("of") + 1 :]
        own = own[1:] if own and _DETERMINER.match(own[0]) else own
    return tuple(w for w in own if w != "of")


def is_given(phrase: Phrase, facts: PromptFacts, known: frozenset[str]) -> bool:
    """Whether the prompt gives a noun phrase, or nobody could sell it.

    Args:
        phrase: what the agent names.
        facts: of the prompt.
        known: further words that may stand before a head: sizes, and what the user says of what they have.
    """
    if not phrase.words:
        return True
    *before, head = phrase.words
    if phrase.words[0] in ("nobody", "nothing", "anything", "something", "everything", "somebody", "anybody"):
        return True
    if _AMOUNTS & set(phrase.words) or hear(phrase.text):
        return True
    if not head.isalpha() or (head in LOOKS and head not in ("orange",)):
        return True
    given = facts.words
    if not (vocabulary(head) & given):
        return head in NOT_GOODS or head.removesuffix("s") in NOT_GOODS or (not phrase.strict and sells_nothing(head))
    sold = {word for item in facts.offers for word in item.split()[-1:]} | {
        i.split()[0] for i in facts.offers if " with " in i
    }
    if not (vocabulary(head) & {form for word in sold for form in vocabulary(word)}):
        return True
    return all(_is_look(word) or vocabulary(word) & (given | known) for word in before)


def _is_look(word: str) -> bool:
    return word in LOOKS or word.isdigit() or word.endswith(("ly", "est", "-sized")) or bool(_COUNTED.fullmatch(word))
