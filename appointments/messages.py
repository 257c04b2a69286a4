"""What a patient is told of a visit, and by which channels: the words, the link, the calendar file.

A channel is a function that takes a `Telling`, writes on the default database in the caller's transaction, and does so
once for each key. Another one, such as push to a phone, is one more function in `CHANNELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import formats, translation
from django.utils.translation import gettext as _

from appointments import ics, links
from appointments.models import Appointment, WaitingOffer
from appointments.rules import UPCOMING, Status
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound
from medisecure.notifications.interface import Attachment, notify_user, queue_mail
from patients import interface as patients
from patients.interface import PatientCard


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to tell one patient. Every text in it is in the patient's language."""

    key: str
    #: The template of the mail and, with hyphens, the kind of the notice.
    kind: str
    card: PatientCard
    #: The page of the portal where it can be looked at.
    url: str
    context: Mapping[str, object]
    #: What must still be true when it leaves; see `holds`.
    claim: str
    #: Mails of one thread leave in order.
    thread: str
    attachments: tuple[Attachment, ...] = field(default=())


def in_app(telling: Telling) -> None:
    notify_user(
        dedupe_key=f"{telling.key}:notice",
        user_id=telling.card.user_id,
        kind=telling.kind.replace("_", "-"),
        url=telling.url,
    )


def by_mail(telling: Telling) -> None:
    queue_mail(
        dedupe_key=f"{telling.key}:mail",
        to_email=telling.card.mail_address,
        language=telling.card.language,
        template=telling.kind,
        context=telling.context,
        user_id=telling.card.user_id,
        attachments=telling.attachments,
        thread=telling.thread,
        claim=telling.claim,
    )


CHANNELS: Final[tuple[Callable[[Telling], None], ...]] = (in_app, by_mail)


def tell_patient(telling: Telling) -> None:
    for channel in CHANNELS:
        channel(telling)


def visit_is(appointment: Appointment | None, what: str, sequence: int) -> bool:
    """True while `what` (booked, moved, cancelled, reminder) is still the last word on this visit.

    The sequence grows with each move and with the cancellation, so equality means that nothing followed. A visit that
    is over needs no word either: a broker that was away for days must not announce the past.
    """
    if appointment is None or appointment.sequence != sequence or appointment.end <= clock.now():
        return False
    status = Status(appointment.status)
    if what == "reminder":
        return status in UPCOMING and appointment.start > clock.now()
    return (status is Status.CANCELLED) == (what == "cancelled")


def visit_claim(appointment: Appointment, what: str) -> str:
    return f"appointment:{appointment.id}:{appointment.sequence}:{what}"


def visit_claim_holds(claim: str) -> bool:
    """Asked when the mail is handed over: is what it says of the visit still so?"""
    _word, appointment_id, sequence, what = claim.split(":")
    appointment = Appointment.objects.filter(id=UUID(appointment_id)).first()
    return visit_is(appointment, what, int(sequence))


def visit_telling(appointment: Appointment, what: str, card: PatientCard, key: str) -> Telling:
    """The words on one visit in the patient's language, with its calendar file and the link of its buttons."""
    with translation.override(card.language):
        method = ics.CANCEL if what == "cancelled" else ics.REQUEST
        attachments: tuple[Attachment, ...] = ()
        if card.mail_address:
            content = ics.invitation(appointment, method=method, attendee=card.mail_address)
            name = "cancellation.ics" if what == "cancelled" else "appointment.ics"
            attachments = (Attachment(name, f"text/calendar; method={method}; charset=utf-8", content),)
        context = {
            "patient": card.full_name,
            "practitioner": practitioner_name(appointment.practitioner_id),
            "when": when(appointment.start, appointment.zone),
            "place": appointment.place,
            "confirmed": appointment.status == Status.CONFIRMED,
            "answer_url": links.address(
                links.Link(links.Purpose.VISIT, appointment.id, appointment.sequence, appointment.start)
            ),
        }
    return Telling(
        key=key,
        kind=f"appointment_{what}",
        card=card,
        url="/appointments/",
        context=context,
        claim=visit_claim(appointment, what),
        thread=f"appointment:{appointment.id}",
        attachments=attachments,
    )


def offer_is_open(offer: WaitingOffer | None) -> bool:
    return offer is not None and offer.status == WaitingOffer.Status.OPEN and offer.expires > clock.now()


def offer_claim_holds(claim: str) -> bool:
    """Asked when the mail is handed over: can the offer still be accepted?"""
    return offer_is_open(WaitingOffer.objects.filter(id=UUID(claim.partition(":")[2])).first())


def offer_telling(offer: WaitingOffer, card: PatientCard, key: str) -> Telling:
    with translation.override(card.language):
        until = clock.local(offer.expires, offer.zone)
        same_day = until.date() == clock.today(offer.zone)
        context = {
            "patient": card.full_name,
            "practitioner": practitioner_name(offer.practitioner_id),
            "when": when(offer.start, offer.zone),
            "place": offer.place,
            "until": f"{until:%H:%M}" if same_day else when(offer.expires, offer.zone),
            "answer_url": links.address(links.Link(links.Purpose.OFFER, offer.id, 0, offer.expires)),
        }
    return Telling(
        key=key,
        kind="appointment_offered",
        card=card,
        url="/waiting/",
        context=context,
        claim=f"offer:{offer.id}",
        thread=f"offer:{offer.id}",
    )


def when(instant: datetime, zone: str) -> str:
    """As in “mardi 3 mars 2026 à 14:30”: date and time on the place's clock, in the active language."""
    there = clock.local(instant, zone)
    # Dates are written the same way in both languages: day, number, month, year.
    return _("%(date)s at %(time)s") % {"date": formats.date_format(there, "l j F Y"), "time": f"{there:%H:%M}"}


def practitioner_name(practitioner_id: UUID) -> str:
    try:
        return patients.practitioner_card(practitioner_id).full_name
    except NotFound:
        return ""
