"""How an English word that no dictionary holds is probably said: letter-to-sound rules.

Phones are ARPAbet without stress, as in the CMU pronouncing dictionary. The rules are few and their vowels often only
near, which is enough for an aligner: it has to find where a word begins, not to recognise it.

A rule is a regular expression and the phones it stands for (``-``: silent). At each letter the first rule that matches
there is taken, and reading goes on after what it matched. Look-behind and look-ahead give it its context.
"""

from __future__ import annotations

import re
from functools import cache

_PHONES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONES = frozenset(_PHONES.split())
"""The 39 phones of the CMU pronouncing dictionary and of pocketsphinx's English model."""

LETTER_NAMES = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
    "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
    "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S",
    "y": "W AY", "z": "Z IY",
}  # fmt: skip
"""What a letter is called."""

# Shorthand of the patterns: C one consonant letter, E the endings that keep the vowel before them long (one consonant
# in between: "baker", "baking"), F a front vowel letter, which softens c and g.
_SHORTHAND = {"C": "[bcdfghjklmnpqrstvz]", "E": "(?:es?|ed|ers?|ings?|eys?|ely|ement)$", "F": "[eiy]"}

_RULES = """
aigh EY | ai(?=r) EH | ai EY | ay EY | augh AO | au AO | aw AO | ae IY | aa AA | ah AA | all$ AO L | alk AO K
alm AA M | (?<=w)ar AO R | are(?=s?$) EH R | ar(?=r?[aeio]) EH R | (?<=[aeiouy].)ar(?=s?$) ER
(?<=[aeiouy]..)ar(?=s?$) ER | ar AA R | a(?=nge|ste) EY | ation EY SH AH N | (?<=...)age(?=s?$) IH JH | a(?=CE) EY
a(?=tion|cious|C[iu]a|ble) EY | (?<=w)a(?=[dnst]) AA | (?<=qu)a(?=[dlnst]) AA | al(?=s?$|ly$) AH L
(?<=[aeiouy].)an(?=s?$) AH N | (?<=[aeiouy]..)an(?=[st]?$|ce) AH N | ^a(?=C[aeiou]) AH | a$ AH | a AE
b(?=t$) - | (?<=m)b$ - | b B
cch K | cc(?=F) K S | ck K | ch(?=[lr]) K | (?<=s)ch(?=[oe]) K | ch CH | ci(?=a|o|en) SH | (?<=s)c(?=F) - | c(?=F) S
c K
dge JH | dg(?=F) JH | d D
eigh EY | eir EH R | ei IY | eer IH R | ee IY | ear(?=[chlnt]) ER | ear IH R | eau OW | ea(?=d$|th|sure|lth) EH
ea IY | eur ER | eu Y UW | (?<=[lrjsdh])ew UW | ew Y UW | ey$ IY | ey EY | ere$ IH R | er(?=r?[aeio]) EH R | er ER
e(?=CE) IY | (?<=[aeiouy].)e(?=[ln]s?$) AH | (?<=[aeiouy]..)e(?=[ln]s?$) AH | e(?=nts?$|nces?$) AH
(?<=[td])ed$ AH D | (?<=[pkfsxc])ed$ T | (?<=[sc]h)ed$ T | (?<=..)ed$ D | (?<=[cgsxz])es$ AH Z | (?<=[cs]h)es$ AH Z
(?<=C)e(?=s$) - | (?<=[aeiouy]..)e(?=ment|ly|ful|less|ness) - | (?<=[aeiouy])e$ - | (?<=[aeiouy].)e$ -
(?<=[aeiouy]..)e$ - | (?<=[aeiouy]...)e$ - | ^e(?=C[aeiou]) IH | (?<=^[dr])e(?=C[aeiou]) IH
(?<=^pr)e(?=C[aeiou]) IH | e$ IY | eo IY OW | e EH
f F
^gh G | ght T | gh - | ^gn N | gn(?=s?$) N | ge(?=ous|a|o) JH | gg G | ^g(?=et|i[rv]) G | g(?=F) JH | gu(?=[eiy]) G
g G
(?<=[aeiou])h(?![aeiouy]) - | h HH
igh AY | ign AY N | ier IY ER | ies$ IY Z | ied$ IY D | ie IY | iou IY AH | ia IY AH | io$ IY OW | io IY AH
ique IY K | ine$ IY N | ir(?=[aeio]) IH R | ir ER | ild$ AY L D | ind$ AY N D | i(?=CE) AY | ive$ IH V | i(?=ble) AY
i$ IY | i IH
j JH
^kn N | kh K | k K
(?<=C)le$ AH L | (?<=C)les$ AH L Z | (?<=C)led$ AH L D | l L
^mc M AH K | mn$ M | m M
ng(?=th) NG | ng(?=s?$) NG | ng(?=[aou]|[lr]) NG G | n(?=[kxq]) NG | n(?=c[^ehiy]) NG | n N
ough(?=t) AO | ough AH F | ould UH D | oup UW P | our AO R | ous$ AH S | ou AW | ow(?=n|l|d|er|el) AW | ow OW
oar AO R | oa OW | oir W AA R | oi OY | oy OY | ook UH K | oor AO R | oo UW | oe(?=s?$) OW | oh OW | old OW L D
olk OW K | oll OW L | ost$ OW S T | (?<=w)or(?=[dklmst]) ER | (?<=[aeiouy].)or(?=s?$) ER
(?<=[aeiouy]..)or(?=s?$) ER | or AO R | o(?=CE) OW | o(?=tion|C[iu]a|cious) OW | ome$ AH M
(?<=[aeiouy].)o(?=[mn]s?$) AH | (?<=[aeiouy]..)o(?=[mn]s?$) AH | o(?=s?$) OW | o(?=C[aeiou]) OW | o AA
ph F | ^pn N | ^ps(?=y) S | p P
que(?=s?$) K | qu K W | q K
^rh R | rh R | r R
sch(?=[mnlw]) SH | sh SH | ss(?=ion|ure) SH | (?<=[aeiou])s(?=ion|ual|ure) ZH | s(?=ion) SH
(?<=[aeiou])s(?=es?$|ing$|ed$|ers?$) Z | (?<=[aeioubdglmnrvwy])s$ Z | sm$ Z AH M | s S
tion SH AH N | tch CH | th(?=er|ing$|es?$) DH | th TH | t(?=ure|ual) CH | (?<=s)t(?=en$|le) - | t T
(?<=[bg])u(?=[iy]) - | ue UW | ui UW | ur(?=[aeio]) Y UH R | ur ER | (?<=[lrjsdt])u(?=CE|C[aeio]) UW
u(?=CE|C[aeio]) Y UW | u$ UW | (?<=[pbf])u(?=ll) UH | u AH
v V
^wr R | wh(?=o) HH | wh W | w(?![aeiouyr]) - | w W
^x Z | xc(?=F) K S | x(?=ious) K SH | x K S
^y(?=[aeiou]) Y | (?<=[aeiou])y(?=[aeiou]) Y | y(?=CE) AY | (?<=^C)y$ AY | (?<=^CC)y$ AY | (?<=^CC)y(?=ing$) AY
yr ER | y$ IY | y(?=C) IH | y IY
z Z
"""


@cache
def _rules() -> list[tuple[re.Pattern[str], list[str]]]:
    rules = []
    for rule in " | ".join(_RULES.strip().splitlines()).split(" | "):
        pattern, *phones = rule.split()
        for short, meaning in _SHORTHAND.items():
            pattern = pattern.replace(short, meaning)
        rules.append((re.compile(pattern), [p for p in phones if p != "-"]))
    return rules


def sounds(letters: str) -> tuple[str, ...]:
    """Phones of a word as its letters a to z suggest; other characters are passed over. Never fails.

    A doubled consonant is one sound, except where a rule of its own says more.
    """
    letters = re.sub(r"[^a-z]", "", letters)
    phones: list[str] = []
    at = 0
    while at < len(letters):
        length = 1
        if at == 0 or letters[at] != letters[at - 1] or letters[at] in "aeiouy":
            for pattern, heard in _rules():
                if found := pattern.match(letters, at):
                    phones += heard
                    length = len(found[0])
                    break
        at += length
    return tuple(phones)
