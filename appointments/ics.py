"""Appointments as iCalendar objects (RFC 5545, scheduling by RFC 5546). No clinical word: a private calendar is often
shared, so neither the type of visit nor the practitioner is named."""

from __future__ import annotations

from datetime import datetime
from email.utils import parseaddr

from django.conf import settings
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vCalAddress, vText

from appointments.models import Appointment
from medisecure.kernel import clock

REQUEST = "REQUEST"
CANCEL = "CANCEL"


def uid(appointment: Appointment) -> str:
    """The same for the life of the appointment: by it a calendar knows what a later message changes."""
    return f"{appointment.id}@medisecure"


def invitation(appointment: Appointment, *, method: str, attendee: str, stamp: datetime | None = None) -> str:
    """The text of an `.ics` in the active language: CRLF, folded at 75 octets, times in UTC, which need no VTIMEZONE.

    `method` is REQUEST for what is booked or moved, CANCEL for what is cancelled.
    """
    event = Event()
    event.add("uid", uid(appointment))
    event.add("dtstamp", (stamp or clock.now()).replace(microsecond=0))
    event.add("sequence", appointment.sequence)
    event.add("dtstart", appointment.start)
    event.add("dtend", appointment.end)
    event.add("summary", _("Appointment"))
    event.add("location", vText(appointment.place))
    event.add("url", f"{settings.PUBLIC_URL}/appointments/")
    event.add("status", "CANCELLED" if method == CANCEL else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if method == CANCEL else "OPAQUE")
    event.add("class", "PRIVATE")
    organizer = vCalAddress(f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}")
    organizer.params["cn"] = vText("MediSecure")
    event["organizer"] = organizer
    # RFC 5546 §3.2: a request names whom it is for; the answer is known already.
    guest = vCalAddress(f"mailto:{attendee}")
    guest.params["partstat"] = vText("ACCEPTED")
    guest.params["rsvp"] = vText("FALSE")
    event.add("attendee", guest, encode=0)

    calendar = Calendar()
    calendar.add("prodid", "-//MediSecure//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    text: str = calendar.to_ical().decode("utf-8")
    return text
