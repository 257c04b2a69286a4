"""A patient's visits, when they are to be erased (`patients.erasing`)."""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db.models import Model, QuerySet

from appointments.models import Appointment, AppointmentHistory, WaitingEntry
from appointments.rules import Status
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.transactions import transactional
from patients.interface import DataHolder, ErasureCategory

#: Column by which a row belongs to another one of this app → whose ids these are.
_PARENTS: Final[dict[str, type[Model]]] = {"appointment_id": Appointment, "entry_id": WaitingEntry}
_CARE: Final = (Status.COMPLETED.value, Status.IN_PROGRESS.value, Status.ARRIVED.value)
_TO_COME: Final = (Status.BOOKED.value, Status.CONFIRMED.value)


def _models() -> list[tuple[type[Model], str]]:
    """(model, column), whatever belongs to a visit before the visits, whatever belongs to a patient last."""
    found = []
    for model in apps.get_app_config("appointments").get_models():
        columns = {field.attname for field in model._meta.concrete_fields}
        column = "patient_id" if "patient_id" in columns else next((one for one in _PARENTS if one in columns), "")
        # The history is added to and never changed. Without its visit a step names no patient.
        if column and model is not AppointmentHistory:
            found.append((model, column))
    order = ("appointment_id", "entry_id", "patient_id")
    return sorted(found, key=lambda pair: (order.index(pair[1]), pair[0] in (Appointment, WaitingEntry)))


def _rows(model: type[Model], column: str, patient_id: UUID) -> QuerySet[Any]:
    if column == "patient_id":
        return model._default_manager.filter(patient_id=patient_id)
    parents: Any = _PARENTS[column]._default_manager.filter(patient_id=patient_id)
    return model._default_manager.filter(**{f"{column}__in": list(parents.values_list("pk", flat=True))})


def _count(patient_id: UUID) -> int:
    return Appointment.objects.filter(patient_id=patient_id).count()


@transactional(APPOINTMENTS)
def _erase(patient_id: UUID) -> int:
    """Cells go too: a visit that is erased holds no time."""
    return sum(int(rows._raw_delete(rows.db) or 0) for rows in (_rows(*pair, patient_id) for pair in _models()))


def _last_day(patient_id: UUID) -> date | None:
    """The last visit that took place."""
    rows = Appointment.objects.filter(patient_id=patient_id, status__in=_CARE, start__lte=clock.now())
    end = rows.order_by("-end").values_list("end", flat=True).first()
    return end.date() if end else None


def _upcoming(patient_id: UUID) -> int:
    return Appointment.objects.filter(patient_id=patient_id, status__in=_TO_COME, start__gt=clock.now()).count()


HOLDER: Final = DataHolder(
    category=ErasureCategory.APPOINTMENTS, count=_count, erase=_erase, last_day=_last_day, upcoming=_upcoming
)
