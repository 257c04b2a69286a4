"""What each step on the waiting list does: the door, compare and set, the journal, the time that is kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from appointments import access, places, rules
from appointments.models import Appointment, OccupancyCell, WaitingEntry, WaitingOffer, WaitingStep
from appointments.services import cells
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound, OfferOver, Refused, Stale

WAITING = WaitingEntry.Status.WAITING
OPEN = WaitingOffer.Status.OPEN


def find_entry(actor: User, entry_id: UUID) -> WaitingEntry:
    entry = access.waiting_visible(actor).filter(id=entry_id).first()
    if entry is None:
        raise NotFound
    return entry


def right_to_answer(actor: User, entry: WaitingEntry) -> str:
    """By what right the actor answers for the patient or takes the wish back. Raises Refused."""
    right = access.right_for(actor, entry.patient_id)
    if not access.by_patient(right) and not actor.has_perm(access.MANAGE_WAITING):
        raise Refused
    return right


def write_down(actor: User | None, entry: WaitingEntry, action: str, right: str) -> None:
    record_access(
        actor=actor,
        patient_id=entry.patient_id,
        action=action,
        resource="waiting-entry",
        resource_id=entry.id,
        purpose=access.purpose_of(right),
        right=right,
    )


def note_step(
    entry_id: UUID, action: str, *, actor: User | None = None, offer_id: UUID | None = None, reason: str = ""
) -> None:
    WaitingStep.objects.create(
        entry_id=entry_id, offer_id=offer_id, action=action, actor_id=actor.id if actor else None, reason=reason
    )


def change_entry(entry: WaitingEntry, **values: Any) -> None:
    """Raises Stale when somebody else changed the entry since it was read."""
    values |= {"version": entry.version + 1}
    if values.get("status", WAITING) not in (WAITING, WaitingEntry.Status.PAUSED):
        # Its place in the line is free for another wish of the same kind.
        values["open_key"] = str(entry.id)
    if not WaitingEntry.objects.filter(id=entry.id, version=entry.version).update(**values):
        raise Stale
    for name, value in values.items():
        setattr(entry, name, value)


def close_offer(offer: WaitingOffer, status: str) -> None:
    """Whoever closes it first has closed it: the others get OfferOver."""
    values = {"status": status, "answered_at": clock.now(), "open_key": str(offer.id)}
    if not WaitingOffer.objects.filter(id=offer.id, status=OPEN).update(**values):
        raise OfferOver
    for name, value in values.items():
        setattr(offer, name, value)


def as_visit(offer: WaitingOffer, appointment_id: UUID) -> Appointment:
    """The visit that the offer would become."""
    return Appointment(
        id=appointment_id,
        patient_id=offer.patient_id,
        practitioner_id=offer.practitioner_id,
        calendar_id=offer.calendar_id,
        type_code=offer.type_code,
        start=offer.start,
        end=offer.end,
        busy_start=offer.busy_start,
        busy_end=offer.busy_end,
        zone=offer.zone,
        place=offer.place,
        mode=places.mode_of(offer.type_code),
    )


def keep_time(offer: WaitingOffer) -> None:
    """Hold the practitioner's cells for the offer, which is not saved yet, and a room where one is needed. The
    patient's own are not held: they may still book elsewhere.

    Raises SlotTaken; IntegrityError when somebody else's transaction was faster.
    """
    kept = cells.claim_hold(offer, places.needs_of(offer.type_code, offer.place))
    offer.resource_ids = [str(one) for one in kept]


def give_time_back(offer: WaitingOffer) -> None:
    cells.give_up(offer)


def hand_time_over(offer: WaitingOffer, appointment_id: UUID) -> None:
    """What was held for the offer is the visit's now. Nobody can get between: it never was free."""
    OccupancyCell.objects.filter(appointment_id=offer.id).update(appointment_id=appointment_id, expires=None)


def visit_of(entry: WaitingEntry) -> Appointment | None:
    """The visit that is to be earlier; None for an entry without one. Raises NotFound when it is gone."""
    if entry.appointment_id is None:
        return None
    found = Appointment.objects.filter(id=entry.appointment_id).first()
    if found is None:
        raise NotFound
    return found


def is_upcoming(visit: Appointment) -> bool:
    return rules.Status(visit.status) in rules.UPCOMING and visit.start > clock.now()
