"""Figures on the access log, for reports: who of the staff did how much, never on whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Value, When

from medisecure.accounts.interface import LABELS, STAFF, roles_of_users, user_cards
from medisecure.audit import words
from medisecure.audit.models import AccessEntry

#: Instants from the first up to, not including, the second; one after the other.
Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Staff:
    """What one of the staff did. `patients`: of how many different ones."""

    name: str
    roles: str
    entries: int
    patients: int
    exports: int
    emergencies: int


@dataclass(frozen=True, slots=True)
class AccessFigures:
    #: By entries, the most first.
    staff: Sequence[Staff]
    #: Everybody who is no staff, patients and those who stand for them, and the system: counted together.
    others: int
    system: int
    #: What was done, in words → how often; the most first.
    actions: Sequence[tuple[str, int]]
    #: How many entries in each stretch.
    course: Sequence[int]


def access_figures(*, stretches: Sequence[Stretch], actor_id: UUID | None = None) -> AccessFigures:
    """Four queries on the log and two on accounts. No check: for who may ask for it, whom the caller has recognised.

    Only staff are named. A patient who reads their own record is one of many in one number.
    """
    rows = AccessEntry.objects.filter(at__gte=stretches[0][0], at__lt=stretches[-1][1]).order_by()
    if actor_id is not None:
        rows = rows.filter(actor_id=actor_id)
    done: dict[UUID | None, dict[str, int]] = {}
    actions: dict[str, int] = {}
    for actor, action, number in rows.values_list("actor_id", "action").annotate(number=Count("id")):
        done.setdefault(actor, {})[action] = number
        actions[action] = actions.get(action, 0) + number
    seen = dict(
        rows.exclude(patient_id=None)
        .values_list("actor_id")
        .annotate(number=Count("patient_id", distinct=True))
        .values_list("actor_id", "number")
    )
    whens = [When(at__lt=end, then=Value(index)) for index, (_begin, end) in enumerate(stretches)]
    cut = rows.annotate(stretch=Case(*whens, default=Value(-1), output_field=IntegerField()))
    course = dict(cut.values_list("stretch").annotate(number=Count("id")).values_list("stretch", "number"))
    ids = [actor for actor in done if actor is not None]
    roles, cards = roles_of_users(ids), user_cards(ids)
    staff = []
    for actor, counts in done.items():
        if actor is None or actor not in cards or not roles.get(actor, frozenset()) & STAFF:
            continue
        staff.append(
            Staff(
                cards[actor].full_name,
                ", ".join(str(LABELS[role]) for role in sorted(roles[actor] & STAFF)),
                sum(counts.values()),
                seen.get(actor, 0),
                counts.get("export", 0) + counts.get("download", 0),
                counts.get("break-glass", 0),
            )
        )
    everything, system = sum(actions.values()), sum(done.get(None, {}).values())
    return AccessFigures(
        staff=sorted(staff, key=lambda one: (-one.entries, one.name)),
        others=everything - system - sum(one.entries for one in staff),
        system=system,
        actions=sorted(
            ((words.say(words.ACTIONS, action), number) for action, number in actions.items()),
            key=lambda pair: (-pair[1], pair[0]),
        ),
        course=[course.get(index, 0) for index in range(len(stretches))],
    )
