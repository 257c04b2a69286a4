"""Two texts side by side, line by line, with the words that differ marked."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

#: Above this many lines or words the comparison itself would take seconds; the texts are then shown unmarked.
MOST_PIECES = 2000


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of each text, or none where the other has a line of its own."""

    left: tuple[Piece, ...] | None
    right: tuple[Piece, ...] | None


def side_by_side(left: str, right: str) -> list[Row]:
    mine, theirs = left.split("\n"), right.split("\n")
    if len(mine) + len(theirs) > MOST_PIECES:
        return [Row((Piece(left, False),), (Piece(right, False),))]
    rows: list[Row] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            rows += [Row((Piece(line, False),), (Piece(line, False),)) for line in mine[a:b]]
            continue
        for index in range(max(b - a, d - c)):
            one = mine[a + index] if a + index < b else None
            other = theirs[c + index] if c + index < d else None
            rows.append(_row(one, other))
    return rows


def _row(left: str | None, right: str | None) -> Row:
    if left is None or right is None:
        return Row(
            (Piece(left, True),) if left is not None else None, (Piece(right, True),) if right is not None else None
        )
    one, other = re.findall(r"\s+|\S+", left), re.findall(r"\s+|\S+", right)
    if len(one) + len(other) > MOST_PIECES:
        return Row((Piece(left, True),), (Piece(right, True),))
    lefts: list[Piece] = []
    rights: list[Piece] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        differs = tag != "equal"
        if a < b:
            lefts.append(Piece("".join(one[a:b]), differs))
        if c < d:
            rights.append(Piece("".join(other[c:d]), differs))
    return Row(tuple(lefts), tuple(rights))
