"""Notes, vital signs and entries through the API."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.ids import new_id
from patients.models import ClinicalNote, Condition, NoteVersion, Observation
from tests.cast import ALL_DATABASES
from tests.patients.test_notes import AWKWARD
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def url(patient_id: UUID, *parts: object) -> str:
    return "/".join(["/api/patients", str(patient_id), *map(str, parts)])


def test_a_note_is_begun_kept_signed_and_amended(dr_bose: User, care: UUID) -> None:
    client = api(dr_bose)
    made = client.post(url(care, "notes"), {"text": AWKWARD, "kind": "letter"}, format="json")
    assert made.status_code == 201, made.content
    note = made.json()
    assert (note["draft"], note["version"], note["status"]) == (AWKWARD, 1, "preliminary")
    path = url(care, "notes", note["id"])
    assert made["Location"] == path
    assert client.post(path, {"text": "b", "version": 1}, format="json").json()["version"] == 2
    signed = client.post(f"{path}/sign", {"text": "b", "version": 2}, format="json").json()
    assert (signed["status"], signed["text"]) == ("final", "b")
    problem(client.post(f"{path}/sign", {"text": "c", "version": 3}, format="json"), 422, "invalid")
    amended = client.post(f"{path}/sign", {"text": "c", "version": 3, "reason": "Relu"}, format="json").json()
    assert [found["number"] for found in amended["versions"]] == [2, 1]
    gone = client.post(f"{path}/withdraw", {"version": 4, "reason": "Erreur"}, format="json").json()
    assert gone["status"] == "entered-in-error"
    assert NoteVersion.objects.count() == 3


def test_a_conflict_answers_with_the_text_that_is_there(dr_bose: User, nurse_chen: User, care: UUID) -> None:
    note_id = str(new_id())
    api(dr_bose).post(url(care, "notes"), {"text": "Toux sèche", "id": note_id}, format="json")
    api(nurse_chen).post(url(care, "notes", note_id), {"text": "Toux grasse", "version": 1}, format="json")
    answer = api(dr_bose).post(url(care, "notes", note_id), {"text": "Toux", "version": 1}, format="json")
    body = problem(answer, 409, "stale")
    assert (body["current"]["text"], body["current"]["version"]) == ("Toux grasse", 2)
    assert ClinicalNote.objects.get().draft == "Toux grasse"


@pytest.mark.parametrize("text", ["a\0b", "\ud83d", "x" * 5_000_000, 7.5, None, ["a"]])
def test_bad_texts_are_refused_with_the_field(dr_bose: User, care: UUID, text: Any) -> None:
    # ASCII, as a client may send it: half a surrogate pair has no other way in.
    answer = api(dr_bose).post(url(care, "notes"), json.dumps({"text": text}), content_type="application/json")
    if isinstance(text, float):
        assert answer.status_code == 201  # DRF reads a number as its digits
        return
    assert "text" in problem(answer, 422, "invalid")["errors"]
    assert not ClinicalNote.objects.exists()


def test_patients_read_and_do_not_write(asha: User, dr_bose: User, care: UUID) -> None:
    doctor = api(dr_bose)
    for kind in ("letter", "nursing"):
        note_id = str(new_id())
        doctor.post(url(care, "notes"), {"text": kind, "kind": kind, "id": note_id}, format="json")
        doctor.post(url(care, "notes", note_id, "sign"), {"text": kind, "version": 1}, format="json")
    found = api(asha).get(url(care, "notes"), {"purpose": "self"}).json()
    assert [line["kind"] for line in found["results"]] == ["letter"]
    problem(api(asha).post(url(care, "notes"), {"text": "x"}, format="json"), 403, "refused")


def test_dan_and_reception_get_nothing(dan: User, rita: User, dr_bose: User, care: UUID) -> None:
    note_id = str(new_id())
    api(dr_bose).post(url(care, "notes"), {"text": "x", "id": note_id}, format="json")
    entry = url(care, "entries", "condition", new_id())
    for path in (url(care, "notes"), url(care, "notes", note_id)):
        problem(api(dan).get(path), 404, "not-found")
        problem(api(rita).get(path), 403, "refused")
    for path, body in (
        (url(care, "notes", note_id), {"text": "y", "version": 1}),
        (f"{url(care, 'notes', note_id)}/sign", {"text": "y", "version": 1}),
        (f"{url(care, 'notes', note_id)}/withdraw", {"version": 1, "reason": "x"}),
        (url(care, "vital-signs"), {"taken_at": clock.now().isoformat(), "values": {"pain": "1"}}),
        (entry, {"display": "x"}),
        (f"{entry}/withdraw", {"version": 1, "reason": "x"}),
    ):
        problem(api(dan).post(path, body, format="json"), 404, "not-found")
        problem(api(rita).post(path, body, format="json"), 403, "refused")
    assert ClinicalNote.objects.get().draft == "x"
    assert not Observation.objects.exists()
    assert not AccessEntry.objects.filter(actor_id__in=(dan.id, rita.id)).exists()


def test_vital_signs_ask_back_what_is_unusual(nurse_chen: User, care: UUID) -> None:
    client, body = api(nurse_chen), {"taken_at": clock.now().isoformat(), "values": {"heart_rate": "190"}}
    assert "heart_rate" in problem(client.post(url(care, "vital-signs"), body, format="json"), 422, "unusual")["errors"]
    answer = client.post(url(care, "vital-signs"), {**body, "confirmed": True}, format="json")
    assert (answer.status_code, len(answer.json()["ids"])) == (201, 1)
    observation = Observation.objects.get()
    path = f"{url(care, 'entries', 'observation', observation.id)}/withdraw"
    assert client.post(path, {"version": 1, "reason": "Brassard"}, format="json").json()["withdrawn"]


def test_entries_are_corrected_by_version(dr_bose: User, care: UUID) -> None:
    client, path = api(dr_bose), url(care, "entries", "condition", new_id())
    body = {"display": "Asthme", "code": "J45.9", "code_system": "http://hl7.org/fhir/sid/icd-10"}
    assert client.post(path, {**body, "details": {"severity": "mild"}}, format="json").json()["version"] == 1
    changed = client.post(path, {**body, "display": "Asthme allergique", "version": 1, "why": "Bilan"}, format="json")
    assert changed.json()["version"] == 2
    stale = client.post(path, {**body, "version": 1, "why": "Bilan"}, format="json")
    assert problem(stale, 409, "stale")["current"]["display"] == "Asthme allergique"
    assert client.post(f"{path}/withdraw", {"version": 2, "reason": "Erreur"}, format="json").json()["withdrawn"]
    assert Condition.objects.get().verification == "entered-in-error"
    problem(client.post(url(care, "entries", "poem", new_id()), {"display": "x"}, format="json"), 422, "invalid")
