"""Are two descriptions of one person? Pairs that people labelled, and what must hold for all pairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.rules import NEARLY_CERTAIN, POSSIBLE, Person, Trait, Verdict, compare, near_births

ASHA = Person(
    family_name="Rao",
    given_names="Asha Devi",
    birth_date=date(1980, 5, 2),
    sex="female",
    phone="+33 1 99 00 45 67",
    email="asha@example.org",
    postal_code="69003",
)
MARIE = Person(
    family_name="Lefèvre", given_names="Marie-Claire", used_name="Moreau", birth_date=date(1975, 12, 31), sex="female"
)

#: What differs from ASHA or MARIE in records of the same person …
ONE_PERSON: dict[str, tuple[Person, dict[str, Any]]] = {
    "spelling": (MARIE, {"family_name": "LEFEVRE", "given_names": "marie claire"}),
    "compound in one word": (MARIE, {"given_names": "Marieclaire"}),
    "a slip in the family name": (ASHA, {"family_name": "Roa"}),
    "a slip in both names": (MARIE, {"family_name": "Lefevbre", "given_names": "Mariee Claire", "used_name": ""}),
    "birth and used name swapped": (MARIE, {"family_name": "Moreau", "used_name": "Lefèvre"}),
    "known by the used name alone": (MARIE, {"family_name": "Moreau", "used_name": ""}),
    "names in each other's field": (ASHA, {"family_name": "Asha Devi", "given_names": "Rao"}),
    "one given name of two": (ASHA, {"given_names": "Asha"}),
    "day and month swapped": (ASHA, {"birth_date": date(1980, 2, 5)}),
    "one digit of the birth date": (ASHA, {"birth_date": date(1980, 5, 3)}),
    "two digits of the year swapped": (ASHA, {"birth_date": date(1908, 5, 2)}),
    "moved house": (ASHA, {"phone": "06 39 98 00 01", "postal_code": "13001", "email": "rao@example.net"}),
    "married, same phone and mail": (ASHA, {"family_name": "Blanchet"}),
    "the year of birth alone": (ASHA, {"birth_date": date(1980, 1, 1), "birth_precision": "year"}),
    "only name and birth date": (ASHA, {"phone": "", "email": "", "postal_code": "", "sex": "unknown"}),
}
#: … and in those of somebody else.
OTHERS: dict[str, tuple[Person, dict[str, Any]]] = {
    "the same name, born another day": (ASHA, {"birth_date": date(1962, 11, 17), "phone": "", "email": ""}),
    "a twin": (ASHA, {"given_names": "Vikram", "sex": "male", "email": "vikram@example.org"}),
    "a twin sister with the same phone": (ASHA, {"given_names": "Priya"}),
    "born the same day": (MARIE, {"family_name": "Nguyen", "given_names": "Paul", "used_name": "", "sex": "male"}),
    "the same day and given name": (MARIE, {"family_name": "Nguyen", "used_name": ""}),
    "the same household": (ASHA, {"given_names": "Vikram", "sex": "male", "birth_date": date(1978, 3, 9)}),
    "a child with the parent's name": (ASHA, {"birth_date": date(2011, 8, 24)}),
    "the same name and nothing else known": (ASHA, {"birth_date": None, "phone": "", "email": "", "postal_code": ""}),
}


@pytest.mark.parametrize("label", ONE_PERSON)
def test_records_of_one_person_are_possible_duplicates(label: str) -> None:
    person, changes = ONE_PERSON[label]
    found = compare(person, replace(person, **changes))
    assert found.score >= POSSIBLE, found


@pytest.mark.parametrize("label", OTHERS)
def test_records_of_two_people_are_none(label: str) -> None:
    person, changes = OTHERS[label]
    found = compare(person, replace(person, **changes))
    assert found.score < POSSIBLE, found


@pytest.mark.parametrize("label", ["spelling", "compound in one word", "a slip in the family name", "moved house"])
def test_a_slip_of_the_pen_is_nearly_certain(label: str) -> None:
    person, changes = ONE_PERSON[label]
    assert compare(person, replace(person, **changes)).score >= NEARLY_CERTAIN


def test_each_trait_is_explained() -> None:
    found = compare(
        ASHA, replace(ASHA, family_name="Roa", birth_date=date(1980, 2, 5), phone="", email="x@example.org")
    )
    assert {one.trait: one.verdict for one in found.agreements} == {
        Trait.NAME: Verdict.SIMILAR,
        Trait.BIRTH_DATE: Verdict.SIMILAR,
        Trait.SEX: Verdict.SAME,
        Trait.PHONE: Verdict.UNKNOWN,
        Trait.EMAIL: Verdict.DIFFERENT,
        Trait.POSTAL_CODE: Verdict.SAME,
        Trait.IDENTIFIER: Verdict.UNKNOWN,
    }


def test_a_shared_identifier_is_asked_about_whatever_the_name() -> None:
    number = frozenset({("nir", "k1")})
    other = Person(family_name="Moreau", given_names="Dan", birth_date=date(1991, 11, 30), identifiers=number)
    assert compare(replace(ASHA, identifiers=number), other).score >= POSSIBLE


def test_numbers_of_different_issuers_say_nothing() -> None:
    left, right = (replace(ASHA, identifiers=frozenset({(issuer, "k1")})) for issuer in ("nir", "passport"))
    assert compare(left, right).verdict(Trait.IDENTIFIER) is Verdict.UNKNOWN
    assert compare(left, right).score == 1


names = st.text(alphabet="abcdeéèñ' -ßשمЖ中𐐀\u0301", max_size=12)
people = st.builds(
    Person,
    family_name=names,
    given_names=names,
    used_name=names,
    birth_date=st.none() | st.dates(date(1850, 1, 1), date(2030, 1, 1)),
    birth_precision=st.sampled_from(["day", "month", "year"]),
    sex=st.sampled_from(["female", "male", "other", "unknown"]),
    phone=st.text(alphabet="+0123456789 ", max_size=15),
    email=st.sampled_from(["", "a@example.org", "A@example.org", "b@example.org"]),
    postal_code=st.sampled_from(["", "69003", "69 003", "13001"]),
    identifiers=st.frozensets(st.tuples(st.sampled_from(["nir", "x"]), st.sampled_from("12")), max_size=2),
)


@given(people, people)
def test_the_score_is_symmetric_and_bounded(left: Person, right: Person) -> None:
    found = compare(left, right)
    assert found == compare(right, left)
    assert 0 <= found.score <= 1


@given(people)
def test_everybody_is_themselves(person: Person) -> None:
    known = replace(person, family_name="Rao", birth_date=person.birth_date or date(1980, 5, 2))
    assert compare(known, known).score == 1


@given(people)
def test_too_little_is_no_duplicate(person: Person) -> None:
    bare = Person(family_name=person.family_name, given_names=person.given_names)
    assert compare(bare, bare).score < POSSIBLE


@given(st.dates(date(1850, 1, 1), date(2030, 1, 1)), st.dates(date(1850, 1, 1), date(2030, 1, 1)))
def test_dates_that_may_be_meant_are_those_that_are_like_it(one: date, other: date) -> None:
    near = near_births(one)
    assert near[0] == one
    assert len(near) == len(set(near)) < 90
    if other in near:
        assert compare(replace(ASHA, birth_date=one), replace(ASHA, birth_date=other)).score >= POSSIBLE


def test_dates_that_may_be_meant() -> None:
    near = near_births(date(1980, 5, 2))
    assert {date(1980, 2, 5), date(1980, 5, 3), date(1908, 5, 2), date(1990, 5, 2)} <= set(near)
    assert date(1980, 6, 3) not in near
