"""The waiting room as staff see it, and its public screen, which shows numbers and never a name."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from appointments import services, waiting
from appointments.models import Appointment, WaitingScreen
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.errors import Invalid, NotFound, Refused
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import at, make_calendar
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

PAGE = "/admin/appointments/appointment/waiting/"
SCREENS = "/admin/appointments/waitingscreen/"
PLACE = "Building B, room 12"


@pytest.fixture
def booked(asha: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    return services.book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))


@pytest.fixture
def second(dan: User, dan_card: PatientCard, bose_card: PractitionerCard, booked: Appointment) -> Appointment:
    return services.book(actor=dan, practitioner_id=bose_card.id, type_code="consultation", start=at("09:30"))


@pytest.fixture
def screen(alice: User, calendar_id: UUID) -> str:
    """The address of a screen on the wall of Building B."""
    _screen, token = services.open_screen(actor=alice, place=PLACE, label="By the lift")
    return f"/screen/{token}/"


def browser(user: User | None = None) -> Client:
    client = Client()
    client.cookies["medisecure_language"] = "en"
    if user is not None:
        client.force_login(user)
    return client


def shown(client: Client, url: str, **question: str) -> str:
    answer = client.get(url, question)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


# --- The page of the staff --------------------------------------------------------------------------------------------
def test_waiting_room_shows_who_is_here_since_when_and_who_is_next(
    booked: Appointment, second: Appointment, rita: User
) -> None:
    client = browser(rita)
    assert "Nobody waits here." in shown(client, PAGE, place=PLACE)
    services.arrive(actor=rita, appointment_id=second.id)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=12)):
        services.arrive(actor=rita, appointment_id=booked.id)
        client = browser(rita)
        text = shown(client, PAGE, place=PLACE)
    # By the time of the appointment, not of the arrival.
    assert text.index("Asha Rao") < text.index("Dan Moreau")
    assert "12 minutes" in text
    assert "Dr Anil Bose" in text
    assert text.count(">Next<") == 1
    assert text.index(">Next<") < text.index("Dan Moreau")
    assert AccessEntry.objects.filter(resource="waiting-room", actor_id=rita.id).count() == 2


def test_next_is_the_first_of_each_practitioner_who_was_not_called(
    booked: Appointment, second: Appointment, rita: User
) -> None:
    rows = [services.arrive(actor=rita, appointment_id=one.id) for one in (booked, second)]
    assert waiting.next_of_each(rows) == {booked.id}
    services.call_in(actor=rita, appointment_id=booked.id)
    assert waiting.next_of_each(waiting.waiting(actor=rita, place=PLACE)) == {second.id}


def test_call_in_from_the_page_remembers_the_practitioners_door(
    booked: Appointment, second: Appointment, rita: User
) -> None:
    for one in (booked, second):
        services.arrive(actor=rita, appointment_id=one.id)
    client = browser(rita)
    form = {"step": "call.2", f"door-{booked.id}": "Door 12", f"door-{second.id}": "", "back": f"{PAGE}?place={PLACE}"}
    answer = client.post(f"/admin/appointments/appointment/{booked.id}/step/", form, follow=True)
    text = answer.content.decode()
    assert "Number 1 is being called." in text
    assert re.search(r"Called at \d\d:\d\d", text)
    assert re.search(rf'name="door-{second.id}" value="Door 12"', text)
    assert "Call number 1 again" in text


def test_a_door_that_is_too_long_is_refused_with_words(booked: Appointment, rita: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    form = {"step": "call.2", f"door-{booked.id}": "x" * 41, "back": PAGE}
    answer = browser(rita).post(f"/admin/appointments/appointment/{booked.id}/step/", form, follow=True)
    assert "Use 40 characters at most." in answer.content.decode()
    assert Appointment.objects.get(id=booked.id).called_at is None


def test_nothing_new_is_neither_shown_nor_written_down(booked: Appointment, rita: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    client = browser(rita)
    found = re.search(r'data-mark="(\w+)"', shown(client, PAGE, place=PLACE))
    assert found
    entries = AccessEntry.objects.count()
    assert client.get(PAGE, {"place": PLACE, "seen": found[1]}).status_code == 204
    assert AccessEntry.objects.count() == entries
    services.call_in(actor=rita, appointment_id=booked.id)
    part = shown(client, PAGE, place=PLACE, seen=found[1])
    assert "Called at" in part
    assert "<html" not in part
    assert AccessEntry.objects.filter(resource="waiting-room").count() == 2


def test_waiting_room_is_narrowed_by_role(
    booked: Appointment, rita: User, dr_bose: User, chen_card: PractitionerCard, carol: User, olga: User, asha: User,
    alice: User,
) -> None:  # fmt: skip
    services.arrive(actor=rita, appointment_id=booked.id)
    assert "Asha Rao" in shown(browser(dr_bose), PAGE, place=PLACE)
    text = shown(browser(alice), PAGE, place=PLACE)
    assert "Asha Rao" in text
    assert 'name="step"' not in text
    Appointment.objects.filter(id=booked.id).update(practitioner_id=chen_card.id)
    assert "Asha Rao" not in shown(browser(dr_bose), PAGE, place=PLACE)
    for outsider in (carol, olga):
        assert browser(outsider).get(PAGE, {"place": PLACE}).status_code == 403
    assert browser(asha).get(PAGE).status_code == 302


@pytest.mark.parametrize("question", ["place=nowhere", "place=" + "x" * 500, "seen=1", "place=&seen=%00"])
def test_waiting_room_asked_nonsense_still_answers(rita: User, calendar_id: UUID, question: str) -> None:
    assert browser(rita).get(f"{PAGE}?{question}").status_code == 200


def test_yesterdays_numbers_wait_no_more(booked: Appointment, rita: User) -> None:
    services.arrive(actor=rita, appointment_id=booked.id)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1)):
        assert waiting.waiting(actor=rita, place=PLACE) == []


def test_queries_do_not_grow_with_who_waits(
    rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    client = browser(rita)

    def queries(task: Callable[[], object]) -> int:
        here, there = CaptureQueriesContext(connections["appointments"]), CaptureQueriesContext(connections["default"])
        with here, there:
            task()
        return len(here) + len(there)

    def arrive(wall: str) -> None:
        row = services.book(
            actor=rita, practitioner_id=bose_card.id, type_code="check", start=at(wall), patient_id=asha_card.id
        )
        services.arrive(actor=rita, appointment_id=row.id)

    arrive("08:00")
    shown(client, PAGE, place=PLACE)
    few = queries(lambda: client.get(PAGE, {"place": PLACE}))
    for wall in ("08:15", "08:30", "08:45", "09:00"):
        arrive(wall)
    assert queries(lambda: client.get(PAGE, {"place": PLACE})) == few


# --- The public screen ------------------------------------------------------------------------------------------------
def test_screen_calls_numbers_to_doors_and_names_no_patient(
    booked: Appointment, second: Appointment, rita: User, screen: str
) -> None:
    stranger = browser()
    text = shown(stranger, screen)
    assert "Please wait until your number is called." in text
    for one in (booked, second):
        services.arrive(actor=rita, appointment_id=one.id)
    assert re.search(r"<li>1</li><li>2</li>", shown(stranger, screen))
    services.call_in(actor=rita, appointment_id=booked.id, door="Door 12")
    services.call_in(actor=rita, appointment_id=second.id)
    text = shown(stranger, screen)
    # The last call is the big one; without a door the practitioner is named.
    assert re.search(r'class="newest">\s*<strong class="number">2</strong>\s*<span class="door">Dr Anil Bose', text)
    assert "Door 12" in text
    for secret in ("Asha", "Rao", "Dan", "Moreau", "09:00", "Consultation", str(booked.id)):
        assert secret not in text
    assert "no-store" in stranger.get(screen)["Cache-Control"]


def test_screen_speaks_both_languages_at_once(screen: str) -> None:
    text = shown(browser(), screen)
    assert "Veuillez patienter" in text
    assert "Please wait" in text
    assert "Connexion perdue" in text
    assert "Connection lost" in text


def test_who_has_begun_or_was_called_long_ago_leaves_the_screen(
    booked: Appointment, second: Appointment, rita: User, screen: str
) -> None:
    for one in (booked, second):
        services.arrive(actor=rita, appointment_id=one.id)
        services.call_in(actor=rita, appointment_id=one.id, door="7")
    services.start(actor=rita, appointment_id=booked.id)
    assert '<strong class="number">1</strong>' not in shown(browser(), screen)
    assert '<strong class="number">2</strong>' in shown(browser(), screen)
    with time_machine.travel(datetime.now(UTC) + waiting.CALL_SHOWN + timedelta(minutes=1)):
        assert '<strong class="number">2</strong>' not in shown(browser(), screen)


def test_screen_shows_its_own_place_only(
    booked: Appointment, rita: User, screen: str, chen_card: PractitionerCard, dan_card: PatientCard
) -> None:
    make_calendar(chen_card.id, place="Ward 3")
    row = services.book(
        actor=rita, practitioner_id=chen_card.id, type_code="check", start=at("15:00"), patient_id=dan_card.id
    )
    services.arrive(actor=rita, appointment_id=row.id)
    assert "<li>1</li>" not in shown(browser(), screen)


def test_screen_asks_again_and_gets_only_what_changed(booked: Appointment, rita: User, screen: str) -> None:
    stranger = browser()
    found = re.search(r'data-mark="(\w+)"', shown(stranger, f"{screen}now/"))
    assert found
    assert stranger.get(f"{screen}now/", {"seen": found[1]}).status_code == 204
    services.arrive(actor=rita, appointment_id=booked.id)
    assert "<li>1</li>" in shown(stranger, f"{screen}now/", seen=found[1])


def test_revoked_and_invented_addresses_show_nothing(alice: User, screen: str) -> None:
    for path in (f"/screen/{'x' * 43}/", f"/screen/{'x' * 43}/now/", "/screen/é/"):
        assert browser().get(path).status_code == 404
    services.revoke_screen(actor=alice, screen_id=WaitingScreen.objects.get().id)
    for path in (screen, f"{screen}now/"):
        assert browser().get(path).status_code == 404
    assert browser().post(screen).status_code == 405


def test_the_address_is_not_kept(screen: str) -> None:
    token = screen.split("/")[2]
    row = WaitingScreen.objects.get()
    assert token not in str(row.__dict__)
    assert row.token_hash == waiting.hashed(token)


def test_administrator_makes_and_revokes_a_screen(alice: User, calendar_id: UUID) -> None:
    client = browser(alice)
    assert PLACE in shown(client, f"{SCREENS}add/")
    answer = client.post(f"{SCREENS}add/", {"place": PLACE, "label": "By the lift"})
    found = re.search(r'value="[^"]*(/screen/[\w-]{43}/)"', answer.content.decode())
    assert found, answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert browser().get(found[1]).status_code == 200
    row = WaitingScreen.objects.get()
    assert found[1].split("/")[2] not in shown(client, f"{SCREENS}{row.id}/change/")
    assert "in use" in shown(client, SCREENS)
    assert "By the lift" in shown(client, f"{SCREENS}{row.id}/revoke/")
    assert browser().get(found[1]).status_code == 200  # asking is not doing
    client.post(f"{SCREENS}{row.id}/revoke/")
    assert browser().get(found[1]).status_code == 404
    assert "revoked" in shown(client, SCREENS)
    assert client.get(f"{SCREENS}{row.id}/revoke/").status_code == 404
    assert [entry.action for entry in AccessEntry.objects.filter(resource="waiting-screen").order_by("id")] == [
        "create",
        "revoke",
    ]


def test_screens_are_the_administrators(rita: User, dr_bose: User, alice: User, screen: str) -> None:
    row = WaitingScreen.objects.get()
    for actor in (rita, dr_bose):
        assert browser(actor).get(SCREENS).status_code == 403
        assert browser(actor).post(f"{SCREENS}add/", {"place": PLACE, "label": "x"}).status_code == 403
        assert browser(actor).post(f"{SCREENS}{row.id}/revoke/").status_code == 403
        with pytest.raises(Refused):
            services.open_screen(actor=actor, place=PLACE, label="x")
        with pytest.raises(Refused):
            services.revoke_screen(actor=actor, screen_id=row.id)
    with pytest.raises(NotFound):
        services.revoke_screen(actor=alice, screen_id=alice.id)
    assert browser(alice).post(f"{SCREENS}{row.id}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("place", "label", "field"), [("nowhere", "x", "place"), (PLACE, "  ", "label"), (PLACE, "x" * 121, "label")]
)
def test_a_screen_that_makes_no_sense_is_refused(
    alice: User, calendar_id: UUID, place: str, label: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        services.open_screen(actor=alice, place=place, label=label)
    assert list(refused.value.errors) == [field]
    answer = browser(alice).post(f"{SCREENS}add/", {"place": place, "label": label})
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert not WaitingScreen.objects.exists()
