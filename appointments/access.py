"""Who may see which appointment, and the door that writes it down before anything is shown (decision 10)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.db.models import Q

from appointments.models import Appointment, WaitingEntry
from medisecure.accounts.interface import Role, has_role
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound, Refused
from medisecure.kernel.models import PinnedQuerySet
from patients import interface as patients

VIEW = "appointments.view_appointment"
BOOK_FOR_OTHERS = "appointments.book_for_others"
MANAGE_COURSE = "appointments.manage_course"
OVERBOOK = "appointments.overbook"
MANAGE_WAITING = "appointments.manage_waiting"

#: The patient's own hand: signed in, or by the link of a mail. The place's notice holds for them.
OF_THE_PATIENT = frozenset({"self", "link"})

#: Staff who see every agenda. A doctor who is none of these sees their own.
_SEE_ALL = (Role.NURSE, Role.RECEPTIONIST, Role.ADMINISTRATOR)


def by_patient(right: str) -> bool:
    """True for what the patient does, or who stands for them: the hospital's rules for patients hold."""
    return right in OF_THE_PATIENT or patients.is_patients_side(right)


def sees_all(actor: User) -> bool:
    return actor.is_superuser or (actor.has_perm(VIEW) and has_role(actor, *_SEE_ALL))


def staff_visible(actor: User) -> PinnedQuerySet[Appointment]:
    """The appointments that the actor sees by their work: ward and reception see all, practitioners their own."""
    rows: PinnedQuerySet[Appointment] = Appointment.objects.all()
    if sees_all(actor):
        return rows
    practitioner_id = patients.practitioner_for_user(actor.id) if actor.has_perm(VIEW) else None
    return rows.filter(practitioner_id=practitioner_id) if practitioner_id else rows.none()


def visible(actor: User) -> PinnedQuerySet[Appointment]:
    """Every appointment the actor may see: as staff, as the patient, or because they booked it for somebody."""
    if sees_all(actor):
        return Appointment.objects.all()
    mine = _of_sides(actor, asked="booked_by")
    if actor.has_perm(VIEW):
        if practitioner_id := patients.practitioner_for_user(actor.id):
            mine |= Q(practitioner_id=practitioner_id)
        mine |= Q(booked_by=actor.id)
    return Appointment.objects.filter(mine) if mine else Appointment.objects.none()


def _of_sides(actor: User, *, asked: str) -> Q:
    """What is of the actor as a patient, and of those they stand for. A minor's secret visits and wishes stay theirs:
    who stands for them sees those that they `asked` for themselves."""
    mine = Q()
    for stand in patients.patient_side(actor).values():
        mine |= Q(patient_id=stand.patient_id, **({asked: actor.id} if stand.restricted else {}))
    return mine


def waiting_visible(actor: User) -> PinnedQuerySet[WaitingEntry]:
    """The wishes on the waiting list that the actor may see: their own as a patient and those of whom they stand for,
    and by their work those that they see the appointments of."""
    rows: PinnedQuerySet[WaitingEntry] = WaitingEntry.objects.all()
    if sees_all(actor):
        return rows
    mine = _of_sides(actor, asked="asked_by")
    if actor.has_perm(VIEW):
        if practitioner_id := patients.practitioner_for_user(actor.id):
            mine |= Q(practitioner_id=practitioner_id)
        mine |= Q(asked_by=actor.id)
    return rows.filter(mine) if mine else rows.none()


def find(actor: User, appointment_id: UUID) -> Appointment:
    """The appointment if the actor may see it, else NotFound. Writes nothing down: use cases do so themselves."""
    appointment = visible(actor).filter(id=appointment_id).first()
    if appointment is None:
        raise NotFound
    return appointment


def right_of(actor: User, appointment: Appointment) -> str:
    """Why the door opens for this actor, as the access log names it."""
    right = right_for(actor, appointment.patient_id)
    if right != "self" and patients.practitioner_for_user(actor.id) == appointment.practitioner_id:
        return "practitioner"
    return right


def right_for(actor: User, patient_id: UUID) -> str:
    """By what right the actor acts for this patient, of whom they see something."""
    stand = patients.side_of(actor, patient_id)
    # Staff who see every agenda act by their work, also for a child of theirs.
    return stand.right if stand is not None and (stand.is_self or not sees_all(actor)) else "role"


def stand(actor: User, patient_id: UUID | None) -> patients.Stand | None:
    """How the actor acts for `patient_id`, or as the patient they are when none is named; None for who is no patient.
    Raises NotFound for somebody they do not stand for."""
    sides = patients.patient_side(actor)
    if patient_id is None:
        return next((one for one in sides.values() if one.is_self), None)
    if patient_id not in sides:
        raise NotFound
    return sides[patient_id]


def write_down_list(actor: User, found: patients.Stand, resource: str) -> None:
    """The access entry of a list about somebody for whom the actor stands. Nobody's look at their own is written."""
    if not found.is_self:
        record_access(
            actor=actor,
            patient_id=found.patient_id,
            action="list",
            resource=resource,
            purpose=found.purpose,
            right=found.right,
        )


def purpose_of(right: str) -> str:
    """The purpose that goes with a right in the access log."""
    if right in OF_THE_PATIENT:
        return "self"
    return "on-behalf" if by_patient(right) else "appointments"


def write_down(actor: User | None, appointment: Appointment, action: str, right: str) -> None:
    """The access entry of a use case. It lives in another database than the appointment, so it is written first: an
    entry without an effect is harmless, an effect without an entry is not."""
    record_access(
        actor=actor,
        patient_id=appointment.patient_id,
        action=action,
        resource="appointment",
        resource_id=appointment.id,
        purpose=purpose_of(right),
        right=right,
    )


def access_appointment(*, actor: User, appointment_id: UUID) -> Appointment:
    """One appointment to be shown to the actor; staff's look is written down. Raises NotFound when out of sight."""
    appointment = find(actor, appointment_id)
    right = right_of(actor, appointment)
    if right != "self":
        write_down(actor, appointment, "view", right)
    return appointment


def access_waiting_room(*, actor: User) -> None:
    """The door to a waiting room, which names many patients: one entry for the page. Refused for who sees no agenda."""
    if not actor.has_perm(VIEW):
        raise Refused
    record_access(
        actor=actor,
        patient_id=None,
        action="view",
        resource="waiting-room",
        resource_id=clock.today().isoformat(),
        purpose="appointments",
        right="role" if sees_all(actor) else "practitioner",
    )


def access_agenda(*, actor: User, day: date, last: date | None = None) -> None:
    """The door to the agenda of a day, or of `day` to `last`: one entry for the page, which names many patients and the
    days it shows. Refused for who sees no agenda."""
    if not actor.has_perm(VIEW):
        raise Refused
    record_access(
        actor=actor,
        patient_id=None,
        action="view",
        resource="agenda",
        # ISO 8601's interval.
        resource_id=f"{day}/{last}" if last else day.isoformat(),
        purpose="appointments",
        right="role" if sees_all(actor) else "practitioner",
    )
