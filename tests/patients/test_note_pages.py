"""Staff's pages of clinical notes, without a browser: what they show, refuse, keep and say."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel.ids import new_id
from patients import services
from patients.admin.compare import side_by_side
from patients.interface import PatientCard
from patients.models import ClinicalNote, NoteVersion
from tests.cast import ALL_DATABASES
from tests.patients.forms import PageForm, forms_of, main_of
from tests.patients.test_admin import LIST, signed_in
from tests.patients.test_notes import AWKWARD, draft, signed

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def notes_page(patient_id: UUID, *parts: object) -> str:
    return f"{LIST}{patient_id}/notes/" + "".join(f"{part}/" for part in parts)


def editor(client: Client, path: str) -> tuple[str, PageForm]:
    response = client.get(path, follow=True)
    assert response.status_code == 200
    address = str(response.request["PATH_INFO"])
    (form,) = [found for found in forms_of(main_of(response.content.decode())) if found.method == "post"]
    return form.action or address, form


def test_a_doctor_writes_saves_and_signs(client: Client, dr_bose: User, care: UUID) -> None:
    signed_in(client, dr_bose)
    address, form = editor(client, notes_page(care, "new"))
    form.values |= {"text": AWKWARD, "kind": "letter", "step": "save"}
    assert client.post(address, form.values).status_code == 302
    note = ClinicalNote.objects.get()
    assert (note.draft, note.kind, note.status) == (AWKWARD, "letter", "preliminary")
    address, form = editor(client, notes_page(care, note.id, "edit"))
    assert form.values["text"] == AWKWARD, "the draft is in the field as it was typed"
    form.values |= {"text": AWKWARD, "step": "sign"}
    assert client.post(address, form.values)["Location"] == notes_page(care, note.id)
    assert NoteVersion.objects.get().text == AWKWARD
    html = client.get(notes_page(care, note.id)).content.decode()
    assert dr_bose.full_name in html
    assert "שלום" in html


def test_the_same_form_sent_twice_is_one_note(client: Client, dr_bose: User, care: UUID) -> None:
    signed_in(client, dr_bose)
    address, form = editor(client, notes_page(care, "new"))
    form.values |= {"text": "Une fois", "step": "sign"}
    for _time in range(2):
        client.post(address, form.values)
    assert ClinicalNote.objects.count() == NoteVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "a\0b"),
        ("text", "x" * 1_000_001),
        ("occurred_at", "2031-01-01T10:00"),
        ("occurred_at", "1950-01-01T10:00"),
        ("occurred_at", "2026-02-30T10:00"),
        ("kind", "haiku"),
        ("encounter_id", "0190b6a0-0000-7000-8000-000000000000"),
        ("version", "x"),
    ],
)
def test_bad_input_is_said_at_its_field_and_what_was_typed_stays(
    client: Client, dr_bose: User, care: UUID, field: str, value: str
) -> None:
    signed_in(client, dr_bose)
    address, form = editor(client, notes_page(care, "new"))
    form.values |= {"text": "Ce que j’ai écrit", "step": "sign", field: value}
    response = client.post(address, form.values)
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert "Ce que j’ai écrit" in response.content.decode() or field == "text"
    assert not ClinicalNote.objects.exists()


def test_a_conflict_shows_both_texts_and_saving_from_it_is_a_choice(
    client: Client, dr_bose: User, nurse_chen: User, care: UUID
) -> None:
    made = draft(dr_bose, care, "Toux sèche depuis trois jours.")
    signed_in(client, dr_bose)
    address, form = editor(client, notes_page(care, made.id, "edit"))
    services.save_draft(
        actor=nurse_chen, patient_id=care, note_id=made.id, version=1, text="Toux grasse depuis trois jours."
    )
    form.values |= {"text": "Toux sèche depuis quatre jours.", "step": "sign"}
    response = client.post(address, form.values)
    html = response.content.decode()
    assert response.status_code == 409
    assert "<del>grasse</del>" in html
    assert "<ins>quatre</ins>" in html
    assert ClinicalNote.objects.get().draft == "Toux grasse depuis trois jours."
    assert not NoteVersion.objects.exists()
    (again,) = [found for found in forms_of(main_of(html)) if found.method == "post"]
    assert again.values["text"] == "Toux sèche depuis quatre jours."
    # Both in one field …
    merged = client.post(address, {**again.values, "step": "merge"}).content.decode()
    assert merged.index("Toux grasse") < merged.index("quatre jours")
    # … or one's own, knowingly; the other text stays with the drafts.
    assert client.post(address, {**again.values, "step": "save"}).status_code == 302
    assert ClinicalNote.objects.get().draft == "Toux sèche depuis quatre jours."
    assert "Toux grasse depuis trois jours." in client.get(notes_page(care, made.id)).content.decode()


def autosave(client: Client, patient_id: UUID, note_id: UUID, writer: User, **values: Any) -> Any:
    sent = {"patient_id": str(patient_id), "version": "0", "writer_id": str(writer.id), "text": "typed", **values}
    return client.post(notes_page(patient_id, note_id, "draft"), sent)


def test_saving_as_somebody_types(client: Client, dr_bose: User, care: UUID) -> None:
    signed_in(client, dr_bose)
    note_id = new_id()
    first = autosave(client, care, note_id, dr_bose).json()
    assert first["version"] == 1
    assert first["saved_at"]
    assert autosave(client, care, note_id, dr_bose, version="1", text="typed more").json()["version"] == 2
    stale = autosave(client, care, note_id, dr_bose, version="1", text="from an old tab")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    assert ClinicalNote.objects.get().draft == "typed more"
    assert "typed more" not in stale.content.decode(), "the texts are shown by the page, which is asked for"


def test_nothing_is_saved_under_the_name_of_who_signed_in_meanwhile(
    client: Client, dr_bose: User, nurse_chen: User, care: UUID
) -> None:
    signed_in(client, nurse_chen)
    response = autosave(client, care, new_id(), dr_bose)
    assert (response.status_code, response.json()["code"]) == (409, "other-person")
    address, form = editor(client, notes_page(care, "new"))
    form.values |= {"text": "de Bose", "writer_id": str(dr_bose.id), "step": "save"}
    assert client.post(address, form.values).status_code == 409
    assert not ClinicalNote.objects.exists()


def test_a_lost_session_is_told_by_a_redirect_and_a_new_one_gives_a_token(
    client: Client, dr_bose: User, care: UUID
) -> None:
    note_id = new_id()
    response = autosave(client, care, note_id, dr_bose)
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"] or "/admin/login/" in response["Location"]
    signed_in(client, dr_bose)
    body = client.get(notes_page(care, note_id, "draft"), headers={"Accept": "application/json"}).json()
    assert set(body) == {"token", "writer_id"}


def test_a_withdrawn_note_is_crossed_out_and_says_why(client: Client, dr_bose: User, care: UUID) -> None:
    made = signed(dr_bose, care, "Erreur de dossier")
    signed_in(client, dr_bose)
    address, form = editor(client, notes_page(care, made.id, "withdraw"))
    assert client.post(address, {**form.values, "reason": " "}).status_code == 422
    assert client.post(address, {**form.values, "reason": "Mauvais patient"}).status_code == 302
    html = client.get(notes_page(care, made.id)).content.decode()
    assert "<s>Erreur de dossier</s>" in html
    assert "Mauvais patient" in html


@pytest.mark.parametrize("who", ["rita", "carol", "olga"])
def test_reception_billing_and_privacy_see_no_note(
    request: pytest.FixtureRequest, client: Client, who: str, dr_bose: User, care: UUID
) -> None:
    made = signed(dr_bose, care, "Secret")
    signed_in(client, request.getfixturevalue(who))
    for path in (
        notes_page(care),
        notes_page(care, made.id),
        notes_page(care, "new"),
        notes_page(care, made.id, "edit"),
    ):
        response = client.get(path, follow=True)
        assert response.status_code == 403, path
        assert "Secret" not in response.content.decode()


def test_a_note_of_another_patient_is_not_found(
    client: Client, dr_bose: User, care: UUID, dan_card: PatientCard, bose_card: Any, in_care: Any
) -> None:
    in_care(dan_card, bose_card)
    made = signed(dr_bose, care)
    signed_in(client, dr_bose)
    for part in ("", "edit", "withdraw"):
        path = notes_page(dan_card.id, made.id, *([part] if part else []))
        assert client.get(path).status_code == 404, path


def test_the_list_filters_and_says_what_it_cannot_read(client: Client, dr_bose: User, care: UUID) -> None:
    signed(dr_bose, care, "Dyspnée", kind="letter")
    signed(dr_bose, care, "Pansement", kind="nursing")
    signed_in(client, dr_bose)

    def shown(**query: str) -> str:
        return main_of(client.get(notes_page(care), query).content.decode())

    assert "Dyspnée" in shown(q="dyspnee")
    assert "Pansement" not in shown(q="dyspnee")
    assert "Dyspnée" not in shown(kind="nursing")
    bad = shown(since="2026-02-30")
    assert "errorlist" in bad
    assert "Pansement" not in bad
    assert AccessEntry.objects.filter(actor_id=dr_bose.id, resource="notes", action="view").exists()


@pytest.mark.parametrize("count", [3, 45])
def test_the_list_takes_the_same_queries_whatever_its_length(
    client: Client, dr_bose: User, care: UUID, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for index in range(count):
        signed(dr_bose, care, f"Note {index}")
    signed_in(client, dr_bose)
    client.get(notes_page(care))
    with django_assert_max_num_queries(30):
        html = client.get(notes_page(care)).content.decode()
    assert html.count("note-line") == min(count, 20)


def test_a_comparison_of_long_texts_does_not_take_for_ever() -> None:
    long = "ligne\n" * 50_000
    assert len(side_by_side(long, long + "fin")) == 1
    rows = side_by_side("a\nb\nc", "a\nc")
    assert [(row.left is None, row.right is None) for row in rows] == [(False, False), (False, True), (False, False)]
