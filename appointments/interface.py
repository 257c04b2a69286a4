"""What portal and ops may ask of appointments: ids and frozen dataclasses. Nothing else here is theirs to import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from appointments import access, ics, reporting, rules, selectors, services
from appointments.answers import (
    FeedCard,
    LinkedVisit,
    accept_offer,
    accept_offer_by_link,
    ask_for_earlier,
    cancel_by_link,
    close_my_feed,
    confirm_by_link,
    decline_offer,
    decline_offer_by_link,
    feed_text,
    make_my_feed,
    my_feed,
    note_feed_reading,
    resume_wish,
    visit_of_link,
    withdraw_wish,
)
from appointments.hold_cards import HoldCard, hold, release_hold
from appointments.models import Appointment, AppointmentType, Calendar
from appointments.no_shows import must_confirm, no_shows
from appointments.places import MOST_DAYS, Slot
from appointments.references import Dangling, dangling
from appointments.services.feeds import FeedText
from appointments.services.setup import add_leave, create_calendar, create_resource, create_type, seed_appointment
from appointments.waiting_cards import (
    LinkedOffer,
    OfferCard,
    WaitingCard,
    check_wish,
    is_offered,
    may_ask,
    my_wishes,
    offer_of_link,
    wish_of_visit,
)
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound

__all__ = [
    "MOST_DAYS",
    "AppointmentCard",
    "Dangling",
    "FeedCard",
    "FeedText",
    "HoldCard",
    "LinkedOffer",
    "LinkedVisit",
    "OfferCard",
    "Slot",
    "Status",
    "TypeCard",
    "WaitingCard",
    "accept_offer",
    "accept_offer_by_link",
    "add_leave",
    "agenda",
    "appointment_card",
    "appointment_for",
    "appointment_type",
    "appointment_types",
    "appointments_for_patient",
    "arrive",
    "ask_for_earlier",
    "book",
    "calendar_file",
    "cancel",
    "cancel_by_link",
    "check_wish",
    "close_my_feed",
    "complete",
    "confirm",
    "confirm_by_link",
    "create_calendar",
    "create_resource",
    "create_type",
    "dangling",
    "decline_offer",
    "decline_offer_by_link",
    "feed_text",
    "free_slots",
    "has_calendar",
    "hold",
    "is_offered",
    "make_my_feed",
    "may_ask",
    "move",
    "must_confirm",
    "my_appointments",
    "my_feed",
    "my_wishes",
    "next_free",
    "no_show",
    "no_shows",
    "note_feed_reading",
    "offer_of_link",
    "offered",
    "places_open",
    "release_hold",
    "reporting",
    "resume_wish",
    "seed_appointment",
    "start",
    "visit_of_link",
    "wish_of_visit",
    "withdraw_wish",
]

Status = rules.Status


@dataclass(frozen=True, slots=True)
class AppointmentCard:
    """One visit. `start` and `end` are instants in UTC; show them on the clock of `zone` (`local_start`)."""

    id: UUID
    patient_id: UUID
    practitioner_id: UUID
    type_code: str
    start: datetime
    end: datetime
    zone: str
    place: str
    status: str
    #: In the active language.
    status_label: str
    sequence: int
    #: Give it back to a use case as `version` so that a change in between is noticed.
    version: int
    overbooked: bool
    #: On site, or by video.
    mode: str
    mode_label: str
    #: Whether the patient may still cancel or move it, as far as its state and the place's notice go.
    changeable: bool
    #: The patient must still say that they will come.
    awaits_confirmation: bool = False
    #: The number that the waiting room calls while they wait there; 0 for none.
    ticket: int = 0

    @property
    def local_start(self) -> datetime:
        return clock.local(self.start, self.zone)

    @property
    def local_end(self) -> datetime:
        return clock.local(self.end, self.zone)

    @property
    def upcoming(self) -> bool:
        return self.status in rules.UPCOMING and self.end > clock.now()


@dataclass(frozen=True, slots=True)
class TypeCard:
    """`label` is in the active language."""

    code: str
    label: str
    label_fr: str
    label_en: str
    duration_minutes: int
    price_code: str
    mode: str
    mode_label: str
    bookable_by_patient: bool


def _cards(rows: Iterable[Appointment]) -> list[AppointmentCard]:
    found = list(rows)
    ids = {row.calendar_id for row in found}
    notice = dict(Calendar.objects.filter(id__in=list(ids)).values_list("id", "cancel_notice_hours")) if ids else {}
    now = clock.now()
    return [_card(row, timedelta(hours=notice.get(row.calendar_id, 24)), now) for row in found]


def _card(row: Appointment, notice: timedelta, now: datetime) -> AppointmentCard:
    return AppointmentCard(
        id=row.id,
        patient_id=row.patient_id,
        practitioner_id=row.practitioner_id,
        type_code=row.type_code,
        start=row.start,
        end=row.end,
        zone=row.zone,
        place=row.place,
        status=row.status,
        status_label=str(row.get_status_display()),
        sequence=row.sequence,
        version=row.version,
        overbooked=row.overbooked,
        mode=row.mode,
        mode_label=str(row.get_mode_display()),
        changeable=rules.may_move(rules.Status(row.status), row.start, now, notice),
        awaits_confirmation=row.awaits_confirmation,
        ticket=row.ticket if row.status == rules.Status.ARRIVED else 0,
    )


def _type_card(kind: AppointmentType) -> TypeCard:
    return TypeCard(
        code=kind.code,
        label=kind.label,
        label_fr=kind.label_fr,
        label_en=kind.label_en,
        duration_minutes=kind.duration_minutes,
        price_code=kind.price_code,
        mode=kind.mode,
        mode_label=str(kind.get_mode_display()),
        bookable_by_patient=kind.bookable_by_patient,
    )


def appointment_card(appointment_id: UUID) -> AppointmentCard:
    """No access check: for workers, and for services that have passed a door. Raises NotFound."""
    found = _cards(Appointment.objects.filter(id=appointment_id))
    if not found:
        raise NotFound
    return found[0]


def appointment_for(*, actor: User, appointment_id: UUID) -> AppointmentCard:
    """The door to one appointment: NotFound when it is out of the actor's sight; staff's look is written down."""
    return _cards([access.access_appointment(actor=actor, appointment_id=appointment_id)])[0]


def calendar_file(*, actor: User, appointment_id: UUID) -> str:
    """The visit as an `.ics`, with the UID of the mails' own so that a calendar keeps one entry. The same door."""
    appointment = access.access_appointment(actor=actor, appointment_id=appointment_id)
    cancelled = appointment.status == rules.Status.CANCELLED.value
    return ics.invitation(appointment, method=ics.CANCEL if cancelled else ics.REQUEST, attendee=actor.email)


def appointments_for_patient(patient_id: UUID, *, limit: int = 200) -> list[AppointmentCard]:
    """A patient's visits, the newest first. No access check: for callers that have passed the patient's door."""
    return _cards(Appointment.objects.filter(patient_id=patient_id)[:limit])


def my_appointments(actor: User, *, patient_id: UUID | None = None, limit: int = 200) -> list[AppointmentCard]:
    """The actor's own visits as a patient, the newest first, or those of `patient_id`, for whom they stand: NotFound
    when they do not."""
    return _cards(selectors.appointments_of_actor(actor, patient_id)[:limit])


def agenda(*, actor: User, day: date, practitioner_id: UUID | None = None) -> list[AppointmentCard]:
    """The visits of a local day that the actor sees by their work, by start. Written down in the access log. Raises
    Refused for who sees no agenda."""
    access.access_agenda(actor=actor, day=day)
    return _cards(selectors.agenda(actor=actor, day=day, practitioner_id=practitioner_id))


def free_slots(
    *,
    actor: User,
    type_code: str,
    first: date,
    last: date,
    practitioner_ids: Sequence[UUID] | None = None,
    specialty: str | None = None,
    place: str | None = None,
) -> Sequence[Slot]:
    """See `selectors.free_slots`."""
    return selectors.free_slots(
        actor=actor,
        type_code=type_code,
        first=first,
        last=last,
        practitioner_ids=practitioner_ids,
        specialty=specialty,
        place=place,
    )


def next_free(
    *,
    actor: User,
    type_code: str,
    first: date | None = None,
    practitioner_ids: Sequence[UUID] | None = None,
    specialty: str | None = None,
    place: str | None = None,
) -> list[Slot]:
    """See `selectors.next_free`."""
    return selectors.next_free(
        actor=actor,
        type_code=type_code,
        first=first,
        practitioner_ids=practitioner_ids,
        specialty=specialty,
        place=place,
    )


def places_open() -> list[str]:
    """The places where somebody receives, by name."""
    return selectors.places_open()


def appointment_types(actor: User) -> list[TypeCard]:
    """The types that the actor may book, by code."""
    return [_type_card(kind) for kind in selectors.types_for(actor)]


def appointment_type(code: str) -> TypeCard | None:
    """A type by its code, also one that is no longer offered."""
    kind = AppointmentType.objects.filter(code=code).first()
    return _type_card(kind) if kind else None


def has_calendar(practitioner_id: UUID) -> bool:
    """True when the practitioner has a calendar that is open for booking."""
    return Calendar.objects.filter(practitioner_id=practitioner_id, active=True).exists()


def offered() -> dict[UUID, frozenset[str]]:
    """Practitioner → the codes of the types that their open calendars offer: who can be booked at all. One query."""
    return selectors.offered()


def book(
    *,
    actor: User,
    practitioner_id: UUID,
    type_code: str,
    start: datetime,
    patient_id: UUID | None = None,
    overbook_reason: str = "",
    note: str = "",
    idempotency_key: str = "",
) -> AppointmentCard:
    """See `services.book`: 422 by field, 409 slot-taken or patient-busy, 404 for another person's id."""
    row = services.book(
        actor=actor,
        practitioner_id=practitioner_id,
        type_code=type_code,
        start=start,
        patient_id=patient_id,
        overbook_reason=overbook_reason,
        note=note,
        idempotency_key=idempotency_key,
    )
    return _cards([row])[0]


def move(
    *,
    actor: User,
    appointment_id: UUID,
    start: datetime,
    practitioner_id: UUID | None = None,
    version: int | None = None,
) -> AppointmentCard:
    """See `services.move`."""
    row = services.move(
        actor=actor, appointment_id=appointment_id, start=start, practitioner_id=practitioner_id, version=version
    )
    return _cards([row])[0]


def cancel(*, actor: User, appointment_id: UUID, reason: str = "", version: int | None = None) -> AppointmentCard:
    """See `services.cancel`."""
    return _cards([services.cancel(actor=actor, appointment_id=appointment_id, reason=reason, version=version)])[0]


def confirm(*, actor: User, appointment_id: UUID, version: int | None = None) -> AppointmentCard:
    return _cards([services.confirm(actor=actor, appointment_id=appointment_id, version=version)])[0]


def arrive(*, actor: User, appointment_id: UUID, version: int | None = None) -> AppointmentCard:
    return _cards([services.arrive(actor=actor, appointment_id=appointment_id, version=version)])[0]


def start(*, actor: User, appointment_id: UUID, version: int | None = None) -> AppointmentCard:
    return _cards([services.start(actor=actor, appointment_id=appointment_id, version=version)])[0]


def complete(*, actor: User, appointment_id: UUID, version: int | None = None) -> AppointmentCard:
    return _cards([services.complete(actor=actor, appointment_id=appointment_id, version=version)])[0]


def no_show(*, actor: User, appointment_id: UUID, version: int | None = None) -> AppointmentCard:
    return _cards([services.no_show(actor=actor, appointment_id=appointment_id, version=version)])[0]
