"""Rules of patients by themselves: no database, no framework."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients import rules

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
sequences = st.integers(1, rules.LAST_RECORD_NUMBER)
names = st.text(st.characters(categories=["L", "M", "N", "P", "Zs"]), max_size=60)
role_sets = st.frozensets(
    st.sampled_from([*rules.IDENTITY_ROLES, *rules.CARE_ROLES, "patient"]),
)


@given(sequences)
def test_a_record_number_is_valid_and_read_back_however_it_is_typed(sequence: int) -> None:
    number = rules.record_number(sequence)
    assert rules.is_record_number(number)
    assert rules.clean_record_number(f" {number[:3].lower()}-{number[3:6]} {number[6:]} ") == number
    assert rules.read_search(number.lower()).record_number == number


@given(sequences, st.integers(1, 8), st.integers(1, 9))
def test_one_wrong_digit_makes_a_record_number_invalid(sequence: int, place: int, shift: int) -> None:
    number = rules.record_number(sequence)
    wrong = str((int(number[place]) + shift) % 10)
    assert not rules.is_record_number(number[:place] + wrong + number[place + 1 :])


@given(sequences, st.integers(1, 7))
def test_two_digits_swapped_make_a_record_number_invalid(sequence: int, place: int) -> None:
    number = rules.record_number(sequence)
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert swapped == number or not rules.is_record_number(swapped)


@pytest.mark.parametrize("sequence", [0, -1, 100_000_000])
def test_a_record_number_out_of_range_is_refused(sequence: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        rules.record_number(sequence)


@given(st.lists(names, min_size=1, max_size=3), st.integers(1, 6))
def test_every_beginning_of_every_word_is_found(parts: list[str], length: int) -> None:
    stored = rules.search_text(*parts)
    for part in parts:
        for word in rules.words(part):
            assert f" {word[:length]}" in stored


@given(names)
def test_words_do_not_depend_on_case_or_unicode_form(name: str) -> None:
    assert rules.words(unicodedata.normalize("NFD", name)) == rules.words(unicodedata.normalize("NFC", name))
    assert rules.words(" ".join(rules.words(name))) == rules.words(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Élodie NÚÑEZ", ["elodie", "nunez"]),
        ("Œuvrard", ["oeuvrard"]),
        ("Straße", ["strasse"]),
        ("O’Brien-Łuk", ["o", "brien", "luk"]),
        ("Almaraz123", ["almaraz123"]),
        ("محمد", ["محمد"]),
        ("...", []),
    ],
)
def test_names_lose_case_and_accents(name: str, expected: list[str]) -> None:
    assert rules.words(name) == expected


def test_compound_names_are_found_in_one_piece() -> None:
    assert rules.search_text("O'Brien", "Jean-Pierre") == " o brien obrien jean pierre jeanpierre"


@pytest.mark.parametrize("text", ["1980-05-02", "02/05/1980", "2.5.1980", "02-05-1980", "02051980", "19800502"])
def test_birth_dates_are_read_in_several_formats(text: str) -> None:
    assert date(1980, 5, 2) in rules.read_dates(text)


@pytest.mark.parametrize("text", ["31/02/1980", "1980", "99999999", "02/05/80", "1700-01-01", ""])
def test_what_is_no_possible_date_is_not_read_as_one(text: str) -> None:
    assert rules.read_dates(text) == ()


def test_a_search_is_taken_apart() -> None:
    search = rules.read_search("  Rao  02/05/1980 Äsha ")
    assert search == rules.Search(("rao", "asha"), (date(1980, 5, 2),), "")


@pytest.mark.parametrize(
    "text",
    ["02 05 1980", "1980 05 02", "2 mai 1980", "2 May 1980", "May 2, 1980", "may 2nd 1980", "2 Mai 1980", "02/05/1980"],
)
def test_a_birth_date_is_read_beside_a_name(text: str) -> None:
    assert rules.read_search(f"rao {text} asha") == rules.Search(("rao", "asha"), (date(1980, 5, 2),))


def test_the_first_of_a_month_is_read_in_french() -> None:
    assert rules.read_search("1er février 2001").birth_dates == (date(2001, 2, 1),)
    assert rules.read_search("5 août 2001").birth_dates == (date(2001, 8, 5),)


@pytest.mark.parametrize(
    "text",
    ["0639980001", "06 39 98 00 01", "06.39.98.00.01", "+33 6 39 98 00 01", "+33 (0)6 39 98 00 01", "0033639980001"],
)
def test_a_french_phone_number_is_the_same_in_each_spelling(text: str) -> None:
    assert rules.phone_key(text) == "0639980001"
    assert rules.read_search(f"rao {text}") == rules.Search(("rao",), (), "", "0639980001")
    assert rules.read_search(f"{text} rao") == rules.Search(("rao",), (), "", "0639980001")


@pytest.mark.parametrize(
    ("text", "key"),
    [("+44 20 7946 0000", "442079460000"), ("", ""), ("no phone", ""), ("9" * 60, "9" * 15), ("٠٦٣٩", "0639")],
)
def test_other_phone_numbers_keep_their_digits(text: str, key: str) -> None:
    assert rules.phone_key(text) == key


def test_a_phone_number_and_a_birth_date_are_told_apart() -> None:
    search = rules.read_search("06 39 98 00 01 02/05/1980 rao")
    assert search == rules.Search(("rao",), (date(1980, 5, 2),), "", "0639980001")


@pytest.mark.parametrize(
    ("left", "right", "slips"),
    [("moreau", "moreau", 0), ("moraeu", "moreau", 1), ("lefebre", "lefevre", 1), ("", "abc", 3), ("ca", "abc", 3)],
)
def test_slips_are_counted(left: str, right: str, slips: int) -> None:
    assert rules.distance(left, right) == rules.distance(right, left) == slips


def test_words_that_were_meant_are_near() -> None:
    assert rules.likely_meant("moraeu", ["morel", "moreau", "moreaux", "martin", "moraeu"]) == [
        "moreau",
        "moreaux",
        "morel",
    ]
    assert rules.swaps("anna") == ["nana", "anan"]
    assert rules.likely_meant("ravo", ["rao", "raphael"]) == ["rao"]


@given(st.text(max_size=60))
def test_no_phone_number_breaks_its_key(text: str) -> None:
    key = rules.phone_key(text)
    assert len(key) <= rules.LONGEST_PHONE
    assert key == "" or (key.isascii() and key.isdigit())


@given(st.text(max_size=100))
def test_no_search_breaks_the_reader(text: str) -> None:
    search = rules.read_search(text)
    assert len(search.words) <= rules.MOST_WORDS


@given(role_sets)
def test_the_record_is_never_opened_by_a_role_alone(roles: frozenset[str]) -> None:
    assert rules.record_right(roles, is_self=False, cares=False) is None


@given(role_sets, st.booleans(), st.booleans())
def test_whoever_reads_the_record_may_know_who_it_is_about(roles: frozenset[str], is_self: bool, cares: bool) -> None:
    if rules.record_right(roles, is_self=is_self, cares=cares):
        assert rules.identity_right(roles, is_self=is_self, cares=cares)


@pytest.mark.parametrize(
    ("roles", "is_self", "cares", "identity", "record"),
    [
        ({"patient"}, True, False, "self", "self"),
        ({"patient"}, False, False, None, None),
        ({"patient"}, False, True, None, None),
        ({"doctor"}, False, True, "care-relation", "care-relation"),
        ({"doctor"}, False, False, None, None),
        ({"nurse"}, False, True, "care-relation", "care-relation"),
        ({"receptionist"}, False, False, "role:receptionist", None),
        ({"receptionist"}, False, True, "role:receptionist", None),
        ({"administrator"}, False, False, "role:administrator", None),
        ({"billing_clerk"}, False, False, "role:billing_clerk", None),
        ({"privacy_officer"}, False, False, "role:privacy_officer", None),
        ({"doctor", "receptionist"}, False, True, "care-relation", "care-relation"),
        (set(), False, True, None, None),
    ],
)
def test_rights_by_role_and_relation(
    roles: set[str], is_self: bool, cares: bool, identity: str | None, record: str | None
) -> None:
    assert rules.identity_right(roles, is_self=is_self, cares=cares) == identity
    assert rules.record_right(roles, is_self=is_self, cares=cares) == record


@pytest.mark.parametrize(
    ("birth", "on", "years"),
    [
        (date(2000, 2, 29), date(2026, 2, 28), 25),
        (date(2000, 2, 29), date(2026, 3, 1), 26),
        (date(2000, 5, 2), date(2000, 5, 2), 0),
    ],
)
def test_age_in_full_years(birth: date, on: date, years: int) -> None:
    assert rules.age(birth, on) == years


@pytest.mark.parametrize("text", ["a\u202eb", "a\x00b", "a\u200fb", "a\ud800b"])
def test_hidden_characters_are_found(text: str) -> None:
    assert rules.has_hidden_characters(text)


@pytest.mark.parametrize("text", ["محمد", "Nguyễn", "e\u0301", "李"])
def test_letters_of_all_scripts_are_not_hidden(text: str) -> None:
    assert not rules.has_hidden_characters(text)
