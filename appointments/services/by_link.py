"""What a link in a mail may do: show one visit's time and place, confirm it, cancel it. Nobody has signed in.

The link is the right, so the page it opens says when and where, and neither who nor with whom nor why.
"""

from __future__ import annotations

from datetime import timedelta

from appointments import access, links, rules
from appointments.models import Appointment, Calendar
from appointments.services.booking import give_back
from appointments.services.changes import change, read
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Conflict, LinkOver
from medisecure.kernel.transactions import transactional

RIGHT = "link"


def visit_of_link(token: str) -> Appointment:
    """The visit that the link names, written down as a look at it. Raises NotFound for a link that is not ours,
    LinkOver for one that has expired or whose visit has moved since.

    A visit that was cancelled is still shown, so that who has just cancelled it sees that it worked.
    """
    appointment = _find(token)
    access.write_down(None, appointment, "view", RIGHT)
    return appointment


def _find(token: str) -> Appointment:
    link = links.read(token, links.Purpose.VISIT)
    appointment = Appointment.objects.filter(id=link.id).first()
    if appointment is None:
        raise LinkOver
    # Cancelling counts as one change of the time.
    cancelled = appointment.status == rules.Status.CANCELLED
    if appointment.sequence - cancelled != link.sequence:
        raise LinkOver
    return appointment


def may_still_cancel(appointment: Appointment) -> bool:
    """True up to the place's notice, as for the patient who signs in."""
    calendar = Calendar.objects.filter(id=appointment.calendar_id).first()
    notice = timedelta(hours=calendar.cancel_notice_hours if calendar else 24)
    status = rules.Status(appointment.status)
    return status in rules.UPCOMING and rules.may_cancel(status, appointment.start, clock.now(), notice)


def confirm_by_link(token: str) -> Appointment:
    """The patient will come. Pressing the button twice is no mistake. Raises Conflict for a visit that is under way,
    over or cancelled; NotFound, LinkOver."""
    seen = _find(token)
    if seen.status == rules.Status.CONFIRMED:
        return seen
    _check_confirm(seen)
    access.write_down(None, seen, "confirm", RIGHT)

    @transactional(APPOINTMENTS)
    def confirm() -> Appointment:
        current = read(seen.id, None)
        if current.sequence != seen.sequence:
            raise LinkOver
        if current.status != rules.Status.CONFIRMED:
            _check_confirm(current)
            change(current, actor=None, action="confirm", reason=RIGHT, status=rules.Status.CONFIRMED.value)
        return current

    return confirm()


def _check_confirm(appointment: Appointment) -> None:
    if not rules.may_follow(rules.Status(appointment.status), rules.Status.CONFIRMED):
        raise Conflict


def cancel_by_link(token: str) -> Appointment:
    """Cancel within the place's notice. Raises TooLate after it, Conflict, Stale, NotFound, LinkOver; a visit that is
    cancelled already stays so."""
    seen = _find(token)
    if seen.status == rules.Status.CANCELLED:
        return seen
    # The version read with the link's sequence: a visit that moves meanwhile is not the one that was to be cancelled.
    return give_back(seen, actor=None, right=RIGHT, code=Appointment.CancelReason.PATIENT.value, version=seen.version)
