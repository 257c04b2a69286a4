"""What other apps have of a patient, for a merge. They are above this one, so they register themselves.

A part that lives in another database is told by the events `patient.merge_started` and `patient.unmerge_started`, moves
its rows in one transaction with a journal of its own, and answers by `patient.merge_moved`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Count:
    label: str | Promise
    number: int


@dataclass(frozen=True, slots=True)
class PartPreview:
    """What would move; `stays` what is kept where it is and read by both ids; `conflicts` what somebody should look at,
    a sentence each without clinical text."""

    moves: tuple[Count, ...] = ()
    stays: tuple[Count, ...] = ()
    conflicts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MergePart:
    """`preview(survivor, loser)` counts; `added(survivor, since)` counts what the survivor got since a merge, which
    stays with them when it is taken back."""

    name: str
    label: str | Promise
    preview: Callable[[UUID, UUID], PartPreview]
    added: Callable[[UUID, datetime], tuple[Count, ...]]
    #: Whether it is told by event and answers; otherwise it only counts.
    answers: bool = True


_parts: dict[str, MergePart] = {}


def register_merge_part(part: MergePart) -> None:
    """Called from AppConfig.ready(). Raises ValueError for a name that is taken."""
    if _parts.get(part.name, part) != part:
        raise ValueError(f"merge part {part.name!r} is registered already")
    _parts[part.name] = part


def parts() -> Mapping[str, MergePart]:
    return _parts
