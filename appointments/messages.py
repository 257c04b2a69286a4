"""What a patient, and who stands for them, is told of a visit, and by which channels: the words, the link, the
calendar file.

A channel is a function that takes a `Telling`, writes on the default database in the caller's transaction, and does so
once for each key. Another one, such as push to a phone, is one more function in `CHANNELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import formats, translation
from django.utils.translation import gettext as _

from appointments import ics, links
from appointments.models import Appointment, WaitingEntry, WaitingOffer
from appointments.rules import UPCOMING, Status
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound
from medisecure.notifications.interface import Attachment, notify_user, queue_mail
from patients import interface as patients
from patients.interface import Addressee

#: The page of the portal on which somebody chooses for whom they act.
_FOR_WHOM: Final = "/for-whom/"


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to tell one person. Every text in it is in that person's language."""

    key: str
    #: The template of the mail and, with hyphens, the kind of the notice.
    kind: str
    to: Addressee
    #: The page of the portal where it can be looked at.
    url: str
    context: Mapping[str, object]
    #: What must still be true when it leaves; see `holds`.
    claim: str
    #: Mails of one thread leave in order.
    thread: str
    attachments: tuple[Attachment, ...] = field(default=())


def in_app(telling: Telling) -> None:
    """In the portal and on the patient's devices."""
    notify_user(
        dedupe_key=f"{telling.key}:notice",
        user_id=telling.to.user_id,
        kind=telling.kind.replace("_", "-") + ("" if telling.to.is_patient else "-for"),
        url=telling.url,
        words=f"{telling.context['when']}.",
        thread=telling.thread,
        claim=telling.claim,
    )


def by_mail(telling: Telling) -> None:
    queue_mail(
        dedupe_key=f"{telling.key}:mail",
        to_email=telling.to.mail_address,
        language=telling.to.language,
        template=telling.kind,
        context=telling.context,
        user_id=telling.to.user_id,
        attachments=telling.attachments,
        thread=telling.thread,
        claim=telling.claim,
    )


CHANNELS: Final[tuple[Callable[[Telling], None], ...]] = (in_app, by_mail)


def tell(telling: Telling) -> None:
    for channel in CHANNELS:
        channel(telling)


def readers_of(patient_id: UUID, asked_by: UUID | None) -> list[Addressee]:
    """Whom to tell of a visit or of an offer: the patient and who stands for them. A minor's secret visits are told to
    nobody else than to who `asked_by` asked for them."""
    return [one for one in patients.addressees_of(patient_id) if not one.restricted or one.user_id == asked_by]


def _behind(to: Addressee) -> str:
    """What is appended to the marks of a message that goes to somebody else than the patient."""
    return "" if to.is_patient else f":{to.user_id}"


def _thread(word: str, about: UUID, to: Addressee) -> str:
    """Each reader's mails leave in order: nobody waits for somebody else's mailbox."""
    return f"{word}:{about}" if to.user_id is None or to.is_patient else f"{word}:{about.hex}:{to.user_id.hex}"


def _still_told(patient_id: UUID, asked_by: UUID | None, user_id: str) -> bool:
    """True while a message may leave to this reader: the patient, or who stands for them still."""
    return not user_id or user_id in {str(one.user_id) for one in readers_of(patient_id, asked_by)}


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


def true_visit_claims(claims: Collection[str]) -> list[str]:
    """Asked when messages are handed over: of which ones is what they say of the visit still so?"""
    said = {claim: claim.split(":") for claim in claims}
    visits = Appointment.objects.in_bulk([UUID(words[1]) for words in said.values()])
    return [
        claim
        for claim, (_word, visit_id, sequence, what, *reader) in said.items()
        if (visit := visits.get(UUID(visit_id))) is not None
        and visit_is(visit, what, int(sequence))
        and _still_told(visit.patient_id, visit.booked_by, "".join(reader))
    ]


def visit_telling(appointment: Appointment, what: str, to: Addressee, key: str) -> Telling:
    """The words on one visit in the reader's language, with its calendar file and the link of its buttons."""
    with translation.override(to.language):
        method = ics.CANCEL if what == "cancelled" else ics.REQUEST
        attachments: tuple[Attachment, ...] = ()
        if to.mail_address:
            content = ics.invitation(appointment, method=method, attendee=to.mail_address)
            name = "cancellation.ics" if what == "cancelled" else "appointment.ics"
            attachments = (Attachment(name, f"text/calendar; method={method}; charset=utf-8", content),)
        context = {
            "reader": to.full_name,
            "about": to.about,
            "practitioner": practitioner_name(appointment.practitioner_id),
            "when": when(appointment.start, appointment.zone),
            "place": appointment.place,
            "confirmed": appointment.status == Status.CONFIRMED,
            "answer_url": links.address(
                links.Link(links.Purpose.VISIT, appointment.id, appointment.sequence, appointment.start)
            ),
        }
    return Telling(
        key=key + _behind(to),
        kind=f"appointment_{what}",
        to=to,
        url="/appointments/" if to.is_patient else _FOR_WHOM,
        context=context,
        claim=visit_claim(appointment, what) + _behind(to),
        thread=_thread("appointment", appointment.id, to),
        attachments=attachments,
    )


def offer_is_open(offer: WaitingOffer | None) -> bool:
    return offer is not None and offer.status == WaitingOffer.Status.OPEN and offer.expires > clock.now()


def true_offer_claims(claims: Collection[str]) -> list[str]:
    """Asked when messages are handed over: which offers can still be accepted?"""
    said = {claim: claim.split(":") for claim in claims}
    offers = WaitingOffer.objects.in_bulk([UUID(words[1]) for words in said.values()])
    return [
        claim
        for claim, (_word, offer_id, *reader) in said.items()
        if (offer := offers.get(UUID(offer_id))) is not None
        and offer_is_open(offer)
        and _still_told(offer.patient_id, asked_by(offer), "".join(reader))
    ]


def asked_by(offer: WaitingOffer) -> UUID | None:
    return WaitingEntry.objects.filter(id=offer.entry_id).values_list("asked_by", flat=True).first()


def offer_telling(offer: WaitingOffer, to: Addressee, key: str) -> Telling:
    with translation.override(to.language):
        until = clock.local(offer.expires, offer.zone)
        same_day = until.date() == clock.today(offer.zone)
        context = {
            "reader": to.full_name,
            "about": to.about,
            "practitioner": practitioner_name(offer.practitioner_id),
            "when": when(offer.start, offer.zone),
            "place": offer.place,
            "until": f"{until:%H:%M}" if same_day else when(offer.expires, offer.zone),
            "answer_url": links.address(links.Link(links.Purpose.OFFER, offer.id, 0, offer.expires)),
        }
    return Telling(
        key=key + _behind(to),
        kind="appointment_offered",
        to=to,
        url="/waiting/" if to.is_patient else _FOR_WHOM,
        context=context,
        claim=f"offer:{offer.id}{_behind(to)}",
        thread=_thread("offer", offer.id, to),
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
