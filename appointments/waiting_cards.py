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
from medisecure.kernel.errors import NotFound
from medisecure.kernel.models import PinnedQuerySet
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


def wishes_of_actor(actor: User, patient_id: UUID | None = None) -> PinnedQuerySet[WaitingEntry]:
    """The actor's own wishes as a patient, the newest first; none for who is no patient. Of `patient_id`, for whom the
    actor stands, when it is given: that look is written down, and NotFound is raised for anybody else's."""
    stand = access.stand(actor, patient_id)
    if stand is None:
        return WaitingEntry.objects.none()
    access.write_down_list(actor, stand, "waiting-list")
    rows = WaitingEntry.objects.filter(patient_id=stand.patient_id)
    if stand.restricted:
        rows = rows.filter(asked_by=actor.id)
    return rows.order_by("-created_at", "-id")


def my_wishes(actor: User, patient_id: UUID | None = None) -> list[WaitingCard]:
    """See `wishes_of_actor`: those that wait first, then the newest that are over."""
    return cards(sorted(wishes_of_actor(actor, patient_id)[:MOST], key=lambda row: row.status not in _LIVE))


def wish_of_visit(actor: User, appointment_id: UUID) -> WaitingCard | None:
    """The wish that waits for an earlier time of this visit, if the actor sees one."""
    rows = access.waiting_visible(actor).filter(appointment_id=appointment_id, status__in=_LIVE)
    return next(iter(cards(rows[:1])), None)


def is_offered(actor: User, patient_id: UUID) -> bool:
    """True while a time is kept for this patient, as whom or for whom the actor acts. Raises NotFound."""
    stand = access.stand(actor, patient_id)
    rows = WaitingOffer.objects.filter(patient_id=patient_id, status=WaitingOffer.Status.OPEN, expires__gt=clock.now())
    if stand is not None and stand.restricted:
        asked = WaitingEntry.objects.filter(patient_id=patient_id, asked_by=actor.id, status__in=_LIVE)
        rows = rows.filter(entry_id__in=list(asked.values_list("id", flat=True)))
    return rows.exists()


def check_wish(patient_id: UUID, *, entry_id: UUID | None = None, offer_id: UUID | None = None) -> None:
    """NotFound unless the wish, or the offer, is this patient's: a page about one person changes nothing of another."""
    if entry_id is not None and not WaitingEntry.objects.filter(id=entry_id, patient_id=patient_id).exists():
        raise NotFound
    if offer_id is not None and not WaitingOffer.objects.filter(id=offer_id, patient_id=patient_id).exists():
        raise NotFound


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
