"""Names told by the slot they fill: what somebody works at, goes to, was laid off from, lives on, or is.

The words of such a slot must all be common ones (or, where one goes, a known place); elsewhere a capital inside the
sentence must be that of a place, a people, the calendar, a kin's or pet's first name, or of something liked or watched.
A slot holds with and without capitals.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fisherprep.label.grounding.common import BRANDS, CALENDAR, COMMON, KNOWN_CAPITALS, PEOPLES
from fisherprep.label.grounding.dictionary import in_dictionary
from fisherprep.label.grounding.identity import plain_word
from fisherprep.label.grounding.lexicon import KIN, word_set
from fisherprep.label.grounding.names import FIRST_NAMES, MONTHS, OWN_NAMES
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.places import PLACES
from fisherprep.label.grounding.wording import cased_tokens, stem


def _forms(text: str) -> frozenset[str]:
    """The words of a text and their stems."""
    return frozenset(form for word in text.split() for form in (word, stem(word)))


_PLAIN_CAPITALS = PLACES | PEOPLES | CALENDAR | KNOWN_CAPITALS
_TASTES = _forms(
    "like love enjoy prefer watch read listen drink eat play fan fans favorite collect support follow admire hate "
    "dislike hooked addicted obsessed root interested remember saw see miss"
)
"""What is liked, watched or eaten may be called by its name; whom one plays for, not."""
_POSSESSING = _forms("drive own have buy drove bought owned got get ride want lease")
_SLOT_ENDS = word_set(
    "in at for to from on with by since because while when after before until during and but where who that which "
    "near behind beside as you he she they so if every once twice full part right versus vs instead rather"
)
_DETERMINED = word_set("a an your his her their my some any another its this that these those")
_LOCATED = word_set("in near outside around from through of across throughout")
_MOVING = _forms("move drive fly travel relocate trip visit cruise come return vacation close")
_SENT_AWAY = _forms(
    "lay fire retire quit graduate transfer resign degree diploma master bachelor doctorate let go drop mba"
)
_SCHOOLED = _forms("attend join transfer apply accept enroll belong")
_DWELLING = _forms("live reside stay house apartment")
_SERVING = _forms("work job play employ manage coach volunteer intern hire")
"""Verbs of those who do it for or at somebody."""
_CONGREGATIONS = word_set("lutheran baptist methodist presbyterian catholic episcopal christian central")
_CHEERING = _forms("root cheer vote ticket tickets")
_ESTATES = word_set(
    "apartments estates towers village manor heights acres gardens condos condominiums commons court homes projects "
    "terrace dorm hall plaza"
)
_HEADS_OF_NAMES = _ESTATES | word_set(
    "high elementary middle academy university college hospital clinic church lutheran baptist methodist plant street "
    "avenue road lane drive boulevard inc corporation company academy institute temple synagogue school"
)
_NAMING = word_set("named called name names is and or sweetheart")
_WORK_RELATIONS = word_set(
    "doctor doctors boss teacher neighbor neighbors coach professor dentist landlord pastor manager"
)
_DESCRIBING = (
    "ing",
    "ed",
    "ly",
    "tion",
    "ment",
    "ness",
    "ance",
    "ence",
    "ship",
    "ist",
    "ian",
    "er",
    "or",
    "ess",
    "man",
    "woman",
    "ic",
    "al",
)


def fills_a_name_slot(text: str) -> bool:
    """Whether a text names an employer, school, church, club, street, dwelling or family.

    Args:
        text: a sentence in the second person.
    """
    cased = [word.removesuffix("'s") or word for word in cased_tokens(text)]
    words = [word.lower() for word in cased]

    return (
        any(_slot(cased, words, at) for at in range(1, len(words)))
        or any(_odd_capital(cased, words, at) for at in range(1, len(words)))
        or _family_name(cased, words)
    )


def _plain(word: str) -> bool:
    return plain_word(word) or word in COMMON | CALENDAR | PEOPLES or in_dictionary(word)


def _slot(cased: Sequence[str], words: Sequence[str], at: int) -> bool:
    """Whether the words after a preposition or verb are a name where only common nouns may stand."""
    word = words[at]
    phrase = _phrase(words, at + 1)
    if not phrase:
        return False
    before = {stem(other) for other in words[max(0, at - 6) : at]}
    capital = any(c[:1].isupper() for c in cased[at + 1 : at + 1 + len(phrase)])
    unknown_capital = capital and not _all_capitals_known(cased, words, at + 1, len(phrase))
    strange = _strange(phrase) or _bare(phrase, word, before) or unknown_capital
    if word in ("at", "for"):
        if word == "at" and phrase[0] not in _DETERMINED and phrase[-1] in PEOPLES:
            return True
        looking = words[at - 1] == "looking" and word == "at" and not capital
        if stem(words[at - 1]) in _CHEERING or words[at - 1] == "all" or looking:
            return False
        return strange or not BRANDS.isdisjoint(phrase) or (capital and not _of_the_calendar(phrase))
    if word == "with":
        return stem(words[at - 1]) in ("be", "am", "work") and words[at - 1] != "been" and strange
    if word == "from":
        return not _SENT_AWAY.isdisjoint(before) and (strange or capital)
    if word == "by":
        return not {"employ", "hir", "hire"}.isdisjoint(before) and strange
    if word in ("to", "into") and stem(words[at - 1]) in ("go", "get", "belong", "transfer", "apply", "accept"):
        unknown = _strange([w for w in phrase if w not in PLACES] or ["a"])
        return unknown or _bare(phrase, word, before) or _is_a_school(phrase)
    if stem(word) in _SCHOOLED:
        return strange or (capital and not all(w in PEOPLES | CALENDAR or plain_word(w) for w in phrase))
    if word == "of" and words[at - 1] in ("member", "members", "pastor", "brother", "sister"):
        return strange
    if word in ("on", "off"):
        return not _DWELLING.isdisjoint(before) and (strange or "route" in phrase or "highway" in phrase)
    return word == "in" and phrase[-1] in _ESTATES and strange


def _phrase(words: Sequence[str], start: int) -> list[str]:
    """The words of a slot, up to the next preposition or clause."""
    phrase: list[str] = []
    for word in words[start : start + 5]:
        if word in _SLOT_ENDS:
            break
        phrase.append(word)
    return phrase


def _strange(phrase: Sequence[str]) -> bool:
    """Whether no common phrase; after "a" or "your" any lower-case noun is common."""
    if phrase[0] in _DETERMINED or runs(phrase[:1]):
        return False
    return any(not _plain(word) and not runs([word]) and not word.endswith(_DESCRIBING[:8]) for word in phrase)


def _bare(phrase: Sequence[str], lead: str, before: set[str]) -> bool:
    """Whether a phrase of plain words lacks the article that it would have, were it no name ("work at target")."""
    if phrase[0] in _DETERMINED | {"the"} or runs(phrase[:1]):
        return False
    if phrase[-1] in _ESTATES or not _CONGREGATIONS.isdisjoint(phrase[1:]):
        return True
    named = not plain_word(phrase[-1]) and (not phrase[-1].endswith("s") or phrase[-1] in BRANDS)
    return named and not (_DWELLING if lead == "on" else _SERVING).isdisjoint(before)


def _all_capitals_known(cased: Sequence[str], words: Sequence[str], start: int, length: int) -> bool:
    return all(words[at] in _PLAIN_CAPITALS or not cased[at][:1].isupper() for at in range(start, start + length))


def _of_the_calendar(phrase: Sequence[str]) -> bool:
    return all(word in CALENDAR | PEOPLES | KNOWN_CAPITALS or word.isdigit() or len(word) < 4 for word in phrase) or (
        phrase[0] in _DETERMINED and all(word in PEOPLES | KNOWN_CAPITALS or in_dictionary(word) for word in phrase[1:])
    )


def _is_a_school(phrase: Sequence[str]) -> bool:
    """``ohio state``, ``michigan tech``."""
    return any(a in PLACES and b in ("state", "tech", "high") for a, b in itertools.pairwise(phrase))


def _odd_capital(cased: Sequence[str], words: Sequence[str], at: int) -> bool:
    """Whether a capital inside the sentence belongs to no place, people, season, first name in its slot, or liking."""
    if not cased[at][:1].isupper() or len(words[at]) == 1:
        return False
    if _is_a_school(words[at : at + 2]):
        return True
    end = next((i for i in range(at, len(words)) if not cased[i][:1].isupper()), len(words))
    followed = set(words[at + 1 : end + 1])
    known = words[at] in _PLAIN_CAPITALS | MONTHS | {"you", "your"}
    if known or _of_a_place(words[at]) or _several(cased[at]):
        return False
    before = words[:at]
    lead = next((i for i in range(at - 1, -1, -1) if not cased[i][:1].isupper()), 0)
    if not _HEADS_OF_NAMES.isdisjoint(followed):
        return True
    if _first_name(words, lead, at):
        return False
    return not (_place_slot(before, lead) or _liked(before, words[at + 1 :], words[at]))


def _several(token: str) -> bool:
    """``TVs``."""
    return token[:-1].isupper() and token.endswith("s") and token[:-1].lower() in KNOWN_CAPITALS


def _of_a_place(word: str) -> bool:
    """``alaskan``, ``texans``."""
    return any(word.removesuffix("s").removesuffix(end) in PLACES for end in ("n", "an", "ian") if len(word) > 5)


def _place_slot(before: Sequence[str], lead: int) -> bool:
    word = before[lead]
    word = before[lead - 1] if word == "the" and lead else word
    if word in _LOCATED:
        return True
    return word == "to" and lead > 0 and stem(before[lead - 1]) in _MOVING


def _first_name(words: Sequence[str], lead: int, at: int) -> bool:
    """Whether a first name stands where one of kin or of a pet is told."""
    bare = words[at]
    bare = bare[:-2] if bare.endswith("ie") and bare[:-2] in FIRST_NAMES else bare
    in_slot = words[lead] in _NAMING or words[lead] in KIN
    if not in_slot or (
        KIN.isdisjoint(words[:at]) and "name" not in words and "named" not in words and words[lead] != "sweetheart"
    ):
        return bare in FIRST_NAMES | OWN_NAMES
    if not _WORK_RELATIONS.isdisjoint(words[:at]):
        return bare in FIRST_NAMES | OWN_NAMES
    named = words[lead] in ("named", "called") or "name" in words or "names" in words or "named" in words
    return named or words[lead] in KIN | {"sweetheart"} or bare in FIRST_NAMES | OWN_NAMES


def _liked(before: Sequence[str], after: Sequence[str], name: str) -> bool:
    stems = {stem(word) for word in before} | {stem(word) for word in after if word in ("fan", "fans")}
    if name in BRANDS and not _POSSESSING.isdisjoint(stems):
        return True
    return not (_TASTES | _CHEERING).isdisjoint(stems) and (
        {"for", "at", "from", "with"}.isdisjoint(before) or not _CHEERING.isdisjoint(stems)
    )


def _family_name(cased: Sequence[str], words: Sequence[str]) -> bool:
    """``you are a kowalczyk``: what one "is a" without a plain noun."""
    for at, word in enumerate(words[:-1]):
        if word not in ("a", "an") or not at or stem(words[at - 1]) not in ("be", "am"):
            continue
        phrase = _phrase(words, at + 1)
        known = any(_plain(w) or w.endswith(_DESCRIBING) or w in PEOPLES for w in phrase)
        if phrase and not known and cased[at + 1][:1].isalpha():
            return True
    return False
