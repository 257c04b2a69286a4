"""Duplicates in the whole register: found in passes by what two files of one person share, never each with each.

A pass goes through the values of one column in their order, some at a time, and each batch ends by noting in one
transaction what was found and how far it is: a run that is stopped goes on where it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import Upper

from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from patients import rules
from patients.duplicates import COLUMNS, ordered, person_of
from patients.models import DuplicatePair, DuplicateScan, Patient

#: Values of the column in one batch.
BATCH: Final = 500
#: A telephone or an address that so many share is a household's, a home's or a mistake.
_MOST_SHARED: Final = 50

Row = dict[str, Any]
Pairs = Iterator[tuple[Row, Row]]


@dataclass(frozen=True, slots=True)
class _Stage:
    """`key` is the column; `pairs` picks, of rows with one value, those worth comparing."""

    name: str
    key: str
    pairs: Callable[[list[Row]], Pairs]
    #: Only values that several rows have, at most so many.
    most: int | None = None


def _same_day(rows: list[Row]) -> Pairs:
    """Born the same day, with a word of the names, the telephone or the address in common."""
    yield from _sharing(rows, lambda row: {*_words(row), row["phone_key"], row["email"].casefold()} - {""})


def _all(rows: list[Row]) -> Pairs:
    yield from combinations(rows, 2)


def _near_day(rows: list[Row]) -> Pairs:
    """The same family name, a word of the given names in common, and birth dates that a slip makes of each other or
    that are not known."""
    by_word: dict[tuple[str, date | None], list[Row]] = defaultdict(list)
    for row in rows:
        for word in set(rules.words(row["given_names"])):
            by_word[word, row["birth_date"]].append(row)
    seen = set()
    for (word, day), group in by_word.items():
        if day is None:
            continue
        # Those of the same day were compared in another pass.
        for near in (*rules.near_births(day)[1:], day.replace(day=1), day.replace(day=1, month=1), None):
            if near == day:
                continue
            for one in group:
                for other in by_word.get((word, near), ()):
                    pair = ordered(one["id"], other["id"])
                    if pair not in seen:
                        seen.add(pair)
                        yield one, other


def _words(row: Row) -> set[str]:
    names = f"{row['family_name']} {row['used_name']} {row['given_names']}"
    return {word[:4] for word in rules.words(names) if len(word) >= 3}


def _sharing(rows: list[Row], marks: Callable[[Row], Iterable[str]]) -> Pairs:
    by_mark: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for mark in marks(row):
            by_mark[mark].append(row)
    seen = set()
    for group in by_mark.values():
        for one, other in combinations(group, 2):
            pair = ordered(one["id"], other["id"])
            if pair not in seen:
                seen.add(pair)
                yield one, other


STAGES: Final = (
    _Stage("birth-date", "birth_date", _same_day),
    _Stage("phone", "phone_key", _all, _MOST_SHARED),
    _Stage("email", "email_key", _all, _MOST_SHARED),
    _Stage("family-name", "family_name", _near_day),
)


@dataclass(frozen=True, slots=True)
class Progress:
    stage: str
    #: 0 … 1 of the whole run, as far as it can be told.
    share: float
    compared: int
    found: int


def current_scan(*, restart: bool = False) -> DuplicateScan:
    """The run that was stopped, or a new one."""
    scan = None if restart else DuplicateScan.objects.filter(finished_at=None).order_by("-started_at").first()
    return scan or DuplicateScan.objects.create(stage=STAGES[0].name)


def run(scan: DuplicateScan) -> Iterator[Progress]:
    """Go on with a run; yields after each batch."""
    names = [stage.name for stage in STAGES]
    for place in range(names.index(scan.stage), len(STAGES)):
        stage = STAGES[place]
        while _batch(scan, stage):
            yield Progress(stage.name, (place + _reached(stage, scan)) / len(STAGES), scan.compared, scan.found)
        scan.stage, scan.position = (names[place + 1], "") if place + 1 < len(names) else (stage.name, scan.position)
        scan.finished_at = clock.now() if place + 1 == len(names) else None
        scan.save(update_fields=["stage", "position", "finished_at"])
    yield Progress("", 1.0, scan.compared, scan.found)


def _reached(stage: _Stage, scan: DuplicateScan) -> float:
    if stage.key != "birth_date" or not scan.position:
        return 0.5
    last = _rows(stage).aggregate(last=Max("birth_date"))["last"]
    done = date.fromisoformat(scan.position).toordinal() - rules.OLDEST_BIRTH.toordinal()
    return min(1.0, done / max(1, last.toordinal() - rules.OLDEST_BIRTH.toordinal())) if last else 1.0


def _rows(stage: _Stage) -> QuerySet[Patient]:
    rows = Patient.objects.filter(merged_into=None)
    if stage.key == "email_key":
        return rows.exclude(email="").annotate(email_key=Upper("email"))
    return rows.exclude(**{stage.key: None if stage.key == "birth_date" else ""})


def _values(stage: _Stage, position: str) -> list[Any]:
    """The next values that more than one row has."""
    after = {f"{stage.key}__gt": position} if position else {}
    shared = Q(number__gt=1) & (Q(number__lte=stage.most) if stage.most else Q())
    counted = _rows(stage).filter(**after).values(stage.key).annotate(number=Count("id")).filter(shared)
    return list(counted.order_by(stage.key).values_list(stage.key, flat=True)[:BATCH])


@transactional(DEFAULT)
def _batch(scan: DuplicateScan, stage: _Stage) -> bool:
    values = _values(stage, scan.position)
    if not values:
        return False
    groups: dict[Any, list[Row]] = defaultdict(list)
    columns = dict.fromkeys((*COLUMNS, "phone_key", stage.key))
    for row in _rows(stage).filter(**{f"{stage.key}__in": values}).order_by("id").values(*columns):
        groups[row[stage.key]].append(row)
    compared, likely = 0, {}
    for group in groups.values():
        for one, other in stage.pairs(group):
            compared += 1
            score = rules.compare(person_of(one), person_of(other)).score
            if score >= rules.POSSIBLE:
                likely[ordered(one["id"], other["id"])] = score
    found = _keep(likely)
    scan.position = str(values[-1])
    DuplicateScan.objects.filter(id=scan.id).update(
        position=scan.position, stage=stage.name, compared=F("compared") + compared, found=F("found") + found
    )
    scan.compared += compared
    scan.found += found
    return True


def _keep(likely: dict[tuple[UUID, UUID], float]) -> int:
    """Store the pairs that are new; one that somebody has decided on is left as it is. Returns how many are new."""
    if not likely:
        return 0
    firsts = {first for first, _second in likely}
    rows = DuplicatePair.objects.filter(first_id__in=firsts).values_list("first_id", "second_id")
    known = {(first, second) for first, second in rows}
    new = [
        DuplicatePair(first_id=first, second_id=second, score=score)
        for (first, second), score in likely.items()
        if (first, second) not in known
    ]
    DuplicatePair.objects.bulk_create(new)
    if new:
        record_access(
            actor=None,
            patient_id=None,
            action="compare",
            resource="patient",
            resource_id=f"pairs:{len(new)}",
            purpose="operations",
            right="system",
        )
    return len(new)
