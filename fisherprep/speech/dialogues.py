"""Which dialogues a domain has: from script files and from its grammar, each checked, each in its split.

What held out means, where a manifest says ``split: {by: facts}``: no value of a pool that is ``apart`` (shops, names)
and no price table is in two splits; scenarios that are ``test_only`` are in test alone; a script file is in one split,
and what it calls its shop and agent is in no pool. With ``by: script`` the dialogues of a script file are in one split.

The first N dialogues do not depend on how many are asked for.
"""

from __future__ import annotations

import math
from dataclasses import replace

from fisherprep.domain import MAX_DIALOGUES, Domain
from fisherprep.manifest import Manifest
from fisherprep.speech.drafting import Drafter
from fisherprep.speech.planned import SCRIPTS, Dialogue, Dropped, Planned, beside, dropped_for
from fisherprep.speech.script_checks import Checker
from fisherprep.speech.script_splits import split_scripts
from fisherprep.speech.scripts import Script, read_scripts
from fisherprep.splits import assign_splits
from fisherprep.workfolder import check_id

_SCRIPTS_BESIDE_GRAMMAR = 0.1
_NAMED = 20
"""Where no script can be used, so many of their violations are named."""


def plan_dialogues(manifest: Manifest, count: int, seed: int) -> Planned:
    """The first ``count`` dialogues of a manifest's domain.

    Raises:
        ValueError: the manifest has no domain; its files are missing, not as they should be, or all unusable.
    """
    domain = domain_of(manifest)
    if not 1 <= count <= MAX_DIALOGUES:
        raise ValueError(f"dialogues: found {count}, expected 1 or more, up to {MAX_DIALOGUES:,}")
    grammar = Drafter(manifest, domain) if domain.grammar else None
    checker = Checker((domain.agent_role, domain.user_role), *(grammar.lexicon() if grammar else (frozenset(),)))
    planned = Planned(checker)
    scripts = _usable_scripts(manifest, domain, checker, planned) if domain.scripts else []
    share = domain.scripts_share if domain.scripts_share is not None else _SCRIPTS_BESIDE_GRAMMAR
    share = 1.0 if grammar is None else share if scripts else 0.0
    ids = [check_id(f"{manifest.name}_{index:04d}") for index in range(count)]
    from_scripts = [i for place, i in enumerate(ids) if _falls(place, share)]
    _add_scripts(manifest, domain, scripts, from_scripts, planned)
    drafted = [i for place, i in enumerate(ids) if not _falls(place, share)]
    if grammar:
        taken = frozenset(name for script in scripts for name in script.own_names)
        for place, call_id in enumerate(drafted):
            grammar.add(call_id, _split_at(place, manifest), seed, taken, checker, planned)
    if not planned.dialogues:
        first = planned.dropped[0]
        raise ValueError(
            f"{manifest.path}: none of {count} dialogues passes its checks; the first, {first.problem.place}: "
            f"{first.reason}, found {first.problem.found!r}, expected {first.problem.expected}; {first.problem.fix}"
        )
    planned.dialogues.sort(key=lambda d: d.call_id)
    return planned


def domain_of(manifest: Manifest) -> Domain:
    """The manifest's domain.

    Raises:
        ValueError: it has none.
    """
    if manifest.domain is None:
        raise ValueError(
            f"{manifest.path or manifest.name}: has no 'domain', so there is nothing to synthesise; expected scripts "
            "or grammar, agent_role and user_role under 'domain:', as manifests/coffee.yaml has them"
        )
    return manifest.domain


def _falls(place: int, share: float) -> bool:
    """Whether place number ``place`` is one of the share that is spread evenly over all places."""
    return math.floor((place + 1) * share + 0.5) > math.floor(place * share + 0.5)


def _split_at(place: int, manifest: Manifest) -> str:
    """The split of place number ``place``: held-out places are spread evenly, and so are test places among them."""
    rule = manifest.split
    held_out = rule.test + rule.valid
    if not _falls(place, held_out):
        return "train"
    return "test" if _falls(math.floor(place * held_out + 0.5), rule.test / held_out) else "valid"


# -- script files -----------------------------------------------------------------------------------------------------


def _usable_scripts(manifest: Manifest, domain: Domain, checker: Checker, planned: Planned) -> list[Script]:
    folder = beside(manifest, domain.scripts or "")
    scripts, problems = read_scripts(folder, (domain.agent_role, domain.user_role))
    places = [replace(problem, place=f"{domain.scripts}/{problem.place}") for problem in problems]
    planned.dropped += [Dropped(None, "bad_script", problem) for problem in places]
    usable = []
    for script in scripts:
        report = checker.check(script, (script.prompt,))
        planned.counters.update(report.unchecked)
        planned.dropped += [dropped_for(None, f"{domain.scripts}/{script.file}", v) for v in report.violations]
        if not report.violations:
            usable.append(script)
    if not usable and domain.grammar is None:
        first = [d.problem for d in planned.dropped[:_NAMED]]
        raise ValueError(
            f"{folder}: no script can be used:\n"
            + "\n".join(f"{p.place}: found {p.found!r}, expected {p.expected}; {p.fix}" for p in first)
        )
    return usable


def _add_scripts(manifest: Manifest, domain: Domain, scripts: list[Script], ids: list[str], planned: Planned) -> None:
    chosen = {call_id: scripts[index % len(scripts)] for index, call_id in enumerate(ids)}
    if chosen:
        planned.counters["script files in use"] = len({script.file for script in chosen.values()})
    rule = manifest.split
    if rule.by == "facts":
        found = split_scripts(scripts, rule)
        splits = {call_id: found[script.file] for call_id, script in chosen.items()}
        if (rule.test or rule.valid) and len(scripts) > 1 and set(found.values()) == {"train"}:
            planned.counters["scripts that name one shop, so that none is held out (split by: script would)"] = len(
                scripts
            )
        planned.prompt_splits.update({script.prompt: found[script.file] for script in scripts})
    else:
        splits = assign_splits({i: [s.file] for i, s in chosen.items()}, rule.valid, rule.test, rule.seed)
    for call_id, script in chosen.items():
        origin = f"{domain.scripts}/{script.file}"
        split = script.split or splits[call_id]
        planned.dialogues.append(Dialogue(call_id, split, SCRIPTS, origin, None, script, (script.prompt,)))
        planned.counters[f"dialogues from {SCRIPTS}"] += 1
