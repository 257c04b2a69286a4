"""Reception gives a patient access to the portal; the patient's choice of language is the hospital's too."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.errors import Conflict, Invalid, Refused
from medisecure.kernel.ids import new_id
from medisecure.notifications.models import Message
from patients import services
from patients.interface import Contact, Identity, PatientCard, patient_card, register_patient
from patients.models import Patient
from tests.cast import ALL_DATABASES
from tests.support import send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

PASSWORD = "seven brown horses"


def new_patient(email: str = "zoe@example.org", language: str = "fr") -> PatientCard:
    identity = Identity(family_name="Ménard", given_names="Zoé", birth_date=date(1990, 1, 2))
    return register_patient(actor=None, identity=identity, contact=Contact(email=email, language=language))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def page(patient: PatientCard) -> str:
    return f"/admin/patients/patient/{patient.id}/change/"


def access_page(patient: PatientCard) -> str:
    return f"/admin/patients/patient/{patient.id}/portal-access/"


def html(response: Any) -> str:
    return str(response.content.decode())


def test_reception_gives_access_and_the_patient_signs_in(rita: User, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://hospital.example"
    patient, desk = new_patient(), signed_in(rita)
    assert access_page(patient) in html(desk.get(page(patient)))
    question = html(desk.get(access_page(patient)))
    assert "zoe@example.org" in question
    assert Message.objects.count() == 0, "asking changes nothing"

    answer = desk.post(access_page(patient), {"patient_id": str(patient.id)}, headers={"host": "localhost"})
    assert answer["Location"] == page(patient)
    assert "zoe@example.org" in html(desk.get(page(patient)))

    (sent,) = send_mails()
    assert (sent["To"], sent["Content-Language"]) == ("zoe@example.org", "fr")
    text = sent.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # the mail has one
    (link,) = re.findall(r"https://hospital\.example(/accounts/\S*/key/\S+)", text)

    zoe = Client()
    form = zoe.get(link, follow=True)
    zoe.post(form.redirect_chain[-1][0], {"password1": PASSWORD, "password2": PASSWORD})
    zoe.post("/accounts/login/", {"login": "zoe@example.org", "password": PASSWORD})
    assert patient.record_number in html(zoe.get("/profile/"))
    assert "/key/" not in Message.objects.get().text


def test_the_invitation_is_audited(rita: User) -> None:
    patient = new_patient()
    services.give_portal_access(actor=rita, patient_id=patient.id)
    assert AccessEntry.objects.filter(patient_id=patient.id, actor_id=rita.id, action="invite").count() == 1


@pytest.mark.parametrize(("language", "expected"), [("en-US", "en"), ("pt", "fr")])
def test_the_invitation_is_in_the_patients_language(rita: User, language: str, expected: str) -> None:
    services.give_portal_access(actor=rita, patient_id=new_patient(language=language).id)
    (sent,) = send_mails()
    assert sent["Content-Language"] == expected


def test_a_patient_without_an_address_cannot_be_invited(rita: User) -> None:
    patient, desk = new_patient(email=""), signed_in(rita)
    answer = desk.get(access_page(patient))
    assert 'role="alert"' in html(answer)
    assert 'type="submit" class="default"' not in html(answer)
    assert desk.post(access_page(patient), {"patient_id": str(patient.id)}).status_code == 409
    with pytest.raises(Invalid):
        services.give_portal_access(actor=rita, patient_id=patient.id)
    assert Message.objects.count() == 0


def test_a_patient_with_an_account_is_not_offered_another(rita: User, asha_card: PatientCard) -> None:
    desk = signed_in(rita)
    assert access_page(asha_card) not in html(desk.get(page(asha_card)))
    assert 'role="alert"' in html(desk.get(access_page(asha_card)))
    assert desk.post(access_page(asha_card), {"patient_id": str(asha_card.id)}).status_code == 409
    with pytest.raises(Conflict):
        services.give_portal_access(actor=rita, patient_id=asha_card.id)
    assert Message.objects.count() == 0


def test_an_address_that_is_taken_is_said_and_nothing_is_made(rita: User, asha: User) -> None:
    patient = new_patient(email=asha.email)
    answer = signed_in(rita).post(access_page(patient), {"patient_id": str(patient.id)})
    assert answer.status_code == 409
    assert 'role="alert"' in html(answer)
    assert Message.objects.count() == 0
    assert patient_card(patient.id).user_id is None


def test_only_who_changes_patients_gives_access(
    nurse_chen: User, carol: User, asha: User, chen_card: object, in_care: Any
) -> None:
    patient = new_patient()
    in_care(patient, chen_card)
    assert access_page(patient) not in html(signed_in(nurse_chen).get(page(patient)))
    assert signed_in(nurse_chen).post(access_page(patient), {"patient_id": str(patient.id)}).status_code == 403
    assert signed_in(carol).post(access_page(patient), {"patient_id": str(patient.id)}).status_code == 403
    assert signed_in(asha).post(access_page(patient), {"patient_id": str(patient.id)}).status_code in (302, 403)
    with pytest.raises(Refused):
        services.give_portal_access(actor=carol, patient_id=patient.id)
    assert not User.objects.filter(email=patient.email).exists()


def test_an_unknown_patient_is_not_found(rita: User) -> None:
    assert signed_in(rita).get(f"/admin/patients/patient/{new_id()}/portal-access/").status_code == 404


# --- language ---------------------------------------------------------------------------------------------------------


def test_a_language_chosen_in_the_portal_is_that_of_mails_about_the_patient(
    asha: User, asha_card: PatientCard, django_capture_on_commit_callbacks: Any
) -> None:
    assert patient_card(asha_card.id).language == "fr"  # cached
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(asha).post("/profile/", {"language": "en"})
    asha.refresh_from_db()
    assert asha.language == "en"
    assert patient_card(asha_card.id).language == "en"
    row = Patient.objects.get(id=asha_card.id)
    assert (row.language, row.version) == ("en", 2)
    assert AccessEntry.objects.filter(patient_id=row.id, actor_id=asha.id, action="change").count() == 1


def test_the_switch_in_the_page_head_does_the_same(
    asha: User, asha_card: PatientCard, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(asha).post("/language/", {"language": "en", "next": "/"})
    assert patient_card(asha_card.id).language == "en"


def test_a_choice_that_agrees_loses_nothing(asha: User, asha_card: PatientCard) -> None:
    Patient.objects.filter(id=asha_card.id).update(language="en-US")
    services.choose_language(user=asha, language="en")
    assert Patient.objects.get(id=asha_card.id).language == "en-US"
    assert not AccessEntry.objects.filter(action="change").exists()


def test_a_language_that_we_write_no_mails_in_gives_way(asha: User, asha_card: PatientCard) -> None:
    Patient.objects.filter(id=asha_card.id).update(language="pt")
    services.choose_language(user=asha, language="fr")
    assert Patient.objects.get(id=asha_card.id).language == "fr"


def test_a_language_that_is_not_spoken_changes_nothing(asha: User, asha_card: PatientCard) -> None:
    with pytest.raises(Invalid):
        services.choose_language(user=asha, language="tlh")
    assert Patient.objects.get(id=asha_card.id).language == "fr"


def test_staff_choose_a_language_without_being_patients(rita: User) -> None:
    services.choose_language(user=rita, language="en")
    rita.refresh_from_db()
    assert rita.language == "en"
