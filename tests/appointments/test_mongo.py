"""What only MongoDB does. Skipped elsewhere: embedded runs have nothing to show here."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections

from appointments.models import OccupancyCell
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


def test_what_must_be_unique_is_so_by_an_index() -> None:
    """That each query has an index is asked of the queries: see `test_queries`."""
    database: Any = connections[APPOINTMENTS].database  # type: ignore[attr-defined]
    tickets = database["appointments"].index_information()["appointments_ticket_once"]
    assert tickets["unique"]
    # Its fields have a type each too, which every query of ours names by an equality.
    assert tickets["partialFilterExpression"]["ticket"]["$gt"] == 0
    unique = [index for index in database["occupancy_cells"].index_information().values() if index.get("unique")]
    assert [index["key"] for index in unique] == [[("key", 1)]]


def test_what_is_confirmed_is_on_the_majority_of_a_replica_set() -> None:
    client: Any = connections[APPOINTMENTS].connection
    options = client.options
    assert options.replica_set_name, "transactions need a replica set, and a lost primary must lose nothing"
    # The majority's journals: that is what a replica set means by it (writeConcernMajorityJournalDefault).
    assert client.write_concern.document == {"w": "majority"}
