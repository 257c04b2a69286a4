"""The course of a visit: confirmed, arrived, in progress, completed, or nobody came."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from appointments import access, rules
from appointments.models import Appointment
from appointments.services.changes import change, read, tell
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Conflict, Refused
from medisecure.kernel.transactions import transactional


def confirm(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """The patient says they will come, or told the staff so."""
    seen = access.find(actor, appointment_id)
    if access.right_of(actor, seen) != "self" and not actor.has_perm(access.MANAGE_COURSE):
        raise Refused
    return _step(actor, seen, "confirm", rules.Status.CONFIRMED, version)


def arrive(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """The patient is here."""
    return _step(actor, _for_staff(actor, appointment_id), "arrive", rules.Status.ARRIVED, version)


def start(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """The visit begins."""
    return _step(actor, _for_staff(actor, appointment_id), "start", rules.Status.IN_PROGRESS, version)


def complete(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """The visit is over; billing is told."""
    return _step(actor, _for_staff(actor, appointment_id), "complete", rules.Status.COMPLETED, version)


def no_show(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """Nobody came. Only once the visit should have begun."""
    return _step(actor, _for_staff(actor, appointment_id), "no-show", rules.Status.NO_SHOW, version)


def _for_staff(actor: User, appointment_id: UUID) -> Appointment:
    seen = access.find(actor, appointment_id)
    if not actor.has_perm(access.MANAGE_COURSE):
        raise Refused
    return seen


def _step(actor: User, seen: Appointment, action: str, status: rules.Status, version: int | None) -> Appointment:
    _check(seen, status)
    access.write_down(actor, seen, action, access.right_of(actor, seen))

    @transactional(APPOINTMENTS)
    def step() -> Appointment:
        current = read(seen.id, version)
        _check(current, status)
        change(current, actor=actor, action=action, status=status.value)
        if status is rules.Status.COMPLETED:
            tell("appointment.completed", current)
        return current

    return step()


def _check(appointment: Appointment, status: rules.Status) -> None:
    if not rules.may_follow(rules.Status(appointment.status), status):
        labels = dict(Appointment.Status.choices)
        raise Conflict(
            _("An appointment that is “%(before)s” cannot become “%(after)s”.")
            % {"before": labels[appointment.status], "after": labels[status.value]}
        )
    if status is rules.Status.NO_SHOW and clock.now() < appointment.start:
        raise Conflict(_("The appointment has not begun yet."))
