"""Misspelt names."""

from __future__ import annotations


def distance(left: str, right: str) -> int:
    """How many letters were changed, left out, added or swapped with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def swaps(word: str) -> list[str]:
    """The word with each two neighbours swapped."""
    return [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1) if word[i] != word[i + 1]]


def likely_meant(asked: str, known: list[str], most: int = 5) -> list[str]:
    """Those of the `known` words that someone who typed `asked` may have meant, the nearest first: one slip in up to
    five letters, two in more."""
    allowed = 1 if len(asked) <= 5 else 2
    near = sorted((distance(asked, word), word) for word in known if abs(len(word) - len(asked)) <= allowed)
    return [word for slips, word in near if 0 < slips <= allowed][:most]
