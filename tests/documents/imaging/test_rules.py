from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from documents.imaging import rules
from documents.imaging.rules import Concern, Known

ASHA = Known(frozenset({"rao"}), frozenset({"asha", "devi"}), "19800502")


@pytest.mark.parametrize(
    ("words", "birth", "expected"),
    [
        ({"rao", "asha"}, "19800502", []),
        ({"asha", "rao"}, "", []),
        ({"rao", "a"}, "19800502", []),
        ({"rao"}, "1980", []),
        (set(), "", []),
        ({"rao", "asha"}, "19800503", [Concern.BIRTH_DATE]),
        ({"rao", "dan"}, "19800502", [Concern.NAME]),
        ({"moreau", "asha"}, "19800502", [Concern.NAME]),
        ({"compressedsamples", "ct1"}, "19911130", [Concern.NAME, Concern.BIRTH_DATE]),
        ({"rao", "asha"}, "not a date", []),
    ],
)
def test_what_a_file_says_of_the_person_is_compared(words: set[str], birth: str, expected: list[Concern]) -> None:
    assert rules.doubts(ASHA, words=words, birth=birth) == expected


def test_as_much_of_a_birth_date_as_is_known_is_compared() -> None:
    assert rules.birth_digits(date(1980, 1, 1), "year") == "1980"
    known = Known(frozenset({"rao"}), frozenset(), rules.birth_digits(date(1980, 1, 1), "year"))
    assert rules.doubts(known, words=["rao"], birth="19801231") == []
    assert rules.doubts(known, words=["rao"], birth="19811231") == [Concern.BIRTH_DATE]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"modality": "CT", "burned_in": "NO"}, []),
        ({"modality": "CT"}, []),
        ({"modality": "CT", "burned_in": "YES"}, ["says-so"]),
        ({"modality": "US"}, ["modality"]),
        ({"modality": "US", "burned_in": "NO"}, []),
        ({"modality": "SC", "conversion": "WSD"}, ["captured", "modality"]),
        ({"modality": "MR", "image_type": ["DERIVED", "SECONDARY"]}, ["secondary"]),
        ({"modality": "CT", "photometric": "RGB"}, ["colour"]),
        ({"modality": "XC", "burned_in": "NO"}, ["face"]),
        ({}, ["unknown"]),
    ],
)
def test_images_that_may_carry_text_are_named(facts: dict[str, Any], expected: list[str]) -> None:
    assert rules.burned_in_risks(facts) == expected


def test_edges_say_which_way_round_an_image_is() -> None:
    assert rules.edges([1, 0, 0, 0, 1, 0], None) == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    assert rules.edges([0, 1, 0, 0, 0, -1], None) == {"left": "A", "right": "P", "top": "H", "bottom": "F"}
    assert rules.edges(None, ["L", "F"]) == {"left": "R", "right": "L", "top": "H", "bottom": "F"}
    assert rules.edges(None, None) == rules.edges(None, ["L", "<b>"]) == {}


def test_slices_lie_along_the_axis_across_them() -> None:
    axial = [1, 0, 0, 0, 1, 0]
    assert [rules.place([9, 9, z], axial) for z in (0, 5, -2.5)] == [0, 5, -2.5]
    assert rules.place(None, axial) is None
