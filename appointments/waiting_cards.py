"""The waiting list as portal and API show it: frozen, with the open offer of each wish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from appointments import access, rules
from appointments.models import Appointment, WaitingEntry, WaitingOffer
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients import interface as patients

_LIVE = (WaitingEntry.Status.WAITING.value, WaitingEntry.Status.PAUSED.value)
#: Wishes on a patient's page; older ones that are over are left out.
MOST = 50


@dataclass(frozen=True, slots=True)
class OfferCard:
    """A time that is kept for the patient until `expires`. Instants in UTC; `zone` says on which clock to show them."""

    id: UUID
    practitioner_id: UUID
    type_code: str
    start: datetime
    end: datetime
    zone: str
    place: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class WaitingWindow:
    """A weekday (Monday is 0) and times on the place's clock, "08:00"."""

    weekday: int
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class WaitingCard:
    """One wish for an earlier time, and what is offered for it now."""

    id: UUID
    patient_id: UUID
    appointment_id: UUID | None
    #: When the visit is now; None for a wish without one.
    present: datetime | None
    zone: str
    type_code: str
    practitioner_id: UUID | None
    specialty: str
    first: date
    last: date
    windows: tuple[WaitingWindow, ...]
    priority: int
    status: str
    #: In the active language.
    status_label: str
    created_at: datetime
    offer: OfferCard | None

    @property
    def live(self) -> bool:
        return self.status in _LIVE

    @property
    def paused(self) -> bool:
        return self.status == WaitingEntry.Status.PAUSED.value


def cards(entries: Iterable[WaitingEntry]) -> list[WaitingCard]:
    """In the order given; two queries for any number."""
    rows = list(entries)
    if not rows:
        return []
    offers = WaitingOffer.objects.filter(
        entry_id__in=[row.id for row in rows], status=WaitingOffer.Status.OPEN, expires__gt=clock.now()
    )
    by_entry = {offer.entry_id: _offer_card(offer) for offer in offers}
    wanted = [row.appointment_id for row in rows if row.appointment_id]
    visits = {row.id: row for row in Appointment.objects.filter(id__in=wanted)} if wanted else {}
    return [
        _card(row, visits.get(row.appointment_id) if row.appointment_id else None, by_entry.get(row.id)) for row in rows
    ]


def _offer_card(offer: WaitingOffer) -> OfferCard:
    return OfferCard(
        id=offer.id,
        practitioner_id=offer.practitioner_id,
        type_code=offer.type_code,
        start=offer.start,
        end=offer.end,
        zone=offer.zone,
        place=offer.place,
        expires=offer.expires,
    )


def _card(row: WaitingEntry, visit: Appointment | None, offer: OfferCard | None) -> WaitingCard:
    return WaitingCard(
        id=row.id,
        patient_id=row.patient_id,
        appointment_id=row.appointment_id,
        present=visit.start if visit else None,
        zone=visit.zone if visit else "",
        type_code=row.type_code,
        practitioner_id=visit.practitioner_id if visit else row.practitioner_id,
        specialty=row.specialty,
        first=row.first,
        last=row.last,
        windows=tuple(WaitingWindow(one["weekday"], one["start"], one["end"]) for one in row.windows),
        priority=row.priority,
        status=row.status,
        status_label=str(row.get_status_display()),
        created_at=row.created_at,
        offer=offer,
    )


def my_wishes(actor: User) -> list[WaitingCard]:
    """The actor's own wishes as a patient: those that wait first, then the newest that are over."""
    patient_id = patients.patient_for_user(actor.id)
    if patient_id is None:
        return []
    rows = list(WaitingEntry.objects.filter(patient_id=patient_id).order_by("-created_at", "-id")[:MOST])
    return cards(sorted(rows, key=lambda row: row.status not in _LIVE))


def wish_of_visit(actor: User, appointment_id: UUID) -> WaitingCard | None:
    """The wish that waits for an earlier time of this visit, if the actor sees one."""
    rows = access.waiting_visible(actor).filter(appointment_id=appointment_id, status__in=_LIVE)
    return next(iter(cards(rows[:1])), None)


def open_offers(actor: User) -> list[OfferCard]:
    """What is kept for the actor as a patient now, the first to run out first."""
    patient_id = patients.patient_for_user(actor.id)
    if patient_id is None:
        return []
    rows = WaitingOffer.objects.filter(
        patient_id=patient_id, status=WaitingOffer.Status.OPEN, expires__gt=clock.now()
    ).order_by("expires")
    return [_offer_card(row) for row in rows]


@dataclass(frozen=True, slots=True)
class LinkedOffer:
    """What the page behind an offer's link may show: when and where, until when. `language` is the patient's."""

    start: datetime
    end: datetime
    zone: str
    place: str
    #: open, accepted, declined or over
    status: str
    expires: datetime
    language: str


def offer_of_link(token: str) -> LinkedOffer:
    """See `services.waiting.offer_of_link`."""
    row = waiting.offer_of_link(token)
    status = "over"
    if row.status == WaitingOffer.Status.OPEN:
        status = "open" if row.expires > clock.now() else "over"
    elif row.status in (WaitingOffer.Status.ACCEPTED, WaitingOffer.Status.DECLINED):
        status = row.status
    return LinkedOffer(
        start=row.start,
        end=row.end,
        zone=row.zone,
        place=row.place,
        status=status,
        expires=row.expires,
        language=patients.patient_card(row.patient_id).language,
    )


def may_ask(status: str, start: datetime) -> bool:
    """True for a visit that could become earlier."""
    return rules.Status(status) in rules.UPCOMING and start > clock.now()
