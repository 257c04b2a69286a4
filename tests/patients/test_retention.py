"""`retention_run`: what is due and nothing else, counted without a name, once, and never under a legal hold."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients import erasing
from patients.interface import PatientCard
from patients.models import Allergy, Encounter, ErasureRequest, Patient
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

LONG_AGO = datetime(2001, 5, 1, 9, tzinfo=UTC)


@pytest.fixture
def old(asha_card: PatientCard) -> PatientCard:
    visit = Encounter.objects.create(patient_id=asha_card.id, started_at=LONG_AGO, ended_at=LONG_AGO)
    Allergy.objects.create(patient_id=asha_card.id, encounter=visit, display="Penicillin")
    Patient.objects.filter(id=asha_card.id).update(created_at=LONG_AGO)
    return asha_card


def run(**options: bool) -> str:
    out = StringIO()
    call_command("retention_run", stdout=out, **options)
    return out.getvalue()


def test_a_dry_run_counts_and_changes_nothing(old: PatientCard, dan_card: PatientCard) -> None:
    text = run(dry_run=True)
    assert "record                 2 rows, due since 2021-05-01" in text
    assert "1 patients due, 0 under legal hold" in text
    for word in ("Rao", old.record_number, str(old.id)):
        assert word not in text
    assert Allergy.objects.count() == 1
    assert ErasureRequest.objects.count() == 0


def test_it_erases_what_is_due_once_and_leaves_the_rest(old: PatientCard, dan_card: PatientCard) -> None:
    run()
    assert not Allergy.objects.exists()
    assert Patient.objects.get(id=old.id).family_name == "—"
    assert Patient.objects.get(id=dan_card.id).family_name == "Moreau"
    assert AccessEntry.objects.filter(patient_id=old.id, action="erase").count() == 4
    assert "0 patients due" in run()
    assert ErasureRequest.objects.get().status == "done"


def test_a_visit_since_keeps_the_record(old: PatientCard) -> None:
    Encounter.objects.create(patient_id=old.id, started_at=datetime(2019, 1, 1, tzinfo=UTC))
    assert "0 patients due" in run(dry_run=True)


def test_a_legal_hold_is_respected(old: PatientCard, olga: User) -> None:
    erasing.set_legal_hold(actor=olga, patient_id=old.id, held=True, reason="Case 12")
    assert "0 patients due, 1 under legal hold" in run()
    assert Allergy.objects.count() == 1
