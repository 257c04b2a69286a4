"""Two patients become one: their drafts, here. And two again.

What has been issued is not touched, not even the id of its patient (docs/decisions/0010): it is read by all ids of a
person. Drafts move, and so do those that were put aside.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy

from billing import rules
from billing.models import Invoice, MergeMove, PatientMerge, Payment
from billing.querysets import InvoiceQuerySet
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.events import Value
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients.interface import Count, MergePart, PartPreview

PART: Final = "billing"


def _drafts(patient_id: UUID) -> InvoiceQuerySet[Invoice]:
    # A credit note stays with the invoice that it cancels.
    unnumbered = [status.value for status in rules.UNNUMBERED]
    return Invoice.objects.filter(patient_id=patient_id, status__in=unnumbered, kind=Invoice.Kind.INVOICE)


@transactional(BILLING)
def bring_together(*, merge_id: UUID, survivor_id: UUID, loser_id: UUID) -> None:
    """Give the loser's drafts to the survivor, and answer. Asked again, it moves what has come since; once the merge
    was taken back it does nothing."""
    if not _note(merge_id, survivor_id, loser_id, undone=False):
        return
    ids = list(_drafts(loser_id).select_for_update().order_by("id").values_list("id", flat=True))
    _give(ids, loser_id, survivor_id)
    values = {"merge_id": merge_id, "model": Invoice._meta.label, "field": "patient_id"}
    MergeMove.objects.bulk_create(
        [MergeMove(row_id=one, old=str(loser_id), new=str(survivor_id), **values) for one in ids]
    )
    _answer(merge_id, undo=False, moved=len(ids), kept=0)


@transactional(BILLING)
def take_apart(*, merge_id: UUID, survivor_id: UUID, loser_id: UUID) -> None:
    """Give back the drafts that were moved, and answer. What was issued since stays with whom it was issued to."""
    back = stayed = 0
    if _note(merge_id, survivor_id, loser_id, undone=True):
        ids = list(MergeMove.objects.filter(merge_id=merge_id).values_list("row_id", flat=True))
        ready = list(_drafts(survivor_id).filter(id__in=ids).select_for_update().values_list("id", flat=True))
        back = _give(ready, survivor_id, loser_id)
        stayed = len(ids) - back
        MergeMove.objects.filter(merge_id=merge_id).exclude(row_id__in=ready).update(kept=True)
    _answer(merge_id, undo=True, moved=back, kept=stayed)


def _give(ids: list[UUID], old: UUID, new: UUID) -> int:
    return _drafts(old).filter(id__in=ids).update(patient_id=new, version=F("version") + 1, changed_at=clock.now())


def _note(merge_id: UUID, survivor_id: UUID, loser_id: UUID, *, undone: bool) -> bool:
    """Write the order down. False when there is nothing left to do: a merge that was taken back is never done again."""
    row = PatientMerge.objects.select_for_update().filter(id=merge_id).first()
    if row is None:
        PatientMerge.objects.create(id=merge_id, survivor_id=survivor_id, loser_id=loser_id, undone=undone)
        return not undone
    if row.undone:
        return False
    PatientMerge.objects.filter(id=merge_id).update(orders=F("orders") + 1, undone=undone, changed_at=clock.now())
    return True


def _answer(merge_id: UUID, *, undo: bool, moved: int, kept: int) -> None:
    values: dict[str, Value] = {"merge_id": str(merge_id), "part": PART, "undo": undo, "moved": moved, "kept": kept}
    emit(BILLING, "patient.merge_moved", values)


# --- Before it is done ------------------------------------------------------------------------------------------------
def preview(survivor_id: UUID, loser_id: UUID) -> PartPreview:
    issued = Invoice.objects.filter(patient_id=loser_id).issued()
    return PartPreview(
        moves=(Count(gettext_lazy("Drafts of invoices"), _drafts(loser_id).count()),),
        stays=(
            Count(gettext_lazy("Issued invoices and credit notes"), issued.count()),
            Count(gettext_lazy("Payments"), Payment.objects.filter(patient_id=loser_id).count()),
        ),
    )


def added(survivor_id: UUID, since: datetime) -> tuple[Count, ...]:
    rows = Invoice.objects.filter(patient_id=survivor_id, created_at__gt=since)
    return (Count(gettext_lazy("Invoices and drafts"), rows.count()),)


MERGE_PART: Final = MergePart(PART, gettext_lazy("Billing"), preview, added)
