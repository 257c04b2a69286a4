"""Staff's pages about who may open a record: the tab of a patient, wards, emergencies and their review."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients.interface import PatientCard, PractitionerCard
from patients.models import Consent, EmergencyAccess, Representation, Unit, UnitMember, UnitStay
from patients.services import admit, open_emergency
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf
from tests.portal.pages import Page, faults

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

EMERGENCY = "/admin/patients/patient/emergency/"
QUEUE = "/admin/patients/emergencyaccess/"
REASON = "Found unconscious in the waiting room"


def browser(user: User) -> Client:
    client = Client()
    client.cookies["medisecure_language"] = "en"
    user.language = "en"
    user.save(update_fields=["language"])
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def tab(patient: PatientCard) -> str:
    return f"/admin/patients/patient/{patient.id}/access/"


def stand(patient: PatientCard, **values: str) -> dict[str, str]:
    return {
        "do": "represent",
        "patient_id": str(patient.id),
        "stand-patient_id": str(patient.id),
        "stand-email": "priya@example.org",
        "stand-kind": "parent",
        "stand-scope": "everything",
        "stand-evidence": "Livret de famille",
        **values,
    }


# --- The tab ---
def test_reception_records_and_ends_a_representation(rita: User, priya: User, mila_card: PatientCard) -> None:
    client = browser(rita)
    page = Page(client.get(tab(mila_card)))
    assert faults(page) == []
    assert client.post(tab(mila_card), stand(mila_card)).status_code == 302
    row = Representation.objects.get()
    assert "Priya Rao" in client.get(tab(mila_card)).content.decode()
    posted = {"do": "end", "patient_id": str(mila_card.id), "row": str(row.id), "version": str(row.version)}
    assert client.post(tab(mila_card), posted).status_code == 302
    row.refresh_from_db()
    assert row.ended_by == rita


def test_what_was_typed_stays_beside_what_is_wrong(rita: User, priya: User, asha_card: PatientCard) -> None:
    response = browser(rita).post(tab(asha_card), stand(asha_card))
    assert response.status_code == 422
    html = response.content.decode()
    assert "The patient is of age" in html
    assert "Livret de famille" in html


def test_a_page_of_another_patient_writes_nothing(
    rita: User, priya: User, mila_card: PatientCard, asha_card: PatientCard
) -> None:
    posted = stand(mila_card, patient_id=str(asha_card.id))
    assert browser(rita).post(tab(mila_card), posted).status_code == 409
    assert not Representation.objects.exists()


def test_a_line_of_another_patient_is_not_found(
    rita: User, mila_card: PatientCard, asha_card: PatientCard, motherhood: Representation
) -> None:
    posted = {"do": "end", "patient_id": str(asha_card.id), "row": str(motherhood.id), "version": "1"}
    browser(rita).post(tab(asha_card), posted)
    motherhood.refresh_from_db()
    assert motherhood.ended_at is None


def test_staff_record_an_objection(rita: User, asha_card: PatientCard, bose_card: PractitionerCard) -> None:
    posted = {
        "do": "consent",
        "patient_id": str(asha_card.id),
        "consent-patient_id": str(asha_card.id),
        "consent-category": "record-sharing",
        "consent-provision": "deny",
        "consent-practitioner": str(bose_card.id),
        "consent-source": "spoken",
    }
    client = browser(rita)
    assert client.post(tab(asha_card), {**posted, "consent-practitioner": ""}).status_code == 422
    assert client.post(tab(asha_card), posted).status_code == 302
    row = Consent.objects.get()
    assert (row.provision, row.recorded_by, row.source) == ("deny", rita, "spoken")
    assert "Dr Anil Bose" in client.get(tab(asha_card)).content.decode()
    posted = {"do": "withdraw", "patient_id": str(asha_card.id), "row": str(row.id)}
    assert client.post(tab(asha_card), posted).status_code == 302
    row.refresh_from_db()
    assert row.withdrawn_at is not None


@pytest.mark.parametrize(
    ("who", "status"), [("carol", 403), ("alice", 403), ("olga", 200), ("dr_bose", 404), ("nurse_chen", 404)]
)
def test_the_tab_is_for_whose_work_it_is(
    request: pytest.FixtureRequest, who: str, status: int, asha_card: PatientCard
) -> None:
    assert browser(request.getfixturevalue(who)).get(tab(asha_card)).status_code == status


def test_dan_does_not_come_in(dan: User, asha_card: PatientCard, ward: Unit) -> None:
    client = browser(dan)
    for path in (tab(asha_card), EMERGENCY, QUEUE, f"/admin/patients/unit/{ward.id}/ward/"):
        assert client.get(path).status_code in (302, 403, 404), path
        assert client.post(path, {}).status_code in (302, 403, 404), path


# --- Wards ---
def test_reception_admits_transfers_and_discharges(rita: User, ward: Unit, asha_card: PatientCard) -> None:
    other = Unit.objects.create(code="er", name="Emergency")
    client = browser(rita)
    page = f"/admin/patients/unit/{ward.id}/ward/"
    assert "Nobody lies here" in client.get(page).content.decode()
    wrong = client.post(page, {"record_number": "P00000099X", "bed": "7"})
    assert wrong.status_code == 422
    assert "P00000099X" in wrong.content.decode()
    assert client.post(page, {"record_number": asha_card.record_number, "bed": "7"}).status_code == 302
    assert "Asha Rao" in client.get(page).content.decode()
    stay = UnitStay.objects.get()
    address = f"/admin/patients/unit/stay/{stay.id}/"
    assert faults(Page(client.get(address))) == []
    posted = {
        "do": "transfer",
        "patient_id": str(asha_card.id),
        "version": str(stay.version),
        "unit": str(other.id),
        "bed": "1",
    }
    assert client.post(address, posted).status_code == 302
    stale = client.post(address, posted)
    assert stale.status_code == 422
    assert "This stay is over." in stale.content.decode()
    stay = UnitStay.objects.get(ends_at=None)
    posted = {"do": "discharge", "patient_id": str(asha_card.id), "version": str(stay.version)}
    assert client.post(f"/admin/patients/unit/stay/{stay.id}/", posted).status_code == 302
    assert not UnitStay.objects.filter(ends_at=None).exists()


def test_a_nurse_sees_her_ward_and_no_other(
    rita: User, nurse_chen: User, ward: Unit, chen_on_ward: UnitMember, asha_card: PatientCard
) -> None:
    other = Unit.objects.create(code="er", name="Emergency")
    admit(actor=rita, patient_id=asha_card.id, unit_id=ward.id)
    client = browser(nurse_chen)
    assert "Asha Rao" in client.get(f"/admin/patients/unit/{ward.id}/ward/").content.decode()
    assert client.get(f"/admin/patients/unit/{other.id}/ward/").status_code == 404
    assert "Emergency" not in client.get("/admin/patients/unit/").content.decode().split("result_list")[1]
    entry = AccessEntry.objects.get(resource="unit")
    assert (entry.actor_id, entry.right) == (nurse_chen.id, "unit")


def test_an_administrator_says_who_works_where(alice: User, ward: Unit, chen_card: PractitionerCard) -> None:
    client = browser(alice)
    page = f"/admin/patients/unit/{ward.id}/change/"
    assert client.get(page).status_code == 200
    posted = {
        "code": ward.code,
        "name": "Cardiology 2",
        "site": "",
        "active": "on",
        "members-TOTAL_FORMS": "1",
        "members-INITIAL_FORMS": "0",
        "members-0-practitioner": str(chen_card.id),
        "members-0-starts_on": "2026-01-05",
        "members-0-ends_on": "2026-01-01",
    }
    refused = client.post(page, posted)
    assert refused.status_code == 200
    assert "The last day is before the first." in refused.content.decode()
    assert client.post(page, {**posted, "members-0-ends_on": ""}).status_code == 302
    assert UnitMember.objects.get().practitioner_id == chen_card.id


# --- Emergency ---
def glass(patient: PatientCard, **values: str) -> dict[str, str]:
    return {
        "birth_date": "1980-05-02",
        "record_number": patient.record_number,
        "reason_code": "life-threatening",
        "reason": REASON,
        **values,
    }


def test_a_doctor_breaks_the_glass_works_and_ends_it(dr_bose: User, asha_card: PatientCard) -> None:
    client = browser(dr_bose)
    assert EMERGENCY in Page(client.get("/admin/patients/patient/")).links
    assert faults(Page(client.get(EMERGENCY))) == []
    opened = client.post(EMERGENCY, glass(asha_card))
    record = f"/admin/patients/patient/{asha_card.id}/record/"
    assert (opened.status_code, opened["Location"]) == (302, record)
    page = Page(client.get(record))
    assert "Emergency access until" in page.text
    form = page.form(f"/admin/patients/patient/{asha_card.id}/emergency/end/")
    assert client.post(form["action"], {"patient_id": form["patient_id"]}).status_code == 302
    assert client.get(record).status_code == 404


@pytest.mark.parametrize(
    "values",
    [{"birth_date": "1980-05-03"}, {"birth_date": "1980-02-31"}, {"reason": "quick"}, {"reason_code": ""}],
)
def test_what_is_wrong_opens_nothing_and_shows_nobody(
    dr_bose: User, asha_card: PatientCard, values: dict[str, str]
) -> None:
    response = browser(dr_bose).post(EMERGENCY, glass(asha_card, **values))
    html = response.content.decode()
    assert response.status_code == 422
    assert "Asha" not in html
    assert asha_card.record_number in html
    assert not EmergencyAccess.objects.exists()


def test_without_a_reason_the_search_is_not_even_made(dr_bose: User, asha_card: PatientCard) -> None:
    browser(dr_bose).post(EMERGENCY, glass(asha_card, reason="........................"))
    assert not AccessEntry.objects.filter(actor_id=dr_bose.id).exists()


@pytest.mark.parametrize("who", ["rita", "carol", "alice", "olga"])
def test_the_page_is_for_doctors_and_nurses(request: pytest.FixtureRequest, who: str, asha_card: PatientCard) -> None:
    client = browser(request.getfixturevalue(who))
    assert client.get(EMERGENCY).status_code == 403
    assert client.post(EMERGENCY, glass(asha_card)).status_code == 403
    assert EMERGENCY not in client.get("/admin/patients/patient/").content.decode()


def test_in_care_no_glass_is_broken(
    dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    response = browser(dr_bose).post(EMERGENCY, glass(asha_card))
    assert response.status_code == 422
    assert "no emergency access is needed" in response.content.decode()


# --- Review ---
@pytest.fixture
def opened(dr_bose: User, asha_card: PatientCard) -> EmergencyAccess:
    return open_emergency(actor=dr_bose, patient_id=asha_card.id, reason_code="life-threatening", reason=REASON)


def test_the_privacy_officer_sees_what_was_opened_and_judges(
    olga: User, dr_bose: User, asha_card: PatientCard, opened: EmergencyAccess
) -> None:
    browser(dr_bose).get(f"/admin/patients/patient/{asha_card.id}/record/")
    client = browser(olga)
    assert "Anil Bose" in client.get(QUEUE, {"queue": "open"}).content.decode()
    assert "Anil Bose" not in client.get(QUEUE, {"queue": "overdue"}).content.decode().split("result_list")[-1]
    path = f"{QUEUE}{opened.id}/change/"
    page = Page(client.get(path))
    assert faults(page) == []
    assert REASON in page.text
    assert "medical record" in page.text
    assert client.post(path, {"verdict": "unjustified", "comment": ""}).status_code == 422
    assert client.post(path, {"verdict": "unjustified", "comment": "Nobody called."}).status_code == 302
    opened.refresh_from_db()
    assert (opened.review, opened.review_comment) == ("unjustified", "Nobody called.")
    assert "Nobody called." in client.get(path).content.decode()
    looks = AccessEntry.objects.filter(actor_id=olga.id, resource="emergency", patient_id=asha_card.id)
    assert set(looks.values_list("action", flat=True)) == {"view", "review"}


@pytest.mark.parametrize("who", ["dr_bose", "nurse_chen", "rita", "carol", "alice"])
def test_the_queue_is_the_privacy_officers(request: pytest.FixtureRequest, who: str, opened: EmergencyAccess) -> None:
    client = browser(request.getfixturevalue(who))
    assert client.get(QUEUE).status_code == 403
    assert client.get(f"{QUEUE}{opened.id}/change/").status_code == 404
    assert client.post(f"{QUEUE}{opened.id}/change/", {"verdict": "justified"}).status_code == 404
    opened.refresh_from_db()
    assert opened.review == "open"


def test_a_number_that_is_none_is_not_found(olga: User, opened: EmergencyAccess) -> None:
    client = browser(olga)
    paths: list[Any] = [f"{QUEUE}x/change/", f"{QUEUE}{opened.patient_id}/change/", f"{QUEUE}{opened.id}/history/"]
    for path in paths:
        assert client.get(path).status_code == 404, path
