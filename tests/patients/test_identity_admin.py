"""The identity's page: its lists, without a script too; numbers hidden and shown; the document that verifies."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients.interface import Details, InsurerEntry, NewIdentifier, PatientCard, PractitionerCard, save_patient
from patients.models import Coverage, EmergencyContact, IdentityCheck, Patient, PatientIdentifier
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf
from tests.patients.forms import forms_of, main_of
from tests.patients.test_admin import LIST, page, signed_in

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

ADD = f"{LIST}add/"


def form(client: Client, path: str) -> dict[str, str]:
    """What the browser would post of the page's own form, as it came."""
    found = [one for one in forms_of(main_of(client.get(path).content.decode())) if "family_name" in one.values]
    return dict(found[0].values)


def document_form(client: Client, path: str) -> dict[str, str]:
    found = forms_of(main_of(client.get(path).content.decode()))
    return next(one.values for one in found if "document" in one.values)


def rows(prefix: str, *lines: dict[str, str], stored: int = 0) -> dict[str, str]:
    found = {f"{prefix}-TOTAL_FORMS": str(len(lines)), f"{prefix}-INITIAL_FORMS": str(stored)}
    for place, line in enumerate(lines):
        found |= {f"{prefix}-{place}-{name}": value for name, value in line.items()}
    return found


NIR = {"kind": "fr-nir", "value": "2 80 05 78 006 084"}
RAVI = {"full_name": "Ravi Rao", "relation": "spouse", "phone": "+33 6 39 98 00 11", "may_be_told": "on"}
FUND = {"role": "mandatory", "payer": "Caisse de Valmont", "member_number": "280057800608462"}
INSURER = InsurerEntry(role=FUND["role"], payer=FUND["payer"], member_number=FUND["member_number"])
ASHA = {"family_name": "Rao", "given_names": "Asha", "birth_date": "1980-05-02", "sex": "female"}


def with_everything(client: Client, **changes: str) -> dict[str, str]:
    lists = rows("identifiers", NIR) | rows("contacts", RAVI) | rows("insurers", FUND)
    return {**form(client, ADD), **ASHA, **lists, **changes}


def test_the_form_for_a_new_patient_is_there(client: Client, rita: User) -> None:
    posted = form(signed_in(client, rita), ADD)
    assert posted["identifiers-TOTAL_FORMS"] == "1"
    assert posted["form_key"]


def test_a_patient_is_registered_with_all_that_belongs_to_them(client: Client, rita: User) -> None:
    response = client.post(ADD, with_everything(signed_in(client, rita)))
    assert response.status_code == 302, response.content.decode()
    patient = Patient.objects.get()
    assert PatientIdentifier.objects.get(patient=patient).value[:13] == "2800578006084"
    assert EmergencyContact.objects.get(patient=patient).may_be_told
    assert Coverage.objects.get(patient=patient).member_number == FUND["member_number"]


def test_the_same_form_sent_twice_is_one_patient(client: Client, rita: User) -> None:
    posted = with_everything(signed_in(client, rita))
    first, second = client.post(ADD, posted), client.post(ADD, posted)
    assert (first.status_code, second.status_code) == (302, 302)
    assert Patient.objects.count() == PatientIdentifier.objects.count() == 1


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        (rows("identifiers", {**NIR, "value": "280057800608400"}), "clé"),
        (rows("identifiers", {**NIR, "value": "<b>" * 3000}), "13 caractères"),
        (rows("contacts", {**RAVI, "phone": "1"}), "six chiffres"),
        (rows("insurers", FUND, {**FUND, "payer": "Autre"}), "même jour"),
        (rows("contacts", {**RAVI, "id": str(new_id())}), "pas un contact de ce patient"),
    ],
)
def test_a_fault_is_said_at_its_row_and_nothing_typed_is_lost(
    client: Client, rita: User, lists: dict[str, str], said: str
) -> None:
    response = client.post(ADD, {**with_everything(signed_in(client, rita)), **lists})
    html = response.content.decode()
    assert response.status_code == 200
    assert said in html.replace("&#x27;", "'")
    assert 'value="Rao"' in html
    again = next(one.values for one in forms_of(main_of(html)) if "family_name" in one.values)
    typed = {name: text for name, text in lists.items() if name in again and not name.endswith("may_be_told")}
    assert {name: again[name] for name in typed} == typed
    assert not Patient.objects.exists()


def test_a_number_that_does_not_agree_is_confirmed_by_a_box(client: Client, rita: User) -> None:
    posted = with_everything(signed_in(client, rita), **{"identifiers-0-value": "1810678006084"})
    html = client.post(ADD, posted).content.decode()
    assert 'name="identifiers-0-confirmed"' in html
    assert client.post(ADD, {**posted, "identifiers-0-confirmed": "on"}).status_code == 302


@pytest.mark.parametrize("part", ["identifiers", "contacts", "insurers"])
def test_one_more_row_without_a_script(client: Client, rita: User, part: str) -> None:
    posted = with_everything(signed_in(client, rita), birth_date="not a date", add_row=part)
    html = client.post(ADD, posted).content.decode()
    assert f'name="{part}-TOTAL_FORMS" value="2"' in html
    assert 'class="errorlist"' not in html
    assert 'value="Ravi Rao"' in html
    assert not Patient.objects.exists()


def test_lists_are_changed_on_the_page(client: Client, rita: User, asha_card: PatientCard) -> None:
    details = Details(new_identifiers=[NewIdentifier(kind="fr-nir", value="2800578006084")], insurers=[INSURER])
    save_patient(actor=rita, patient_id=asha_card.id, version=1, details=details)
    row, insurer = PatientIdentifier.objects.get(), Coverage.objects.get()
    html = signed_in(client, rita).get(page(asha_card.id)).content.decode()
    assert "2800578006084" not in html.replace(" ", "")
    posted = form(client, page(asha_card.id))
    assert posted["insurers-0-member_number"] == ""
    posted |= {"insurers-0-payer": "Autre caisse", **rows("contacts", RAVI), "end_identifiers": str(row.id)}
    response = client.post(page(asha_card.id), posted)
    assert response.status_code == 302, response.content.decode()
    insurer.refresh_from_db()
    assert (insurer.payer, insurer.member_number) == ("Autre caisse", FUND["member_number"])
    assert PatientIdentifier.objects.get().status == "old"
    assert EmergencyContact.objects.get().full_name == "Ravi Rao"
    posted = form(client, page(asha_card.id))
    client.post(page(asha_card.id), {**posted, "contacts-0-DELETE": "on"})
    assert not EmergencyContact.objects.exists()


def test_another_patients_number_is_named_on_the_page(
    client: Client, rita: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    number = NewIdentifier(kind="fr-nir", value="2800578006084")
    save_patient(actor=rita, patient_id=asha_card.id, version=1, details=Details(new_identifiers=[number]))
    posted = form(signed_in(client, rita), page(dan_card.id))
    posted |= rows("identifiers", {**NIR, "confirmed": "on"})
    html = client.post(page(dan_card.id), posted).content.decode()
    assert asha_card.record_number in html
    stolen = form(client, page(dan_card.id)) | {"end_identifiers": str(PatientIdentifier.objects.get().id)}
    assert "pas un numéro de ce patient" in client.post(page(dan_card.id), stolen).content.decode()
    assert PatientIdentifier.objects.get().status == "active"


def test_a_number_is_shown_by_script_and_on_a_page(client: Client, rita: User, asha_card: PatientCard) -> None:
    number = NewIdentifier(kind="fr-nir", value="2800578006084")
    save_patient(actor=rita, patient_id=asha_card.id, version=1, details=Details(new_identifiers=[number]))
    row = PatientIdentifier.objects.get()
    address = f"{LIST}{asha_card.id}/reveal/"
    posted = {"patient_id": str(asha_card.id), "item": f"identifier:{row.id}"}
    answer = signed_in(client, rita).post(address, posted, headers={"Accept": "application/json"})
    assert answer.json()["value"].replace(" ", "") == row.value
    assert "no-store" in answer["Cache-Control"]
    assert "2 80 05 78 006 084" in client.post(address, posted).content.decode()
    assert AccessEntry.objects.filter(action="reveal", actor_id=rita.id).count() == 2
    for item in ("", "x", f"x:{row.id}", f"identifier:{new_id()}", f"insurer:{row.id}"):
        assert client.post(address, {**posted, "item": item}).status_code == 404
    assert client.get(address).status_code == 405


def test_a_document_verifies_on_the_page_and_changed_traits_undo_it(
    client: Client, rita: User, asha_card: PatientCard
) -> None:
    address = f"{LIST}{asha_card.id}/verify/"
    signed_in(client, rita)
    posted = document_form(client, address)
    wrong = client.post(address, {**posted, "seen_on": "2999-01-01", "number": "12AB34567"})
    assert wrong.status_code == 422
    assert 'value="12AB34567"' in wrong.content.decode()
    assert client.post(address, {**posted, "number": "12AB34567"}).status_code == 302
    html = client.get(page(asha_card.id)).content.decode()
    assert "Rita Blanc" in html
    assert "12AB34567" not in html
    assert client.post(address, posted).status_code == 422  # the page is older than the verification
    changed = form(client, page(asha_card.id)) | {"family_name": "Raô"}
    html = client.post(page(asha_card.id), changed, follow=True).content.decode()
    assert "provisoire" in re.sub(r"\s+", " ", html)
    assert IdentityCheck.objects.get().ended_because == "traits-changed"


def test_the_way_back_to_provisional(client: Client, rita: User, asha_card: PatientCard) -> None:
    address = f"{LIST}{asha_card.id}/verify/"
    signed_in(client, rita)
    posted = document_form(client, address)
    client.post(address, posted)
    back = {"patient_id": str(asha_card.id), "seen_version": "2", "withdraw": "1"}
    assert client.post(address, back).status_code == 422
    assert client.post(address, {**back, "because": "doubt"}).status_code == 302
    assert Patient.objects.get().identity_status == "provisional"


@pytest.mark.parametrize("who", ["carol", "dr_bose"])
def test_others_see_the_lists_and_change_nothing(
    request: pytest.FixtureRequest,
    client: Client,
    who: str,
    rita: User,
    asha_card: PatientCard,
    bose_card: PractitionerCard,
    in_care: CareOf,
) -> None:
    in_care(asha_card, bose_card)
    number = NewIdentifier(kind="fr-nir", value="2800578006084")
    details = Details(new_identifiers=[number], insurers=[INSURER])
    save_patient(actor=rita, patient_id=asha_card.id, version=1, details=details)
    html = signed_in(client, request.getfixturevalue(who)).get(page(asha_card.id)).content.decode()
    assert "Caisse de Valmont" in html
    assert 'name="identifiers-TOTAL_FORMS"' not in html
    assert client.get(f"{LIST}{asha_card.id}/verify/").status_code == 403
    before: Any = Patient.objects.values().get()
    client.post(page(asha_card.id), {**ASHA, "patient_id": str(asha_card.id), **rows("contacts", RAVI)})
    assert Patient.objects.values().get() == before
    assert not EmergencyContact.objects.exists()
