"""Book, move, cancel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from appointments import access, rules
from appointments.models import Appointment, BookingKey, Calendar
from appointments.no_shows import must_confirm
from appointments.places import Place, check_start, find_place
from appointments.services import cells, repeats
from appointments.services.changes import change, read, remember, tell
from appointments.services.holds import use_holds
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import Conflict, Invalid, Merged, NotFound, Refused, TooLate
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import transactional
from patients import interface as patients

LONGEST_REASON = 200


def book(
    *,
    actor: User,
    practitioner_id: UUID,
    type_code: str,
    start: object,
    patient_id: UUID | None = None,
    overbook_reason: str = "",
    note: str = "",
    idempotency_key: str = "",
) -> Appointment:
    """Book the visit that starts at the aware instant `start`, for the actor or, with the right, for `patient_id`.

    With an `idempotency_key` the same request again is the same appointment, as it is now (`Appointment.repeated` is
    set); another request with the key is Invalid. A key lasts for a day.

    Raises Invalid naming the field; SlotTaken (409) when somebody else holds a part of the time, this patient included;
    PatientBusy (409) when the patient has another visit then; NotFound for another person's id without the right;
    Refused when the actor may not book, or not overbook.
    """
    key = repeats.key_of(actor, idempotency_key, (practitioner_id, type_code, start, patient_id, overbook_reason, note))
    if key is not None and (found := repeats.find(actor, key)) is not None:
        return found
    instant = check_start(start)
    patient, right = _whom(actor, patient_id)
    _refuse_merged(patient)
    _check_patient(patient)
    overbook_reason, note = _words("overbook_reason", overbook_reason), _words("note", note)
    if overbook_reason and not actor.has_perm(access.OVERBOOK):
        raise Refused(_("You are not allowed to overbook."))
    if note and not actor.has_perm(access.BOOK_FOR_OTHERS):
        raise Invalid({"note": [_("Only staff can leave a note.")]})
    place = find_place(
        actor=actor,
        practitioner_id=practitioner_id,
        type_code=type_code,
        start=instant,
        overbook=bool(overbook_reason),
    )
    appointment = Appointment(
        id=new_id(),
        patient_id=patient,
        type_code=place.type_code,
        booked_by=actor.id,
        staff_note=note,
        overbook_reason=overbook_reason,
        needs_confirmation=must_confirm(patient),
        **_where(place),
    )
    access.write_down(actor, appointment, "create", right)
    try:
        return _win(appointment, actor, place.needs, key)
    except Conflict:
        # The same request at the same time: the one that lost answers as the one that won.
        if key is not None and (found := repeats.find(actor, key)) is not None:
            return found
        raise


def _whom(actor: User, patient_id: UUID | None) -> tuple[UUID, str]:
    """The patient the actor may book for, and the right by which."""
    sides = patients.patient_side(actor)
    own = next((stand.patient_id for stand in sides.values() if stand.is_self), None)
    wanted = own if patient_id is None else patient_id
    if wanted in sides and (wanted == own or not actor.has_perm(access.BOOK_FOR_OTHERS)):
        return wanted, sides[wanted].right
    if not actor.has_perm(access.BOOK_FOR_OTHERS):
        # Another's id is out of sight; who knows of them, or is no patient at all, just cannot book.
        raise Refused if patient_id is None or patients.visible_patients(actor).contains(patient_id) else NotFound
    if patient_id is None:
        raise Invalid({"patient_id": [_("Say for whom.")]})
    # A visit opens the record to its practitioner, so nobody may make one with a patient out of their sight.
    if not patients.visible_patients(actor).contains(patient_id):
        raise NotFound
    return patient_id, "role"


def _check_patient(patient_id: UUID) -> None:
    try:
        card = patients.patient_card(patient_id)
    except NotFound:
        card = None
    if card is None or not card.active:
        raise Invalid({"patient_id": [_("There is no such patient, or the file is closed.")]})


def _refuse_merged(patient_id: UUID) -> None:
    current = patients.follow(patient_id)
    if current != patient_id:
        raise Merged(patient_id, current)


def _words(field: str, text: str) -> str:
    text = " ".join(text.split())
    if len(text) > LONGEST_REASON:
        raise Invalid({field: [_("Use %(count)d characters at most.") % {"count": LONGEST_REASON}]})
    return text


def _where(place: Place) -> dict[str, Any]:
    return {
        "practitioner_id": place.calendar.practitioner_id,
        "calendar_id": place.calendar.id,
        "start": place.span.start,
        "end": place.span.end,
        "busy_start": place.busy.start,
        "busy_end": place.busy.end,
        "zone": place.calendar.zone,
        "place": place.calendar.place,
        "mode": place.mode,
        "overbooked": place.overbook,
    }


def _win(appointment: Appointment, actor: User, needs: cells.Needs, key: BookingKey | None = None) -> Appointment:
    """Insert the cells, the appointment, its history and its event, or nothing."""

    @transactional(APPOINTMENTS)
    def insert() -> None:
        if key is not None:
            repeats.remember(key, appointment)
        use_holds(actor, appointment, clock.now())
        cells.claim(appointment, needs)
        # A second try after a lost race starts from the same object, which Django took for saved.
        appointment._state.adding = True
        appointment.save(force_insert=True)
        remember(appointment, actor=actor, action="book", before="")
        tell("appointment.booked", appointment)

    cells.win(appointment, needs, insert)
    return appointment


def move(
    *,
    actor: User,
    appointment_id: UUID,
    start: object,
    practitioner_id: UUID | None = None,
    overbook_reason: str = "",
    version: int | None = None,
) -> Appointment:
    """Move the visit to another time, and to another practitioner if one is named. The new time is won before the old
    one is given back, in one transaction: who loses keeps what they had.

    `version` is the one that the caller looked at. Raises Invalid, SlotTaken, PatientBusy, Stale, TooLate (patients
    within the place's notice), Conflict (a visit that has begun or is over), NotFound, Refused.
    """
    instant = check_start(start)
    seen = access.find(actor, appointment_id)
    right = _right_to_change(actor, seen)
    overbook_reason = _words("overbook_reason", overbook_reason)
    if overbook_reason and not actor.has_perm(access.OVERBOOK):
        raise Refused(_("You are not allowed to overbook."))
    _check_move(seen, right)
    # Not while the file is being merged: its visits are on their way. Who comes or cancels is noted all the same.
    _refuse_merged(seen.patient_id)
    place = find_place(
        actor=actor,
        practitioner_id=practitioner_id or seen.practitioner_id,
        type_code=seen.type_code,
        start=instant,
        overbook=bool(overbook_reason),
    )
    access.write_down(actor, seen, "change", right)
    target = Appointment(
        id=seen.id,
        patient_id=seen.patient_id,
        type_code=seen.type_code,
        overbook_reason=overbook_reason,
        **_where(place),
    )

    @transactional(APPOINTMENTS)
    def exchange() -> Appointment:
        current = read(appointment_id, version)
        _check_move(current, right)
        use_holds(actor, target, clock.now())
        cells.release(current, keep=cells.claim(target, place.needs))
        change(
            current,
            actor=actor,
            action="move",
            sequence=current.sequence + 1,
            overbook_reason=overbook_reason,
            # A new time is a new question to the patient.
            status=rules.Status.BOOKED.value,
            **_where(place),
        )
        tell("appointment.moved", current)
        return current

    return cells.win(target, place.needs, exchange)


def cancel(*, actor: User, appointment_id: UUID, reason: str = "", version: int | None = None) -> Appointment:
    """Cancel the visit and give its time back. `reason` is a code of `Appointment.CancelReason`; without one it is the
    patient's wish or the hospital's, by who asks.

    Raises Invalid (reason), TooLate (patients within the place's notice), Conflict (it has begun or is over), Stale,
    NotFound, Refused.
    """
    seen = access.find(actor, appointment_id)
    right = _right_to_change(actor, seen)
    reasons = Appointment.CancelReason
    code = reason or (reasons.PATIENT if access.by_patient(right) else reasons.HOSPITAL).value
    if code not in reasons.values:
        raise Invalid({"reason": [_("Use one of: %(codes)s.") % {"codes": ", ".join(reasons.values)}]})
    return give_back(seen, actor=actor, right=right, code=code, version=version)


def give_back(
    seen: Appointment, *, actor: User | None, right: str, code: str, version: int | None = None
) -> Appointment:
    """Cancel the visit that the caller has found, by a right that the caller has checked. Raises as `cancel` does."""
    _check_cancel(seen, right)
    access.write_down(actor, seen, "cancel", right)

    @transactional(APPOINTMENTS)
    def release() -> Appointment:
        current = read(seen.id, version)
        _check_cancel(current, right)
        cells.release(current)
        change(
            current,
            actor=actor,
            action="cancel",
            reason=code,
            status=rules.Status.CANCELLED.value,
            sequence=current.sequence + 1,
            cancel_reason=code,
        )
        tell("appointment.cancelled", current)
        return current

    return release()


def _right_to_change(actor: User, appointment: Appointment) -> str:
    right = access.right_of(actor, appointment)
    if not access.by_patient(right) and not (
        actor.has_perm(access.BOOK_FOR_OTHERS) or actor.has_perm(access.MANAGE_COURSE)
    ):
        raise Refused
    return right


def _notice(appointment: Appointment, right: str) -> timedelta:
    if not access.by_patient(right):
        return timedelta()
    calendar = Calendar.objects.filter(id=appointment.calendar_id).first()
    return timedelta(hours=calendar.cancel_notice_hours if calendar else 24)


def _check_move(appointment: Appointment, right: str) -> None:
    status = rules.Status(appointment.status)
    if status not in rules.UPCOMING:
        raise Conflict(_("Only a visit that has not begun can be moved."))
    if not rules.may_move(status, appointment.start, clock.now(), _notice(appointment, right)):
        raise TooLate


def _check_cancel(appointment: Appointment, right: str) -> None:
    status = rules.Status(appointment.status)
    # Who stands at the desk tells the staff; the patient's own button is for visits to come.
    if not rules.may_follow(status, rules.Status.CANCELLED) or (
        access.by_patient(right) and status not in rules.UPCOMING
    ):
        raise Conflict(_("This appointment can no longer be cancelled."))
    if not rules.may_cancel(status, appointment.start, clock.now(), _notice(appointment, right)):
        raise TooLate
