"""Reads, already narrowed to what this actor may see. Out of sight is `NotFound`, as is what is not there."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.db.models import Q

from billing.models import Invoice, Price
from billing.querysets import InvoiceQuerySet
from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.errors import NotFound, Refused
from patients.interface import patient_for_user, patient_side, same_patient_ids, side_of

VIEW = "billing.view_invoice"


def sees_all(actor: User) -> bool:
    """Billing clerks and administrators; everybody else sees their own."""
    return actor.has_perm(VIEW)


def visible_invoices(actor: User) -> InvoiceQuerySet[Invoice]:
    """All of them for those whose work it is; a patient's own issued ones; nothing for anybody else.

    A list that is disclosed needs an audit entry of its own: `open_list`.
    """
    # With their shares: whoever looks at a list asks what each payer owes.
    rows = Invoice.objects.prefetch_related("shares")
    if sees_all(actor):
        return rows
    # A minor's secret care would be told by its invoice.
    sides = [stand.patient_id for stand in patient_side(actor).values() if not stand.restricted]
    ids = [one for side in sides for one in same_patient_ids(side)]
    return rows.filter(patient_id__in=ids).issued() if ids else Invoice.objects.none()


def find(actor: User, invoice_id: UUID) -> Invoice:
    """One invoice in the actor's sight, without an audit entry: for services, which write their own."""
    invoice = visible_invoices(actor).filter(id=invoice_id).first()
    if invoice is None:
        raise NotFound
    return invoice


def open_invoice(*, actor: User, invoice_id: UUID, action: str = "view") -> Invoice:
    """The door to one invoice: checks, writes the audit entry, and only then hands it out."""
    invoice = find(actor, invoice_id)
    audit(actor=actor, patient_id=invoice.patient_id, action=action, invoice_id=invoice.id)
    return invoice


def open_list(
    *, actor: User, patient_id: UUID | None = None, statuses: tuple[str, ...] = ()
) -> InvoiceQuerySet[Invoice]:
    """The actor's invoices, newest first, of one patient or in some states when asked; audited as one look."""
    rows = visible_invoices(actor)
    about = patient_id
    if not sees_all(actor) and (patient_id is None or side_of(actor, patient_id) is None):
        # Nobody leaves an entry in the log of a patient with whom they have nothing to do.
        about = patient_for_user(actor.id)
        patient_id = patient_id or about
        rows = rows if patient_id else rows.none()
    if patient_id is not None:
        rows = rows.filter(patient_id__in=same_patient_ids(patient_id))
    if statuses:
        rows = rows.filter(status__in=statuses)
    audit(actor=actor, patient_id=about, action="list")
    return rows


def right_of(actor: User | None, patient_id: UUID | None) -> tuple[str, str]:
    """(by which right, what for) the actor acts, as the access log names them."""
    if actor is None:
        return "system", "billing"
    if sees_all(actor):
        return "role:" + (min(roles_of(actor), default="") or "superuser"), "billing"
    stand = side_of(actor, patient_id) if patient_id is not None else None
    return (stand.right, stand.purpose) if stand else ("self", "self")


def audit(*, actor: User | None, patient_id: UUID | None, action: str, invoice_id: UUID | None = None) -> None:
    """One entry of the access log, committed before what it tells of is disclosed or done."""
    right, purpose = right_of(actor, patient_id)
    record_access(
        actor=actor,
        patient_id=patient_id,
        action=action,
        resource="invoice",
        resource_id=invoice_id,
        purpose=purpose,
        right=right,
    )


def require(actor: User, permission: str) -> None:
    """Raise `Refused` (403) for somebody who may see the invoice and not do this."""
    if not actor.has_perm(permission):
        raise Refused


def _valid(on: date) -> Q:
    return Q(valid_from__lte=on) & (Q(valid_until=None) | Q(valid_until__gte=on))


def prices_on(on: date) -> list[Price]:
    """Every price that is valid on that day, by code."""
    return list(Price.objects.filter(_valid(on)).order_by("code"))


def prices_for_type(type_code: str, on: date) -> list[Price]:
    """What an appointment of this type is charged with on that day: the prices made for it, else the one whose code is
    the type's own; nothing when the price list does not say."""
    rows = list(Price.objects.filter(_valid(on), Q(appointment_type=type_code) | Q(code=type_code)).order_by("code"))
    # MariaDB compares without case, so the codes are compared here once more.
    return [row for row in rows if row.appointment_type == type_code] or [row for row in rows if row.code == type_code]


def labels_of(codes: set[str], on: date) -> dict[str, Price]:
    """Code → the price of that day, for the codes that the list has."""
    return {price.code: price for price in Price.objects.filter(_valid(on), code__in=codes)}
