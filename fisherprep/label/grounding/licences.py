"""Common verbs of facts, and the words of which one must be in the clause that proves such a verb."""

from __future__ import annotations

from fisherprep.label.grounding.lexicon import word_set
from fisherprep.label.grounding.relations import DISLIKING
from fisherprep.label.grounding.wording import stem


def forms_of(text: str) -> frozenset[str]:
    return frozenset(form for word in text.split() for form in (word, stem(word)))


_MAKING = "make bake build sew cook do create brew fry craft quilt knit paint fix grow design write record mix"


_WANTING = word_set("want wish hope plan dream look save saving try need think consider like love rather")


FREE = frozenset(
    map(
        stem,
        word_set(
            "enjoy like prefer favor appreciate value care find think believe feel consider know understand agree say "
            "do be view seem describe recall remember worry concern follow mean happen include involve call name admit "
            "interest express share discuss see look watch work used use visit spend hold become try celebrate bear"
        ),
    )
)
"""Verbs with which a paraphrase begins ("you enjoy ..."): they need no licence here."""


LICENSES = {
    "have": word_set(
        "have get my our own buy adopt raise with keep mine ours give collect there no take suffer lose rescue expect "
        "name we"
    ),
    "live": word_set(
        "live reside be am is are 's stay home house rent own buy move apartment condo here from place settle"
    ),
    "own": word_set("own have get buy my our mine ours run open start collect"),
    "make": word_set(_MAKING),
    "get": word_set("get receive win buy have give take adopt pick go be become"),
    "serve": word_set("serve be work do volunteer am is are was been"),
    "give": word_set("give donate buy teach send volunteer let"),
    "keep": word_set("keep have save store raise collect put stay"),
    "grow": word_set("grow raise plant garden have"),
    "move": word_set("move relocate come transfer go settle end"),
    "take": word_set("take use ride have get bring do study go on drive"),
    "go": word_set("go be been visit travel drive fly come attend run walk take get trip see move head spend"),
    "come": word_set("come be from move grow go am 's bear"),
    "start": word_set("start begin open found become first new get"),
    "begin": word_set("start begin open found become first new get"),
    "bring": word_set("bring take carry come get"),
    "put": word_set("put have keep set"),
    "leave": word_set("leave quit go move retire stop"),
    "raise": word_set("raise grow bring kid child boy girl"),
    "love": word_set(
        "love like favorite crazy big huge fan great best addict enjoy fun adore into good wonderful passion "
        "passionate live beautiful nice miss always stand tire"
    ),
    "hate": DISLIKING,
    "dislike": DISLIKING,
    "want": _WANTING,
    "hope": _WANTING,
    "manage": word_set("manage manager run supervise charge"),
    "stay": word_set("stay remain live home"),
    "learn": word_set("learn teach study try class lesson take"),
    "help": word_set("help volunteer carry assist care give take work babysit watch"),
}  # fmt: skip
"""Common verbs, and the words of which one must be in the clause that proves such a verb (as stems)."""


LICENSES.update({stem(verb): words for verb, words in list(LICENSES.items())})


OF_THE_SPEAKER = word_set("my our mine ours we am there here no keep expect")
"""What licenses a verb of the speaker only: "my daughter wants a horse" does not say that she has one."""
