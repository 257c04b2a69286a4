"""The patient's side of notes and vital signs."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from medisecure.accounts.models import User
from medisecure.kernel.ids import new_id
from patients import services
from patients.interface import PatientCard
from patients.services import NoteHead
from tests.cast import ALL_DATABASES
from tests.patients.test_admin import signed_in
from tests.patients.test_entries import take

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def sign(actor: User, patient_id: UUID, text: str, kind: str) -> UUID:
    note_id = new_id()
    services.sign_note(
        actor=actor, patient_id=patient_id, note_id=note_id, version=0, text=text, head=NoteHead(kind=kind)
    )
    return note_id


def test_patients_read_signed_notes_meant_for_them(
    client: Client, asha: User, dan: User, dan_card: PatientCard, dr_bose: User, care: UUID
) -> None:
    letter = sign(dr_bose, care, "Cher confrère,\n  merci.", "letter")
    nursing = sign(dr_bose, care, "Transmission", "nursing")
    signed_in(client, asha)
    html = client.get(reverse("record-notes")).content.decode()
    assert str(letter) in html
    assert str(nursing) not in html
    assert "Cher confrère,\n  merci." in client.get(reverse("record-note", args=[letter])).content.decode()
    assert client.get(reverse("record-note", args=[nursing])).status_code == 404
    signed_in(client, dan)
    assert client.get(reverse("record-note", args=[letter])).status_code == 404


def test_no_note_yet_says_so(client: Client, asha: User, asha_card: PatientCard) -> None:
    html = signed_in(client, asha).get(reverse("record-notes")).content.decode()
    assert 'class="empty"' in html


def test_the_record_draws_vital_signs(client: Client, asha: User, nurse_chen: User, care: UUID) -> None:
    take(nurse_chen, care, heart_rate="72")
    html = signed_in(client, asha).get(reverse("record"), {"period": "30d"}).content.decode()
    assert html.count("plot-svg") == 1


def test_none_known_is_no_allergy_of_the_list(client: Client, asha: User, nurse_chen: User, care: UUID) -> None:
    services.assert_no_known_allergy(actor=nurse_chen, patient_id=care, entry_id=new_id())
    html = signed_in(client, asha).get(reverse("record")).content.decode()
    assert "alert-good" in html
    assert "alert-bad" not in html
