"""Splits: speaker-disjoint, deterministic, and never empty where there is enough to hold out."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fisherprep.splits import assign_splits

_SPEAKERS = st.integers(0, 30).map(lambda n: f"s{n}")
_CALLS = st.dictionaries(st.integers(0, 99_999).map(lambda n: f"c{n}"), st.tuples(_SPEAKERS, _SPEAKERS), max_size=60)
_SHARES = st.sampled_from([0.0, 0.02, 0.05, 0.2])


@given(_CALLS, _SHARES, _SHARES, st.integers(0, 5))
def test_no_speaker_is_in_two_splits(calls, valid, test, seed):
    split = assign_splits(calls, valid, test, seed)
    assert split.keys() == calls.keys()
    home = {}
    for call, speakers in calls.items():
        if split[call] == "excluded":
            continue
        for speaker in speakers:
            assert home.setdefault(speaker, split[call]) == split[call]


@given(_CALLS, st.integers(0, 5), st.randoms())
def test_order_does_not_matter(calls, seed, random):
    shuffled = list(calls.items())
    random.shuffle(shuffled)
    assert assign_splits(dict(shuffled), 0.1, 0.1, seed) == assign_splits(calls, 0.1, 0.1, seed)


@given(st.integers(3, 40))
def test_separate_speakers_leave_all_three_splits_filled(n):
    split = assign_splits({f"c{i}": (f"s{i}", f"t{i}") for i in range(n)}, 0.05, 0.05)
    counts = Counter(split.values())
    assert counts["valid"] >= 1 and counts["test"] >= 1 and counts["train"] >= 1 and counts["excluded"] == 0


def test_one_cluster_excludes_only_the_neighbours_of_what_is_held_out():
    chain = {f"c{i:02d}": (f"s{i:02d}", f"s{i + 1:02d}") for i in range(20)}
    split = assign_splits(chain, 0.05, 0.05)
    counts = Counter(split.values())
    assert counts["valid"] == counts["test"] == 1
    assert 1 <= counts["excluded"] <= 4
    assert counts["train"] == 20 - 2 - counts["excluded"]


def test_a_call_that_touches_everything_is_not_taken_for_test():
    star = {f"c{i}": ("hub", f"s{i}") for i in range(10)}
    assert set(assign_splits(star, 0.1, 0.1).values()) == {"train"}


def test_another_seed_gives_another_draw():
    calls = {f"c{i}": (f"s{i}",) for i in range(200)}
    assert assign_splits(calls, 0.1, 0.1, 0) != assign_splits(calls, 0.1, 0.1, 1)
