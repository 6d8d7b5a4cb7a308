"""What one wording says of another: verbs that need support, phrases that imply a word, opposites.

Small tables about common verbs and phrases of American telephone talk; everything is lower case, verbs as stems.
"""

from __future__ import annotations

from collections.abc import Sequence

from fisherprep.label.grounding.lexicon import word_set
from fisherprep.label.grounding.wording import proves, stem, tokens

WANTING = word_set("want wish hope would 'd plan dream like love think if could save saving always")
DISLIKING = word_set(
    "hate dislike despise detest stand awful terrible horrible not bore gross worst disgusting sick tire"
)
WORRYING = word_set(
    "worry concern nervous scare scared scary afraid fear anxious stress bother upset hard bad hope not trouble "
    "problem how if what careful watch"
)

SUPPORTED_BY = {
    "own": word_set("own have get buy our my mine"),
    "buy": word_set("buy get purchase"),
    "want": WANTING,
    "hope": WANTING,
    "hate": DISLIKING,
    "dislike": DISLIKING,
    "worry": WORRYING,
    "concern": WORRYING,
    "raise": word_set("raise have get grow bring kid child"),
    "manage": word_set("manage manager run supervise charge"),
    "coach": word_set("coach"),
    "work": word_set(
        "work job be am is are was been 's hire employ teach build do fix sell drive make run shift deliver wait"
    ),
    "stay": word_set("stay remain live visit home"),
}
"""Verbs that a fact may state of the speaker only if one of these was said with it: "i work at a store" does not make
an owner."""

PLEASING = word_set(
    "like love enjoy prefer favorite fond fan good great fun nice cool neat best into big interest fascinate relax not "
    "beautiful wonderful all mostly mainly probably crazy"
)
"""What may be said of that which a fact says is liked, where the speaker does nothing with it."""

LIGHT_FOR = {
    "play": word_set("do learn"),
    "celebrate": word_set("do have"),
    "eat": word_set("have give"),
    "drink": word_set("have"),
    "study": word_set("do major degree master"),
    "attend": word_set("go"),
    "visit": word_set("go be see"),
    "travel": word_set("go take drive fly be been"),
    "ride": word_set("take"),
    "use": word_set("have on"),
    "spend": word_set("be take"),
    "wait": word_set("stand"),
    "cook": word_set("make do fix"),
    "host": word_set("do have"),
    "set": word_set("make"),
    "give": word_set("do teach"),
    "serve": word_set("be"),
    "earn": word_set("get make"),
    "read": word_set("book"),
    "adopt": word_set("get"),
    "handle": word_set("do eat take stand"),
    "refuse": word_set("will"),
}
"""Verbs in whose place common speech puts a light one: "she does soccer", "i haven't had meat"."""

_IMPLIED = {
    "work night": "shift",
    "work day": "shift",
    "by myself": "alone",
    "by himself": "alone",
    "by herself": "alone",
    "give up": "quit stop drink eat",
    "in college": "student",
    "in school": "student study",
    "put on weight": "gain",
    "put on some weight": "gain",
    "be a kid": "childhood",
    "be little": "childhood",
    "grow up": "child childhood kid",
    "be down to": "cut reduce",
    "do hair": "hairdresser stylist",
    "down with": "have",
    "go to college": "student study attend",
    "go to school": "student study attend",
    "wait table": "waiter waitress",
    "drive a truck": "driver trucker",
    "drive truck": "driver trucker",
    "drive a bus": "driver",
    "one of each": "boy girl son daughter",
    "my whole life": "all",
    "all my life": "whole",
    "die": "dead death",
    "pass away": "die dead death",
    "stay home": "stay-at-home",
    "can not stand": "hate dislike",
    "be bear": "from",
    "get marry": "wedding",
    "deliver mail": "mailman carrier",
    "sell house": "realtor",
    "in the service": "military serve",
    "be on a plane": "fly",
    "tend bar": "bartender",
    "out of work": "unemployed",
    "between job": "unemployed",
    "lose my job": "unemployed lay",
    "not work": "unemployed",
    "late husband": "widow",
    "late wife": "widower",
    "lose my husband": "widow",
    "lose my wife": "widower",
    "my husband die": "widow",
    "my wife die": "widower",
    "my husband pass": "widow",
    "my wife pass": "widower",
    "ex wife": "divorced",
    "ex husband": "divorced",
    "split up": "divorced separated",
    "old man": "father dad husband",
    "old lady": "mother wife",
    "blood pressure": "hypertension",
    "stay at home": "homemaker housewife",
    "work for myself": "self employed business",
    "not eat meat": "vegetarian",
    "can not sleep": "insomnia",
    "rather": "prefer",
    "work out": "exercise gym",
    "go out to eat": "restaurant dine",
    "eat out": "restaurant dine",
    "look after": "care",
    "take care": "look",
    "bring up": "raise",
    "take lesson": "learn",
    "be against": "oppose",
    "be for it": "support favor",
    "come over": "visit",
    "go see": "visit",
    "sign up": "join enlist",
    "work the night": "nights shift",
    "little one": "child kid young",
    "lay off": "lose job unemployed",
    "half": "root descent heritage ancestry",
    "deliver the mail": "mailman",
}
_PHRASES = {tuple(stem(w) for w in tokens(phrase)): tuple(tokens(words)) for phrase, words in _IMPLIED.items()}

for _table in (SUPPORTED_BY, LIGHT_FOR):
    _table.update({stem(verb): words for verb, words in list(_table.items())})

OPPOSITES = tuple(
    frozenset(pair.split())
    for pair in """
before after
morning night
day night
always never
full part
high low
good bad
great terrible
early late
old young
old new
big small
huge small
big little
huge little
huge tiny
first last
more less
best worst
inside outside
north south
east west
weekday weekend
summer winter
summer fall
spring fall
spring summer
spring winter
winter fall
morning evening
own rent
afternoon night
afternoon morning
noon midnight
husband wife
""".strip().splitlines()
)

_OPPOSITES = tuple(frozenset(map(stem, pair)) for pair in OPPOSITES)

STUDYING = word_set("school study college degree major class learn university master want")
_FIELDS = word_set("nursing engineering programming teaching law psychology accounting acting farming cooking writing")
"""Fields of work: who studies one has not its trade."""


def only_studied(claimed: str, said: Sequence[str]) -> bool:
    """Whether a trade is claimed where only its study was spoken of ("in school for nursing")."""
    found = [word for word in said if proves(word, claimed)]
    return (
        claimed not in _FIELDS
        and bool(found)
        and all(word in _FIELDS for word in found)
        and not STUDYING.isdisjoint(map(stem, said))
    )


def implied(words: Sequence[str]) -> list[str]:
    """Words that the phrases among the words amount to (``by myself``: alone)."""
    stems = [stem(word) for word in words]
    first = set(stems)
    return [
        word
        for phrase, amounts in _PHRASES.items()
        if phrase[0] in first
        and any(tuple(stems[at : at + len(phrase)]) == phrase for at, s in enumerate(stems) if s == phrase[0])
        for word in amounts
    ]


def opposed(claimed: str, said: Sequence[str]) -> bool:
    """Whether an opposite of a fact's word was said, and the word itself was not."""
    said = [stem(word) for word in said]
    claimed = stem(claimed)
    return claimed not in said and any(
        not (pair - {claimed}).isdisjoint(said) for pair in _OPPOSITES if claimed in pair
    )
