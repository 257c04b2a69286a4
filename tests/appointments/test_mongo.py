"""What only MongoDB does. Skipped elsewhere: embedded runs have nothing to show here."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections

from appointments.models import Appointment, OccupancyCell
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import on_commit, transactional
from tests.cast import ALL_DATABASES

pytestmark = [
    pytest.mark.django_db(databases=ALL_DATABASES, transaction=True),
    pytest.mark.skipif("connections['appointments'].vendor != 'mongodb'", reason="needs MongoDB"),
]


def test_commit_that_the_server_refuses_is_tried_again_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from pymongo.client_session import ClientSession
    from pymongo.errors import OperationFailure

    commit, tries, hooks = ClientSession.commit_transaction, [], []

    def refuse_once(session: Any) -> None:
        tries.append(session)
        if len(tries) == 1:
            raise OperationFailure("WriteConflict", 112, {"errorLabels": ["TransientTransactionError"]})
        commit(session)

    monkeypatch.setattr(ClientSession, "commit_transaction", refuse_once)

    @transactional(APPOINTMENTS)
    def unit() -> None:
        OccupancyCell.objects.create(key=f"x:{new_id()}", appointment_id=new_id())
        on_commit(APPOINTMENTS, lambda: hooks.append(1))

    unit()
    assert len(tries) == 2
    assert tries[0] is not tries[1]
    assert OccupancyCell.objects.count() == 1
    assert hooks == [1]
    assert connections[APPOINTMENTS].session is None  # type: ignore[attr-defined]


def test_every_query_of_ours_has_its_index() -> None:
    database: Any = connections[APPOINTMENTS].database  # type: ignore[attr-defined]

    def keys(name: str) -> set[tuple[str, ...]]:
        return {tuple(field for field, _order in index["key"]) for index in database[name].index_information().values()}

    assert {
        ("practitioner_id", "start"),
        ("practitioner_id", "busy_start"),
        ("patient_id", "start"),
        ("start",),
        ("place", "ticket_day", "ticket"),
    } <= keys(Appointment._meta.db_table)
    assert {("key",), ("appointment_id",)} <= keys("occupancy_cells")
    assert ("appointment_id", "_id") in keys("appointment_history")
    assert ("practitioner_id", "active") in keys("calendars")
    assert ("practitioner_id", "end") in keys("leaves")
    assert ("token_hash",) in keys("waiting_screens")
    tickets = database["appointments"].index_information()["appointments_ticket_once"]
    assert tickets["unique"]
    # Its fields have a type each too, which every query of ours names by an equality.
    assert tickets["partialFilterExpression"]["ticket"]["$gt"] == 0
    assert {("resource_id", "start"), ("appointment_id",)} <= keys("resource_uses")
    assert ("place", "code", "active") in keys("resources")
    assert {("owner_id",), ("expires",)} <= keys("holds")
    assert {("actor_id", "key"), ("created_at",)} <= keys("booking_keys")
    assert {("calendar_id", "start"), ("booked_by", "start")} <= keys("appointments")
    unique = [index for index in database["occupancy_cells"].index_information().values() if index.get("unique")]
    assert [index["key"] for index in unique] == [[("key", 1)]]
