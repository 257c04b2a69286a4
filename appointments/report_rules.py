"""Time offered and time booked, in cells of five minutes. Pure: ranges are (first cell, cell after the last), disjoint
and in order, as `rules.merge` gives them."""

from __future__ import annotations

from collections.abc import Sequence

Ranges = Sequence[tuple[int, int]]


def both(one: Ranges, other: Ranges) -> list[tuple[int, int]]:
    """What is in both."""
    found: list[tuple[int, int]] = []
    left = right = 0
    while left < len(one) and right < len(other):
        start, end = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if start < end:
            found.append((start, end))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return found


def without(one: Ranges, other: Ranges) -> list[tuple[int, int]]:
    """What is in `one` and not in `other`."""
    found: list[tuple[int, int]] = []
    at = 0
    for start, end in one:
        while at < len(other) and other[at][1] <= start:
            at += 1
        position, look = start, at
        while look < len(other) and other[look][0] < end:
            if position < other[look][0]:
                found.append((position, other[look][0]))
            position = max(position, other[look][1])
            look += 1
        if position < end:
            found.append((position, end))
    return found


def size(ranges: Ranges) -> int:
    """How many cells."""
    return sum(end - start for start, end in ranges)
