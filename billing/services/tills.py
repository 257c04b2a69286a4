"""Tills: opened with a counted float, closed with a counted drawer. A day that is closed never changes."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from billing import selectors
from billing.models import Payment, Refund, Till, TillDay, TillEntry
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Conflict, Invalid, NotFound
from medisecure.kernel.transactions import transactional

KEEP: Final = "billing.keep_till"
SUPERVISE: Final = "billing.view_books"
#: More than a drawer ever holds: somebody mistyped.
MOST_CENTS: Final = 100_000_00


class TillTaken(Conflict):
    code = "till-taken"
    title = _("This till is open already, or you have another one open.")


class TillClosed(Conflict):
    code = "till-closed"
    title = _("This till is closed. What was counted does not change.")


def open_till(*, actor: User, till_id: UUID, float_cents: int) -> TillDay:
    """Take a till with so much in it. Raises `Refused`, `NotFound`, `Invalid`, `TillTaken`."""
    selectors.require(actor, KEEP)
    _check_amount("float", float_cents)
    till = Till.objects.filter(id=till_id, active=True).first()
    if till is None:
        raise NotFound
    _audit(actor, "start", till.id)
    try:
        return _open(till.id, actor.id, float_cents)
    except IntegrityError:
        raise TillTaken from None


@transactional(BILLING)
def _open(till_id: UUID, holder: UUID, float_cents: int) -> TillDay:
    return TillDay.objects.create(
        till_id=till_id,
        day=clock.today(),
        opened_by=holder,
        float_cents=float_cents,
        open_till=till_id,
        open_holder=holder,
    )


def note_cash(*, source_id: UUID, holder: UUID | None, amount_cents: int, kind: str, reference: str) -> None:
    """Cash of a payment or refund goes through the till that the person has open, in the caller's transaction. Without
    one it is named in the day's books as cash outside any till."""
    if holder is None:
        return
    day = TillDay.objects.select_for_update().filter(open_holder=holder).first()
    if day is not None:
        TillEntry.objects.create(
            till_day=day, kind=kind, amount_cents=amount_cents, source_id=source_id, reference=reference, by=holder
        )


def note_payment(payment: Payment) -> None:
    """As `note_cash`, for a payment; nothing for one that is not in cash."""
    if payment.method == Payment.Method.CASH:
        note_cash(
            source_id=payment.id,
            holder=payment.taken_by,
            amount_cents=payment.amount_cents,
            kind=TillEntry.Kind.PAYMENT,
            reference=(payment.invoice.number if payment.invoice else "") or "",
        )


def note_refund(refund: Refund) -> None:
    """As `note_cash`, for what is given back; nothing for what is not in cash."""
    if refund.method == Payment.Method.CASH:
        note_cash(
            source_id=refund.id,
            holder=refund.made_by,
            amount_cents=-refund.amount_cents,
            kind=TillEntry.Kind.REFUND,
            reference=(refund.invoice.number if refund.invoice else "") or "",
        )


def move_cash(*, actor: User, till_day_id: UUID, kind: str, amount_cents: int, reference: str) -> TillEntry:
    """Take cash to the bank, or bring change. Raises `Refused`, `NotFound`, `Invalid`, `TillClosed`."""
    selectors.require(actor, KEEP)
    errors: dict[str, list[object]] = {}
    if kind not in (TillEntry.Kind.DEPOSIT, TillEntry.Kind.CHANGE):
        errors["kind"] = [_("Unknown kind of movement.")]
    if not 0 < amount_cents <= MOST_CENTS:
        errors["amount"] = [_("Enter an amount above zero.")]
    reference = " ".join(reference.split())
    if len(reference) > 100 or not reference.isprintable():
        errors["reference"] = [_("At most 100 printable characters.")]
    if errors:
        raise Invalid(errors)  # type: ignore[arg-type]
    _find(actor, till_day_id)
    _audit(actor, "write", till_day_id)
    return _move(till_day_id, actor.id, kind, amount_cents, reference)


@transactional(BILLING)
def _move(till_day_id: UUID, by: UUID, kind: str, amount_cents: int, reference: str) -> TillEntry:
    day = _lock_open(till_day_id)
    if kind == TillEntry.Kind.DEPOSIT and amount_cents > expected(day):
        raise Invalid({"amount": [_("There is not so much in the till.")]})
    signed = -amount_cents if kind == TillEntry.Kind.DEPOSIT else amount_cents
    return TillEntry.objects.create(till_day=day, kind=kind, amount_cents=signed, reference=reference, by=by)


def close_till(*, actor: User, till_day_id: UUID, counted_cents: int, reason: str = "") -> TillDay:
    """Count the drawer and close the day. A difference needs its reason. Raises as `move_cash`."""
    selectors.require(actor, KEEP)
    _check_amount("counted", counted_cents)
    reason = " ".join(reason.split())
    if len(reason) > 200 or not reason.isprintable():
        raise Invalid({"reason": [_("Give a reason, in at most 200 characters.")]})
    _find(actor, till_day_id)
    _audit(actor, "complete", till_day_id)
    return _close(till_day_id, actor.id, counted_cents, reason)


@transactional(BILLING)
def _close(till_day_id: UUID, by: UUID, counted_cents: int, reason: str) -> TillDay:
    day = _lock_open(till_day_id)
    wanted = expected(day)
    if counted_cents != wanted and not reason:
        raise Invalid({"reason": [_("What was counted is not what was expected. Count again, or say why.")]})
    TillDay.objects.filter(id=day.id).update(
        closed_at=clock.now(),
        closed_by=by,
        expected_cents=wanted,
        counted_cents=counted_cents,
        reason=reason if counted_cents != wanted else "",
        open_till=None,
        open_holder=None,
    )
    closed: TillDay = TillDay.objects.get(id=day.id)
    return closed


def expected(day: TillDay) -> int:
    """What should be in the drawer: the float and everything that went in and out since."""
    moved: int = day.entries.aggregate(sum=Sum("amount_cents"))["sum"] or 0
    return day.float_cents + moved


def _lock_open(till_day_id: UUID) -> TillDay:
    day: TillDay | None = TillDay.objects.select_for_update().filter(id=till_day_id).first()
    if day is None:
        raise NotFound
    if day.closed_at is not None:
        raise TillClosed
    return day


def _find(actor: User, till_day_id: UUID) -> TillDay:
    """Who has the till, or who supervises the tills; for everybody else it is not there."""
    day: TillDay | None = TillDay.objects.filter(id=till_day_id).first()
    if day is None or (day.opened_by != actor.id and not actor.has_perm(SUPERVISE)):
        raise NotFound
    return day


def _check_amount(field: str, cents: int) -> None:
    if not 0 <= cents <= MOST_CENTS:
        raise Invalid({field: [_("Enter an amount from 0 to 100,000 euros.")]})


def _audit(actor: User, action: str, item: UUID) -> None:
    right, purpose = selectors.right_of(actor, None)
    record_access(
        actor=actor,
        patient_id=None,
        action=action,
        resource="till",
        resource_id=item,
        purpose=purpose,
        right=right,
    )
