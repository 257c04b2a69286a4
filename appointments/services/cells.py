"""Occupancy cells: how a slot gets one winner (decision 6). Every function here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import F

from appointments import rules
from appointments.models import Appointment, OccupancyCell
from appointments.occupied import forget_busy
from medisecure.kernel.errors import PatientBusy, SlotTaken


def practitioner_keys(appointment: Appointment) -> list[str]:
    return _keys("practitioner", appointment.practitioner_id, rules.Span(appointment.busy_start, appointment.busy_end))


def patient_keys(appointment: Appointment) -> list[str]:
    """The buffers are the practitioner's time, not the patient's."""
    return _keys("patient", appointment.patient_id, rules.Span(appointment.start, appointment.end))


def _keys(owner: str, owner_id: UUID, span: rules.Span) -> list[str]:
    return [f"{owner}:{owner_id}:{cell:%Y%m%dT%H%MZ}" for cell in rules.cells(span)]


def claim(appointment: Appointment) -> None:
    """Insert the cells that the appointment needs and does not hold yet.

    Raises SlotTaken or PatientBusy when somebody holds one, as far as this transaction can see; IntegrityError when
    somebody else's transaction was faster, which `refusal` then explains.
    """
    forget_busy(appointment.practitioner_id)
    wanted_practitioner, wanted_patient = practitioner_keys(appointment), patient_keys(appointment)
    holders = dict(
        OccupancyCell.objects.filter(key__in=[*wanted_practitioner, *wanted_patient]).values_list(
            "key", "appointment_id"
        )
    )
    others = {key for key, holder in holders.items() if holder != appointment.id}
    if not others.isdisjoint(wanted_patient):
        raise PatientBusy
    shared = others.intersection(wanted_practitioner)
    if shared and not appointment.overbooked:
        raise SlotTaken
    if shared:
        OccupancyCell.objects.filter(key__in=sorted(shared)).update(shared=F("shared") + 1)
    OccupancyCell.objects.bulk_create(
        [
            OccupancyCell(key=key, appointment_id=appointment.id)
            for key in [*wanted_practitioner, *wanted_patient]
            if key not in holders
        ]
    )


def refusal(appointment: Appointment) -> SlotTaken | PatientBusy:
    """Why `claim` lost against another transaction, seen after the rollback."""
    mine = patient_keys(appointment)
    taken = OccupancyCell.objects.exclude(appointment_id=appointment.id)
    if not taken.filter(key__in=practitioner_keys(appointment)).exists() and taken.filter(key__in=mine).exists():
        return PatientBusy()
    return SlotTaken()


def release(appointment: Appointment, *, keep: Iterable[str] = ()) -> None:
    """Give back what the appointment holds, except `keep`. A cell that lies under an overbooked visit passes to that
    visit: cancelling the first of two must not offer the time of the second to a third."""
    forget_busy(appointment.practitioner_id)
    kept = set(keep)
    held = OccupancyCell.objects.filter(appointment_id=appointment.id).values_list("key", flat=True)
    freed = {key for key in held if key not in kept}
    for heir in _heirs(appointment):
        inherited = freed.intersection(practitioner_keys(heir))
        if inherited:
            OccupancyCell.objects.filter(key__in=sorted(inherited)).update(appointment_id=heir.id)
            freed -= inherited
    if freed:
        OccupancyCell.objects.filter(key__in=sorted(freed), appointment_id=appointment.id).delete()


def _heirs(appointment: Appointment) -> list[Appointment]:
    near = Appointment.objects.filter(
        practitioner_id=appointment.practitioner_id,
        busy_start__lt=appointment.busy_end,
        busy_start__gt=appointment.busy_start - rules.LONGEST,
        busy_end__gt=appointment.busy_start,
        overbooked=True,
        status__in=[status.value for status in rules.OCCUPYING],
    )
    return list(near.exclude(id=appointment.id).order_by("id"))
