"""Appointments as iCalendar objects (RFC 5545, scheduling by RFC 5546). No clinical word: a private calendar is often
shared, so neither the type of visit nor the practitioner or the patient is named."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vCalAddress, vDuration, vText

from appointments.models import Appointment
from appointments.rules import Status
from medisecure.kernel import clock

REQUEST = "REQUEST"
CANCEL = "CANCEL"
PUBLISH = "PUBLISH"

#: How often a calendar program should ask for a feed again.
REFRESH = timedelta(hours=1)


def uid(appointment: Appointment) -> str:
    """The same for the life of the appointment: by it a calendar knows what a later message changes."""
    return f"{appointment.id}@medisecure"


def invitation(appointment: Appointment, *, method: str, attendee: str, stamp: datetime | None = None) -> str:
    """The text of an `.ics` in the active language: CRLF, folded at 75 octets, times in UTC, which need no VTIMEZONE.

    `method` is REQUEST for what is booked or moved, CANCEL for what is cancelled.
    """
    event = _event(appointment, _("Appointment"), stamp or clock.now(), cancelled=method == CANCEL)
    event.add("url", f"{settings.PUBLIC_URL}/appointments/")
    organizer = vCalAddress(f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}")
    organizer.params["cn"] = vText("MediSecure")
    event["organizer"] = organizer
    # RFC 5546 §3.2: a request names whom it is for; the answer is known already.
    guest = vCalAddress(f"mailto:{attendee}")
    guest.params["partstat"] = vText("ACCEPTED")
    guest.params["rsvp"] = vText("FALSE")
    event.add("attendee", guest, encode=0)
    return _text(method, [event])


def feed(appointments: Iterable[Appointment], *, summary: str) -> str:
    """The text of a calendar that is read again and again. The same visits make the same text, byte for byte."""
    return _text(
        PUBLISH,
        [_event(row, summary, row.changed_at, cancelled=row.status == Status.CANCELLED) for row in appointments],
    )


def _event(appointment: Appointment, summary: str, stamp: datetime, *, cancelled: bool) -> Event:
    event = Event()
    event.add("uid", uid(appointment))
    event.add("dtstamp", stamp.replace(microsecond=0))
    event.add("sequence", appointment.sequence)
    event.add("dtstart", appointment.start)
    event.add("dtend", appointment.end)
    event.add("summary", summary)
    event.add("location", vText(appointment.place))
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if cancelled else "OPAQUE")
    event.add("class", "PRIVATE")
    return event


def _text(method: str, events: Iterable[Event]) -> str:
    calendar = Calendar()
    calendar.add("prodid", "-//MediSecure//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    if method == PUBLISH:
        # RFC 7986 §5.7, and what calendar programs read that are older than it.
        calendar.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
        calendar.add("x-published-ttl", vDuration(REFRESH))
        calendar.add("x-wr-calname", "MediSecure")
    for event in events:
        calendar.add_component(event)
    text: str = calendar.to_ical().decode("utf-8")
    return text
