"""Do appointments still name somebody? Patients, practitioners and calendars are named by id, and the first two live in
another database, which no foreign key reaches: a restore of one database alone leaves ids that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from appointments.models import Appointment, Calendar
from patients import interface as patients

#: Appointments looked at together: one question to each database.
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Dangling:
    """`what` is patient, practitioner or calendar; `missing` is the id that leads nowhere."""

    appointment_id: UUID
    what: str
    missing: UUID


def dangling() -> Iterator[Dangling | int]:
    """Each id that leads nowhere, and after each batch how many appointments have been looked at in it."""
    after: UUID | None = None
    while True:
        rows = Appointment.objects.order_by("id")
        if after is not None:
            rows = rows.filter(id__gt=after)
        batch = list(rows.values_list("id", "patient_id", "practitioner_id", "calendar_id")[:BATCH])
        if not batch:
            return
        known = {
            "patient": set(patients.patient_cards({row[1] for row in batch})),
            "practitioner": set(patients.practitioner_cards({row[2] for row in batch})),
            "calendar": set(
                Calendar.objects.filter(id__in=list({row[3] for row in batch})).values_list("id", flat=True)
            ),
        }
        for appointment_id, *named in batch:
            for (what, there), missing in zip(known.items(), named, strict=True):
                if missing not in there:
                    yield Dangling(appointment_id, what, missing)
        yield len(batch)
        after = batch[-1][0]
