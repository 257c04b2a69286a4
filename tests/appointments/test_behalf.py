"""Waiting list, calendar and messages for who stands for somebody: Priya is the mother of Mila, who has no account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from appointments import services
from appointments.models import Appointment, WaitingEntry, WaitingOffer
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.errors import NotFound, Refused
from medisecure.notifications import services as notifications
from medisecure.notifications.interface import notices_for
from medisecure.notifications.models import Message
from patients.interface import PatientCard, PractitionerCard, make_choice
from patients.models import Representation
from patients.services import end_representation
from tests.appointments import strict_ics
from tests.appointments.fixtures import at
from tests.appointments.test_messages import body, ics_of
from tests.cast import ALL_DATABASES
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults
from tests.support import api, deliver_events, send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: A Tuesday.
NOW = datetime(2026, 2, 24, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def milas(
    full: list[Appointment],
    priya: User,
    motherhood: Representation,
    mila_card: PatientCard,
    bose_card: PractitionerCard,
) -> Appointment:
    """Booked by her mother: Monday 2 March, 09:00."""
    row = services.book(
        actor=priya,
        practitioner_id=bose_card.id,
        type_code="consultation",
        start=at("09:00", days=6),
        patient_id=mila_card.id,
    )
    User.objects.filter(id=priya.id).update(language="en")
    return row


def rights(user: User, resource: str) -> set[tuple[str, str, str]]:
    rows = AccessEntry.objects.filter(actor_id=user.id, resource=resource)
    return {(row.action, row.right, row.purpose) for row in rows}


MOTHER = ("representative:parent", "on-behalf")


# --- The waiting list -------------------------------------------------------------------------------------------------
def test_mother_waits_and_accepts_for_her_child(
    milas: Appointment, priya: User, rita: User, full: list[Appointment], mila_card: PatientCard
) -> None:
    client = api(priya)
    asked = client.post("/api/waiting-list", {"appointment_id": str(milas.id)}, format="json")
    assert asked.status_code == 201, asked.content
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    [wish] = client.get("/api/waiting-list", {"patient_id": str(mila_card.id)}).json()["results"]
    assert wish["id"] == asked.json()["id"]
    # Her own list is another one: she is no patient herself.
    assert client.get("/api/waiting-list").json()["results"] == []
    taken = client.post(f"/api/offers/{wish['offer']['id']}/accept")
    assert taken.status_code == 200, taken.content
    milas.refresh_from_db()
    assert milas.start == full[2].start
    assert {("create", *MOTHER), ("list", *MOTHER)} <= rights(priya, "waiting-entry") | {
        ("list", right, purpose) for _action, right, purpose in rights(priya, "waiting-list")
    }
    assert ("change", *MOTHER) in rights(priya, "appointment")


def test_wish_without_a_visit_declined_paused_and_withdrawn(
    priya: User,
    motherhood: Representation,
    mila_card: PatientCard,
    bose_card: PractitionerCard,
    full: list[Appointment],
) -> None:
    body = {"patient_id": str(mila_card.id), "practitioner_id": str(bose_card.id), "type": "consultation"}
    made = api(priya).post("/api/waiting-list", body, format="json")
    assert made.status_code == 201, made.content
    entry = WaitingEntry.objects.get()
    assert (entry.patient_id, entry.by_staff) == (mila_card.id, False)
    waiting.run()
    offer = WaitingOffer.objects.get()
    assert api(priya).post(f"/api/offers/{offer.id}/decline").status_code == 204
    WaitingEntry.objects.update(status="paused")
    assert api(priya).post(f"/api/waiting-list/{entry.id}/resume").json()["status"] == "waiting"
    assert api(priya).post(f"/api/waiting-list/{entry.id}/withdraw").json()["status"] == "withdrawn"


def test_nobody_else_waits_sees_or_answers_for_the_child(
    milas: Appointment, priya: User, dan: User, dan_card: PatientCard, mila_card: PatientCard, rita: User,
    full: list[Appointment], motherhood: Representation,
) -> None:  # fmt: skip
    entry = waiting.ask(actor=priya, appointment_id=milas.id)
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    offer = WaitingOffer.objects.get()

    def all_closed(client: api) -> None:  # type: ignore[valid-type]
        of_mila = {"patient_id": str(mila_card.id)}
        assert client.get("/api/waiting-list", of_mila).status_code == 404  # type: ignore[attr-defined]
        assert client.get(f"/api/waiting-list/{entry.id}").status_code == 404  # type: ignore[attr-defined]
        assert client.post(f"/api/offers/{offer.id}/accept").status_code == 404  # type: ignore[attr-defined]
        wish = {**of_mila, "specialty": "cardiology", "type": "consultation"}
        assert client.post("/api/waiting-list", wish, format="json").status_code == 404  # type: ignore[attr-defined]
        assert client.get("/api/calendar-feed", of_mila).status_code == 404  # type: ignore[attr-defined]
        assert client.post("/api/calendar-feed", of_mila, format="json").status_code == 404  # type: ignore[attr-defined]

    all_closed(api(dan))
    end_representation(actor=rita, representation_id=motherhood.id, version=motherhood.version)
    all_closed(api(priya))


def test_who_stands_for_a_minor_with_secrets_waits_only_for_what_they_asked(
    milas: Appointment, priya: User, rita: User, mila_card: PatientCard, bose_card: PractitionerCard
) -> None:
    hers = waiting.ask(actor=priya, appointment_id=milas.id)
    secret = waiting.ask(actor=rita, patient_id=mila_card.id, type_code="consultation", practitioner_id=bose_card.id)
    Representation.objects.update(restricted=True)
    found = api(priya).get("/api/waiting-list", {"patient_id": str(mila_card.id)}).json()["results"]
    assert [one["id"] for one in found] == [str(hers.id)]
    with pytest.raises(NotFound):
        waiting.withdraw(actor=priya, entry_id=secret.id)


def test_nobody_moves_their_own_child_ahead(milas: Appointment, priya: User, dr_bose: User) -> None:
    Representation.objects.update(user=dr_bose)
    with pytest.raises(Refused):
        # As her practitioner he sees the wish; as her father he stays in the line.
        entry = waiting.ask(actor=dr_bose, appointment_id=milas.id)
        waiting.set_priority(actor=dr_bose, entry_id=entry.id, priority=2)


def test_pages_of_the_portal_are_about_the_child(
    milas: Appointment, priya: User, rita: User, full: list[Appointment], mila_card: PatientCard
) -> None:
    client = browser(priya)
    page = Page(client.get(f"/appointments/{milas.id}/earlier/"))
    assert "You act for Mila Rao" in page.text
    form = page.form(f"/appointments/{milas.id}/earlier/")
    assert client.post(f"/appointments/{milas.id}/earlier/", form | {"weekdays": [], "part": ""}).status_code == 302
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    offer = WaitingOffer.objects.get()
    assert "/waiting/" in Page(client.get("/")).links
    page = Page(client.get("/waiting/"))
    assert faults(page) == []
    posted = page.form(f"/waiting/offers/{offer.id}/") | {"do": "accept"}
    assert posted["patient_id"] == str(mila_card.id)
    assert client.post(f"/waiting/offers/{offer.id}/", posted).status_code == 302
    assert Appointment.objects.get(id=milas.id).start == offer.start
    page = Page(client.get("/calendar/"))
    assert "You act for Mila Rao" in page.text
    made = client.post("/calendar/", {"patient_id": str(mila_card.id), "do": "make"})
    assert "This is your address" in Page(made).text


def test_page_about_one_person_answers_nothing_of_another(
    milas: Appointment, asha: User, rita: User, asha_card: PatientCard, mila_card: PatientCard, full: list[Appointment]
) -> None:
    """Asha, who is a patient, stands for Mila too: her own page leaves Mila's wishes alone."""
    Representation.objects.update(user=asha)
    entry = waiting.ask(actor=asha, appointment_id=milas.id)
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    offer = WaitingOffer.objects.get()
    client = browser(asha)
    own = {"patient_id": str(asha_card.id)}
    assert client.post(f"/waiting/offers/{offer.id}/", own | {"do": "accept"}).status_code == 404
    assert client.post(f"/waiting/{entry.id}/", own | {"do": "withdraw"}).status_code == 404
    assert WaitingOffer.objects.get().status == "open"


# --- The calendar -----------------------------------------------------------------------------------------------------
def feed(user: User, **body: str) -> str:
    made = api(user).post("/api/calendar-feed", body, format="json")
    assert made.status_code == 201, made.content
    return "/calendar/" + str(made.json()["url"]).rpartition("/")[2]


def test_calendar_of_a_child_is_the_mothers_and_ends_with_her_right(
    milas: Appointment, priya: User, rita: User, motherhood: Representation, mila_card: PatientCard
) -> None:
    path = feed(priya, patient_id=str(mila_card.id))
    _calendar, [event] = strict_ics.read(Client().get(path).content.decode())
    assert event["DTSTART"] == milas.start.strftime("%Y%m%dT%H%M%SZ")
    assert rights(priya, "calendar-feed") == {("create", *MOTHER)}
    reading = AccessEntry.objects.get(right="feed")
    assert (reading.patient_id, reading.purpose) == (mila_card.id, "on-behalf")
    end_representation(actor=rita, representation_id=motherhood.id, version=motherhood.version)
    assert Client().get(path).status_code == 404


def test_each_who_stands_for_the_child_has_a_calendar_of_their_own(
    milas: Appointment, priya: User, asha: User, rita: User, asha_card: PatientCard, mila_card: PatientCard
) -> None:
    first, own = feed(priya, patient_id=str(mila_card.id)), feed(asha)
    Representation.objects.create(
        patient_id=mila_card.id, user=asha, kind="parent", scope="everything", evidence="x", recorded_by=rita
    )
    second = feed(asha, patient_id=str(mila_card.id))
    assert [Client().get(path).status_code for path in (first, own, second)] == [200] * 3
    closed = api(asha).post("/api/calendar-feed/close", {"patient_id": str(mila_card.id)}, format="json")
    assert closed.status_code == 204
    assert [Client().get(path).status_code for path in (first, own, second)] == [200, 200, 404]


def test_calendar_of_a_minor_with_secrets_has_what_its_reader_booked(
    milas: Appointment, priya: User, rita: User, mila_card: PatientCard, full: list[Appointment]
) -> None:
    Appointment.objects.filter(id=full[0].id).update(patient_id=mila_card.id)
    path = feed(priya, patient_id=str(mila_card.id))
    assert len(strict_ics.read(Client().get(path).content.decode())[1]) == 2
    Representation.objects.update(restricted=True)
    assert len(strict_ics.read(Client().get(path).content.decode())[1]) == 1


# --- Messages ---------------------------------------------------------------------------------------------------------
def test_mother_is_told_in_her_language_whose_visit_it_is(milas: Appointment, priya: User, rita: User) -> None:
    deliver_events()
    [mail] = [one for one in send_mails() if one["To"] == priya.email]
    assert mail["Subject"] == "Appointment on Monday 2 March 2026 at 09:00"
    for text in (body(mail, "plain"), body(mail, "html")):
        assert "An appointment of Mila Rao is booked" in text
        assert "Hello Priya Rao," in text
        assert "/for-whom/" in text
    _calendar, [event] = strict_ics.read(ics_of(mail))
    assert priya.email in str(event)
    assert "Mila" not in ics_of(mail)
    notice = notices_for(priya.id)[0]
    assert (notice.sentence, notice.url) == (
        "Un rendez-vous est réservé pour une personne pour qui vous agissez.",
        "/for-whom/",
    )
    services.move(actor=rita, appointment_id=milas.id, start=at("09:00", days=7))
    services.cancel(actor=priya, appointment_id=milas.id)
    deliver_events()
    [mail] = [one for one in send_mails() if one["To"] == priya.email]
    assert "is cancelled" in mail["Subject"]


def test_offer_and_reminder_reach_the_mother(
    milas: Appointment, priya: User, rita: User, full: list[Appointment]
) -> None:
    from appointments.services import reminders

    waiting.ask(actor=priya, appointment_id=milas.id)
    services.cancel(actor=rita, appointment_id=full[2].id)
    waiting.run()
    deliver_events()
    mails = [one for one in send_mails() if one["To"] == priya.email]
    assert "Mila Rao is on our waiting list." in body(mails[-1], "plain")
    with time_machine.travel(datetime(2026, 2, 28, 8, 5, tzinfo=UTC)):
        reminders.remind_due()
        deliver_events()
        [mail] = [one for one in send_mails() if one["To"] == priya.email]
    assert mail["Subject"] == "Reminder: appointment on Monday 2 March 2026 at 09:00"


@pytest.mark.parametrize("why", ["child", "own", "same", "inactive", "secret"])
def test_mother_gets_no_mail_that_is_not_wanted(
    milas: Appointment, priya: User, rita: User, asha_card: PatientCard, mila_card: PatientCard, why: str
) -> None:
    from patients.models import Patient

    if why == "child":
        make_choice(actor=priya, patient_id=mila_card.id, category="contact-mail", provision="deny")
        # Nothing commits in this test, so nothing is dropped.
        cache.clear()
    elif why == "own":
        Patient.objects.filter(id=asha_card.id).update(user=priya)
        make_choice(actor=priya, patient_id=asha_card.id, category="contact-mail", provision="deny")
    elif why == "same":
        Patient.objects.filter(id=mila_card.id).update(email=priya.email)
    elif why == "inactive":
        User.objects.filter(id=priya.id).update(is_active=False)
    else:
        Representation.objects.update(restricted=True)
        Appointment.objects.filter(id=milas.id).update(booked_by=rita.id)
    deliver_events()
    to = [str(one["To"]) for one in send_mails()]
    assert to.count(priya.email) == (1 if why == "same" else 0)


def test_mail_that_waits_is_dropped_once_she_stands_for_the_child_no_more(
    milas: Appointment, priya: User, rita: User, motherhood: Representation
) -> None:
    deliver_events()
    end_representation(actor=rita, representation_id=motherhood.id, version=motherhood.version)
    row = Message.objects.get(to_email=priya.email, template="appointment_booked")
    assert not notifications.send(row.id)
    row.refresh_from_db()
    assert (row.status, row.text) == ("dropped", "")
