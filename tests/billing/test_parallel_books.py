"""Many at once: each reminder once, each till in one hand, each paper once. Real transactions, on every engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from billing.models import Paper, Reminder, Till, TillDay
from billing.services import dunning
from billing.services.kept import keep
from billing.services.tills import TillTaken, open_till
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.outbox import pending
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)


def at_once(count: int, work: Any) -> list[Any]:
    def run(number: int) -> Any:
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_many_at_once_write_each_thing_once(carol: User, alice: User, issued: MakeInvoice) -> None:
    for _number in range(4):
        issued()
    late = clock.today() + timedelta(days=40)
    assert sum(at_once(4, lambda number: dunning.look(today=late))) == 4
    assert Reminder.objects.count() == 4
    assert [row.name for row in pending(BILLING)].count("invoice.reminded") == 4

    till = Till.objects.create(name="Accueil")

    def take(number: int) -> bool:
        try:
            return bool(open_till(actor=carol, till_id=till.id, float_cents=0))
        except TillTaken:
            return False

    assert sum(at_once(4, take)) == 1
    assert TillDay.objects.count() == 1

    made = at_once(
        4, lambda number: keep(kind="book", subject="one", number="1", language="fr", content={"n": number}).id
    )
    assert len(set(made)) == 1
    assert Paper.objects.count() == 1
