"""The portal for somebody else: who is chosen, that every page says so, and that two people are never mixed up."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from django.test import Client

from appointments.interface import my_appointments
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients.interface import (
    Contact,
    Identity,
    PatientCard,
    PractitionerCard,
    link_account,
    may_read_record,
    register_patient,
)
from patients.models import Consent, Representation
from patients.services import end_representation
from tests.appointments.fixtures import at
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

PAGES = ("/", "/appointments/", "/record/", "/access/", "/invoices/", "/choices/", "/book/", "/for-whom/")


@pytest.fixture
def as_priya(priya: User, motherhood: Representation) -> Client:
    """Priya, who is a patient herself and stands for Mila."""
    own = register_patient(
        actor=None,
        identity=Identity(family_name="Rao", given_names="Priya", birth_date=date(1985, 4, 1)),
        contact=Contact(email=priya.email),
    )
    link_account(patient_id=own.id, user_id=priya.id)
    return browser(priya)


def act_for(client: Client, patient: PatientCard) -> None:
    """And read the message that says so."""
    assert "now about" in Page(client.post("/for-whom/", {"patient_id": str(patient.id)}, follow=True)).text


def test_she_chooses_and_every_page_says_for_whom(as_priya: Client, mila_card: PatientCard) -> None:
    assert "You act for" not in Page(as_priya.get("/")).text
    act_for(as_priya, mila_card)
    for path in PAGES:
        page = Page(as_priya.get(path))
        assert "You act for Mila Rao" in page.text, path
        assert faults(page) == [], path


def test_a_mother_who_is_no_patient_acts_for_her_child_at_once(
    priya: User, mila_card: PatientCard, motherhood: Representation
) -> None:
    assert "You act for Mila Rao" in Page(browser(priya).get("/")).text


def test_dan_chooses_nobody(dan: User, dan_card: PatientCard, mila_card: PatientCard) -> None:
    client = browser(dan)
    for posted in ({"patient_id": str(mila_card.id)}, {"patient_id": "x"}, {}):
        assert client.post("/for-whom/", posted).status_code == 404
    assert "Mila" not in client.get("/for-whom/").content.decode()
    assert not AccessEntry.objects.filter(actor_id=dan.id, patient_id=mila_card.id).exists()


def test_what_stands_in_the_session_opens_nothing(dan: User, dan_card: PatientCard, mila_card: PatientCard) -> None:
    client = browser(dan)
    session = client.session
    session["acting-for"] = str(mila_card.id)
    session.save()
    assert client.get("/record/").status_code == 404
    assert client.get("/record/").status_code == 200


def test_ended_it_is_not_found_and_then_her_own_again(
    rita: User, as_priya: Client, mila_card: PatientCard, motherhood: Representation
) -> None:
    act_for(as_priya, mila_card)
    end_representation(actor=rita, representation_id=motherhood.id, version=motherhood.version)
    assert as_priya.get("/record/").status_code == 404
    page = Page(as_priya.get("/record/"))
    assert "Mila" not in page.text


def test_she_books_for_the_child_and_a_stale_tab_books_nothing(
    priya: User, as_priya: Client, mila_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID
) -> None:
    act_for(as_priya, mila_card)
    asked = {"type": "consultation", "practitioner": str(bose_card.id), "start": at("09:00").isoformat()}
    form = Page(as_priya.get("/book/confirm/", asked)).form("/book/confirm/")
    assert form["patient_id"] == str(mila_card.id)
    # In another tab she goes back to herself; the first one still shows the child.
    own = Page(as_priya.get("/for-whom/")).form("/for-whom/")["patient_id"]
    as_priya.post("/for-whom/", {"patient_id": own})
    refused = as_priya.post("/book/confirm/", {**asked, "patient_id": form["patient_id"]})
    assert refused.status_code == 409
    missing = as_priya.post("/book/confirm/", asked)
    assert missing.status_code == 409
    assert my_appointments(priya) == my_appointments(priya, patient_id=mila_card.id) == []
    act_for(as_priya, mila_card)
    assert as_priya.post("/book/confirm/", {**asked, "patient_id": form["patient_id"]}).status_code == 302
    assert len(my_appointments(priya, patient_id=mila_card.id)) == 1


def test_both_see_who_looked(as_priya: Client, priya: User, mila_card: PatientCard) -> None:
    act_for(as_priya, mila_card)
    as_priya.get("/record/")
    rows = AccessEntry.objects.filter(patient_id=mila_card.id, actor_id=priya.id, resource="record")
    assert [(row.right, row.purpose) for row in rows] == [("representative:parent", "on-behalf")]
    assert "medical record" in as_priya.get("/access/").content.decode()


def test_a_withheld_record_stays_closed(as_priya: Client, mila_card: PatientCard) -> None:
    Representation.objects.update(restricted=True)
    act_for(as_priya, mila_card)
    for path in ("/record/", "/access/", "/choices/"):
        assert as_priya.get(path).status_code == 403, path
    assert as_priya.get("/invoices/").status_code == 404
    assert as_priya.get("/").status_code == 200


# --- My choices ---
def test_a_patient_objects_and_takes_it_back(
    as_asha: Client, asha_card: PatientCard, dr_bose: User, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    page = Page(as_asha.get("/choices/"))
    assert faults(page) == []
    posted = {
        "patient_id": str(asha_card.id),
        "category": "record-sharing",
        "provision": "deny",
        "practitioner": str(bose_card.id),
    }
    assert as_asha.post("/choices/", {**posted, "practitioner": ""}).status_code == 422
    assert as_asha.post("/choices/", posted).status_code == 302
    assert not may_read_record(dr_bose, asha_card.id)
    row = Consent.objects.get()
    assert row.source == "portal"
    assert "Dr Anil Bose" in as_asha.get("/choices/").content.decode()
    posted = {"patient_id": str(asha_card.id), "do": "withdraw", "choice": str(row.id)}
    assert as_asha.post("/choices/", posted).status_code == 302
    assert may_read_record(dr_bose, asha_card.id)


def test_dan_does_not_take_back_ashas_choice(as_asha: Client, as_dan: Client, asha_card: PatientCard) -> None:
    as_asha.post("/choices/", {"category": "contact-mail", "provision": "deny"})
    row = Consent.objects.get()
    assert as_dan.post("/choices/", {"do": "withdraw", "choice": str(row.id)}).status_code == 404
    assert as_dan.post("/choices/", {"do": "withdraw", "choice": "x"}).status_code == 404
    row.refresh_from_db()
    assert row.withdrawn_at is None
