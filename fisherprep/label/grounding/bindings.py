"""What verbs and prepositions say of the place after them, and names that are the same. Everything is lower case."""

from __future__ import annotations

from fisherprep.label.grounding.lexicon import word_set

LIVE, ORIGIN, VISIT, FROM = "live", "origin", "visit", "from"
PLACE_VERBS = {
    "live": LIVE, "reside": LIVE, "settle": LIVE, "move": LIVE, "relocate": LIVE, "locate": LIVE, "call": LIVE,
    "base": LIVE, "stay": LIVE, "grow": ORIGIN, "raise": ORIGIN, "bear": ORIGIN, "originally": ORIGIN,
    "native": ORIGIN, "visit": VISIT, "travel": VISIT, "vacation": VISIT, "trip": VISIT, "go": VISIT, "tour": VISIT,
    "cruise": VISIT, "drive": VISIT, "fly": VISIT, "from": FROM,
}  # fmt: skip
"""What a verb (as a stem) says of the place after it."""
PLACE_AGREES = {
    LIVE: {LIVE, FROM}, ORIGIN: {ORIGIN, FROM}, VISIT: {VISIT}, FROM: {LIVE, ORIGIN, FROM},
}  # fmt: skip
LOCATING = word_set("in from near to at around outside of through")
SAME_NAMES = (
    {"tv", "television"}, {"us", "usa", "america", "states"}, {"la", "angeles"}, {"dc", "washington"},
    {"uk", "england", "britain"}, {"nyc", "york"}, {"philly", "philadelphia"}, {"vegas", "las"}, {"christmas", "xmas"},
    {"st", "saint"}, {"ft", "fort"}, {"mt", "mount"},
    {"mom", "mother"}, {"dad", "father"}, {"grandma", "grandmother"}, {"phd", "doctorate"}, {"iraq", "iraqi"},
    {"mexico", "mexican"}, {"italy", "italian"}, {"america", "american"}, {"china", "chinese"}, {"africa", "african"},
)  # fmt: skip
