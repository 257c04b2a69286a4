"""Two patients become one: their visits, here. And two again.

A visit moves with its history; its cells are claimed anew for the other patient. Where the survivor has a visit at the
same time, theirs keeps the cells and the other one goes without: both take place as far as this database knows, and the
merge says that somebody should look at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments import rules
from appointments.models import Appointment, MergeMove, OccupancyCell, PatientMerge, WaitingEntry, WaitingOffer
from appointments.services.cells import patient_keys
from appointments.services.changes import change
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Stale
from medisecure.kernel.events import Value
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients.interface import Count, MergePart, PartPreview

PART: Final = "appointments"
#: Rows that name the patient and hold nothing else of theirs.
POINTERS: Final = (WaitingEntry, WaitingOffer)
_UPCOMING: Final = [status.value for status in rules.UPCOMING]
_MOST_NAMED: Final = 10


@transactional(APPOINTMENTS)
def bring_together(*, merge_id: UUID, survivor_id: UUID, loser_id: UUID) -> None:
    """Give the loser's visits to the survivor, and answer. Asked again, it moves what has come since; once the merge
    was taken back it does nothing."""
    if not _note(merge_id, survivor_id, loser_id, undone=False):
        return
    rows = list(Appointment.objects.filter(patient_id=loser_id).order_by("start", "id"))
    held = _holders(rows)
    overlapping = 0
    for row in rows:
        change(row, actor=None, action="merge", patient_id=survivor_id)
        if row.id in held:
            overlapping += not _reclaim(row)
    moves = [
        MergeMove(
            merge_id=merge_id,
            model=Appointment._meta.label,
            row_id=row.id,
            # With its cells, or without: a visit that was imported has none.
            field="patient_id+cells" if row.id in held else "patient_id",
            old=str(loser_id),
            new=str(survivor_id),
        )
        for row in rows
    ]
    for model in POINTERS:
        for row_id in _point(model, loser_id, survivor_id, None):
            label = model._meta.label
            moves.append(
                MergeMove(
                    merge_id=merge_id,
                    model=label,
                    row_id=row_id,
                    field="patient_id",
                    old=str(loser_id),
                    new=str(survivor_id),
                )
            )
    MergeMove.objects.bulk_create(moves)
    _answer(merge_id, undo=False, moved=len(moves), kept=overlapping)


def _point(model: Any, old: UUID, new: UUID, ids: Sequence[UUID] | None) -> list[UUID]:
    """Give rows that only name the patient to another one: all, or those of `ids`. Returns their ids."""
    rows = model.objects.filter(patient_id=old)
    if ids is not None:
        rows = rows.filter(id__in=list(ids))
    found = list(rows.order_by("id").values_list("id", flat=True))
    model.objects.filter(id__in=found).update(patient_id=new)
    return found


@transactional(APPOINTMENTS)
def take_apart(*, merge_id: UUID, survivor_id: UUID, loser_id: UUID) -> None:
    """Give back what the journal says was moved, and answer. A visit that belongs to a third by now stays there."""
    back = stayed = 0
    if _note(merge_id, survivor_id, loser_id, undone=True):
        whole = list(MergeMove.objects.filter(merge_id=merge_id))
        for model in POINTERS:
            asked = [move.row_id for move in whole if move.model == model._meta.label]
            back += len(ids := _point(model, survivor_id, loser_id, asked))
            stayed += len(asked) - len(ids)
        journal = [move for move in whole if move.model == Appointment._meta.label]
        rows = {row.id: row for row in Appointment.objects.filter(id__in=[move.row_id for move in journal])}
        # Those that stay must not stand in the way of each other: first all go back, then each claims its cells.
        returned = []
        for move in journal:
            row = rows.get(move.row_id)
            if row is None or row.patient_id != survivor_id:
                MergeMove.objects.filter(id=move.id).update(kept=True)
                stayed += 1
                continue
            change(row, actor=None, action="unmerge", patient_id=loser_id)
            returned.append((move, row))
            back += 1
        for move, row in returned:
            if move.field.endswith("cells"):
                _reclaim(row)
        _fill_gaps(survivor_id)
    _answer(merge_id, undo=True, moved=back, kept=stayed)


def _note(merge_id: UUID, survivor_id: UUID, loser_id: UUID, *, undone: bool) -> bool:
    """Write the order down. False when there is nothing left to do: a merge that was taken back is never done again."""
    row = PatientMerge.objects.filter(id=merge_id).first()
    if row is None:
        PatientMerge.objects.create(id=merge_id, survivor_id=survivor_id, loser_id=loser_id, undone=undone)
        return not undone
    if row.undone:
        return False
    # The write is the point: two orders at the same time conflict.
    seen = PatientMerge.objects.filter(id=merge_id, orders=row.orders)
    if not seen.update(orders=row.orders + 1, undone=undone, changed_at=clock.now()):
        raise Stale
    return True


def _holders(rows: list[Appointment]) -> set[UUID]:
    """Which of the visits hold a patient's time."""
    cells = OccupancyCell.objects.filter(appointment_id__in=[row.id for row in rows])
    return {holder for key, holder in cells.values_list("key", "appointment_id") if key.startswith("patient:")}


def _reclaim(row: Appointment) -> bool:
    """Hold the time of the patient that the visit has now, and no other. False when a part of it is held already."""
    mine = OccupancyCell.objects.filter(appointment_id=row.id)
    old = [key for key in mine.values_list("key", flat=True) if key.startswith("patient:")]
    wanted = patient_keys(row) if rules.Status(row.status) in rules.OCCUPYING else []
    mine.filter(key__in=[key for key in old if key not in wanted]).delete()
    taken = set(OccupancyCell.objects.filter(key__in=wanted).values_list("key", flat=True))
    free = [key for key in wanted if key not in taken]
    OccupancyCell.objects.bulk_create([OccupancyCell(key=key, appointment_id=row.id) for key in free])
    return taken <= set(old)


def _fill_gaps(survivor_id: UUID) -> None:
    """Visits to come that had gone without cells, because another one held them, take those that have become free."""
    for row in Appointment.objects.filter(patient_id=survivor_id, status__in=_UPCOMING, end__gt=clock.now()):
        _reclaim(row)


def _answer(merge_id: UUID, *, undo: bool, moved: int, kept: int) -> None:
    values: dict[str, Value] = {"merge_id": str(merge_id), "part": PART, "undo": undo, "moved": moved, "kept": kept}
    emit(APPOINTMENTS, "patient.merge_moved", values)


# --- Before it is done ------------------------------------------------------------------------------------------------
def preview(survivor_id: UUID, loser_id: UUID) -> PartPreview:
    now = clock.now()
    theirs = Appointment.objects.filter(patient_id=loser_id)
    upcoming = list(theirs.filter(status__in=_UPCOMING, end__gt=now))
    ours = list(Appointment.objects.filter(patient_id=survivor_id, status__in=_UPCOMING, end__gt=now))
    past = theirs.count() - len(upcoming)
    clashes = [row for row in upcoming if any(row.start < one.end and one.start < row.end for one in ours)]
    sentences = []
    for row in clashes[:_MOST_NAMED]:
        there = clock.local(row.start, row.zone)
        sentences.append(
            _("Both have a visit on %(date)s at %(time)s. Both stay: cancel or move one of them.")
            % {"date": formats.date_format(there, "j F Y"), "time": f"{there:%H:%M}"}
        )
    return PartPreview(
        moves=(
            Count(gettext_lazy("Visits to come"), len(upcoming)),
            Count(gettext_lazy("Past and cancelled visits"), past),
        ),
        conflicts=tuple(sentences),
    )


def added(survivor_id: UUID, since: datetime) -> tuple[Count, ...]:
    rows = Appointment.objects.filter(patient_id=survivor_id, created_at__gt=since)
    return (Count(gettext_lazy("Visits booked"), rows.count()),)


MERGE_PART: Final = MergePart(PART, gettext_lazy("Appointments"), preview, added)
