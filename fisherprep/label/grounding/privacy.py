"""What no prompt may hold: markup, instructions to a model, and what identifies a person beyond a first name."""

from __future__ import annotations

import re
import unicodedata

from fisherprep.label.grounding.identity import names_a_person, names_an_address, names_an_organisation
from fisherprep.label.grounding.names import FIRST_NAMES, MONTHS
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.slots import fills_a_name_slot
from fisherprep.label.grounding.wording import tokens

_MARKUP = re.compile(r"[<>{}\[\]|\\`*#=~^_]|https?:|www\.|```|&[a-z]+;", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"\b(?:ignor\w*|disregard\w*|forget|overrid\w*|bypass\w*)\b.{0,40}\b(?:instruction|rule|prompt|guideline|order|"
    r"everything|above|previous|prior)\w*"
    r"|\b(?:system|developer|hidden|secret|initial) (?:prompt|message|instruction)s?\b|\bprompts?\b.{0,20}\binject"
    r"|\bas an? (?:ai|a\.i\.|assistant(?=[,.:]|$| you| to)|(?:large )?language model)\b|\blanguage model\b"
    r"|\bjailbr(?:eak|oken)\b"
    r"|\bchat ?gpt\b"
    r"|\byou are (?:now )?(?:an? )?(?:ai|a\.i\.|(?:helpful |evil )?assistant|dan)\b|\bdo anything now\b"
    r"|\b(?:respond|answer|reply|output|print|repeat|return)\b.{0,25}\b(?:json|exactly|only with|the following"
    r"|verbatim)\b"
    r"|\byou must (?:always|never|now|only)\b|\bnew (?:instruction|rule|task)s?\b"
    r"|\b(?:follow|obey|reveal)\w*\b.{0,25}\b(?:instruction|order|prompt|command)s?\b",
    re.IGNORECASE,
)
_MAIL = re.compile(
    r"\S@\S|\b(?:at|@) \w+ (?:dot|\.) (?:com|net|org|edu)\b|\b\w+ dot (?:com|net|org|edu)\b", re.IGNORECASE
)
_STREET = re.compile(
    r"\b(?:\d+[a-z]?|[a-z]+(?:ty|teen|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred)) "
    r"(?:(?:north|south|east|west|n|s|e|w)\.? )?(?:[\w'.]+ ){1,3}(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|"
    r"boulevard|blvd|court|ct|circle|terrace|parkway|highway|apartment|apt)\b\.?(?! louis| paul)"
    r"|\b(?:zip code|apartment|apt\.?|p\.? ?o\.? box) (?:number )?\d+",
    re.IGNORECASE,
)
_STREET_NAME = re.compile(
    r"\b(?:on|at) (?:[A-Z][\w'.]+ ){1,3}(?:Street|St\b|Avenue|Ave|Road|Rd|Drive|Lane|Boulevard|Blvd|Court"
    r"|Circle|Terrace)"
)
_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Doctor|Professor|Prof|Sir|Reverend|Rev|Judge|Officer|Sergeant|Captain)\.? [A-Z]"
)
_NAMED = re.compile(
    r"(?:\b(?i:named|called|name is|name's|known as|go by|married to|friend|husband|wife|son|daughter|brother"
    r"|sister|boss|"
    r"neighbor|cousin|uncle|aunt|boyfriend|girlfriend|partner|roommate|mother"
    r"|father))\s*,? ([A-Z][\w'’-]+ (?:[A-Z]\.? )?[A-Z][\w'’-]+)"
)
_CAPITALISED_PAIR = re.compile(r"\b([A-Z][a-z'’-]+) (?:[A-Z]\.? )?(?:[A-Z][\w'’-]+)")
_YOU_ARE = re.compile(
    r"\b(?:You are|You're|I am|I'm) ([A-Z][\w'’-]+) (?:[A-Z]\.? )?([A-Z][\w'’-]+)\b(?! (?:and|or|by)\b.*descent)"
)
_EMPLOYER = re.compile(
    r"\b(?:[Ww]ork(?:s|ed|ing)?|[Ee]mployed|[Tt]each(?:es|ing)?|[Tt]aught|job|position|career|[Mm]anager?s?"
    r"|[Ii]ntern(?:ed|ship)?"
    r"|[Ss]tudy|[Ss]tudied|[Ss]tudent|[Gg]raduated?|[Ee]nrolled|degree|boss|shifts?)\b[^.]{0,40}?\b(?:for|at"
    r"|with|from|by)"
    r" (?:the |a |an )?([A-Z][\w'’&.-]+)"
)
_LAST_NAME = re.compile(
    r"\b(?:last name|surname|maiden name|family name|social security|license plate|passport)\b", re.IGNORECASE
)
_PLACE_BEFORE = re.compile(r"\b(?:in|near|to|around|outside|of|from|through|the)\s+$")
_PEOPLES = re.compile(
    r"(?:Afric|Americ|Asi|Ital|Iri|Germ|Jew|Cathol|Christ|Musl|Mexic|Chin|Japan|Ind|Russ|Brit|Canad|Hispan|Puert|Latin"
    r"|Kor|Viet|Pol|Gree|Span|Fren|Euro|Cub|Baptis|Method|Luther|Protest|Democr|Republic|Native|Southern"
    r"|Northern|Black|White|Mormon)"
)


def unsafe(text: str) -> str | None:
    """Why a text may not stand in a prompt: ``markup`` or ``instruction``; None where it may."""
    if any(unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in text) or _MARKUP.search(text):
        return "markup"
    return "instruction" if _INSTRUCTION.search(text) else None


_ADDRESSED = re.compile(
    r"^\W*(?:system|assistant|developer)\b(?! (?:is|was|has|will|that|of|at|i)\b)|\bsystem override\b"
    r"|\bfrom now on you\b|\byou are now an?\b|\bpretend (?:that )?you(?:'re| are)\b"
    r"|\bnote to the (?:model|assistant|annotator|labell?er|ai)\b"
    r"|\b(?:add|output|include|write|record|list) (?:the |this |these |following )*facts?\b|\bcorrect json\b",
    re.IGNORECASE,
)
"""What a turn says to a model; a fact may well say that somebody is "now a" grandmother."""


def instructs(text: str) -> bool:
    """Whether a turn speaks to a model; such a turn proves nothing."""
    return _INSTRUCTION.search(text) is not None or _ADDRESSED.search(text) is not None


def identifies(text: str) -> bool:
    """Whether a text holds a last name, phone number, address, e-mail address, birth date, employer or school by name.

    Two capitalised words are a full name after "You are", after a word such as "named" or "husband", or where the
    first is a common first name and no place. That takes public figures along: better one fact less.
    """
    if any(rule.search(text) for rule in (_MAIL, _STREET, _STREET_NAME, _TITLED, _LAST_NAME, _EMPLOYER)):
        return True
    if any(rule(text) for rule in (names_an_address, names_a_person, names_an_organisation)):
        return True
    return _phone_number(text) or _birth_date(text) or _full_name(text) or fills_a_name_slot(text)


def _phone_number(text: str) -> bool:
    """Seven digits or more, written or said one by one."""
    if sum(c.isdigit() for c in "".join(re.findall(r"\+?\d[\d\s().-]{5,}", text))) >= 7:
        return True
    words = tokens(text)
    return any(run.end - run.start >= 5 for run in runs(words) if not {"hundred", "thousand", "million"} & set(words))


def _birth_date(text: str) -> bool:
    words = tokens(text)
    if "born" not in words and "birthday" not in words:
        return False
    return not MONTHS.isdisjoint(words) and bool(runs(words))


def _full_name(text: str) -> bool:
    if _NAMED.search(text):
        return True
    if (match := _YOU_ARE.search(text)) and not (_PEOPLES.match(match[1]) or _PEOPLES.match(match[2])):
        return True
    return any(
        match[1].lower() in FIRST_NAMES and not _PLACE_BEFORE.search(text[: match.start()])
        for match in _CAPITALISED_PAIR.finditer(text)
    )
