"""Held-out calls: no group (speaker, script, fact sheet) is in two splits.

The rule, in full. Items (calls) that share a group belong to one cluster. Clusters are ordered by a hash of the seed
and their smallest item id. Test, then valid, take whole clusters in that order, each while it still fits into the
wanted number of items (at least one, where there are three or more items). A split that found no cluster to fit (a
small corpus may be one cluster) takes single items in hash order instead, and the items that share a group with one of
them become ``excluded``. Everything else is train.

Fisher is a graph of 11,699 calls over some 11,900 speakers with up to three calls each, so most speakers hang together
in one giant cluster, which is train; held-out calls come from the many small clusters, and nothing need be excluded.

The outcome depends on ids, groups, fractions and seed alone, not on order, paths or time.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping


def assign_splits(groups: Mapping[str, Iterable[str]], valid: float, test: float, seed: int = 0) -> dict[str, str]:
    """The split of every item.

    Args:
        groups: item id -> the groups it belongs to.
        valid: share of items wanted for validation, 0 to 1.
        test: share of items wanted for test, 0 to 1.
        seed: another seed gives another draw.

    Returns:
        Item id -> ``train``, ``valid``, ``test`` or ``excluded``.
    """
    members = {item: frozenset(names) for item, names in groups.items()}
    clusters = sorted(_clusters(members), key=lambda c: _draw(seed, min(c)))
    split: dict[str, str] = {}
    for name, share in (("test", test), ("valid", valid)):
        wanted = round(share * len(members))
        if share > 0 and len(members) >= 3:
            wanted = max(1, wanted)
        _take_clusters(clusters, split, name, wanted)
    for name, share in (("test", test), ("valid", valid)):
        if share > 0 and len(members) >= 3 and name not in split.values():
            _take_items(members, split, name, max(1, round(share * len(members))), seed)
    return {item: split.get(item, "train") for item in members}


def _draw(seed: int, item: str) -> str:
    return hashlib.sha256(f"{seed}:{item}".encode()).hexdigest()


def _clusters(members: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Items joined by common groups (union-find over groups)."""
    parent: dict[str, str] = {}

    def root(x: str) -> str:
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for item, names in members.items():
        for name in names:
            parent[root("g:" + name)] = root("i:" + item)
    clusters: dict[str, list[str]] = defaultdict(list)
    for item in sorted(members):
        clusters[root("i:" + item)].append(item)
    return list(clusters.values())


def _take_clusters(clusters: list[list[str]], split: dict[str, str], name: str, wanted: int) -> None:
    for cluster in clusters:
        if cluster[0] not in split and len(cluster) <= wanted:
            split.update(dict.fromkeys(cluster, name))
            wanted -= len(cluster)


def _take_items(
    members: Mapping[str, frozenset[str]], split: dict[str, str], name: str, wanted: int, seed: int
) -> None:
    """Take single items and exclude their neighbours; at least one item is left for train."""
    free = sorted((i for i in members if i not in split), key=lambda i: _draw(seed, i))
    for item in free:
        if wanted == 0 or item in split:
            continue
        near = [i for i in free if i != item and i not in split and members[i] & members[item]]
        if len(near) + 1 >= sum(i not in split for i in free):
            continue
        split[item] = name
        split.update(dict.fromkeys(near, "excluded"))
        wanted -= 1
