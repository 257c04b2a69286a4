"""Who may ask for what, and what is written down of it; and what a look costs."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import IntegrityError, connections
from pytest_django import DjangoAssertNumQueries

from appointments.models import (
    Appointment,
    WaitingEntry,
    WaitingStep,
)
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.append_only import AppendOnly
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import (
    Conflict,
    Invalid,
    NotFound,
    Refused,
)
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.waiting.support import free_one, the_offer
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def test_outsider_sees_no_entry_and_no_offer(
    waiting_dan: WaitingEntry, full: list[Appointment], dans: Appointment, rita: User, asha: User
) -> None:
    free_one(full, rita)
    waiting.run()
    offer = the_offer(waiting_dan)
    for act in (
        lambda: waiting.ask(actor=asha, appointment_id=dans.id),
        lambda: waiting.withdraw(actor=asha, entry_id=waiting_dan.id),
        lambda: waiting.resume(actor=asha, entry_id=waiting_dan.id),
        lambda: waiting.set_priority(actor=asha, entry_id=waiting_dan.id, priority=2),
        lambda: waiting.accept(actor=asha, offer_id=offer.id),
        lambda: waiting.decline(actor=asha, offer_id=offer.id),
    ):
        with pytest.raises(NotFound):
            act()


def test_roles_without_the_right_are_refused(
    waiting_dan: WaitingEntry, dan: User, alice: User, carol: User, dan_card: PatientCard, bose_card: PractitionerCard
) -> None:
    with pytest.raises(Refused):
        waiting.withdraw(actor=alice, entry_id=waiting_dan.id)
    with pytest.raises(NotFound):
        waiting.withdraw(actor=carol, entry_id=waiting_dan.id)
    with pytest.raises(Refused):
        waiting.set_priority(actor=dan, entry_id=waiting_dan.id, priority=2)
    with pytest.raises(NotFound):
        waiting.ask(actor=carol, type_code="check", practitioner_id=bose_card.id, patient_id=dan_card.id)


def test_each_step_is_in_the_access_log(
    waiting_dan: WaitingEntry, full: list[Appointment], rita: User, dan: User, dans: Appointment
) -> None:
    free_one(full, rita)
    waiting.run()
    waiting.accept(actor=dan, offer_id=the_offer(waiting_dan).id)
    entries_ = AccessEntry.objects.filter(actor_id=dan.id).order_by("id")
    assert [(one.action, one.resource, one.right) for one in entries_] == [
        ("create", "waiting-entry", "self"),
        ("change", "appointment", "self"),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"last": date(2026, 2, 23)}, "last"),
        ({"first": date(2026, 3, 2), "last": date(2026, 3, 1)}, "last"),
        ({"last": date(2028, 1, 1)}, "last"),
        ({"windows": [{"weekday": 7, "start": "08:00", "end": "12:00"}]}, "windows"),
        ({"windows": [{"weekday": True, "start": "08:00", "end": "12:00"}]}, "windows"),
        ({"windows": [{"weekday": 1, "start": "8", "end": "12:00"}]}, "windows"),
        ({"windows": [{"weekday": 1, "start": 8, "end": 9}]}, "windows"),
        ({"windows": [{"weekday": 1, "start": "12:00", "end": "08:00"}]}, "windows"),
        ({"windows": [{"weekday": 1}]}, "windows"),
        ({"windows": ["x"]}, "windows"),
        ({"windows": [{"weekday": 1, "start": "08:00", "end": "12:00"}] * 22}, "windows"),
        ({"note": "x"}, "note"),
        ({"priority": 1}, "priority"),
    ],
)
def test_what_cannot_be_is_refused_by_field(dans: Appointment, dan: User, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        waiting.ask(actor=dan, appointment_id=dans.id, **changes)
    assert list(refused.value.errors) == [field]
    assert not WaitingEntry.objects.exists()


def test_a_wish_without_a_visit_names_what_is_possible(
    dan: User, dan_card: PatientCard, bose_card: PractitionerCard, one_a_day: UUID
) -> None:
    def field(**values: Any) -> str:
        with pytest.raises(Invalid) as refused:
            waiting.ask(actor=dan, **values)
        return next(iter(refused.value.errors))

    assert field() == "type"
    assert field(type_code="nothing", practitioner_id=bose_card.id) == "type"
    assert field(type_code="check") == "practitioner_id"
    assert field(type_code="check", practitioner_id=bose_card.id, specialty="cardiology") == "practitioner_id"
    assert field(type_code="check", practitioner_id=dan_card.id) == "practitioner_id"
    assert field(type_code="check", specialty="nothing") == "specialty"


def test_nobody_stands_in_line_twice_for_the_same(waiting_dan: WaitingEntry, dan: User, dans: Appointment) -> None:
    with pytest.raises(Conflict, match="conflict"):
        waiting.ask(actor=dan, appointment_id=dans.id)


def test_visit_that_is_over_cannot_become_earlier(dan: User, dans: Appointment) -> None:
    with time_machine.travel(dans.start, tick=False), pytest.raises(Invalid):
        waiting.ask(actor=dan, appointment_id=dans.id)


def test_journal_is_added_to_and_never_changed(waiting_dan: WaitingEntry) -> None:
    [step] = WaitingStep.objects.all()
    rows = WaitingStep.objects.filter(id=step.id)
    for act in (step.save, step.delete, rows.delete, lambda: rows.update(action="x")):
        with pytest.raises(AppendOnly):
            act()
    if connections[APPOINTMENTS].vendor == "sqlite":
        with pytest.raises(IntegrityError, match="append-only"), connections[APPOINTMENTS].cursor() as cursor:
            cursor.execute("UPDATE waiting_steps SET action = 'x'")


def test_queries_of_a_look_do_not_grow_with_the_line(
    waiting_dan: WaitingEntry,
    full: list[Appointment],
    rita: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(13, using=APPOINTMENTS):
        waiting.run()
    for visit in full[1:]:
        waiting.ask(actor=rita, appointment_id=visit.id)
    waiting.run()
    with django_assert_max_num_queries(13, using=APPOINTMENTS):
        waiting.run()


def test_look_without_a_line_is_two_queries(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(2, using=APPOINTMENTS):
        waiting.run()
