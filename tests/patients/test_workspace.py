"""The frame of every staff page about a patient. The tests walk all its addresses: a new page without it fails here."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from django.utils import translation
from django.utils.html import escape

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.errors import WrongPatient
from medisecure.kernel.ids import new_id
from patients import rules, services
from patients.interface import PatientCard, PractitionerCard
from patients.models import Allergy, Merge, Patient
from patients.rules.allergies import AllergyFact, Asked
from tests.architecture.test_urls import walk
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf
from tests.patients.forms import forms_of, main_of
from tests.patients.merging import second_file
from tests.patients.test_admin import LIST, page, signed_in

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

PREFIX = "admin/patients/patient/"
#: Django's own address for old links, which leads to the page of the patient; and a pair of files side by side.
NOT_PAGES = {
    "admin/patients/patient/<path:object_id>/",
    "admin/patients/patient/<path:object_id>/delete/",
    "admin/patients/patient/duplicates/<uuid:pair_id>/",
}
#: Parameter of an address besides the patient's id → what makes an example for Asha.
EXAMPLES: dict[str, Callable[[UUID], str]] = {
    "note_id": lambda patient_id: str(example_note(patient_id)),
    "kind": lambda patient_id: "allergy",
    "entry_id": lambda patient_id: str(Allergy.objects.create(patient_id=patient_id, display="Latex").id),
    "merge_id": lambda patient_id: str(example_merge(patient_id)),
}


def example_note(patient_id: UUID) -> UUID:
    """A signed note of Dr Bose's that is being amended: its page has every form that a note can have."""
    note_id = new_id()
    author = User.objects.get(email="bose@example.org")
    services.sign_note(actor=author, patient_id=patient_id, note_id=note_id, version=0, text="Signed.")
    services.save_draft(actor=author, patient_id=patient_id, note_id=note_id, version=2, text="Amended.")
    return note_id


def example_merge(patient_id: UUID) -> UUID:
    """A merge that is done, whose page has the form that takes it back."""
    merge = Merge.objects.create(
        survivor_id=patient_id, loser_id=second_file().id, status="done", reason="x", started_by=User.objects.all()[0]
    )
    return merge.id


def routes() -> list[str]:
    found = {route for route, _pattern in walk(get_resolver().url_patterns) if route.startswith(PREFIX)}
    return sorted(route for route in found - NOT_PAGES if "<" in route)


def address(route: str, patient_id: UUID) -> str:
    path = re.sub(r"<\w+:(?:patient_id|object_id)>", str(patient_id), route)
    for name in re.findall(r"<\w+:(\w+)>", path):
        assert name in EXAMPLES, f"say in EXAMPLES what an example of <{name}> is, for {route}"
        path = re.sub(rf"<\w+:{name}>", EXAMPLES[name](patient_id), path)
    return f"/{path}"


def everything() -> dict[str, list[Any]]:
    """All rows of the patients app, to see that nothing was written."""
    return {
        model._meta.label: sorted(map(str, model._default_manager.values_list()))
        for model in apps.get_app_config("patients").get_models()
    }


@pytest.mark.parametrize("who", ["dr_bose", "rita"])
@pytest.mark.parametrize("route", routes())
def test_each_page_shows_who_it_is_and_binds_its_forms_to_them(
    request: pytest.FixtureRequest,
    client: Client,
    route: str,
    who: str,
    bose_card: PractitionerCard,
    asha_card: PatientCard,
    dan_card: PatientCard,
    in_care: CareOf,
) -> None:
    in_care(asha_card, bose_card)
    in_care(dan_card, bose_card)
    signed_in(client, request.getfixturevalue(who))
    path = address(route, asha_card.id)
    response = client.get(path, follow=True)
    if response.status_code in (403, 405):  # not for this role, or only to send something to
        return
    assert response.status_code == 200, path
    if not response["Content-Type"].startswith("text/html"):
        return
    path = response.request["PATH_INFO"]
    html = main_of(response.content.decode())
    assert "ws-banner" in html, f"{path} does not extend workspace.html"
    assert asha_card.record_number in html
    for found in forms_of(html):
        if found.method != "post" or not found.can_be_sent:
            continue
        assert found.values.get("patient_id") == str(asha_card.id), f"a form of {path} does not post the patient's id"
        before = everything()
        for name, value in found.buttons.items() or [("", "")]:
            # The page showed Dan, and is sent to Asha's address.
            posted = {**found.values, "patient_id": str(dan_card.id), **({name: value} if name else {})}
            answer = client.post(found.action or path, posted)
            assert escape(str(WrongPatient.title)) in answer.content.decode(), f"{path}: {answer.status_code}"
            assert everything() == before, f"{path} wrote something"
        without = {name: value for name, value in found.values.items() if name != "patient_id"}
        client.post(found.action or path, without)
        assert everything() == before, f"{path} wrote something without the patient's id"


def test_the_walk_finds_the_pages() -> None:
    assert f"{PREFIX}<path:object_id>/change/" in routes()
    assert f"{PREFIX}<uuid:patient_id>/record/" in routes()


def test_what_was_typed_stays_on_the_page_of_a_stale_tab(
    client: Client, rita: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    signed_in(client, rita)
    (form,) = [
        found for found in forms_of(main_of(client.get(page(dan_card.id)).content.decode())) if found.method == "post"
    ]
    form.values["city"] = "Villeurbanne"
    html = client.post(page(asha_card.id), form.values).content.decode()
    assert 'value="Villeurbanne"' in html
    # Once more is refused too: the page still knows for whom it was made.
    (again,) = [found for found in forms_of(main_of(html)) if found.method == "post"]
    assert again.values["patient_id"] == str(dan_card.id)


def banner(client: Client, path: str) -> str:
    html = client.get(path).content.decode()
    return html.split('<section class="ws-banner"', 1)[1].split("</section>", 1)[0]


def test_reception_sees_no_allergy_anywhere(
    client: Client, rita: User, asha_card: PatientCard, bose_card: PractitionerCard
) -> None:
    Allergy.objects.create(patient_id=asha_card.id, display="Latex", status="active")
    html = banner(signed_in(client, rita), page(asha_card.id))
    assert "Latex" not in html
    assert "ws-allergies" not in html
    assert not AccessEntry.objects.filter(actor_id=rita.id).exclude(resource="patient").exists()


def test_the_doctor_sees_allergies_on_each_page_and_it_is_written_down(
    client: Client, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    Allergy.objects.create(
        patient_id=asha_card.id, display="Latex", status="active", reactions=[{"display": "Eczéma", "severity": ""}]
    )
    Allergy.objects.create(patient_id=asha_card.id, display="Pénicilline", status="active", criticality="high")
    Allergy.objects.create(patient_id=asha_card.id, display="Pollen", status="active", verification="refuted")
    for path in (page(asha_card.id), f"{LIST}{asha_card.id}/record/"):
        html = banner(signed_in(client, dr_bose), path)
        assert html.index("Pénicilline") < html.index("Latex"), "the dangerous one comes first"
        assert "Eczéma" in html
        assert "Pollen" not in html
    entries = AccessEntry.objects.filter(actor_id=dr_bose.id).values_list("resource", flat=True)
    assert set(entries) == {"patient", "allergies", "record"}


def test_none_known_and_not_asked_are_told_apart(
    client: Client, dr_bose: User, bose_card: PractitionerCard, asha_card: PatientCard, in_care: CareOf
) -> None:
    in_care(asha_card, bose_card)
    signed_in(client, dr_bose)
    assert "ws-allergies-not-asked" in banner(client, page(asha_card.id))
    Allergy.objects.create(patient_id=asha_card.id, code=rules.NO_KNOWN_ALLERGY, status="active")
    assert "ws-allergies-none-known" in banner(client, page(asha_card.id))
    Allergy.objects.create(patient_id=asha_card.id, display="Latex", status="active")
    assert "ws-allergies-listed" in banner(client, page(asha_card.id))


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ([], Asked.NOT_ASKED),
        ([AllergyFact("716186003", "none")], Asked.NONE_KNOWN),
        ([AllergyFact("716186003", "none", verification="entered-in-error")], Asked.NOT_ASKED),
        ([AllergyFact("409137002", "no known drug allergy")], Asked.NOT_ASKED),
        ([AllergyFact("716186003", "none"), AllergyFact("", "latex")], Asked.LISTED),
        ([AllergyFact("", "latex", status="resolved")], Asked.NOT_ASKED),
        ([AllergyFact("", "latex", status="")], Asked.LISTED),
    ],
)
def test_what_may_be_said_of_allergies(facts: list[AllergyFact], asked: Asked) -> None:
    assert rules.allergy_summary(facts).asked == asked


@pytest.mark.parametrize(
    ("birth", "parts"),
    [
        (date(1980, 11, 23), (45, "years")),
        (date(2024, 11, 22), (2, "years")),
        (date(2024, 11, 23), (23, "months")),
        (date(2026, 10, 22), (1, "months")),
        (date(2026, 10, 23), (30, "days")),
        (date(2026, 11, 22), (0, "days")),
    ],
)
def test_age_is_said_in_years_months_or_days(birth: date, parts: tuple[int, str]) -> None:
    assert rules.age_parts(birth, date(2026, 11, 22)) == parts


def test_the_banner_says_what_is_known_of_the_person(client: Client, rita: User, asha_card: PatientCard) -> None:
    Patient.objects.filter(id=asha_card.id).update(used_name="Blanc", deceased=True, active=False)
    signed_in(client, rita)
    with translation.override("fr"):
        html = banner(client, page(asha_card.id))
    assert "Asha Blanc" in html
    assert "<bdi>Rao</bdi>" in html
    assert "2 mai 1980" in html
    assert "ws-age" not in html, "nobody knows at what age she died"
    assert html.count("ws-flag-warn") == 2
    assert "ws-unverified" in html


def test_a_page_is_not_kept_by_the_browser(client: Client, rita: User, asha_card: PatientCard) -> None:
    for path in (page(asha_card.id), f"{LIST}{asha_card.id}/portal-access/"):
        assert "no-store" in signed_in(client, rita).get(path)["Cache-Control"]


def test_the_frame_takes_the_same_queries_however_many_allergies(
    client: Client,
    dr_bose: User,
    bose_card: PractitionerCard,
    asha_card: PatientCard,
    in_care: CareOf,
) -> None:
    in_care(asha_card, bose_card)
    signed_in(client, dr_bose).get(page(asha_card.id))
    counts = []
    for _round in range(2):
        with CaptureQueriesContext(connection) as queries:
            client.get(page(asha_card.id))
        counts.append(len(queries))
        for index in range(20):
            Allergy.objects.create(patient_id=asha_card.id, display=f"Substance {index}", status="active")
    assert counts[0] == counts[1]
