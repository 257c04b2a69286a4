"""Asking for an earlier time, and taking the wish back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from appointments import access, places, rules
from appointments.models import Appointment, Calendar, WaitingEntry, WaitingOffer
from appointments.services.waiting.entries import (
    OPEN,
    WAITING,
    change_entry,
    close_offer,
    find_entry,
    give_time_back,
    is_upcoming,
    note_step,
    right_to_answer,
    write_down,
)
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Text
from medisecure.kernel.transactions import transactional
from patients import interface as patients

#: Wishes that one patient may have at a time.
MOST_OPEN: Final = 10
MOST_WINDOWS: Final = 21
FURTHEST: Final = timedelta(days=365)
LONGEST_NOTE: Final = 200

_PAUSED = WaitingEntry.Status.PAUSED


def ask(
    *,
    actor: User,
    appointment_id: UUID | None = None,
    type_code: str = "",
    practitioner_id: UUID | None = None,
    specialty: str = "",
    patient_id: UUID | None = None,
    first: date | None = None,
    last: date | None = None,
    windows: Sequence[Mapping[str, Any]] = (),
    priority: int = WaitingEntry.Priority.NORMAL,
    note: str = "",
) -> WaitingEntry:
    """Put somebody on the waiting list: for an earlier time of a visit, or for a first one of a type with a
    practitioner or a specialty. `windows` as [{"weekday": 0, "start": "08:00", "end": "12:00"}]; none: any time.

    Whoever stands for a patient asks for them with `patient_id`. Raises Invalid by field; NotFound for a visit or a
    patient out of sight; Conflict for a second wish of the same kind; Refused.
    """
    staff = actor.has_perm(access.MANAGE_WAITING)
    visit = access.find(actor, appointment_id) if appointment_id else None
    patient, right = _whom(actor, patient_id, visit, staff=staff)
    if visit:
        zone, type_code, practitioner_id, specialty = visit.zone, visit.type_code, visit.practitioner_id, ""
        _check_visit(visit)
    else:
        zone = _check_wish(actor, type_code, practitioner_id, specialty)
    today = clock.today(zone or None)
    earliest = max(first or today, today)
    latest = last or (clock.local(visit.start, visit.zone).date() if visit else today + timedelta(days=90))
    errors: dict[str, list[Text]] = {}
    if latest < earliest:
        errors["last"] = [_("This is before the first day, or has passed.")]
    elif latest > today + FURTHEST:
        errors["last"] = [_("Choose a day within a year.")]
    if wrong := _window_errors(windows):
        errors["windows"] = [wrong]
    note = " ".join(note.split())
    if len(note) > LONGEST_NOTE:
        errors["note"] = [_("Use %(count)d characters at most.") % {"count": LONGEST_NOTE}]
    if access.by_patient(right) and (note or priority != WaitingEntry.Priority.NORMAL):
        errors["note" if note else "priority"] = [_("Only staff can set this.")]
    if priority not in WaitingEntry.Priority.values:
        errors["priority"] = [_("Use 0 (normal), 1 (soon) or 2 (urgent).")]
    if errors:
        raise Invalid(errors)
    entry = WaitingEntry(
        patient_id=patient,
        appointment_id=visit.id if visit else None,
        type_code=type_code,
        practitioner_id=practitioner_id,
        specialty=specialty,
        first=earliest,
        last=latest,
        windows=[dict(window) for window in windows],
        priority=priority,
        open_key=_open_key(patient, visit, type_code, practitioner_id, specialty),
        by_staff=not access.by_patient(right),
        asked_by=actor.id,
        note=note,
    )
    if WaitingEntry.objects.filter(patient_id=patient, status__in=[WAITING, _PAUSED]).count() >= MOST_OPEN:
        raise Conflict(_("There are %(count)d wishes already. Withdraw one first.") % {"count": MOST_OPEN})
    write_down(actor, entry, "create", right)

    @transactional(APPOINTMENTS)
    def insert() -> None:
        entry._state.adding = True
        entry.save(force_insert=True)
        note_step(entry.id, "ask", actor=actor)

    try:
        insert()
    except IntegrityError:
        raise Conflict(_("This is on the waiting list already.")) from None
    return entry


def _whom(actor: User, patient_id: UUID | None, visit: Appointment | None, *, staff: bool) -> tuple[UUID, str]:
    """The patient who is to wait, and the right by which the actor says so."""
    sides = patients.patient_side(actor)
    own = next((stand.patient_id for stand in sides.values() if stand.is_self), None)
    whose = visit.patient_id if visit else patient_id or own
    if whose is None:
        raise Invalid({"patient_id": [_("Say for whom.")]}) if staff else Refused
    if patient_id not in (None, whose):
        raise Invalid({"patient_id": [_("This appointment is another patient's.")]})
    right = access.right_for(actor, whose)
    if not access.by_patient(right):
        if not staff:
            # A visit in sight may be changed by who is in charge of it; another patient is not there at all.
            raise Refused if visit else NotFound
        if not patients.visible_patients(actor).contains(whose):
            raise NotFound
    card = patients.patient_cards([whose]).get(whose)
    if card is None or not card.active:
        raise Invalid({"patient_id": [_("There is no such patient, or the file is closed.")]})
    return whose, right


def _check_visit(visit: Appointment) -> None:
    if not is_upcoming(visit):
        raise Invalid({"appointment_id": [_("Only a visit that has not begun can become earlier.")]})


def _check_wish(actor: User, type_code: str, practitioner_id: UUID | None, specialty: str) -> str:
    """The zone of the place where it would be, as far as one is known."""
    kind = places.find_type(actor, type_code)
    if (practitioner_id is None) == (not specialty):
        raise Invalid({"practitioner_id": [_("Name a practitioner or a specialty.")]})
    if practitioner_id is not None:
        places.check_practitioner(practitioner_id)
        calendars = places.calendars_for([practitioner_id], kind.code)
        if not calendars:
            raise Invalid({"type": [_("This practitioner does not offer this type of appointment.")]})
        return calendars[0].zone
    known = {card.id for card in patients.practitioners(specialty)}
    if not known:
        raise Invalid({"specialty": [_("Nobody here has this specialty.")]})
    receiving = set(Calendar.objects.filter(active=True).values_list("practitioner_id", flat=True))
    if not places.calendars_for(sorted(known & receiving), kind.code):
        raise Invalid({"type": [_("Nobody of this specialty offers this type of appointment.")]})
    return ""


def _open_key(
    patient: UUID, visit: Appointment | None, type_code: str, practitioner_id: UUID | None, specialty: str
) -> str:
    if visit:
        return f"visit:{visit.id}"
    return f"wish:{patient}:{type_code}:{practitioner_id or specialty}"


def _window_errors(windows: Sequence[Mapping[str, Any]]) -> str:
    shape = _("Write days and times as [{“weekday”: 0, “start”: “08:00”, “end”: “12:00”}]; Monday is 0.")
    if not isinstance(windows, list | tuple) or len(windows) > MOST_WINDOWS:
        return shape
    for window in windows:
        if not isinstance(window, Mapping) or set(window) != {"weekday", "start", "end"}:
            return shape
        weekday = window["weekday"]
        if isinstance(weekday, bool) or not isinstance(weekday, int) or not 0 <= weekday <= 6:
            return shape
        try:
            start, end = rules.parse_clock(window["start"]), rules.parse_clock(window["end"])
        except (AttributeError, ValueError):
            return shape
        if end <= start:
            return _("A time must end after it begins.")
    return ""


def access_entry(*, actor: User, entry_id: UUID) -> WaitingEntry:
    """One wish to be shown to the actor; staff's look is written down. Raises NotFound when out of sight."""
    entry = find_entry(actor, entry_id)
    right = access.right_for(actor, entry.patient_id)
    if right != "self":
        write_down(actor, entry, "view", right)
    return entry


def withdraw(*, actor: User, entry_id: UUID) -> WaitingEntry:
    """Take the wish back; an offer that is open goes to the next in line. A wish that is over stays as it ended."""
    seen = find_entry(actor, entry_id)
    right = right_to_answer(actor, seen)
    write_down(actor, seen, "cancel", right)

    @transactional(APPOINTMENTS)
    def leave() -> WaitingEntry:
        entry = WaitingEntry.objects.get(id=entry_id)
        if entry.status not in (WAITING, _PAUSED):
            return entry
        take_offers_back(entry)
        change_entry(entry, status=WaitingEntry.Status.WITHDRAWN.value)
        note_step(entry.id, "withdraw", actor=actor)
        return entry

    return leave()


def take_offers_back(entry: WaitingEntry) -> None:
    for offer in WaitingOffer.objects.filter(entry_id=entry.id, status=OPEN):
        close_offer(offer, WaitingOffer.Status.VOID.value)
        give_time_back(offer)
        note_step(entry.id, "void", offer_id=offer.id)


def resume(*, actor: User, entry_id: UUID) -> WaitingEntry:
    """Go on with a wish that was paused after several offers without a yes."""
    seen = find_entry(actor, entry_id)
    right = right_to_answer(actor, seen)
    write_down(actor, seen, "change", right)

    @transactional(APPOINTMENTS)
    def go_on() -> WaitingEntry:
        entry = WaitingEntry.objects.get(id=entry_id)
        if entry.status == _PAUSED:
            change_entry(entry, status=WAITING.value, missed=0)
            note_step(entry.id, "resume", actor=actor)
        elif entry.status != WAITING:
            raise Conflict(_("This wish is over. Ask again."))
        return entry

    return go_on()


def set_priority(*, actor: User, entry_id: UUID, priority: int) -> WaitingEntry:
    """Staff: how far ahead in the line."""
    seen = find_entry(actor, entry_id)
    right = access.right_for(actor, seen.patient_id)
    # Nobody moves themselves, or their child, ahead of others.
    if access.by_patient(right) or not actor.has_perm(access.MANAGE_WAITING):
        raise Refused
    if priority not in WaitingEntry.Priority.values:
        raise Invalid({"priority": [_("Use 0 (normal), 1 (soon) or 2 (urgent).")]})
    write_down(actor, seen, "change", right)

    @transactional(APPOINTMENTS)
    def move_in_line() -> WaitingEntry:
        entry = WaitingEntry.objects.get(id=entry_id)
        if entry.status not in (WAITING, _PAUSED):
            raise Conflict(_("This wish is over. Ask again."))
        if entry.priority != priority:
            change_entry(entry, priority=priority)
            note_step(entry.id, "priority", actor=actor, reason=str(priority))
        return entry

    return move_in_line()
