"""How people time their talk, as distributions: drawn from by inverse CDF, read from the ``timing.json`` of a corpus.

Legend: floor-transfer offset (FTO) is the start of a turn minus the end of the other side's turn before it; above zero
it is a gap, below zero an overlap. A distribution is a tuple of n quantiles, those of the probabilities (i + 0.5) / n.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

FORMAT_VERSION = 1
"""Of ``timing.json``; raised when a definition changes."""
NUM_QUANTILES = 200
MIN_TRANSFERS = 50
"""Fewer measured transfers are no distribution to draw from."""
JOIN_S = 0.2
"""A shorter silence of one side is no pause: closures of stops are as long. (Our choice; 0.18 to 0.2 s is usual.)"""

Quantiles = tuple[float, ...]


def quantiles_of(values: np.ndarray) -> Quantiles:
    """The distribution of some values (at least one), to the millisecond; never their extremes themselves."""
    return tuple(round(float(v), 3) for v in np.quantile(values, _probabilities(NUM_QUANTILES)))


def _probabilities(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count


def _transfers(mode_s: float = 0.2, early_s: float = 0.35, late_s: float = 0.45) -> Quantiles:
    """FTOs: a normal distribution with another spread below its mode (``early_s``) than above it.

    Heldner & Edlund (2010, Journal of Phonetics 38, "Pauses, gaps and overlaps in conversations") and Stivers et al.
    (2009, PNAS 106, "Universals and cultural variation in turn-taking in conversation") report one mode between 0 and
    about 200 ms and tails on both sides, the longer one towards gaps. The mean here is near 280 ms, overlaps are about
    a quarter; the two spreads are a choice of this package, not a fit to anyone's data.
    """
    below = early_s / (early_s + late_s)
    normal = NormalDist()
    values = []
    for p in _probabilities(NUM_QUANTILES):
        early = p < below
        deviation = normal.inv_cdf(1 - p / below / 2 if early else (1 + (p - below) / (1 - below)) / 2)
        values.append(mode_s + (-early_s if early else late_s) * deviation)
    return tuple(round(float(v), 3) for v in values)


def _pauses(median_s: float = 0.5, log_spread: float = 0.5) -> Quantiles:
    """Pauses of a side that goes on: log-normal, as silent pauses usually are; median and spread are a choice."""
    values = [median_s * math.exp(log_spread * NormalDist().inv_cdf(p)) for p in _probabilities(NUM_QUANTILES)]
    return tuple(round(min(max(v, JOIN_S + 0.01), 2.0), 3) for v in values)


def _uniform(low: float, high: float) -> Quantiles:
    return tuple(round(float(low + (high - low) * p), 3) for p in _probabilities(NUM_QUANTILES))


@dataclass(frozen=True)
class Timing:
    """Distributions that times are drawn from. ``Timing()`` is the built-in default; see the functions above."""

    transfer_s: Quantiles = field(default_factory=_transfers)
    """floor-transfer offsets"""
    pause_s: Quantiles = field(default_factory=_pauses)
    """silences between two units of a side that keeps the floor, ``JOIN_S`` or more"""
    interruption_s: Quantiles = field(default_factory=lambda: _uniform(0.3, 1.0))
    """overlaps of interruptions, for those that the drawn transfers have none for"""
    backchannel_place: Quantiles = field(default_factory=lambda: _uniform(0.3, 0.9))
    """where in the other side's unit a backchannel begins: 0 its start, 1 its end"""
    long_pause_s: tuple[float, float] = (1.5, 3.5)
    """silence before a line of kind ``pause``, uniform: longer than nearly all others"""
    lead_in_s: tuple[float, float] = (0.3, 0.8)
    """silence before the first utterance, uniform"""
    lead_out_s: float = 0.5
    """silence after the last utterance"""
    cut_share: float = 0.0
    """share of interrupted utterances that break off at the end of a word"""
    source: str = "built-in default"


def draw(quantiles: Quantiles, rng: np.random.Generator, count: int = 1) -> np.ndarray:
    """``count`` values in random order, by inverse CDF of one random number in each of ``count`` equal strata.

    A stratified draw has the source's distribution and less chance in it than independent draws.
    """
    ranks = (rng.permutation(count) + rng.random(count)) / max(count, 1)
    return np.interp(ranks, _probabilities(len(quantiles)), quantiles)


def read_timing(path: Path) -> Timing:
    """The distributions of a ``timing.json``.

    Raises:
        ValueError: it is missing, is none, or was measured on too little.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise ValueError(
            f"{path}: cannot be read as a timing file ({err}); `fisherprep timing WORK` writes one"
        ) from err
    if not isinstance(data, dict) or data.get("format") != "fisherprep timing" or data.get("version") != FORMAT_VERSION:
        raise ValueError(
            f"{path}: found no timing file of version {FORMAT_VERSION}; measure again with `fisherprep timing WORK`"
        )
    found = data.get("transfers", {}).get("count") if isinstance(data.get("transfers"), dict) else None
    if not isinstance(found, int) or found < MIN_TRANSFERS:
        raise ValueError(f"{path}: transfers: found {found}, expected at least {MIN_TRANSFERS}; measure more calls")
    default = Timing()
    timing = Timing(
        transfer_s=_read(path, data, "transfers", -30.0, 30.0, ()),
        pause_s=_read(path, data, "pauses", JOIN_S, 60.0, default.pause_s),
        interruption_s=_read(path, data, "interruptions", 0.0, 30.0, default.interruption_s),
        backchannel_place=_read(path, data, "backchannel_places", 0.0, 1.0, default.backchannel_place),
        source=f"measured on {data.get('dataset')}",
    )
    definitions = data.get("definitions")
    join_s = definitions.get("join_s") if isinstance(definitions, dict) else None
    if join_s != JOIN_S:
        raise ValueError(
            f"{path}: definitions.join_s: found {join_s!r}, expected {JOIN_S}, the shortest pause here; "
            "measure again with `fisherprep timing WORK`"
        )
    return timing


def _read(path: Path, data: dict[str, Any], key: str, low: float, high: float, default: Quantiles) -> Quantiles:
    """One distribution; the default's where too little was there to be measured."""
    part = data.get(key)
    values = part.get("quantiles") if isinstance(part, dict) else None
    if values is None and default and isinstance(part, dict):
        return default
    numbers = isinstance(values, list) and all(isinstance(v, int | float) and low <= v <= high for v in values)
    if not isinstance(values, list) or not numbers or len(values) < 2 or values != sorted(values):
        raise ValueError(
            f"{path}: {key}.quantiles: expected increasing numbers from {low:g} to {high:g}; "
            "measure again with `fisherprep timing WORK`"
        )
    return tuple(float(v) for v in values)
