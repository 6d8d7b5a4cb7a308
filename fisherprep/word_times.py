"""Times of words in whole milliseconds: in order, a millisecond at least, and within the audio."""

from __future__ import annotations


def held_within(times: list[tuple[int, int]], limit_ms: int) -> list[tuple[int, int]]:
    """Times with what reaches past the end of the audio moved back, each word keeping a millisecond at least.

    Args:
        times: start and end of each word, in order and not overlapping, each at least 1 ms long.
        limit_ms: length of the audio, at least one millisecond a word.
    """
    held = list(times)
    limit = limit_ms
    for i in reversed(range(len(held))):
        end = min(held[i][1], limit)
        limit = min(held[i][0], end - 1)
        held[i] = (limit, end)
    return held
