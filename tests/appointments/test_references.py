"""`manage.py check_references` finds ids that lead nowhere, and names nobody."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext

from appointments import references, services
from appointments.models import Appointment
from medisecure.accounts.models import User
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def visits(rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> list[Appointment]:
    return [
        services.book(
            actor=rita, practitioner_id=bose_card.id, type_code="check", start=at(wall), patient_id=asha_card.id
        )
        for wall in ("09:00", "10:00", "11:00", "15:00", "16:00")
    ]


def test_nothing_is_found_where_all_is_well(visits: list[Appointment], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_references")
    assert capsys.readouterr().out == "5 appointments, 0 that name somebody who is gone\n"


def test_each_kind_is_found_by_id_across_batches_and_no_name_is_said(
    visits: list[Appointment], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(references, "BATCH", 2)
    gone = {field: new_id() for field in ("patient_id", "practitioner_id", "calendar_id")}
    for row, (field, value) in zip((visits[0], visits[2], visits[4]), gone.items(), strict=True):
        Appointment.objects.filter(id=row.id).update(**{field: value})
    with pytest.raises(SystemExit) as stopped:
        call_command("check_references")
    assert stopped.value.code == 1
    out = capsys.readouterr().out
    assert out.splitlines() == [
        f"appointment {visits[0].id}: patient {gone['patient_id']} is gone",
        f"appointment {visits[2].id}: practitioner {gone['practitioner_id']} is gone",
        f"appointment {visits[4].id}: calendar {gone['calendar_id']} is gone",
        "5 appointments, 3 that name somebody who is gone",
    ]
    with pytest.raises(SystemExit):
        call_command("check_references", json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["well"], found["appointments"], len(found["findings"])) == (False, 5, 3)


def test_queries_go_with_batches_and_not_with_rows(visits: list[Appointment]) -> None:
    with (
        CaptureQueriesContext(connections["default"]) as here,
        CaptureQueriesContext(connections["appointments"]) as there,
    ):
        list(references.dangling())
    # The batch, its calendars, and the look that finds no more.
    assert (len(here), len(there)) == (2, 3)
