"""Staff's pages: narrowed lists, the door before each page, the record only to those who treat the patient."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.utils import translation
from django.utils.formats import date_format
from pytest_django import DjangoAssertNumQueries

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import Identity, PatientCard, PractitionerCard, practitioner_card, register_patient
from patients.models import Patient, Practitioner
from patients.templatetags.patients_record import in_words, measured
from tests.cast import ALL_DATABASES
from tests.patients.clinical import known, small_record, store
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

LIST = "/admin/patients/patient/"


def page(patient_id: Any) -> str:
    return f"{LIST}{patient_id}/change/"


def signed_in(client: Client, user: User) -> Client:
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_dan_does_not_enter(client: Client, dan: User, asha_card: PatientCard) -> None:
    for path in (LIST, page(asha_card.id)):
        assert signed_in(client, dan).get(path).status_code in (302, 403)


def test_reception_finds_a_patient_in_the_list(
    client: Client, rita: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    html = signed_in(client, rita).get(LIST, {"q": "äsha"}).content.decode()
    assert asha_card.record_number in html
    assert dan_card.record_number not in html
    assert AccessEntry.objects.get(action="search").resource_id == "results:1"


def test_a_search_that_cannot_be_answered_says_so(client: Client, rita: User, asha_card: PatientCard) -> None:
    response = signed_in(client, rita).get(LIST, {"q": "a"})
    assert response.status_code == 200
    assert asha_card.record_number not in response.content.decode()
    assert "100" in response.content.decode()


def test_a_doctors_list_is_their_own_patients(
    client: Client,
    dr_bose: User,
    bose_card: PractitionerCard,
    asha_card: PatientCard,
    dan_card: PatientCard,
    in_care: CareOf,
) -> None:
    in_care(asha_card, bose_card)
    html = signed_in(client, dr_bose).get(LIST).content.decode()
    assert asha_card.record_number in html
    assert dan_card.record_number not in html


@pytest.mark.parametrize("count", [2, 45])
def test_the_list_takes_the_same_queries_whatever_its_length(
    client: Client, rita: User, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for index in range(count):
        identity = Identity(family_name=f"Same{index}", given_names="Zoé", birth_date=date(2001, 9, 3))
        register_patient(actor=None, identity=identity)
    signed_in(client, rita)
    with django_assert_max_num_queries(12):
        client.get(LIST)


def test_reception_sees_the_identity_and_no_clinical_word(client: Client, rita: User, asha_card: PatientCard) -> None:
    store(small_record(known(asha_card.id)))
    html = signed_in(client, rita).get(page(asha_card.id)).content.decode()
    assert "Rao" in html
    assert "Hypertension" not in html
    entry = AccessEntry.objects.get(patient_id=asha_card.id, actor_id=rita.id)
    assert (entry.action, entry.resource) == ("view", "patient")


def test_the_doctor_reads_the_record_and_it_is_written_down(
    client: Client, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard, in_care: CareOf
) -> None:
    store(small_record(known(asha_card.id)))
    in_care(asha_card, bose_card)
    html = signed_in(client, dr_bose).get(f"{LIST}{asha_card.id}/record/").content.decode()
    assert "Hypertension" in html
    assert "66,0 /min" in html
    read = AccessEntry.objects.filter(patient_id=asha_card.id, actor_id=dr_bose.id).values_list("resource", flat=True)
    assert set(read) == {"record"}


def test_a_patient_out_of_sight_is_not_found(
    client: Client, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard
) -> None:
    signed_in(client, dr_bose)
    for path in (page(asha_card.id), page(new_id()), page("x"), f"{LIST}{asha_card.id}/history/"):
        assert client.get(path).status_code == 404, path


def fields(**changes: str) -> dict[str, str]:
    return {
        "family_name": "Ménard",
        "given_names": "Zoé",
        "used_name": "",
        "birth_date": "2001-09-03",
        "sex": "female",
        "phone": "",
        "email": "",
        "address_line": "",
        "postal_code": "",
        "city": "",
        "region": "",
        "country": "",
        "language": "fr",
        **changes,
    }


def test_reception_registers_a_patient(client: Client, rita: User) -> None:
    response = signed_in(client, rita).post(f"{LIST}add/", fields())
    assert response.status_code == 302, response.content.decode()
    patient = Patient.objects.get()
    assert patient.search_text == " menard zoe"
    assert AccessEntry.objects.filter(patient_id=patient.id, action="create", actor_id=rita.id).exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("family_name", "x" * 201), ("birth_date", "1700-01-01"), ("birth_date", "2001-02-30"), ("given_names", "12")],
)
def test_a_patient_who_cannot_be_is_shown_at_the_field(client: Client, rita: User, field: str, value: str) -> None:
    response = signed_in(client, rita).post(f"{LIST}add/", fields(**{field: value}))
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert not Patient.objects.exists()


def test_reception_corrects_a_patient(client: Client, rita: User, asha_card: PatientCard) -> None:
    changes = fields(
        family_name="Rao-Blanc", given_names="Asha", phone="0102030405", seen_version="1", patient_id=str(asha_card.id)
    )
    response = signed_in(client, rita).post(page(asha_card.id), changes)
    assert response.status_code == 302, response.content.decode()
    patient = Patient.objects.get(id=asha_card.id)
    assert (patient.family_name, patient.phone, patient.version) == ("Rao-Blanc", "0102030405", 2)
    assert patient.search_text == " rao blanc raoblanc asha"


def test_a_page_that_somebody_overtook_changes_nothing(client: Client, rita: User, asha_card: PatientCard) -> None:
    Patient.objects.filter(id=asha_card.id).update(version=5)
    response = signed_in(client, rita).post(page(asha_card.id), fields(seen_version="4", patient_id=str(asha_card.id)))
    assert response.context["adminform"].form.non_field_errors()
    assert "Ménard" in response.content.decode()
    assert Patient.objects.get(id=asha_card.id).family_name == "Rao"


def test_the_doctor_changes_no_identity(
    client: Client, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    signed_in(client, dr_bose).post(page(asha_card.id), fields(seen_version="1", patient_id=str(asha_card.id)))
    assert Patient.objects.get(id=asha_card.id).family_name == "Rao"


@pytest.mark.parametrize("who", ["rita", "alice", "olga"])
def test_nobody_deletes_a_patient(
    request: pytest.FixtureRequest, client: Client, who: str, asha_card: PatientCard
) -> None:
    signed_in(client, request.getfixturevalue(who)).post(f"{LIST}{asha_card.id}/delete/", {"post": "yes"})
    assert Patient.objects.filter(id=asha_card.id).exists()


def test_the_administrator_keeps_practitioners(client: Client, alice: User, bose_card: PractitionerCard) -> None:
    practitioner_card(bose_card.id)
    path = f"/admin/patients/practitioner/{bose_card.id}/change/"
    values = {"full_name": "Dr A. Bose", "specialty": "cardiology", "specialty_label": "Cardiology", "active": "on"}
    response = signed_in(client, alice).post(path, values)
    assert response.status_code == 302, response.content.decode()
    assert Practitioner.objects.get(id=bose_card.id).full_name == "Dr A. Bose"
    html = client.get("/admin/patients/practitioner/", {"q": "bose"}).content.decode()
    assert "Dr A. Bose" in html


def test_the_search_box_has_a_name(client: Client, rita: User) -> None:
    html = signed_in(client, rita).get(LIST).content.decode()
    box = next(tag for tag in re.findall(r"<input[^>]*>", html) if 'id="searchbar"' in tag)
    assert re.search(r'aria-label="[^"]+"', box)


def test_the_page_is_headed_by_the_name_and_leads_to_the_record(
    client: Client, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    html = signed_in(client, dr_bose).get(page(asha_card.id)).content.decode()
    assert '<h1 class="ws-name"><bdi>Asha Rao</bdi></h1>' in html
    assert f'href="{LIST}{asha_card.id}/record/"' in html


def test_units_and_states_are_written_in_words() -> None:
    with translation.override("fr"):
        assert measured({"quantity": "37.0", "unit": "Cel"}) == "37,0 °C"
    with translation.override("en"):
        assert measured({"quantity": "37.0", "unit": "Cel"}) == "37.0 °C"
    assert measured({"quantity": "3", "unit": "{score}"}) == "3"
    assert in_words("a-code-of-theirs") == "a-code-of-theirs"


@pytest.mark.parametrize(("precision", "shown"), [("year", "1980"), ("month", "mai 1980"), ("day", "02/05/1980")])
def test_the_list_shows_no_more_of_a_birth_date_than_is_known(
    client: Client, rita: User, asha_card: PatientCard, precision: str, shown: str
) -> None:
    Patient.objects.filter(id=asha_card.id).update(birth_precision=precision)
    html = signed_in(client, rita).get(LIST).content.decode()
    assert f'class="field-birth_day nowrap">{shown}<' in html or f'class="field-birth_day">{shown}<' in html


def test_english_dates_put_the_day_first() -> None:
    with translation.override("en"):
        assert date_format(date(2026, 4, 3), "DATE_FORMAT") == "3 April 2026"
        assert date_format(date(2026, 4, 3), "SHORT_DATE_FORMAT") == "03/04/2026"
        assert parse_localized("03/04/2026") == date(2026, 4, 3)


def parse_localized(text: str) -> Any:
    return forms.DateField(localize=True).clean(text)
