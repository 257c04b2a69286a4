"""The course of a visit: confirmed, arrived, called in, in progress, completed, or nobody came; and a step back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from appointments import access, rules
from appointments.models import Appointment
from appointments.services import tickets
from appointments.services.changes import change, read, tell
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Busy, Conflict, Invalid, Refused
from medisecure.kernel.transactions import transactional

LONGEST_DOOR = 40


def confirm(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """The patient says they will come, or told the staff so."""
    seen = access.find(actor, appointment_id)
    if not access.by_patient(access.right_of(actor, seen)) and not actor.has_perm(access.MANAGE_COURSE):
        raise Refused
    return _step(actor, seen, "confirm", rules.Status.CONFIRMED, version)


def arrive(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """The patient is here and gets a number of the place's waiting room."""
    seen = _for_staff(actor, appointment_id)
    for attempt in range(tickets.ATTEMPTS):
        try:
            return _step(actor, seen, "arrive", rules.Status.ARRIVED, version, audited=attempt > 0)
        except IntegrityError:
            # Somebody else who arrived at the same moment was given this number: the index has one winner.
            continue
    raise Busy


def start(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """The visit begins."""
    return _step(actor, _for_staff(actor, appointment_id), "start", rules.Status.IN_PROGRESS, version)


def complete(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """The visit is over; billing is told."""
    return _step(actor, _for_staff(actor, appointment_id), "complete", rules.Status.COMPLETED, version)


def no_show(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """Nobody came. Only once the visit should have begun."""
    return _step(actor, _for_staff(actor, appointment_id), "no-show", rules.Status.NO_SHOW, version)


def call_in(*, actor: User, appointment_id: UUID, door: str = "", version: int | None = None) -> Appointment:
    """The screen of the waiting room calls the patient's number, to `door` or, without one, to the practitioner. May
    be repeated for somebody who did not hear it.

    Raises Invalid (door), Conflict for a patient who is not waiting, Stale, NotFound, Refused.
    """
    seen = _for_staff(actor, appointment_id)
    door = " ".join(door.split())
    if len(door) > LONGEST_DOOR:
        raise Invalid({"door": [_("Use %(count)d characters at most.") % {"count": LONGEST_DOOR}]})
    _check_waiting(seen)
    access.write_down(actor, seen, "call", access.right_of(actor, seen))

    @transactional(APPOINTMENTS)
    def call() -> Appointment:
        current = read(seen.id, version)
        _check_waiting(current)
        # Taking a call back leaves the status as it is.
        back = {"undo_status": current.status}
        change(current, actor=actor, action="call", reason=door, called_at=clock.now(), door=door, **back)
        return current

    return call()


def undo(*, actor: User, appointment_id: UUID, version: int | None = None) -> Appointment:
    """Take back the last step, which was a wrong click: the visit has the status it had before, and both stay in its
    history. Only for a few minutes, and not after a booking, a move, a cancellation or another correction.

    Of a completed visit billing is told: it takes its draft back, if nobody has worked on it. Raises Conflict, Stale,
    NotFound, Refused.
    """
    seen = _for_staff(actor, appointment_id)
    _check_undo(seen)
    access.write_down(actor, seen, "undo", access.right_of(actor, seen))

    @transactional(APPOINTMENTS)
    def step_back() -> Appointment:
        current = read(seen.id, version)
        _check_undo(current)
        values: dict[str, Any] = {"status": current.undo_status}
        if rules.Status(current.undo_status) in rules.NOT_HERE:
            values |= tickets.NONE
        elif current.undo_status == current.status:
            values |= {"called_at": None, "door": ""}
        was = current.status
        change(current, actor=actor, action="undo", **values)
        if was == rules.Status.COMPLETED:
            tell("appointment.reopened", current)
        return current

    return step_back()


def _for_staff(actor: User, appointment_id: UUID) -> Appointment:
    seen = access.find(actor, appointment_id)
    if not actor.has_perm(access.MANAGE_COURSE):
        raise Refused
    return seen


def _step(
    actor: User, seen: Appointment, action: str, status: rules.Status, version: int | None, *, audited: bool = False
) -> Appointment:
    _check(seen, status)
    if not audited:
        access.write_down(actor, seen, action, access.right_of(actor, seen))

    @transactional(APPOINTMENTS)
    def step() -> Appointment:
        current = read(seen.id, version)
        _check(current, status)
        values: dict[str, Any] = {"status": status.value, "undo_status": current.status}
        if status is rules.Status.ARRIVED:
            values |= tickets.draw(current)
        change(current, actor=actor, action=action, **values)
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


def _check_waiting(appointment: Appointment) -> None:
    if appointment.status != rules.Status.ARRIVED:
        raise Conflict(_("Only a patient who has arrived and waits can be called in."))


def _check_undo(appointment: Appointment) -> None:
    if not appointment.undo_status:
        raise Conflict(_("There is no step to take back."))
    if not appointment.undoable:
        minutes = int(rules.UNDO_WITHIN.total_seconds() // 60)
        raise Conflict(_("A step can be taken back for %(count)d minutes; this one is older.") % {"count": minutes})
