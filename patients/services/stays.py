"""Admission, transfer, discharge: a stay opens the record to those who work in the unit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.kernel.transactions import transactional
from patients.access import access_identity
from patients.models import Patient, Unit, UnitStay

LONGEST_BED = 40
MANAGE = "patients.manage_stay"


def admit(*, actor: User, patient_id: UUID, unit_id: UUID, bed: str = "") -> UnitStay:
    """The patient lies in the unit from now on. Nobody admits a patient out of their sight, because a stay opens the
    record to the unit. Raises `NotFound`, `Refused`, `Invalid` (unit, bed), `Conflict` when the patient lies somewhere.
    """
    _pass(actor, patient_id, "admit")
    bed = _bed(bed)
    unit = _unit(unit_id)

    @transactional(DEFAULT)
    def enter() -> UnitStay:
        patient = Patient.objects.select_for_update().filter(id=patient_id).first()
        if patient is None or not patient.active or patient.deceased or patient.deceased_at:
            raise Invalid({"patient": [_("This file is closed: nobody is admitted by it.")]})
        if UnitStay.objects.filter(patient_id=patient_id, ends_at=None).exists():
            raise Conflict(_("This patient lies in a unit already. Transfer them from there."))
        stay = UnitStay.objects.create(patient_id=patient_id, unit=unit, bed=bed, starts_at=clock.now())
        _write_down(actor, stay, "admit")
        return stay

    try:
        return enter()
    except IntegrityError:
        # Two admissions at the same instant: the index lets one of them win.
        raise Conflict(_("This patient lies in a unit already. Transfer them from there.")) from None


def transfer(*, actor: User, stay_id: UUID, version: int, unit_id: UUID, bed: str = "") -> UnitStay:
    """The patient goes to another unit, or to another bed of the same one. Raises as `admit`, and `Stale`."""
    seen = find_stay(actor, stay_id)
    _pass(actor, seen.patient_id, "transfer")
    if seen.ends_at is not None or seen.version != version:
        raise Stale
    bed = _bed(bed)
    unit = _unit(unit_id)
    if unit.id == seen.unit_id and bed == seen.bed:
        raise Invalid({"unit": [_("The patient lies there already.")]})

    @transactional(DEFAULT)
    def go() -> UnitStay:
        now = clock.now()
        _end(stay_id, version, now, UnitStay.Ending.TRANSFER)
        stay = UnitStay.objects.create(patient_id=seen.patient_id, unit=unit, bed=bed, starts_at=now)
        _write_down(actor, stay, "transfer")
        return stay

    return go()


@transactional(DEFAULT)
def discharge(*, actor: User, stay_id: UUID, version: int) -> UnitStay:
    """The patient leaves the hospital. Raises `NotFound`, `Refused`, `Stale`."""
    seen = find_stay(actor, stay_id)
    _pass(actor, seen.patient_id, "discharge")
    _end(stay_id, version, clock.now(), UnitStay.Ending.DISCHARGE)
    _write_down(actor, seen, "discharge")
    return UnitStay.objects.get(id=stay_id)


def find_stay(actor: User, stay_id: UUID) -> UnitStay:
    """A stay; the patient's door is passed by whoever asks for it."""
    found = UnitStay.objects.select_related("unit").filter(id=stay_id).first()
    if found is None:
        raise NotFound
    return found


def _pass(actor: User, patient_id: UUID, action: str) -> None:
    access_identity(actor=actor, patient_id=patient_id, purpose="care", action=action)
    if not actor.has_perm(MANAGE):
        raise Refused


def _end(stay_id: UUID, version: int, now: Any, ending: UnitStay.Ending) -> None:
    rows = UnitStay.objects.filter(id=stay_id, version=version, ends_at=None)
    if not rows.update(ends_at=now, ending=ending, version=version + 1):
        raise Stale


def _bed(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > LONGEST_BED:
        raise Invalid({"bed": [_("Use %(count)d characters at most.") % {"count": LONGEST_BED}]})
    return text


def _unit(unit_id: UUID) -> Unit:
    unit = Unit.objects.filter(id=unit_id, active=True).first()
    if unit is None:
        raise Invalid({"unit": [_("There is no such unit, or it is closed.")]})
    return unit


def _write_down(actor: User, stay: UnitStay, action: str) -> None:
    # The door wrote who the patient is; this says which stay.
    record_access(
        actor=actor,
        patient_id=stay.patient_id,
        action=action,
        resource="stay",
        resource_id=stay.id,
        purpose="care",
        right=f"permission:{MANAGE}",
    )
