"""When a patient is reminded of an invoice, and when a plan of payments is kept: pure Python, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

STEPS: Final = 3
MOST_INSTALMENTS: Final = 36
#: The last instalment must be due by then.
LONGEST_PLAN: Final = timedelta(days=3 * 366)
#: Days after an instalment's day before the plan counts as broken: a transfer takes its time.
GRACE_DAYS: Final = 5


@dataclass(frozen=True, slots=True)
class Part:
    """An instalment: so much by that day."""

    due_on: date
    cents: int


def next_step(due: date, today: date, made: Sequence[date], days: Sequence[int]) -> int | None:
    """The step (1 to 3) that is due today, or None. `made`: the days of the steps so far, in order; `days`: how many
    days after the invoice's day of payment each step is due at the earliest.

    Between two steps lies as much time as between their days, however late the first one was: nobody gets three letters
    in a week because the hospital had forgotten them for months.
    """
    step = len(made) + 1
    if step > STEPS or today < due + timedelta(days=days[step - 1]):
        return None
    if made and today < made[-1] + timedelta(days=days[step - 1] - days[step - 2]):
        return None
    return step


def plan_faults(parts: Sequence[Part], owed_cents: int, today: date) -> list[str]:
    """Codes of what is wrong with a plan: none, too-many, past, order, amount, sum, too-long."""
    if not parts:
        return ["none"]
    found = []
    if len(parts) > MOST_INSTALMENTS:
        found.append("too-many")
    if parts[0].due_on < today:
        found.append("past")
    if any(one.due_on >= other.due_on for one, other in pairwise(parts)):
        found.append("order")
    if any(part.cents <= 0 for part in parts):
        found.append("amount")
    elif sum(part.cents for part in parts) != owed_cents:
        found.append("sum")
    if parts[-1].due_on > today + LONGEST_PLAN:
        found.append("too-long")
    return found


def is_broken(parts: Sequence[Part], paid_cents: int, today: date) -> bool:
    """Whether less came in since the plan began than was due `GRACE_DAYS` ago."""
    due = sum(part.cents for part in parts if part.due_on + timedelta(days=GRACE_DAYS) < today)
    return paid_cents < due
