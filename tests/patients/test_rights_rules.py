"""How long what is kept must be kept: the sentences of the law, one by one."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.rules.rights import (
    Category,
    Decision,
    Facts,
    Ground,
    add_years,
    answer_by,
    invoices_kept_until,
    proposals,
    record_kept_until,
)

EVERYTHING = dict.fromkeys(Category, 3)
TODAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("last_visit", "birth", "died", "until"),
    [
        # CSP R1112-7: twenty years from the last visit.
        (date(2020, 3, 15), date(1980, 1, 1), None, date(2040, 3, 15)),
        (date(2020, 3, 15), None, None, date(2040, 3, 15)),
        # Until the 28th birthday of who was a child.
        (date(2020, 3, 15), date(2019, 7, 1), None, date(2047, 7, 1)),
        (date(2020, 3, 15), date(2012, 3, 15), None, date(2040, 3, 15)),
        # Ten years from a death within ten years of the last visit …
        (date(2020, 3, 15), date(1940, 1, 1), date(2021, 1, 1), date(2031, 1, 1)),
        (date(2020, 3, 15), date(2019, 1, 1), date(2021, 1, 1), date(2031, 1, 1)),
        # … and twenty from the visit when the death came later.
        (date(2000, 3, 15), date(1940, 1, 1), date(2015, 1, 1), date(2020, 3, 15)),
        # The 29th of February is never a day too early.
        (date(2004, 2, 29), date(1940, 1, 1), None, date(2024, 2, 29)),
        (date(2000, 2, 29), None, date(2001, 2, 28), date(2011, 2, 28)),
    ],
)
def test_a_record_is_kept_as_the_code_says(
    last_visit: date, birth: date | None, died: date | None, until: date
) -> None:
    assert record_kept_until(last_visit, birth, died) == until


def test_invoices_are_kept_ten_years_after_the_close_of_their_year() -> None:
    assert invoices_kept_until(date(2020, 1, 2)) == date(2031, 1, 1)
    assert invoices_kept_until(date(2020, 12, 31)) == date(2031, 1, 1)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 12, 15), date(2027, 1, 15)),
        (date(2026, 3, 31), date(2026, 4, 30)),
    ],
)
def test_an_answer_is_due_in_a_month(asked: date, answer: date) -> None:
    assert answer_by(asked) == answer


def of(facts: Facts, category: Category) -> tuple[tuple[Decision, ...], Ground, date | None]:
    found = next(one for one in proposals(facts, TODAY) if one.category is category)
    return found.allowed, found.ground, found.until


def facts(**values: object) -> Facts:
    defaults: dict[str, object] = {"last_visit": date(2024, 5, 1), "birth_date": date(1980, 1, 1), "counts": EVERYTHING}
    return Facts(**(defaults | values))  # type: ignore[arg-type]


def test_what_the_law_keeps_cannot_be_erased_but_locked_away() -> None:
    assert of(facts(), Category.RECORD) == (
        (Decision.RESTRICT, Decision.KEEP),
        Ground.RECORD_LAW,
        date(2044, 5, 1),
    )
    assert of(facts(last_invoice=date(2025, 2, 2)), Category.INVOICES)[0] == (Decision.RESTRICT, Decision.KEEP)
    assert of(facts(), Category.IDENTITY)[1:] == (Ground.NEEDED_TO_FIND, date(2044, 5, 1))
    assert of(facts(), Category.ACCESS_LOG)[0] == (Decision.KEEP,)


def test_what_no_law_keeps_is_erased() -> None:
    for category in (Category.MESSAGES, Category.COPIES, Category.CONTACT, Category.ACCOUNT):
        assert of(facts(), category)[0][0] is Decision.ERASE
    assert of(facts(upcoming_visits=1), Category.CONTACT)[:2] == (
        (Decision.KEEP, Decision.ERASE),
        Ground.CARE_CONTINUES,
    )


def test_after_its_time_a_record_may_be_erased_and_never_under_a_hold() -> None:
    old = facts(last_visit=date(2001, 5, 1))
    assert of(old, Category.RECORD)[0] == (Decision.ERASE, Decision.KEEP)
    held = facts(last_visit=date(2001, 5, 1), legal_hold=True)
    for category in (Category.RECORD, Category.IDENTITY, Category.APPOINTMENTS, Category.CONTACT, Category.ACCESS_LOG):
        assert Decision.ERASE not in of(held, category)[0], category


def test_an_issued_invoice_never_goes() -> None:
    assert Decision.ERASE not in of(facts(last_invoice=date(1999, 1, 1)), Category.INVOICES)[0]
    assert of(facts(last_invoice=None), Category.INVOICES)[0][0] is Decision.ERASE  # drafts


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.booleans())
def test_no_record_is_kept_less_than_ten_years_and_no_child_loses_theirs(visit: date, birth: date, dies: bool) -> None:
    died = add_years(visit, 1) if dies else None
    until = record_kept_until(visit, birth, died)
    assert until >= add_years(visit, 10)
    if died is None:
        assert until >= add_years(birth, 28)


@given(st.dates(date(1950, 1, 1), date(2026, 6, 1)), st.booleans(), st.integers(0, 2))
def test_each_category_is_proposed_once_with_something_to_choose(visit: date, hold: bool, upcoming: int) -> None:
    found = proposals(facts(last_visit=visit, legal_hold=hold, upcoming_visits=upcoming), TODAY)
    assert [one.category for one in found] == list(Category)
    assert all(one.allowed for one in found)
