"""Finding a patient: words in any order, accents, dates, record numbers; narrowed to what the actor may see."""

from __future__ import annotations

from datetime import date

import pytest

from medisecure.accounts.models import User
from medisecure.kernel.errors import Invalid, Refused
from patients.interface import Identity, PatientCard, PractitionerCard, register_patient
from patients.selectors import search_patients
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

PEOPLE = [
    ("Núñez", "Élodie Marie", "Lefèvre", date(1980, 5, 2)),
    ("O'Brien", "Jean-Pierre", "", date(1975, 12, 31)),
    ("Lef", "Marie", "", date(1980, 2, 5)),
    ("Lefebvre", "Marianne", "", date(1999, 1, 1)),
]


@pytest.fixture
def people(db: None) -> dict[str, PatientCard]:
    return {
        family: register_patient(
            actor=None,
            identity=Identity(family_name=family, given_names=given, used_name=used, birth_date=birth),
        )
        for family, given, used, birth in PEOPLE
    }


def found(actor: User, query: str) -> list[str]:
    return [row.family_name for row in search_patients(actor, query)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("nunez", ["Núñez"]),
        ("NÚÑEZ élodie", ["Núñez"]),
        ("elo lefe", ["Núñez"]),
        ("marie lefèvre", ["Núñez"]),
        ("obrien", ["O'Brien"]),
        ("O'Brien", ["O'Brien"]),
        ("o brien", ["O'Brien"]),
        ("jeanpierre", ["O'Brien"]),
        ("02/05/1980", ["Núñez"]),
        ("1980-02-05", ["Lef"]),
        ("marie 5.2.1980", ["Lef"]),
        ("31121975", ["O'Brien"]),
        ("odie", []),
        ("marie zzz", []),
    ],
)
def test_a_search_finds(rita: User, people: dict[str, PatientCard], query: str, expected: list[str]) -> None:
    assert found(rita, query) == expected


def test_whole_words_come_before_beginnings(rita: User, people: dict[str, PatientCard]) -> None:
    assert found(rita, "lef mari") == ["Lef", "Lefebvre", "Núñez"]


def test_a_record_number_finds_its_patient_however_it_is_typed(rita: User, people: dict[str, PatientCard]) -> None:
    number = people["Núñez"].record_number
    assert found(rita, number) == ["Núñez"]
    assert found(rita, f"{number[:4].lower()} {number[4:7]}-{number[7:]}") == ["Núñez"]
    assert found(rita, f"{number} elodie") == ["Núñez"]
    assert found(rita, f"{number} brien") == []


def test_a_blank_search_lists_everyone_in_sight(rita: User, people: dict[str, PatientCard]) -> None:
    assert found(rita, "  ") == ["Lef", "Lefebvre", "Núñez", "O'Brien"]


@pytest.mark.parametrize("query", ["a", "a" * 101, "%%", "__", "'\";--", "\x00\x00"])
def test_a_search_that_cannot_be_answered_names_its_field(rita: User, query: str) -> None:
    with pytest.raises(Invalid) as caught:
        search_patients(rita, query)
    assert list(caught.value.errors) == ["q"]


def test_signs_of_the_database_are_no_wildcards(rita: User, people: dict[str, PatientCard]) -> None:
    assert found(rita, "n%z") == []
    assert found(rita, "nu_ez") == []


def test_a_doctor_finds_only_those_in_their_care(
    dr_bose: User, bose_card: PractitionerCard, people: dict[str, PatientCard], in_care: CareOf
) -> None:
    in_care(people["Lef"], bose_card)
    assert found(dr_bose, "marie") == ["Lef"]
    assert found(dr_bose, people["Núñez"].record_number) == []


def test_patients_do_not_search(asha: User, asha_card: PatientCard) -> None:
    with pytest.raises(Refused):
        search_patients(asha, "rao")
