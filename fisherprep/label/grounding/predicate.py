"""The verb of a fact: whether it was said of the fact's subject, in that tense, with that object's clause.

The other rules look for each word of a fact by itself. Here the fact is read as subject, verb and complement: a common
verb ("have", "live", "make") may stand for another one only if that licenses it, the one who does it must be the one
who was said to do it, and the present is not proved by the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fisherprep.label.grounding.claims import Claim
from fisherprep.label.grounding.clauses import GENERIC, NEUTRAL, OTHER, OWN, Clause
from fisherprep.label.grounding.evidence import Said
from fisherprep.label.grounding.lexicon import (
    AUXILIARIES,
    BEING,
    BOUNDARIES,
    IRREGULAR_PAST,
    KIN,
    SOFT,
    STOP,
    SUPPOSING,
    THIRD_VERBS,
    word_set,
)
from fisherprep.label.grounding.numbers import runs
from fisherprep.label.grounding.relations import DISLIKING
from fisherprep.label.grounding.wording import proves, stem


def _forms_of(text: str) -> frozenset[str]:
    return frozenset(form for word in text.split() for form in (word, stem(word)))


_BE = BEING | word_set("be being 're 'm")
_PRESENT_BE = word_set("am is are 's be")
_HELPERS = AUXILIARIES | _BE | word_set("have has had having will would 'd may might must get got 've not never no to")
_ADVERBS = word_set(
    "also still now always often usually just currently really rarely once recently never not mostly mainly sometimes "
    "frequently previously formerly no longer only even occasionally generally typically already actually both all"
)
_MAKING = "make bake build sew cook do create brew fry craft quilt knit paint fix grow design write record mix"

_WANTING = word_set("want wish hope plan dream look save saving try need think consider like love rather")
_FREE = frozenset(
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
    "live": word_set("live reside be am is are 's stay home house rent own buy move apartment condo here from place settle"),
    "own": word_set("own have get buy my our mine ours run open start collect"),
    "make": word_set(_MAKING),
    "get": word_set("get receive win buy have give take adopt pick go be become"),
    "serve": word_set("serve be work do volunteer am is are was been"),
    "give": word_set("give donate buy teach send volunteer let"),
    "keep": word_set("keep have save store raise collect put stay"),
    "grow": word_set("grow raise plant garden"),
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
        "love like favorite crazy big huge fan great best addict enjoy fun adore into good wonderful passion passionate "
        "live beautiful nice miss always stand tire"
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
_OF_THE_SPEAKER = word_set("my our mine ours we am there here no keep expect")
"""What licenses a verb of the speaker only: "my daughter wants a horse" does not say that she has one."""
_NEGATIONS = word_set(
    "not n't never no none nor neither without hardly barely nothing nobody cannot anymore only rarely"
)
_LOOKING_AHEAD = word_set("will going look think try retire trying looking like love should need someday")
_ENDING_VERBS = _forms_of("quit stop drop retire give")
_POINTING = word_set("it that them one ones they")
_DOING = _HELPERS | _ADVERBS | word_set("i we and") | {""}
_AT_WORK = frozenset(
    map(stem, word_set("work job business office company employ commute hire boss career teach shift"))
)
_PREPOSITIONS = word_set("in at on for with to from by")
_WAYS = word_set("flight drive way road train bus plane")
_LEAVING = word_set("since before after until till than without")
_RELATED = _PRESENT_BE | word_set("was were been as half part become get work call consider")


@dataclass(frozen=True)
class Predicate:
    """The verb of one clause of a fact."""

    verb: str
    at: int
    present: bool
    passive: bool


def predicate_of(clause: Clause) -> Predicate | None:
    """The first verb that is no auxiliary; a form of "be" where nothing else follows it. None where it cannot be told."""
    words = clause.words
    at = _after_subject(words)
    if at is None:
        return None
    helpers: list[str] = []
    while at < len(words) and (words[at] in _HELPERS or words[at] in _ADVERBS or _adverb(words[at])):
        helpers.append(words[at])
        at += 1
    if "used" in words[at : at + 1] and words[at + 1 : at + 2] == ("to",):
        helpers.append("used")
        at += 2
    being = any(word in _BE for word in helpers)
    if at >= len(words) or not (_participle(words[at]) or not being):
        verb = "be" if being else "have"
        present = (
            helpers[-1:] != ["been"] and _PRESENT_BE.isdisjoint(helpers) is False if being else "had" not in helpers
        )
        return Predicate(verb, max(0, at - 1), bool(present), passive=False)
    if helpers and stem(helpers[-1]) in ("have", "get") and not _participle(words[at]):
        return Predicate(stem(helpers[-1]), at - 1, helpers[-1] not in ("had", "got"), passive=False)
    passive = being and not words[at].endswith("ing")
    past = _is_past(words[at]) or not {"used", "was", "were", "had", "did", "have", "has"}.isdisjoint(helpers)
    return Predicate(words[at], at, not past, passive)


def _adverb(word: str) -> bool:
    return word.endswith("ly") and len(word) > 5 and word not in ("supply", "family")


def _after_subject(words: Sequence[str]) -> int | None:
    """Where the words after the subject begin ("i", "my younger sister")."""
    if not words:
        return None
    if words[0] in ("i", "we", "he", "she", "they", "to", "who"):
        return 1
    if words[0] not in ("my", "our"):
        return None
    for at in range(2, min(len(words), 6)):
        word = words[at]
        if word in KIN and words[at - 1] not in KIN:
            continue
        if word in THIRD_VERBS or word in _HELPERS or _is_past(word) or (word.endswith("s") and words[at - 1] in KIN):
            return at if word != "'s" or words[at + 1 : at + 2] not in (("name",),) else None
    return None


def _participle(word: str) -> bool:
    return word.endswith(("ing", "ed", "en")) or word in IRREGULAR_PAST or word in ("gone", "grown", "born", "done")


def _is_past(word: str) -> bool:
    return word in IRREGULAR_PAST or (word.endswith("ed") and len(word) > 4)


def misattributed(claim: Claim, said: Said) -> str | None:
    """The rule that a fact breaks by its verb; None where the verb was said of its subject."""
    if reason := _mood_differs(claim, said):
        return reason
    for number, clause in enumerate(claim.clauses):
        found = predicate_of(clause)
        if found is None or clause.subject not in (OWN, OTHER) or (number and clause.words[0] in BOUNDARIES):
            continue
        reason = _by_another(clause, found, said) or _unlicensed(claim, clause, found, said)
        reason = reason or _past_only(claim, clause, found, said)
        if reason:
            return reason
    if any(_not_bidden(a, b, v, said) for a, b, v in zip(claim.words, claim.words[1:], claim.words[2:], strict=False)):
        return "not_supported"
    return _loosely_bound(claim, said)


def _not_bidden(a: str, b: str, verb: str, said: Said) -> bool:
    """Whether "wants me to stay" is claimed where nobody spoke of staying."""
    return (a, b) == ("me", "to") and verb not in STOP and not any(proves(w, verb) for w in said.words)


def _same_subject(clause: Clause, other: Clause) -> bool:
    """Whether two clauses tell of the same one; "we" are the speaker and whoever else."""
    if clause.subject == OWN:
        return other.subject in (OWN, NEUTRAL, GENERIC)
    if other.subject == NEUTRAL:
        return other.words[0] not in ("it", "that", "this")
    if other.subject == OWN:
        return other.who == "we" or any(w in KIN and proves(w, clause.who) for w in other.words[:4])
    return not clause.who or not other.who or other.who in ("they", "who", "he", "she") or _akin(other.who, clause.who)


def _akin(a: str, b: str) -> bool:
    return proves(a, b) or proves(b, a)


def _by_another(clause: Clause, found: Predicate, said: Said) -> str | None:
    """Whether the verb was said, but only of somebody else ("you taught her" for "she taught me")."""
    verb = stem(found.verb)
    if verb in ("be", "have", "get", "go", "do", "know", "think", "live", "like", "love", "work") or found.passive:
        return None
    saying = [c for c in said.clauses if any(stem(w) == verb and w not in KIN for w in c.words)]
    if not saying or any(_same_subject(clause, c) for c in saying):
        return None
    if clause.subject == OWN and any(_joint(c) for c in saying):
        return None
    return "about_someone_else"


def _joint(clause: Clause) -> bool:
    return not {"us", "we", "our"}.isdisjoint(clause.words) and "with" not in clause.words


def _keys(claim: Claim, clause: Clause) -> list[str]:
    """The words of a fact's clause that carry meaning besides its verb."""
    keys = [w for w in clause.words if w in claim.hard or any(n.word == w for n in claim.names)]
    return keys or [w for w in clause.words if w not in STOP and w not in SOFT and w not in KIN]


def _near(claim: Claim, clause: Clause, said: Said) -> list[Clause]:
    """The clauses about the same one that hold a word of the fact's clause, and what "it" goes on with."""
    keys = _keys(claim, clause)
    own = [c for c in said.clauses if _same_subject(clause, c)]
    near: list[Clause] = []
    for at, c in enumerate(own):
        if any(proves(w, key) for w in c.words for key in keys):
            near += own[max(0, at - 1) : at + 2]
    return near if keys else list(said.clauses)


def _unlicensed(claim: Claim, clause: Clause, found: Predicate, said: Said) -> str | None:
    """Whether a common verb stands for something that was not said."""
    verb = _lemma(found.verb)
    if claim.opinion:
        return None
    near = _near(claim, clause, said)
    told = clause.subject == OTHER and any(c.subject == OTHER and c.who == clause.who for c in said.clauses)
    things = [k for k in _keys(claim, clause) if k not in KIN]
    if told and near and things and not any(_tells_of(c, things, clause) for c in near):
        return "not_supported"
    if told:
        near = [c for c in near if not (c.subject == NEUTRAL and c.words[0] in _PREPOSITIONS)]
    if not near and told and any(proves(w, k) for w in said.words for k in claim.hard):
        return "not_supported"
    if verb == "work" and "at" in claim.words[2:4] and _elsewhere_busy(claim, said):
        return "not_supported"
    if verb == "work" and any(name.place for name in claim.names) and not claim.hard:
        return None if not _AT_WORK.isdisjoint(map(stem, said.words)) or "at" in said.words else "not_supported"
    licence = LICENSES.get(verb, frozenset() if verb in SOFT and verb not in _FREE else None)
    if licence is None or not near:
        return None
    if clause.subject == OTHER:
        licence -= _OF_THE_SPEAKER
    if not told and any(
        _verbless(c) and any(proves(w, k) for w in c.words for k in _keys(claim, clause)) for c in near
    ):
        return None
    getting = [c for c in near if verb == "have" and "getting" in c.words]
    if getting and all(c in getting or not _holds(c, claim.hard) for c in near):
        return "only_supposed"
    words = {form for c in near for word in _full_verbs(c.words) for form in (word, _lemma(word))}
    if verb == "have" and any(stem(w) != stem(k) and proves(w, k) for c in near for w in c.words for k in claim.hard):
        words |= {"have"} if any(not _BE.isdisjoint(c.words) for c in near) else set()
    words |= {"hate" for c in near if c.disliked}
    if verb not in ("want", "hope") and clause.subject == OWN:
        words |= {stem(word) for question in said.questions for word in question.words}
    elif clause.words[found.at + 1 : found.at + 2] == ("to",):
        licence |= word_set("would 'd if always could")
    if verb not in ("go", "take", "have"):
        words -= {form for word in claim.hard if stem(word) != verb for form in (word, stem(word))}
    if verb in words or not licence.isdisjoint(words):
        return None
    return "not_supported"


def _tells_of(clause: Clause, things: Sequence[str], of: Clause) -> bool:
    """Whether a clause about somebody speaks of the things, or of "one" of them."""
    return clause.subject != NEUTRAL and (_holds(clause, things) or (clause.who == of.who and "one" in clause.words))


def _holds(clause: Clause, words: Sequence[str]) -> bool:
    return any(proves(w, word) for w in clause.words for word in words)


def _full_verbs(words: Sequence[str]) -> list[str]:
    """The words without a "have" or "do" that only helps another verb ("i've played")."""
    kept = []
    for at, word in enumerate(words):
        after = next((w for w in words[at + 1 : at + 4] if w not in _ADVERBS), "")
        helping = word in ("have", "has", "had") and (
            after == "been" or (_participle(after) and after not in ("got", "had"))
        )
        if not helping and not (word in ("do", "does", "did") and words[at + 1 : at + 2] == ("not",)):
            kept.append(word)
    return kept


def _answers(said: Said) -> bool:
    return any(question.answer is not None for question in said.questions)


def _lemma(verb: str) -> str:
    """The stem of a verb; "lives" is no plural here."""
    return "live" if verb == "lives" else stem(verb)


def _verbless(clause: Clause) -> bool:
    """Whether a clause is an answer without a verb ("two boys and a girl")."""
    if clause.subject != NEUTRAL:
        return False
    return not any(w in _HELPERS - {"not", "no", "to"} or w in THIRD_VERBS or _is_past(w) for w in clause.words)


def _past_only(claim: Claim, clause: Clause, found: Predicate, said: Said) -> str | None:
    """Whether the present is claimed of what was told in the past only."""
    if not found.present or claim.opinion or not {"ever", "never", "past", "once", "ago"}.isdisjoint(clause.words):
        return None
    verb = stem(found.verb)
    near = [c for c in (_near(claim, clause, said) or said.clauses) if _same_subject(clause, c)]
    if verb == "be":
        forms = [w for c in near for w in c.words if w in _BE]
        return "no_longer_so" if clause.subject == OTHER and forms and set(forms) <= {"was", "were"} else None
    forms = [w for c in near for w in c.words if stem(w) == verb and w not in KIN]
    aside = [c for c in near for at, w in enumerate(c.words) if stem(w) == verb and _in_passing(c, at)]
    if forms and len(aside) == len(forms):
        return "no_longer_so"
    always = any("always" in c.words or "have" in c.words or "been" in c.words or "just" in c.words for c in near)
    if forms and all(_is_past(w) for w in forms) and not always and verb not in ("want", "buy"):
        return "no_longer_so"
    return None


def _in_passing(clause: Clause, at: int) -> bool:
    """Whether a verb only tells how something came about ("i hurt my knee playing basketball")."""
    words = clause.words
    lead = words[max(0, at - 2) : at]
    told = any(w in IRREGULAR_PAST and w not in ("got", "read") for w in words[:at]) and words[0] in ("i", "we")
    return words[at].endswith("ing") and told and _BE.isdisjoint(lead) and not {"started", "kept"} & set(words[:at])


def _loosely_bound(claim: Claim, said: Said) -> str | None:
    """Complements that the cited words bind otherwise: "since college" for in it, "a building inspector" for a builder."""
    for before, word in zip(claim.words, claim.words[1:], strict=False):
        leads = [
            c.words[at - 1] if at else ""
            for c in said.clauses
            for at, other in enumerate(c.words)
            if word not in STOP and proves(other, word)
        ]
        if before in ("in", "at") and leads and _LEAVING.issuperset(leads):
            return "not_supported"
        if before == "in" and _only_on_the_way(word, said):
            return "place_not_said"
    if ("about", "to") in zip(claim.words, claim.words[1:], strict=False) and not any(c.supposed for c in said.clauses):
        return "contradicted"
    if _about_another_thing(claim, said):
        return "not_supported"
    if (elsewhere := _elsewhere(claim, said)) is not None:
        return elsewhere
    if claim.clauses and claim.clauses[0].subject == OTHER and {"is", "'s"} & set(claim.clauses[0].words[2:4]):
        heads = [w for w in claim.words[3:7] if w in claim.hard and w not in KIN][-1:]
        if heads and all(
            _part_of_another(heads[0], c) for c in said.clauses if any(proves(w, heads[0]) for w in c.words)
        ):
            return "not_supported" if any_said(heads[0], said) else None
    if claim.words[:2] in (("i", "are"), ("i", "am"), ("i", "were"), ("i", "was")):
        return _not_predicated(claim, said)
    return None


def _only_on_the_way(place: str, said: Said) -> bool:
    """Whether "in denver" is claimed where only "a flight to denver" was spoken of."""
    leads = [c.words[max(0, at - 2) : at] for c in said.clauses for at, w in enumerate(c.words) if w == place]
    return bool(leads) and all(lead[1:] == ("to",) and lead[0] in _WAYS for lead in leads)


_MAYBE = word_set("might may maybe plan planning hope hoping want wants wish would 'd considering thinking could hopes")
_FORMER = word_set("former formerly previously")
_PAST_TENSE = word_set("was were had did once used ago when then")
_UNDENIED = word_set("quit stop avoid hate stand allergic rid without lack refuse fail lose less enough out gone")


def _elsewhere_busy(claim: Claim, said: Said) -> bool:
    """Whether one only does something else at the place ("i do yoga at the community center")."""
    there = [c for c in said.clauses if any(proves(w, k) for w in c.words for k in claim.hard)]
    if not there or _answers(said):
        return False
    working = _AT_WORK | _BE
    return all(
        "at" in c.words and working.isdisjoint({*c.words, *map(stem, c.words)}) and not _verbless(c) for c in there
    )


def _age_of_another(claim: Claim, said: Said) -> bool:
    """Whether "my daughter is nineteen" is claimed where "i had her at nineteen" was said."""
    if len(claim.numbers) != 1 or claim.numbers[0].counts or claim.words[2:3] not in (("is",), ("'s",)):
        return False
    value = claim.numbers[0].values
    leads = [
        c.words[r.start - 1] for c in said.clauses for r in runs(c.words) if r.start and not r.values.isdisjoint(value)
    ]
    return bool(leads) and set(leads) == {"at"}


def _apart(claim: Claim, said: Said) -> bool:
    """Whether a verb and its object were said, but in sentences that have nothing to do with each other."""
    words = tuple(w for at, w in enumerate(claim.words) if at != 1 or (w not in _ADVERBS and not _adverb(w)))
    if words[0] != "i" or len(words) < 3 or words[1] not in claim.hard or stem(words[1]) in _ENDING_VERBS:
        return False
    thing = next((w for w in words[2:5] if w in claim.hard), None)
    between = words[2 : words.index(thing)] if thing else ()
    if thing is None or any(w in _PREPOSITIONS | {"and", "to", "about", "out", "of", "off", "up"} for w in between):
        return False
    doing = [c for c in said.clauses if any(proves(w, words[1]) for w in c.words)]
    naming = [c for c in said.clauses if any(proves(w, thing) for w in c.words)]
    if not doing or not naming or any(c in naming for c in doing):
        return False
    if any(len(c.words) <= 3 for c in doing):
        return False
    linked = any(not _POINTING.isdisjoint(c.words) for c in doing + naming)
    return not linked and not any(_verbless(c) for c in doing + naming)


def _mood_differs(claim: Claim, said: Said) -> str | None:
    """Whether the fact denies, supposes or puts in the past what nobody denied, supposed or told as past."""
    words = set(claim.words)
    heard = {form for word in said.words for form in (word, stem(word))}
    asked = {word for question in said.questions for word in question.turn}
    denying = not _NEGATIONS.isdisjoint(words) and "instead" not in words
    no_answer = any(question.answer is False for question in said.questions)
    disliked = any(c.disliked for c in said.clauses)
    if "never" in words and not no_answer and heard.isdisjoint({"never", "not", "no", "hardly", "nor"}):
        return "contradicted"
    if not denying and no_answer and claim.words[1] in claim.hard and claim.words[1] not in heard:
        return "contradicted" if any(proves(w, claim.words[1]) for w in asked) else None
    if denying and not disliked and not no_answer and _NEGATIONS.isdisjoint(heard) and _UNDENIED.isdisjoint(heard):
        return "contradicted"
    if ("used", "to") in zip(claim.words, claim.words[1:], strict=False) or not _FORMER.isdisjoint(words):
        if not any(c.used_to for c in said.clauses) and not any(_told_as_past(c) for c in said.clauses):
            return "contradicted"
    ages = [
        c for c in said.clauses for n in claim.numbers if any(not r.values.isdisjoint(n.values) for r in runs(c.words))
    ]
    if claim.words[1:2] == ("are",) and not claim.hard and ages and all(c.imagined for c in ages):
        return "only_supposed"
    if claim.words[:3] == ("i", "are", "in") and claim.hard and _only_taught_there(claim.hard[-1], said):
        return "not_supported"
    if claim.words[1:2] in (("were",), ("was",)) and not any(c.used_to or _told_as_past(c) for c in said.clauses):
        return "contradicted"
    if claim.clauses and claim.clauses[0].subject == OTHER and _age_of_another(claim, said):
        return "number_not_said"
    if _apart(claim, said):
        return "not_supported"
    supposing = claim.words[1:2] and claim.words[1] in ("might", "may", "plan", "hope", "want", "will")
    if supposing and (_MAYBE | SUPPOSING).isdisjoint(heard | asked) and _LOOKING_AHEAD.isdisjoint(heard):
        return "contradicted"
    return None


def _only_taught_there(place: str, said: Said) -> bool:
    there = [c for c in said.clauses if any(proves(w, place) for w in c.words)]
    return bool(there) and all({"teach", "work"} & set(map(stem, c.words)) and _BE.isdisjoint(c.words) for c in there)


def _told_as_past(clause: Clause) -> bool:
    """Whether a verb of the clause is in the simple past; "i've got" is not."""
    return any(
        (w in _PAST_TENSE or (_is_past(w) and w not in ("got", "been")))
        and clause.words[at - 1 : at] not in (("have",), ("has",), ("am",), ("are",), ("is",), ("'s",))
        for at, w in enumerate(clause.words)
    )


def _done(head: str, clause: Clause) -> bool:
    """Whether the speaker is said to do what makes them so ("i teach": a teacher; not "a sore arm from pitching")."""
    retired = "retire" in map(stem, clause.words)
    return any(
        proves(w, head) and (w != head or head.endswith("ed")) and (retired or w in KIN or before in _DOING)
        for before, w in zip(("", *clause.words), clause.words, strict=False)
    )


def _about_another_thing(claim: Claim, said: Said) -> bool:
    """Whether "nightmares about comedies" is claimed where the two were spoken of apart."""
    if "about" not in claim.words[2:-1]:
        return False
    at = claim.words.index("about", 2)
    thing = next((w for w in reversed(claim.words[:at]) if w in claim.hard), None)
    of = next((w for w in claim.words[at + 1 :] if w in claim.hard), None)
    if thing is None or of is None:
        return False
    both = [c for c in said.clauses if any(proves(w, of) for w in c.words)]
    apart = any(proves(w, thing) for w in said.words)
    return apart and bool(both) and not any(proves(w, thing) for c in both for w in c.words)


def _not_predicated(claim: Claim, said: Said) -> str | None:
    """Whether "you are italian" rests on a clause that says so of nobody ("i make a lot of italian")."""
    heads = [w for w in claim.words[2:7] if w in claim.hard or any(n.word == w and not n.place for n in claim.names)]
    if (
        not heads
        or "fan" in claim.words
        or _answers(said)
        or claim.words[2] in ("in", "on", "at")
        or claim.words[2].endswith("ing")
    ):
        return None
    return None if any(_predicated(head, said) for head in heads) else "not_supported"


def _predicated(head: str, said: Said) -> bool:
    """Whether a clause says of the speaker that they are so, or do what makes them so (teaches: a teacher)."""
    clauses = [c for c in said.clauses if c.subject != OTHER and any(proves(w, head) for w in c.words)]
    if not clauses:
        return True
    for c in clauses:
        if not _RELATED.isdisjoint(map(stem, c.words)) or not _RELATED.isdisjoint(c.words) or _verbless(c):
            if not _modifier_only(head, c):
                return True
        elif _done(head, c):
            return True
    return False


def any_said(word: str, said: Said) -> bool:
    """Whether a word was said in any clause."""
    return any(proves(w, word) for c in said.clauses for w in c.words)


def _part_of_another(head: str, clause: Clause) -> bool:
    """Whether a noun only narrows the one after it ("a cowboys fan")."""
    at = [at for at, w in enumerate(clause.words) if proves(w, head)]
    return bool(at) and all(
        clause.words[i + 1 : i + 2] in (("fan",), ("fans",), ("person",), ("inspector",)) for i in at
    )


_RESIDING = word_set(
    "live be am is are 's stay home house rent own buy bought move moved here down out up my our lived apartment raised"
)
_TRANSIENT = word_set("go went visit trip vacation honeymoon once flew fly stationed met")
_ARRIVED = word_set("come came move moved transfer transferred relocate relocated")


def _elsewhere(claim: Claim, said: Said) -> str | None:
    """Whether "you live in jamaica" rests on having been there, or come from there."""
    verb = next((w for w in claim.words[1:3] if w in ("live", "lives", "reside", "from")), None)
    if verb is None or claim.words[0] != "i" or not claim.names:
        return None
    for name in (name.word for name in claim.names if name.place):
        found = [(c, at) for c in said.clauses for at, w in enumerate(c.words) if w == name]
        if found and not any(_resides(c, at, verb) for c, at in found):
            return "place_not_said"
        if found and all(c.words[at + 1 : at + 2] == ("city",) for c, at in found) and "city" not in claim.words:
            return "place_not_said"
    return None


def _resides(clause: Clause, at: int, verb: str) -> bool:
    words = clause.words
    lead = next(
        (w for w in reversed(words[max(0, at - 4) : at]) if w in ("in", "to", "from", "near", "of", "around")), ""
    )
    arrived = not _ARRIVED.isdisjoint(words)
    past_only = {"was", "were"} & set(words) and not {"am", "are", "is", "live", "'s", "have", "lived"} & set(words)
    if verb == "from":
        return lead != "to" and _TRANSIENT.isdisjoint(words)
    if lead == "to":
        return arrived
    if lead == "from" and (arrived or past_only):
        return False
    return not past_only and (_verbless(clause) or not _RESIDING.isdisjoint(words))


def _modifier_only(head: str, clause: Clause) -> bool:
    """Whether a trade was only part of another ("a building inspector": builder)."""
    at = [at for at, w in enumerate(clause.words) if proves(w, head)]
    return bool(at) and all(
        clause.words[i] != head
        and clause.words[i].endswith("ing")
        and clause.words[i - 1 : i] in (("a",), ("an",), ("the",))
        and i + 1 < len(clause.words)
        for i in at
    )
