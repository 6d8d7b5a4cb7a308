"""Who could be found by a text: full names, employers, schools and addresses, told without capitals.

Transcripts are in lower case, and so may be what a model writes. Names are told by their place in the sentence:
after "work at", "nurse at" or "goes to" only common nouns may stand, and a first name only before a known word.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from fisherprep.label.grounding.bindings import LOCATING
from fisherprep.label.grounding.dictionary import in_dictionary
from fisherprep.label.grounding.lexicon import IRREGULAR, KIN, OTHERS, SOFT, STOP, THIRD_VERBS, word_set
from fisherprep.label.grounding.names import FIRST_NAMES, MONTHS
from fisherprep.label.grounding.numbers import DIGIT_WORDS, runs
from fisherprep.label.grounding.synonyms import BROADER, EQUAL
from fisherprep.label.grounding.wording import cased_tokens, stem, tokens

_HEADS = word_set("""
agency airport apartment army bakery bank bar base beauty bookstore branch building business cafe cafeteria camp
casino center church cinema city class clinic club college company corporation council court daycare dealership
department district doctor's embassy facility factory family farm field firm foundation franchise garage gas
government grocery gym hall headquarters home hospital hotel house industry institute kindergarten lab laboratory
landscaper library mall manufacturer market mill mine mortuary motel museum nursery office orchestra organization
others pharmacy place plant police post practice preschool prison program project ranch restaurant salon school
seminary service shelter shop site state station store studio supermarket temple theater university warehouse zoo
yard yourself themselves himself herself living money job hospice ministry magazine newspaper paper radio
television tv lawyer dentist doctor plumber contractor people kids children animals mission desk counter landfill
depot shipyard pool park fair beach lake
""")
_MODIFIERS = word_set("""
the a an your his her their this that its local big small large little private public state city county federal
national international community middle high elementary junior senior grade primary secondary night day graduate
law medical business trade technical culinary beauty art music nursing veterinary vet catholic christian jewish
lutheran baptist methodist boarding summer sunday charter magnet driving dental grocery hardware department
clothing shoe pet convenience liquor video record book gas power auto body machine car repair trucking insurance
phone telephone cable computer software construction oil steel airline shipping moving design marketing advertising
consulting accounting real estate loan nursing retirement group assisted fast food mexican chinese italian pizza
ice cream coffee movie post police fire train bus radio tv television news youth day-care children's women's men's
teaching research general same different new old another university college hospital school bank call customer
service data health mental care surgical family print printing paper auto parts furniture jewelry flower toy candy
sporting goods dry tax temp staffing non-profit nonprofit profit non start up startup two four year online downtown
nearby local and or government military air force army navy
""")
"""What may stand in the name of a place without naming it."""
_TRADES = word_set("""
engineer nurse teacher professor manager doctor cashier clerk secretary accountant lawyer attorney librarian cook
chef waiter waitress programmer technician mechanic supervisor student receptionist salesman analyst consultant
researcher pharmacist pilot janitor custodian coach principal counselor dispatcher teller bartender banker
electrician executive director assistant administrator editor writer reporter guard driver worker intern freshman
sophomore junior senior pastor priest minister scientist chemist therapist paramedic employee
""")
_AT_WORK = (
    word_set("""
work teach job position career manager intern internship study student graduate enroll degree boss shift employ
hire major attend professor education bachelor master class course
""")
    | _TRADES
)
_AT_WORK = _AT_WORK | frozenset(map(stem, _AT_WORK))
_INSTITUTIONS = word_set("university college academy elementary hospital clinic inc corporation seminary institute")
_SCHOOLING = word_set("university college academy school elementary high state tech institute")
_PHRASE_END = word_set("""
in as for with from since because while when after before until during on and but where who that which near every
at to of by full part now then years year months days nights weekends i you he she they so if
""")
_PLAIN_AT = word_set("""
home night least all once first last age times time work present noon midnight end top bottom moment beginning
heart it them him one people us you him her me
""")
_KNOWN = (
    STOP | SOFT | KIN | OTHERS | THIRD_VERBS | LOCATING | MONTHS | _HEADS | _MODIFIERS | _TRADES
    | frozenset(word for group in EQUAL for word in group)
    | frozenset(BROADER) | frozenset(word for group in BROADER.values() for word in group)
    | frozenset(IRREGULAR) | frozenset(IRREGULAR.values())
)  # fmt: skip
_DESCRIBING = re.compile(
    r".*(?:ed|ing|ly|ive|al|ous|ic|ent|ant|able|ible|an|ish|ful|less|ist|er|or|ese|y|free|minded|time|old|up|down|out)$"
)
_INTRODUCING = word_set("am is are was were married named called met dated marry dating")
_PEOPLES = re.compile(
    r"(?:african|american|asian|italian|irish|german|mexican|native|roman|greek|puerto|latin|southern|new)$"
)
_STREET_KINDS = "street|st|avenue|ave|road|rd|lane|ln|boulevard|blvd|circle|terrace|parkway|court|drive"
_ON_A_STREET = re.compile(
    rf"\b(?:on|at|off|near) (?:(?!(?:a|an|the|your|my|his|her|their|this|that|same|and|or|to|you|of|with|for|in)\b)"
    rf"[\w'.]+ ){{1,2}}(?:{_STREET_KINDS})\b",
    re.IGNORECASE,
)
_ZIP = re.compile(
    r"\bzip\b|(?<![\d$,.])\b\d{5}(?:-\d{4})?\b(?![,.]?\d| (?:dollar|mile|people|square|feet|foot|acre|book|copies|point"
    r"|hour|step|a\b|bucks|words|students|employees|fans|pounds))",
    re.IGNORECASE,
)
_DWELLING = re.compile(r"\b(?:apartment|apt|unit|suite|lot|box) (?:number )?(\w+)", re.IGNORECASE)
_LIVES_AT = re.compile(
    r"\b(?:liv(?:e|es|ed|ing)|resid\w+|address|house) (?:is )?(?:at|is|on) (?:number )?(\w+)", re.IGNORECASE
)


def names_an_address(text: str) -> bool:
    """A street, a house or flat by its number, a zip code."""
    if _ON_A_STREET.search(text) or _ZIP.search(text):
        return True
    return any(_number(match[1]) for rule in (_DWELLING, _LIVES_AT) for match in rule.finditer(text))


def _number(word: str) -> bool:
    return word.isdigit() or word.lower() in DIGIT_WORDS or bool(runs([word.lower()]))


def names_a_person(text: str) -> bool:
    """A first name before a word that is no plain one, somebody "is" two such words, or a family by its name."""
    cased = [word for word in cased_tokens(text) if word not in ("'s",)]
    for at, word in enumerate(cased):
        after = cased[at + 1 : at + 3]
        if _first_name(word, cased[at - 1] if at else "") and after and _may_be_surname(after[0]):
            return True
        before = word.lower()
        if len(after) == 2 and (before in _INTRODUCING or before in KIN) and _two_names(after, before in KIN):
            subject = {w.lower() for w in cased[: at + 1]}
            if at == 1 or not (KIN | {"married", "met", "dated", "dating", "named"}).isdisjoint(subject):
                return True
    return _names_a_family(cased)


def _first_name(word: str, before: str) -> bool:
    bare = word.lower().removesuffix("'s")
    return bare in FIRST_NAMES and before.lower() not in LOCATING | {"the", "lake", "san", "saint", "st", "fort"}


def _may_be_surname(word: str) -> bool:
    """Whether a word after a first name may be its last name: capitalised, or not known as a plain word."""
    bare = word.lower().removesuffix("'s")
    if word[0].isupper():
        return not bare.isdigit()
    plain = bare in _KNOWN or stem(bare) in _KNOWN or bare in FIRST_NAMES
    return bare.isalpha() and not plain and not bare.endswith(("ing", "ed", "ly"))


def _two_names(pair: Sequence[str], after_kin: bool) -> bool:
    first, second = (word.removesuffix("'s") for word in pair)
    if first.islower() and second.islower() and in_dictionary(first) and in_dictionary(second):
        return False
    if any(word.lower() in _KNOWN or _number(word) for word in (first, second)) or not (
        first.isalpha() and second.isalpha()
    ):
        return False
    if first[0].islower() and (_DESCRIBING.match(first) or (after_kin and first.endswith("s"))):
        return False
    if second[0].islower() and (_DESCRIBING.match(second) and first.lower() not in FIRST_NAMES):
        return False
    return first[0].isupper() == second[0].isupper() and not _PEOPLES.match(first.lower())


def _names_a_family(cased: Sequence[str]) -> bool:
    words = [word.lower() for word in cased]
    near = {"neighbor", "neighbors", "neighbour", "neighbours", "in-laws", "door"} & set(words)
    for article, word in itertools.pairwise(cased):
        known = word.lower() in _KNOWN or stem(word.lower()) in _KNOWN
        if article.lower() == "the" and not known and word.endswith("s") and near:
            return True
    return any(
        a == "the" and c == "family" and b not in _KNOWN for a, b, c in zip(words, words[1:], words[2:], strict=False)
    )


def names_an_organisation(text: str) -> bool:
    """An employer or school: after work, study or a trade, "at" and "for" want common nouns."""
    words = tokens(text)
    at_work = False
    for at, word in enumerate(words):
        at_work = at_work or word in _AT_WORK or stem(word) in _AT_WORK
        phrase = _phrase(words[at + 1 :])
        if not phrase:
            continue
        if (word == "at" or (word in ("for", "by") and at_work)) and _is_named(phrase, word == "at" and not at_work):
            return True
        if word == "to" and at and stem(words[at - 1]) in ("go", "attend", "transfer") and _named_school(phrase):
            return True
        graduated = word == "from" and at_work and _any_from(words[:at])
        if (graduated and _is_named(phrase, False)) or (stem(word) == "attend" and _named_school(phrase)):
            return True
        if stem(word) in ("manage", "manag") and phrase[0] == "the" and _is_named(phrase, False):
            return True
    return any(b in _INSTITUTIONS and _unknown(a) for a, b in itertools.pairwise(words)) or _of_place(words)


def _any_from(words: Sequence[str]) -> bool:
    return any(stem(word) in ("graduate", "graduat", "degree", "bachelor", "master") for word in words)


def _of_place(words: Sequence[str]) -> bool:
    """``university of michigan``."""
    return any(a in ("university", "bank") and b == "of" for a, b in itertools.pairwise(words))


def _phrase(words: Sequence[str]) -> list[str]:
    phrase: list[str] = []
    for word in words[:6]:
        if word in _PHRASE_END:
            break
        phrase.append(word)
    return phrase


def _unknown(word: str) -> bool:
    return word not in _KNOWN and stem(word) not in _KNOWN and not word.endswith(("ing", "ed"))


def plain_word(word: str) -> bool:
    """Whether a word of lower case is a common one by the lists of this room."""
    return _listed(word)


def _common(word: str) -> bool:
    return in_dictionary(word) or _listed(word)


def _listed(word: str) -> bool:
    return word in _KNOWN or stem(word) in _KNOWN or word in _PLAIN_AT or bool(runs([word])) or word == "'s"


def _is_named(phrase: Sequence[str], loose: bool) -> bool:
    """Whether a phrase is no common one. ``loose``: nothing speaks of work or school, so only institutions count."""
    if loose:
        return any(word in _INSTITUTIONS for word in phrase) and any(_unknown(word) for word in phrase)
    if runs(phrase[:1]) and phrase[0] not in ("a", "an", "one"):
        return False
    if phrase[0] in ("a", "an", "your", "his", "her", "their"):
        return not any(word in _HEADS or stem(word) in _HEADS or _common(word) for word in phrase[1:])
    return not all(_common(word) for word in phrase)


def _named_school(phrase: Sequence[str]) -> bool:
    schooling = any(word in _SCHOOLING for word in phrase)
    return schooling and phrase[0] not in ("a", "an") and any(_unknown(word) for word in phrase)
