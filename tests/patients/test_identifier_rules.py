"""Numbers of patients: how they are written, checked and hidden; and days that two periods share."""

from __future__ import annotations

from datetime import date

import pytest

from patients import rules
from patients.rules import KINDS, Fault, Traits


@pytest.mark.parametrize(
    ("number", "key"),
    [("1850578006084", "91"), ("2690549588157", "80"), ("180012A001001", "61"), ("180012B001001", "88")],
)
def test_a_nir_is_taken_with_and_without_its_key(number: str, key: str) -> None:
    spaced = f"{number[0]} {number[1:3]} {number[3:5]} {number[5:7]} {number[7:10]} {number[10:]}"
    for typed in (number, number + key, f"{spaced} {key}", spaced.lower(), f"{number}\u202f{key}"):
        assert rules.read_nir(typed) == number + key


@pytest.mark.parametrize("number", ["1850578006084", "180012A001001"])
def test_every_other_key_is_refused(number: str) -> None:
    right = rules.read_nir(number)[13:]
    for key in range(100):
        if f"{key:02}" != right:
            with pytest.raises(Fault) as caught:
                rules.read_nir(f"{number}{key:02}")
            assert caught.value.rule == "nir-key"


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("", "nir-length"),
        ("18505780060849", "nir-length"),
        ("1" * 10_000, "nir-length"),
        ("9850578006084", "nir-characters"),
        ("185052C006084", "nir-characters"),
        ("18505780060X4", "nir-characters"),
        ("1850578006084\u0666\u0666", "nir-key"),
        ("1851478006084", "nir-month"),
    ],
)
def test_what_is_no_nir_names_the_rule(typed: str, rule: str) -> None:
    with pytest.raises(Fault) as caught:
        rules.read_nir(typed)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("traits", "doubts"),
    [
        (Traits("male", date(1985, 5, 2)), ()),
        (Traits("unknown", None), ()),
        (Traits("other", date(1985, 5, 31)), ()),
        (Traits("female", date(1985, 5, 2)), ("sex",)),
        (Traits("male", date(1985, 6, 2)), ("birth",)),
        (Traits("female", date(1986, 5, 2)), ("sex", "birth")),
        (Traits("male", date(1985, 1, 1), "year"), ()),
    ],
)
def test_a_nir_is_compared_with_the_traits(traits: Traits, doubts: tuple[str, ...]) -> None:
    assert KINDS["fr-nir"].doubts("185057800608491", traits) == doubts


def test_a_month_that_was_not_known_is_no_doubt() -> None:
    number = rules.read_nir("1852078006084")
    assert KINDS["fr-nir"].doubts(number, Traits("male", date(1985, 5, 2))) == ()


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        ("gb-nhs", "943 476 5919", "9434765919"),
        ("es-nie", "x-2482300w", "X2482300W"),
        ("us-ssn", "999-12-3456", "999123456"),
        ("passport", "12ab 34567", "12AB34567"),
        ("other", " ab/12 – 34 ", "AB1234"),
    ],
)
def test_other_countries_have_their_own_rules(kind: str, typed: str, stored: str) -> None:
    assert KINDS[kind].read(typed) == stored


@pytest.mark.parametrize(
    ("kind", "typed"),
    [("gb-nhs", "9434765910"), ("es-nie", "X2482300A"), ("us-ssn", "12"), ("passport", "1é34567"), ("other", "ab")],
)
def test_a_wrong_one_is_refused_by_its_own_rule(kind: str, typed: str) -> None:
    with pytest.raises(Fault):
        KINDS[kind].read(typed)


@pytest.mark.parametrize(
    ("value", "shown"), [("185057800608491", "••••••••••••491"), ("12345", "••345"), ("1234", "••••"), ("", "")]
)
def test_a_number_is_hidden_but_for_its_end(value: str, shown: str) -> None:
    assert rules.masked(value) == shown


def test_a_kind_is_registered_once() -> None:
    with pytest.raises(ValueError, match="fr-nir"):
        rules.register_kind(KINDS["fr-nir"])


def test_a_search_is_tried_as_every_kind_that_it_may_be() -> None:
    assert ("fr-nir", "185057800608491") in rules.search_candidates("1 85 05 78 006 084")
    assert rules.search_candidates("moreau") == []


@pytest.mark.parametrize("code", ["75056", "2A004", "2B033", "99350"])
def test_a_place_has_insees_code(code: str) -> None:
    assert rules.is_place_code(code)
    assert not rules.is_place_code(code[:-1])
    assert not rules.is_place_code(f"{code}0")


D = date
JAN, JUNE, JULY = D(2026, 1, 1), D(2026, 6, 30), D(2026, 7, 1)


@pytest.mark.parametrize(
    ("periods", "overlap"),
    [
        ([], False),
        ([(None, None)], False),
        ([(JAN, JUNE), (JULY, None)], False),
        ([(JULY, None), (JAN, JUNE)], False),
        ([(JAN, JULY), (JULY, None)], True),
        ([(None, None), (JAN, JUNE)], True),
        ([(None, JUNE), (JULY, None), (JAN, JAN)], True),
    ],
)
def test_periods_share_a_day_or_do_not(periods: list[tuple[date | None, date | None]], overlap: bool) -> None:
    assert rules.any_two_overlap(periods) is overlap
