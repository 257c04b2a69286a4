"""Finding a patient: words in any order, accents, dates, record numbers; narrowed to what the actor may see."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from medisecure.accounts.models import User
from medisecure.kernel.errors import Invalid, Refused
from patients import rules
from patients.interface import Contact, Identity, PatientCard, PractitionerCard, register_patient
from patients.selectors import search_patients
from patients.services import update_contact
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


@pytest.mark.parametrize(
    "query", ["a", "a" * 101, "%%", "__", "'\";--", "\x00\x00", "a" * 1000, "\u0301" * 9, "\u202e\u202e"]
)
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


# --- Telephone numbers, and names that look alike ---------------------------------------------------------------------
def register(family: str, given: str, phone: str = "", birth: date = date(1990, 1, 1)) -> PatientCard:
    return register_patient(
        actor=None,
        identity=Identity(family_name=family, given_names=given, birth_date=birth),
        contact=Contact(phone=phone),
    )


@pytest.mark.parametrize(
    "query",
    [
        "0639980001",
        "06 39 98 00 01",
        "+33 6.39.98.00.01",
        "0033 6 39 98 00 01",
        "639 063998",
        "06 39 98",
        "063998 moreau",
    ],
)
def test_a_phone_number_finds_its_patient_however_it_is_typed(rita: User, query: str) -> None:
    register("Moreau", "Zoé", "+33 (0)6 39 98 00 01")
    register("Moreau", "Ana", "01 99 00 00 01")
    expected = [] if query.startswith("639") else ["Zoé"]
    assert [row.given_names for row in search_patients(rita, query)] == expected


def test_a_number_that_changes_is_found_by_the_new_one(rita: User) -> None:
    card = register("Moreau", "Zoé", "06 39 98 00 01")
    update_contact(actor=rita, patient_id=card.id, version=1, contact=Contact(phone="01 99 00 00 02"))
    assert found(rita, "0639980001") == []
    assert found(rita, "0199000002") == ["Moreau"]


@pytest.mark.parametrize(
    "query", ["\u202bמשה", "ab\u0301\u0327cd", "李小龍", "a\u0301" * 49, "x " * 50, "12" * 50, "\ud800x", "٢٠٠٠-٠١-٠١"]
)
def test_scripts_and_marks_are_answered(rita: User, people: dict[str, PatientCard], query: str) -> None:
    assert found(rita, query) == []


def test_right_to_left_names_are_found(rita: User) -> None:
    register("כהן", "משה")
    assert found(rita, "משה כה") == ["כהן"]


def test_no_more_than_can_be_read_are_found_and_whole_words_are_among_them(
    rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_FOUND", 3)
    for number in range(5):
        register(f"Mar{'abcde'[number]}", "Ana")
    register("Zola", "Mar")
    assert found(rita, "mar") == ["Zola", "Mara", "Marb"]


def test_the_order_holds_from_page_to_page(rita: User) -> None:
    ids = {register("Rao", "Asha").id for _ in range(9)}
    rows = search_patients(rita, "rao")
    pages = [row.id for start in (0, 3, 6) for row in search_patients(rita, "rao")[start : start + 3]]
    assert pages == [row.id for row in rows]
    assert set(pages) == ids


postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="trigrams are PostgreSQL's")


@postgresql
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("nuñze", ["Núñez"]),
        ("elodie nunes", ["Núñez"]),
        ("jean obrein", ["O'Brien"]),
        ("mariane", ["Lefebvre", "Lef", "Núñez"]),
        ("lefevre", ["Núñez", "Lefebvre"]),
        ("lefebrve 1.1.1999", ["Lefebvre"]),
        ("lefebrve 2.1.1999", []),
        ("zzzzzz", []),
    ],
)
def test_misspelt_names_are_found_below_those_that_are_right(
    rita: User, people: dict[str, PatientCard], query: str, expected: list[str]
) -> None:
    assert found(rita, query) == expected


@postgresql
def test_a_misspelt_name_finds_nobody_out_of_sight(
    dr_bose: User, bose_card: PractitionerCard, people: dict[str, PatientCard], in_care: CareOf
) -> None:
    in_care(people["Lef"], bose_card)
    assert found(dr_bose, "lefebrve") == []
    assert found(dr_bose, "mraie") == ["Lef"]
