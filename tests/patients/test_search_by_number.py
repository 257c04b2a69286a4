"""Finding a patient by an identity number: exactly, by its index, and by nobody who may not see them."""

from __future__ import annotations

from typing import Any

import pytest

from medisecure.accounts.models import User
from patients import rules
from patients.interface import PatientCard, PractitionerCard
from patients.models import Patient
from patients.selectors import search_patients
from patients.services import Details, NewIdentifier, save_patient
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def number(rita: User, card: PatientCard, **values: Any) -> None:
    save_patient(
        actor=rita,
        patient_id=card.id,
        version=Patient.objects.get(id=card.id).version,
        details=Details(new_identifiers=[NewIdentifier(**values)]),
    )


@pytest.mark.parametrize(
    "query", ["2800578006084", "2 80 05 78 006 084", "280057800608462", "12AB34567", "12 ab 34567", "mrn 77/12"]
)
def test_whoever_has_the_number_is_found(rita: User, asha_card: PatientCard, dan_card: PatientCard, query: str) -> None:
    number(rita, asha_card, kind="fr-nir", value="2800578006084")
    number(rita, asha_card, kind="passport", value="12AB34567", country="DE")
    number(rita, asha_card, kind="other", value="MRN 77/12", system="Other hospital")
    found = search_patients(rita, query.replace("280057800608462", full_nir()))
    assert [row.id for row in found] == [asha_card.id]
    assert not search_patients(rita, "2800578006085").exists()


def full_nir() -> str:
    return rules.read_nir("2800578006084")


def test_a_number_finds_nobody_out_of_sight(
    rita: User, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard
) -> None:
    number(rita, asha_card, kind="fr-nir", value="2800578006084")
    assert not search_patients(dr_bose, "2800578006084").exists()


def test_the_number_goes_neither_to_the_database_nor_to_the_access_log(
    rita: User, asha_card: PatientCard, django_assert_max_num_queries: Any
) -> None:
    number(rita, asha_card, kind="fr-nir", value="2800578006084")
    with django_assert_max_num_queries(12) as queries:
        assert search_patients(rita, full_nir()).count() == 1
    asked = [str(query["sql"]) for query in queries.captured_queries]
    assert any("patient_identifiers" in sql for sql in asked)
    assert all("2800578006084" not in sql for sql in asked)
