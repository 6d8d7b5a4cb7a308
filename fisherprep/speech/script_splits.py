"""The splits of script files by their facts: no shop, and no prompt, is in two of train, valid and test.

Files whose prompts name the same company, or are the same, belong together, and so do files that a folder's split joins
them with. Test, then valid, take whole such groups in the order of a hash, each while it still fits into the wanted
number of files; one that found none takes the smallest group, where train keeps a larger one.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence

from fisherprep.manifest import SplitRule
from fisherprep.speech.scripts import Script

_ANYBODY = "you enjoy having a good conversation"
"""The prompt of casual talk that holds no fact (NVIDIA/personaplex, README.md): sharing it joins no files."""


def split_scripts(scripts: Sequence[Script], rule: SplitRule) -> dict[str, str]:
    """The split of every script file, by its name; that of its folder, where it lies in one."""
    found = {script.file: script.split for script in scripts if script.split}
    free = []
    for group in _groups(scripts):
        given = sorted(found[file] for file in group if file in found)
        if given:
            found.update({file: given[0] for file in group if file not in found})
        else:
            free.append(group)
    free.sort(key=lambda group: hashlib.sha256(f"{rule.seed}:{group[0]}".encode()).hexdigest())
    num_free = sum(map(len, free))
    for split, share in (("test", rule.test), ("valid", rule.valid)):
        taken = _take(free, max(1, round(share * num_free)) if share > 0 else 0)
        found.update({file: split for group in taken for file in group})
        free = [group for group in free if group not in taken]
    found.update({file: "train" for group in free for file in group})
    return found


def _take(free: list[list[str]], wanted: int) -> list[list[str]]:
    """Groups of ``wanted`` files together, or one of more where none fits; the largest group is left for train."""
    largest = max(free, key=len, default=[])
    taken: list[list[str]] = []
    for group in free:
        if group is not largest and len(group) <= wanted - sum(map(len, taken)):
            taken.append(group)
    rest = [group for group in free if group is not largest]
    return taken or ([min(rest, key=len)] if rest and wanted else [])


def _groups(scripts: Sequence[Script]) -> list[list[str]]:
    """Files that share a company or a prompt, in order of their first."""
    joined: dict[str, list[str]] = {}
    by_fact: dict[str, list[str]] = defaultdict(list)
    for script in sorted(scripts, key=lambda s: s.file):
        group = joined[script.file] = [script.file]
        for fact in _facts(script):
            if fact in by_fact and by_fact[fact] is not group:
                older = by_fact[fact]
                older += group
                for file in group:
                    joined[file] = older
                by_fact.update({f: older for f, g in by_fact.items() if g is group})
                group = older
            by_fact[fact] = group
    unique = {id(group): sorted(set(group)) for group in joined.values()}
    return sorted(unique.values())


def _facts(script: Script) -> list[str]:
    prompt = _plain(script.prompt)
    companies = [f"company {_plain(script.own_names[0])}"] if script.own_names else []
    return companies + ([] if prompt == _ANYBODY else [f"prompt {prompt}"])


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower()))
