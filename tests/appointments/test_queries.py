"""Every query that the app sends has its index: asked of the queries themselves, as they are sent, on every engine.

A day at the hospital is gone through once, by API, pages and workers' tasks, and each query is written down.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from appointments import selectors, services, stranded, waiting
from appointments.models import Appointment
from appointments.references import dangling
from appointments.services import reminders
from appointments.services import waiting as waiting_list
from medisecure.accounts.models import User
from medisecure.kernel.databases import APPOINTMENTS
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, day_ahead
from tests.appointments.waiting.support import NOW
from tests.cast import ALL_DATABASES
from tests.support import api, deliver_events

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


def a_day(
    asha: User,
    dan: User,
    rita: User,
    dr_bose: User,
    alice: User,
    bose: UUID,
    dans: Appointment,
    full: list[Appointment],
) -> None:
    """What people and workers do with appointments."""
    day = day_ahead(3).isoformat()
    for user in (asha, dan):
        client = api(user)
        client.get("/api/slots", {"type": "consultation", "from": day, "to": day, "specialty": "cardiology"})
        client.get("/api/slots/next", {"type": "consultation"})
        client.get("/api/appointments")
        client.get("/api/waiting-list")
        client.post("/api/calendar-feed", {}, format="json")
        client.get("/api/calendar-feed")
    kept = api(asha).post(
        "/api/holds",
        {"practitioner_id": str(bose), "type": "consultation", "start": at("09:00", days=9).isoformat()},
        format="json",
    )
    assert kept.status_code == 201, kept.content
    body = {"practitioner_id": str(bose), "type": "consultation", "start": at("09:00", days=9).isoformat()}
    booked = api(asha).post("/api/appointments", body, format="json", headers={"Idempotency-Key": "k"})
    assert booked.status_code == 201, booked.content
    api(asha).post("/api/appointments", body, format="json", headers={"Idempotency-Key": "k"})
    found = booked.json()["id"]
    api(asha).post(f"/api/appointments/{found}/move", {"start": at("09:00", days=10).isoformat()}, format="json")
    api(asha).post(f"/api/appointments/{found}/cancel", {}, format="json")
    wish = api(dan).post("/api/waiting-list", {"appointment_id": str(dans.id)}, format="json").json()
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting_list.run()
    [offer] = [one["offer"] for one in api(dan).get("/api/waiting-list").json()["results"] if one["id"] == wish["id"]]
    assert api(dan).post(f"/api/offers/{offer['id']}/accept").status_code == 200
    services.arrive(actor=rita, appointment_id=full[0].id)
    services.call_in(actor=rita, appointment_id=full[0].id, door="3")
    services.start(actor=rita, appointment_id=full[0].id)
    services.complete(actor=rita, appointment_id=full[0].id)
    services.undo(actor=rita, appointment_id=full[0].id)
    _row, token = services.open_screen(actor=alice, place="Building B, room 12", label="Hall")
    for user in (rita, dr_bose):
        page = Client()
        page.force_login(user)
        for path in (
            f"agenda/?day={day}", f"agenda/day/?day={day}", f"agenda/week/?day={day}&practitioner={bose}",
            "waiting/?place=Building B, room 12", f"{full[1].id}/change/", "?o=-1",
        ):  # fmt: skip
            assert page.get(f"/admin/appointments/appointment/{path}").status_code == 200, path
    for user in (asha, dan):
        page = Client()
        page.force_login(user)
        for path in ("/", "/appointments/", "/waiting/", "/calendar/", "/book/"):
            assert page.get(path).status_code == 200, path
    waiting.find_screen(token)
    stranded.find(Appointment.objects.filter(practitioner_id=bose), limit=10)
    selectors.history_of(full[0].id)
    reminders.remind_due()
    reminders.forget_old()
    services.forget_expired()
    list(dangling())
    deliver_events()


@pytest.fixture
def sent(
    asha: User, dan: User, rita: User, dr_bose: User, alice: User, bose_card: PractitionerCard, dan_card: PatientCard,
    dans: Appointment, full: list[Appointment], monkeypatch: pytest.MonkeyPatch,
) -> list[Any]:  # fmt: skip
    """What was sent: on MongoDB (collection, operation, arguments), else the SQL."""
    found: list[Any] = []
    connection = connections[APPOINTMENTS]
    if connection.vendor == "mongodb":
        from django_mongodb_backend.utils import OperationDebugWrapper

        def log(self: Any, op: str, _duration: float, args: Any, kwargs: Any = None) -> None:
            found.append((self.collection_name.rstrip("."), op, args))

        monkeypatch.setattr(OperationDebugWrapper, "log", log)
    with CaptureQueriesContext(connection) as queries:
        a_day(asha, dan, rita, dr_bose, alice, bose_card.id, dans, full)
    if connection.vendor != "mongodb":
        found += [query["sql"] for query in queries]
    return found


#: Tables that are read whole because they hold what a hospital has some dozens or hundreds of, whatever its age; or of
#: which only what waits at this moment is left.
SMALL = {"appointment_types", "calendars", "resources", "waiting_screens"}


def conditions(match: Any) -> list[set[str]]:
    """The fields that a filter compares with something, for each way in which it can be fulfilled."""
    ways: list[set[str]] = [set()]
    for name, value in match.items():
        if name == "$or":
            ways = [way | more for way in ways for branch in value for more in conditions(branch)]
        elif name == "$and":
            for part in value:
                ways = [way | more for way in ways for more in conditions(part)]
        elif value not in ({"$exists": True}, {"$ne": None}):
            ways = [way | {name} for way in ways]
    return ways


def unindexed(collection: str, op: str, args: Any) -> bool:
    """True when no index of the collection begins with a field that the operation narrows, or else sorts, by."""
    if op not in ("aggregate", "update_many", "delete_many"):
        return False
    database: Any = connections[APPOINTMENTS].database  # type: ignore[attr-defined]
    firsts = {index["key"][0][0] for index in database[collection].index_information().values()}
    if op != "aggregate":
        return any(not way & firsts for way in conditions(args[0]))
    stages = args[0]
    match: Any = next((stage["$match"] for stage in stages if "$match" in stage), {})
    if all(way & firsts for way in conditions(match)):
        return False
    if match:
        # Read in order and thrown away is read whole.
        return True
    if collection == "appointments" and "__count" in str(stages):
        # The list of all visits says how many there are.
        return False
    sort: Any = next((stage["$sort"] for stage in stages if "$sort" in stage), {})
    return next(iter(sort), "") not in firsts


def scanned(sql: str) -> str:
    """The table that SQLite would read whole for this statement; empty when it would read none."""
    if not sql.startswith(("SELECT", "UPDATE", "DELETE")):
        return ""
    with connections[APPOINTMENTS].cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        for *_ids, step in cursor.fetchall():
            # With a condition, an index that only gives the order still reads the whole table.
            if step.startswith("SCAN") and ("INDEX" not in step or " WHERE " in sql):
                return str(step.split()[1])
    return ""


def test_every_query_has_its_index(sent: list[Any]) -> None:
    assert len(sent) > 200
    if connections[APPOINTMENTS].vendor == "mongodb":
        wrong = {str(one)[:300] for one in sent if one[0] not in SMALL and unindexed(*one)}
    else:
        wrong = {sql[:300] for sql in sent if (table := scanned(sql)) and table not in SMALL}
    assert wrong == set()
