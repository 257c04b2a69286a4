"""The access matrix, tried: each row as each viewer, at each address of the API and each page for staff.

A row without an address fails, and so does an address about a patient that is in no row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import get_resolver
from rest_framework.test import APIClient

from appointments.interface import book
from documents.interface import upload_document
from medisecure.accounts.interface import Role, create_user
from medisecure.accounts.matrix import MATRIX, Answer, Row, Viewer, as_markdown
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.ids import new_id
from patients.interface import PatientCard, PractitionerCard, register_practitioner
from patients.models import EmergencyAccess, PatientIdentifier
from patients.services import Details, NewIdentifier, Representative, record_representation, save_patient
from tests.appointments.fixtures import at
from tests.architecture.test_urls import walk
from tests.billing.fixtures import MakeInvoice
from tests.cast import ALL_DATABASES, PASSWORD
from tests.documents.fixtures import PDF, sent
from tests.patients.fixtures import CareOf
from tests.support import api

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

#: Who does not enter the pages for staff.
_OUTSIDE_ADMIN: Final = (Viewer.PATIENT, Viewer.REPRESENTATIVE, Viewer.OUTSIDER)
#: Done, or refused for another reason than who asks: the state of the thing, what was sent.
_DONE: Final = (200, 201, 202, 204, 302, 409, 422)
_STATUS: Final[Mapping[int, Answer]] = dict.fromkeys(_DONE, Answer.YES) | {403: Answer.REFUSED, 404: Answer.UNSEEN}


@dataclass(frozen=True)
class World:
    """One patient, and everybody who may ask about her."""

    users: Mapping[Viewer, User]
    patient: PatientCard
    ids: Mapping[str, Any]


@dataclass(frozen=True)
class Probe:
    """One address, as its route is written. `body` is what a correct request sends."""

    method: str
    route: str
    body: Callable[[World], dict[str, Any]] | None = None
    query: str = ""
    multipart: bool = False
    #: A list that is open to everyone, and holds the patient's things for some: what counts is whether it does.
    counted: bool = False

    @property
    def admin(self) -> bool:
        return self.route.startswith("admin/")

    def path(self, world: World) -> str:
        names = {**world.ids, "object_id": world.ids["patient_id"]}
        filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(names[found.group(1)]), self.route)
        return f"/{filled}{self.query.format(**world.ids)}"


def _visit(world: World) -> dict[str, Any]:
    return {
        "practitioner_id": str(world.ids["practitioner_id"]),
        "type": "consultation",
        "start": at("10:00").isoformat(),
        "patient_id": str(world.patient.id),
    }


def _start(world: World) -> dict[str, Any]:
    return {"start": at("11:00").isoformat()}


def _document(world: World) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("a.pdf", PDF, "application/pdf"), "title": "Bilan", "category": "lab"}


def _person(world: World) -> dict[str, Any]:
    return {"family_name": "Nouveau", "given_names": "Léa", "birth_date": "1999-01-02"}


def _paper(world: World) -> dict[str, Any]:
    return {"version": 1, "document": "passport", "seen_on": "2026-01-05", "number": "12AB34567", "country": "FR"}


def _reason(world: World) -> dict[str, Any]:
    return {"reason_code": "life-threatening", "reason": "Found unconscious in the waiting room"}


def _pulse(world: World) -> dict[str, Any]:
    return {"taken_at": clock.now().isoformat(), "values": {"heart_rate": "72"}}


def _money(world: World) -> dict[str, Any]:
    return {"amount_cents": 100, "method": "cash", "idempotency_key": "k"}


_P, _A, _I = (
    "api/patients/<uuid:patient_id>",
    "api/appointments/<uuid:appointment_id>",
    "api/invoices/<uuid:invoice_id>",
)
_PAGE: Final = "admin/patients/patient/<uuid:patient_id>"

#: Row → its addresses.
PROBES: Final[Mapping[str, tuple[Probe, ...]]] = {
    "identity and contact: read": (Probe("get", _P), Probe("get", "admin/patients/patient/<path:object_id>/change/")),
    "identity and contact: search": (
        Probe("get", "api/patients", query="?q=asha"),
        Probe("get", "admin/patients/patient/", query="?q=asha"),
        Probe("post", "admin/patients/patient/suggest/", lambda world: {"q": "asha"}),
    ),
    "identity and contact: register": (
        Probe("post", "api/patients", _person),
        Probe("get", "admin/patients/patient/add/"),
    ),
    "identity and contact: give portal access": (Probe("get", f"{_PAGE}/portal-access/"),),
    "identity and contact: change": (Probe("patch", _P, lambda world: {"version": 1, "phone": "0639980012"}),),
    "identity and contact: verify": (
        Probe("post", f"{_P}/verify", _paper),
        Probe("post", f"{_P}/unverify", lambda world: {"version": 1, "because": "doubt"}),
        Probe("get", f"{_PAGE}/verify/"),
    ),
    "identity numbers: see whole": (
        Probe("post", f"{_P}/reveal", lambda world: {"identifier_id": str(world.ids["identifier_id"])}),
    ),
    "record: read": (Probe("get", f"{_P}/medical-record"), Probe("get", f"{_PAGE}/record/")),
    "record: write": (
        Probe("post", f"{_P}/vital-signs", _pulse),
        Probe("post", f"{_P}/entries/<slug:kind>/<uuid:entry_id>", lambda world: {"display": "Consultation"}),
        Probe("get", f"{_PAGE}/record/vital-signs/"),
        Probe("get", f"{_PAGE}/record/<slug:kind>/<uuid:entry_id>/", query="?new=1"),
    ),
    "notes: read": (Probe("get", f"{_P}/notes"), Probe("get", f"{_PAGE}/notes/")),
    "notes: write": (
        Probe("post", f"{_P}/notes", lambda world: {"text": "Toux sèche", "kind": "consultation"}),
        Probe("get", f"{_PAGE}/notes/<uuid:note_id>/edit/", query="?new=1"),
    ),
    "documents: list": (
        Probe("get", f"{_P}/documents"),
        Probe("get", "admin/documents/document/patient/<uuid:patient_id>/"),
    ),
    "documents: read": (
        Probe("get", "api/documents/<uuid:document_id>"),
        Probe("get", "admin/documents/document/<uuid:document_id>/download/"),
    ),
    "documents: add": (
        Probe("post", f"{_P}/documents", _document, multipart=True),
        Probe("post", f"{_P}/uploads", lambda world: {"title": "IRM", "category": "lab", "name": "a.pdf", "size": 9}),
    ),
    "images: list": (Probe("get", "admin/documents/imaginginstance/patient/<uuid:patient_id>/"),),
    "images whose patient is in doubt: list": (Probe("get", "admin/documents/imaginginstance/"),),
    "appointment: read": (Probe("get", _A),),
    "appointment: book": (Probe("post", "api/appointments", _visit),),
    "appointment: move": (Probe("post", f"{_A}/move", _start),),
    "appointment: confirm": (Probe("post", f"{_A}/confirm", lambda world: {}),),
    "appointment: cancel": (Probe("post", f"{_A}/cancel", lambda world: {}),),
    "appointment: note its course": tuple(
        Probe("post", f"{_A}/{step}", lambda world: {}) for step in ("arrive", "start", "complete", "no-show")
    ),
    "agenda: read": (
        Probe("get", "api/appointments", query="?day=2026-03-03"),
        Probe("get", "admin/appointments/appointment/agenda/day/"),
        Probe("get", "admin/appointments/appointment/agenda/week/"),
    ),
    "calendars: read": (Probe("get", "admin/appointments/calendar/"),),
    "calendars: change": (Probe("get", "admin/appointments/calendar/add/"),),
    "invoices: read": (Probe("get", _I), Probe("get", f"{_I}/pdf")),
    "invoices: list": (Probe("get", "api/invoices", query="?patient={patient_id}", counted=True),),
    "invoices: issue and correct": (
        Probe("post", f"{_I}/issue", lambda world: {}),
        Probe("post", f"{_I}/credit", lambda world: {"reason": "Erreur"}),
    ),
    "payments: record": (Probe("post", f"{_I}/payments", _money),),
    "representatives, choices, stays: read and record": (Probe("get", f"{_PAGE}/access/"),),
    "emergency access: open": (Probe("post", f"{_P}/emergency-access", _reason),),
    "emergency access: review": (Probe("get", "admin/patients/emergencyaccess/"),),
    "possible duplicates: list": (Probe("get", "admin/patients/patient/duplicates/"),),
    "merge: prepare": (Probe("get", f"{_PAGE}/merge/"),),
    "units: read": (Probe("get", "admin/patients/unit/"),),
    "access log: search": (Probe("get", "admin/audit/accessentry/"),),
    "reports: ask for": (Probe("get", "admin/reports/job/ask/"), Probe("get", "admin/reports/job/repeated/")),
    "lists of the staff’s pages: export": (Probe("get", "admin/reports/job/list/<str:app_label>/<str:model_name>/"),),
    "accounts: read": (Probe("get", "admin/accounts/user/"),),
}

#: Addresses that are in no row, and why.
OTHERS: Final[Mapping[str, str]] = {
    r"api/(schema|docs|token(/refresh|/revoke)?|me|patients/me)": "the description, the session, one's own person",
    r"api/(practitioners|appointment-types|slots|slots/next)": "what the hospital offers: no patient",
    r"api/(calendar-feed(/close)?|holds(/<uuid:hold_id>)?)": "one's own calendar address, and a time one keeps",
    r"api/(devices(/<uuid:device_id>)?|message-choices)": "one's own devices and choices: tests/notifications",
    r"api/(waiting-list|offers)(/.*)?": "one's own place on the waiting list: tests/appointments",
    r"admin/(login|logout|password_change|jsi18n|autocomplete|r)/.*|admin/": "the frame of the admin",
    r"admin/\^.*|admin/\(\?P.*": "the frame of the admin",
    r"admin/(auth|account|mfa|notifications|accounts|audit)/.*": "accounts, mails, log: rows of their lists",
    r"admin/ops/.*": "messages that failed, by ids only: tests/ops/test_dead_letters.py",
    r"admin/patients/practitioner/.*": "staff, no patient",
    r"admin/patients/unit/.*": "the list is a row; the rest: tests/patients/test_access_pages.py",
    r"admin/patients/emergencyaccess/.*": "the list is a row; the rest: tests/patients/test_access_pages.py",
    r"admin/patients/patient/(emergency/|<uuid:patient_id>/emergency/end/)": "tests/patients/test_access_pages.py",
    r"admin/patients/patient/duplicates/<uuid:pair_id>/": "below its row: test_merge_pages.py",
    r"admin/patients/patient/merges/<uuid:merge_id>/(back/)?": "below its row: test_merge_pages.py",
    r"api/patients/<uuid:patient_id>/notes/<uuid:note_id>(/.*)?": "below the notes' row: test_clinical_api.py",
    r"api/patients/<uuid:patient_id>/entries/<slug:kind>/<uuid:entry_id>/withdraw": "below its row: the same",
    r"admin/patients/patient/<uuid:patient_id>/reveal/": "the address of the API is a row: tests of identity",
    r"admin/patients/patient/<uuid:patient_id>/record/(no-known-allergy|<slug:kind>/add)/": "leads to its row",
    r"admin/patients/patient/<uuid:patient_id>/notes/new/": "leads to the address of a new note and shows nothing",
    r"admin/patients/patient/<uuid:patient_id>/notes/<uuid:note_id>/.*": "below the notes' row: tests of notes",
    r"admin/\w+/\w+/<path:object_id>/(history/|delete/|change/)?": "Django's own: the change page's door, or none",
    r"admin/appointments/(appointment|appointmenttype|leave|resource|calendar)/.*": "agenda and calendars: rows",
    r"admin/appointments/(waitingscreen|waitingentry|calendarfeed)/.*": "screens, waiting, feeds: tests/appointments",
    r"api/(payment-callbacks/<str:provider>|invoices/<uuid:invoice_id>/checkout)": "tests/billing/test_checkouts.py",
    r"api/(payments(/.*)?|invoices/<uuid:invoice_id>/(use-credit|write-offs))": "tests/billing/test_corrections.py",
    r"admin/billing/.*": "invoices and prices: tests/billing/test_admin.py",
    r"admin/patients/erasurerequest/.*": "the privacy officer’s: tests/patients/test_erasure.py",
    r"admin/reports/.*": "asking is a row; one’s own, and lists through their own door: tests/reports",
    r"privacy/.*": "one’s own data and rights: tests/portal/test_privacy.py",
    r"admin/documents/imaginginstance/.+": "below the rows of images: tests/documents/imaging/test_pages.py",
    r"admin/documents/document/(add/)?": "lists what is in care only: tests/documents",
    r"admin/documents/document/<uuid:document_id>/(hold|release)/": "below its row: tests/documents/test_keeping.py",
    r"admin/documents/(uploads|document/uploads)/.*": "one's own unfinished ones: tests/documents/test_pages.py",
    r"api/uploads/.*": "one's own alone: tests/documents/test_uploads.py",
}


@pytest.fixture
def world(
    asha: User,
    dan: User,
    dr_bose: User,
    nurse_chen: User,
    rita: User,
    carol: User,
    alice: User,
    olga: User,
    asha_card: PatientCard,
    dan_card: PatientCard,
    bose_card: PractitionerCard,
    chen_card: PractitionerCard,
    calendar_id: object,
    in_care: CareOf,
    issued: MakeInvoice,
) -> World:
    in_care(asha_card, bose_card)
    in_care(asha_card, chen_card)
    made = {
        name: create_user(email=f"{name}@example.org", full_name=name.title(), role=role, password=PASSWORD)
        for name, role in (("guardian", Role.PATIENT), ("doctor", Role.DOCTOR), ("nurse", Role.NURSE))
    }
    for name in ("doctor", "nurse"):
        register_practitioner(actor=None, full_name=name.title(), user_id=made[name].id)
    record_representation(
        actor=rita,
        patient_id=asha_card.id,
        entry=Representative("guardian@example.org", "guardian", "everything", "Jugement du 3 mars"),
    )
    number = NewIdentifier(kind="fr-nir", value="2 80 05 78 006 084")
    save_patient(actor=rita, patient_id=asha_card.id, version=1, details=Details(new_identifiers=[number]))
    visit = book(actor=asha, practitioner_id=bose_card.id, type_code="consultation", start=at("09:00"))
    document = upload_document(actor=dr_bose, patient_id=asha_card.id, file=sent(PDF), title="Bilan", category="lab")
    EmergencyAccess.objects.create(
        patient_id=asha_card.id,
        user=made["doctor"],
        reason_code="cover",
        reason="An old one that is over",
        opened_at=clock.now(),
        ends_at=clock.now(),
        review_due_at=clock.now(),
    )
    return World(
        users={
            Viewer.PATIENT: asha,
            Viewer.REPRESENTATIVE: made["guardian"],
            Viewer.OUTSIDER: dan,
            Viewer.DOCTOR_IN_CARE: dr_bose,
            Viewer.DOCTOR: made["doctor"],
            Viewer.NURSE_IN_CARE: nurse_chen,
            Viewer.NURSE: made["nurse"],
            Viewer.RECEPTIONIST: rita,
            Viewer.BILLING_CLERK: carol,
            Viewer.ADMINISTRATOR: alice,
            Viewer.PRIVACY_OFFICER: olga,
        },
        patient=asha_card,
        ids={
            "patient_id": asha_card.id,
            "note_id": new_id(),
            "entry_id": new_id(),
            "kind": "encounter",
            "app_label": "patients",
            "model_name": "patient",
            "identifier_id": PatientIdentifier.objects.get(patient_id=asha_card.id).id,
            "practitioner_id": bose_card.id,
            "appointment_id": visit.id,
            "document_id": document.id,
            "invoice_id": issued().id,
        },
    )


def ask(world: World, probe: Probe, user: User) -> Any:
    path = probe.path(world)
    if probe.admin:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client.get(path) if probe.body is None else client.post(path, probe.body(world))
    caller: APIClient = api(user)
    if probe.body is None:
        return caller.get(path)
    return getattr(caller, probe.method)(path, probe.body(world), format="multipart" if probe.multipart else "json")


def answer_of(world: World, probe: Probe, viewer: Viewer) -> Answer | None:
    """What the address says to this viewer; None when it is a page that they do not enter at all."""
    if probe.admin and viewer in _OUTSIDE_ADMIN:
        response = ask(world, probe, world.users[viewer])
        assert response.status_code in (302, 403, 404), f"{viewer} enters {probe.route}"
        if response.status_code == 302:
            assert "login" in response["Location"]
        return None
    response = ask(world, probe, world.users[viewer])
    assert response.status_code in _STATUS, f"{probe.route} to {viewer}: {response.status_code}"
    assert response.status_code != 302 or "login" not in response["Location"], f"{probe.route} to {viewer}"
    if probe.counted and response.status_code == 200:
        return Answer.YES if response.json()["count"] else Answer.UNSEEN
    return _STATUS[response.status_code]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.key)
def test_every_address_answers_as_the_row_says(row: Row, world: World) -> None:
    wrong = []
    for probe in PROBES[row.key]:
        for viewer in Viewer:
            answer = answer_of(world, probe, viewer)
            if answer is not None and answer is not row.cells[viewer]:
                wrong.append(f"{probe.method} {probe.route} to {viewer}: {answer}, not {row.cells[viewer]}")
    assert wrong == []


def test_every_row_has_an_address_and_every_address_a_row() -> None:
    assert {row.key for row in MATRIX} == PROBES.keys()
    assert all(PROBES.values())
    known = {probe.route for probes in PROBES.values() for probe in probes}
    routes = {route for route, _pattern in walk(get_resolver().url_patterns) if route.startswith(("api/", "admin/"))}
    assert known <= routes, f"no such address: {sorted(known - routes)}"
    forgotten = [route for route in routes - known if not any(re.fullmatch(rule, route) for rule in OTHERS)]
    assert forgotten == [], "put each into a row of medisecure/accounts/matrix.py and PROBES, or into OTHERS with why"


def test_every_method_of_the_api_is_tried() -> None:
    """An address that reads and writes has a row for each."""
    tried = {(probe.route, probe.method) for probes in PROBES.values() for probe in probes}
    for route, method in api_methods():
        if not any(re.fullmatch(rule, route) for rule in OTHERS):
            assert (route, method) in tried, f"{method} {route}"


def api_methods() -> Iterator[tuple[str, str]]:
    for route, pattern in walk(get_resolver().url_patterns):
        view = getattr(pattern.callback, "cls", None)
        if route.startswith("api/") and view is not None:
            # DELETE of an emergency access ends one's own: its service finds no other's.
            yield from ((route, method) for method in ("get", "post", "put", "patch") if hasattr(view, method))


def test_the_documentation_shows_this_table() -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "access-matrix.md").read_text(encoding="utf-8")
    assert as_markdown() in text, "run manage.py access_matrix --write"
