"""What patients answer, signed in or by the link of a mail: part of `appointments.interface`, which portal imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from appointments.models import Appointment
from appointments.services import by_link, feeds, waiting
from appointments.services.feeds import FeedText
from medisecure.accounts.models import User
from patients import interface as patients


@dataclass(frozen=True, slots=True)
class LinkedVisit:
    """What the page behind a link in a mail may show: when and where. `language` is the patient's."""

    start: datetime
    end: datetime
    zone: str
    place: str
    status: str
    cancellable: bool
    language: str


def _linked(row: Appointment) -> LinkedVisit:
    return LinkedVisit(
        start=row.start,
        end=row.end,
        zone=row.zone,
        place=row.place,
        status=row.status,
        cancellable=by_link.may_still_cancel(row),
        language=patients.patient_card(row.patient_id).language,
    )


def visit_of_link(token: str) -> LinkedVisit:
    """See `services.by_link`: NotFound, or LinkOver (410)."""
    return _linked(by_link.visit_of_link(token))


def confirm_by_link(token: str) -> None:
    by_link.confirm_by_link(token)


def cancel_by_link(token: str) -> None:
    by_link.cancel_by_link(token)


def ask_for_earlier(
    *,
    actor: User,
    patient_id: UUID | None = None,
    appointment_id: UUID | None = None,
    type_code: str = "",
    practitioner_id: UUID | None = None,
    specialty: str = "",
    first: date | None = None,
    last: date | None = None,
    windows: Sequence[Mapping[str, object]] = (),
) -> UUID:
    """See `services.waiting.ask`. Returns the wish's id."""
    return waiting.ask(
        actor=actor,
        patient_id=patient_id,
        appointment_id=appointment_id,
        type_code=type_code,
        practitioner_id=practitioner_id,
        specialty=specialty,
        first=first,
        last=last,
        windows=windows,
    ).id


def withdraw_wish(*, actor: User, entry_id: UUID) -> None:
    waiting.withdraw(actor=actor, entry_id=entry_id)


def resume_wish(*, actor: User, entry_id: UUID) -> None:
    waiting.resume(actor=actor, entry_id=entry_id)


def accept_offer(*, actor: User, offer_id: UUID) -> UUID:
    """See `services.waiting.accept`: 409 offer-over, patient-busy or too-late. Returns the visit's id."""
    return waiting.accept(actor=actor, offer_id=offer_id).id


def decline_offer(*, actor: User, offer_id: UUID) -> None:
    waiting.decline(actor=actor, offer_id=offer_id)


def accept_offer_by_link(token: str) -> None:
    waiting.accept_by_link(token)


def decline_offer_by_link(token: str) -> None:
    waiting.decline_by_link(token)


@dataclass(frozen=True, slots=True)
class FeedCard:
    """An address by which a calendar program reads; the address itself is told once, when it is made."""

    created_at: datetime
    #: To the hour; None when nothing has read it yet.
    read_at: datetime | None


def my_feed(actor: User, patient_id: UUID) -> FeedCard | None:
    """The actor's address of this patient's visits: their own, or of whom they stand for."""
    row = feeds.feed_of(actor, feeds.PATIENT.value, patient_id)
    return FeedCard(row.created_at, row.read_at) if row else None


def make_my_feed(*, actor: User, patient_id: UUID) -> str:
    """See `services.feeds.make_feed`. Returns the address."""
    return feeds.make_feed(actor=actor, owner=feeds.PATIENT.value, patient_id=patient_id)[1]


def close_my_feed(*, actor: User, patient_id: UUID) -> None:
    feeds.close_feed(actor=actor, owner=feeds.PATIENT.value, patient_id=patient_id)


def feed_text(token: str) -> FeedText:
    """The calendar at this address. Raises NotFound."""
    return feeds.text_of(feeds.find(token))


def note_feed_reading(token: str) -> None:
    feeds.note_reading(feeds.find(token))
