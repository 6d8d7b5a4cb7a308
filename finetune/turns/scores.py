"""Scores of what was heard at a moment, by the rules of Full-Duplex-Bench's evaluation scripts.

    takeover      what is said is a turn: it lasts 1 s or longer, or has more than 3 words (v1_v1.5/evaluation/
                  eval_smooth_turn_taking.py, eval_pause_handling.py, eval_user_interruption.py)
    latency_s     from the user's end to the first sound of a takeover; 0 where it came earlier (the same)
    backchannel   a stretch below 1 s of at most 2 words; longer ones take over, and so does any above 3 s
                  (eval_backchannel.py; there the last stretch of a recording decides, here any one does)
    per_s         backchannels per second of the user's stretch; jsd: Jensen-Shannon distance of their places, in bins
                  of 0.2 s, from those of the other person in the same stretch (there: of human annotators); 1: none
    stop_s        interruption only, after version 1.5: from the user's coming in until the agent falls silent

Sources: github.com/DanielLin94144/Full-Duplex-Bench; arXiv 2503.04721 and 2507.23159.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from finetune.turns.heard import Heard, Span
from finetune.turns.moments import Moment

TURN_S = 1.0
TURN_WORDS = 3
BACKCHANNEL_WORDS = 2
LONGEST_BACKCHANNEL_S = 3.0
BIN_S = 0.2
_EPSILON = 1e-10

Scores = dict[str, float | None]

METRICS: dict[tuple[str, str], str] = {
    ("turn", "takeover"): "higher",
    ("turn", "latency_s"): "lower",
    ("pause", "takeover"): "lower",
    ("backchannel", "takeover"): "lower",
    ("backchannel", "per_s"): "as people",
    ("backchannel", "jsd"): "lower",
    ("interruption", "takeover"): "higher",
    ("interruption", "latency_s"): "lower",
    ("interruption", "stop_s"): "lower",
}
"""Kind and metric -> which way is better."""


def takes_over(heard: Heard) -> bool:
    """Whether what was heard is a turn."""
    if not heard.stretches:
        return False
    span = heard.stretches[0][0], heard.stretches[-1][1]
    return span[1] - span[0] >= TURN_S or heard.num_words(span) > TURN_WORDS


def score(moment: Moment, agent: Heard, other: Heard) -> Scores:
    """Metric -> value for one moment; None where the metric says nothing.

    Args:
        moment: what the user does.
        agent: the agent that is scored.
        other: the person in the recording, whose backchannels are the measure.
    """
    if moment.kind == "backchannel":
        return _score_backchannels((moment.begin_s, moment.end_s), agent, other)
    since_s = moment.end_s if moment.kind == "interruption" else moment.free_s
    said = agent.within(since_s, moment.until_s)
    takeover = takes_over(said)
    scores: Scores = {"takeover": float(takeover)}
    if moment.kind != "pause":
        scores["latency_s"] = max(0.0, said.stretches[0][0] - moment.end_s) if takeover else None
    if moment.kind == "interruption":
        scores["stop_s"] = _stop_s(agent, moment.begin_s)
    return scores


def _stop_s(agent: Heard, since_s: float) -> float:
    under_way = [end_s for start_s, end_s in agent.stretches if start_s <= since_s < end_s]
    return under_way[0] - since_s if under_way else 0.0


def _score_backchannels(stretch: Span, agent: Heard, other: Heard) -> Scores:
    said = agent.within(*stretch)
    short = [span for span in said.stretches if _is_backchannel(said, span)]
    lasts_s = stretch[1] - stretch[0]
    theirs = other.within(*stretch)
    measure = [span for span in theirs.stretches if _is_backchannel(theirs, span)]
    return {
        "takeover": float(len(short) < len(said.stretches)),
        "per_s": len(short) / lasts_s,
        "jsd": distance(short, measure, stretch) if measure else None,
    }


def _is_backchannel(heard: Heard, span: Span) -> bool:
    lasts_s = span[1] - span[0]
    return lasts_s < min(TURN_S, LONGEST_BACKCHANNEL_S) and heard.num_words(span) <= BACKCHANNEL_WORDS


def distance(spans: list[Span], measure: list[Span], stretch: Span) -> float:
    """Jensen-Shannon distance (natural logarithm) of two sets of spans over a stretch; 1 where there are none."""
    from scipy.spatial.distance import jensenshannon

    if not spans:
        return 1.0
    return float(jensenshannon(_histogram(spans, stretch), _histogram(measure, stretch)))


def _histogram(spans: list[Span], stretch: Span) -> np.ndarray:
    bins = np.full(int((stretch[1] - stretch[0]) / BIN_S) + 1, _EPSILON)
    for start_s, end_s in spans:
        first, last = (int((time_s - stretch[0]) / BIN_S) for time_s in (start_s, end_s))
        bins[first : last + 1] += 1
    return bins / bins.sum()


def means(scored: Iterable[tuple[str, Mapping[str, float | None]]]) -> dict[str, dict[str, float | None]]:
    """Kind -> metric -> mean over the moments that have it, and ``moments``, their number."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    counts: dict[str, int] = defaultdict(int)
    for kind, scores in scored:
        counts[kind] += 1
        for metric, value in scores.items():
            if value is not None:
                values[kind][metric].append(value)
    result: dict[str, dict[str, float | None]] = {}
    for kind, count in counts.items():
        result[kind] = {"moments": float(count)}
        for metric in (metric for of, metric in METRICS if of == kind):
            found = values[kind][metric]
            result[kind][metric] = float(np.mean(found)) if found else None
    return result
