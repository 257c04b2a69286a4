"""How long what is kept must be kept, and what may be erased when somebody asks (GDPR art. 17).

Sources, read as they stood in 2025:
- CSP art. R1112-7: the record is kept 20 years from the last stay or visit; of whom that ends before their 28th
  birthday, until that day; of whom dies within 10 years of the last visit, 10 years from the death.
- Code de commerce art. L123-22: books and their papers are kept 10 years, counted from the close of the year (the
  hospital's is the calendar's).
- GDPR art. 17(3)(b), (c) and (e): no erasure of what a law obliges to keep, of what public health needs, of what a
  legal claim needs. Art. 18: restriction in its place. Art. 12(3): an answer within one month.
- GDPR art. 5(2) and 32, CSP art. L1110-4: who opened a record can be shown for as long as there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Category(StrEnum):
    """What is decided on its own. In the order in which it is carried out: who the person is goes last."""

    RECORD = "record"
    INVOICES = "invoices"
    APPOINTMENTS = "appointments"
    COPIES = "copies"
    MESSAGES = "messages"
    CONTACT = "contact"
    ACCOUNT = "account"
    ACCESS_LOG = "access_log"
    IDENTITY = "identity"


class Decision(StrEnum):
    ERASE = "erase"
    RESTRICT = "restrict"
    KEEP = "keep"


class Ground(StrEnum):
    """Why, as a code: what people read is made of it in their language."""

    RECORD_LAW = "record-law"
    ACCOUNTING_LAW = "accounting-law"
    ACCOUNTABILITY = "accountability"
    NEEDED_TO_FIND = "needed-to-find"
    LEGAL_HOLD = "legal-hold"
    NO_LONGER_NEEDED = "no-longer-needed"
    CARE_CONTINUES = "care-continues"
    NOTHING_KEPT = "nothing-kept"


RECORD_YEARS: Final = 20
RECORD_AGE: Final = 28
RECORD_YEARS_AFTER_DEATH: Final = 10
INVOICE_YEARS: Final = 10
#: A copy that a patient asked for is deleted after so many days.
EXPORT_DAYS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one patient's data. `last_visit`: the end of the last stay or consultation; who has had none
    counts from the day on which they were entered."""

    last_visit: date
    birth_date: date | None = None
    died_on: date | None = None
    last_invoice: date | None = None
    upcoming_visits: int = 0
    #: Category → how many rows there are of it.
    counts: Mapping[Category, int]
    legal_hold: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the law says of one category. `allowed` are the decisions that it leaves to the privacy officer, the first
    is what is proposed."""

    category: Category
    allowed: tuple[Decision, ...]
    ground: Ground
    until: date | None = None


def add_years(day: date, years: int) -> date:
    """The same day so many years later; the 29th of February becomes the 1st of March: never a day too early."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def record_kept_until(last_visit: date, birth_date: date | None, died_on: date | None) -> date:
    """The day from which the clinical record may be destroyed."""
    if died_on is not None and died_on < add_years(last_visit, RECORD_YEARS_AFTER_DEATH):
        return add_years(died_on, RECORD_YEARS_AFTER_DEATH)
    until = add_years(last_visit, RECORD_YEARS)
    return max(until, add_years(birth_date, RECORD_AGE)) if birth_date is not None else until


def invoices_kept_until(last_invoice: date) -> date:
    """The day from which the last invoice may be destroyed: ten years after the close of its year."""
    return date(last_invoice.year + INVOICE_YEARS + 1, 1, 1)


def proposals(facts: Facts, today: date) -> list[Proposal]:
    """Each category with what may be decided about it today."""
    record_until = record_kept_until(facts.last_visit, facts.birth_date, facts.died_on)
    invoices_until = invoices_kept_until(facts.last_invoice) if facts.last_invoice else None
    record_due = record_until <= today
    invoices_due = invoices_until is None or invoices_until <= today
    longest = max(record_until, invoices_until or record_until)
    found = []
    for category in Category:
        if category not in _STANDING and not facts.counts.get(category):
            found.append(Proposal(category, (Decision.ERASE,), Ground.NOTHING_KEPT))
        elif facts.legal_hold and category not in NOT_HELD:
            found.append(Proposal(category, (Decision.RESTRICT, Decision.KEEP), Ground.LEGAL_HOLD))
        elif category is Category.RECORD:
            found.append(_by_law(category, Ground.RECORD_LAW, record_until, due=record_due))
        elif category is Category.INVOICES:
            # An issued invoice is one of a sequence without a gap: the accounts' archive destroys whole years.
            issued = invoices_until is not None
            found.append(_by_law(category, Ground.ACCOUNTING_LAW, invoices_until, due=not issued))
        elif category is Category.APPOINTMENTS:
            # A visit is a piece of the record: when one was here and with whom.
            found.append(_by_law(category, Ground.RECORD_LAW, record_until, due=record_due))
        elif category is Category.ACCESS_LOG:
            found.append(Proposal(category, (Decision.KEEP,), Ground.ACCOUNTABILITY, max(record_until, today)))
        elif category is Category.IDENTITY:
            gone = record_due and invoices_due
            found.append(_by_law(category, Ground.NEEDED_TO_FIND, longest, due=gone))
        elif category in (Category.CONTACT, Category.ACCOUNT) and facts.upcoming_visits:
            # Without them nobody can tell the person that a visit is moved; they may still decide so.
            found.append(Proposal(category, (Decision.KEEP, Decision.ERASE), Ground.CARE_CONTINUES))
        else:
            found.append(Proposal(category, (Decision.ERASE, Decision.KEEP), Ground.NO_LONGER_NEEDED))
    return found


#: What a legal hold leaves alone: copies of what is kept anyway, and what was said to the patient.
NOT_HELD: Final = frozenset({Category.COPIES, Category.MESSAGES})
#: There as long as the patient is.
_STANDING: Final = frozenset({Category.IDENTITY, Category.ACCESS_LOG})


def _by_law(category: Category, ground: Ground, until: date | None, *, due: bool) -> Proposal:
    if due:
        return Proposal(category, (Decision.ERASE, Decision.KEEP), Ground.NO_LONGER_NEEDED)
    return Proposal(category, (Decision.RESTRICT, Decision.KEEP), ground, until)


def answer_by(asked: date) -> date:
    """GDPR art. 12(3): within one month of the request; the last day of a shorter month."""
    year, month = (asked.year + 1, 1) if asked.month == 12 else (asked.year, asked.month + 1)
    for day in (asked.day, 30, 29, 28):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
