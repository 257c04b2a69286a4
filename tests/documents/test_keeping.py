"""Versions, who may read, what is withheld, what is held."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from documents import services
from documents.erasing import HOLDER
from documents.interface import document_url, documents_for_patient, upload_document
from documents.models import Document
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock, outbox
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, NotFound, Refused, Stale
from medisecure.notifications.models import Message
from patients.erasing.holders import is_held
from patients.interface import PatientCard, PractitionerCard
from patients.models import Practitioner, Unit, UnitMember
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import PDF, AddDocument, sent
from tests.support import api, deliver_events, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


@pytest.fixture
def cardiology(bose_card: PractitionerCard) -> Unit:
    """A unit where Dr Bose works, and Nurse Chen does not."""
    unit = Unit.objects.create(code="cardio", name="Cardiologie")
    UnitMember.objects.create(
        unit=unit,
        practitioner=Practitioner.objects.get(id=bose_card.id),
        starts_on=clock.today() - timedelta(days=1),
    )
    return unit


def _add(actor: User, patient: PatientCard, **values: Any) -> Document:
    given: dict[str, Any] = {"title": "Lettre", "category": "letter", **values}
    return upload_document(actor=actor, patient_id=patient.id, file=sent(PDF), **given)


def _seen(user: User, patient: PatientCard) -> list[str]:
    """What two faces show of it, which must be the same."""
    cache.clear()  # as the commits would, which this test rolls back
    listed = api(user).get(f"/api/patients/{patient.id}/documents").json()["results"]
    record = api(user).get(f"/api/patients/{patient.id}/medical-record").json()["documents"]
    assert [row["id"] for row in listed] == [row["id"] for row in record]
    assert not any("audience" in row or "uploaded_by_id" in row for row in record)
    return [row["id"] for row in listed]


def test_each_audience_reads_its_own(
    asha: User, dr_bose: User, nurse_chen: User, asha_in_care: PatientCard, cardiology: Unit
) -> None:
    everyone = _add(nurse_chen, asha_in_care)
    doctors = _add(asha, asha_in_care, audience="doctors")
    unit = _add(dr_bose, asha_in_care, audience="unit")
    assert unit.unit_id == cardiology.id
    assert set(_seen(dr_bose, asha_in_care)) == {str(row.id) for row in (everyone, doctors, unit)}
    assert _seen(nurse_chen, asha_in_care) == [str(everyone.id)]
    assert len(_seen(asha, asha_in_care)) == 3, "what is in their record, the patient reads"
    for row in (doctors, unit):
        with pytest.raises(NotFound):
            document_url(nurse_chen, row.id)
        page = Client()
        page.force_login(nurse_chen, backend="allauth.account.auth_backends.AuthenticationBackend")
        assert page.get(reverse("admin:documents_document_change", args=[row.id])).status_code == 404
        listed = page.get(reverse("admin:documents_document_changelist")).context["cl"].result_list
        assert row not in listed
    assert not AccessEntry.objects.filter(actor_id=nurse_chen.id, resource_id=str(unit.id)).exists()


def test_only_a_unit_of_ones_own_is_offered(nurse_chen: User, asha: User, asha_in_care: PatientCard) -> None:
    for actor in (nurse_chen, asha):
        with pytest.raises(Invalid) as caught:
            _add(actor, asha_in_care, audience="unit")
        assert set(caught.value.errors) == {"audience"}


def test_a_result_waits_for_the_talk_and_is_told_of_after_it(
    asha: User, dr_bose: User, asha_in_care: PatientCard
) -> None:
    row = _add(dr_bose, asha_in_care, withheld_until=clock.today() + timedelta(days=5))
    deliver_events()
    assert not Message.objects.filter(template="document_added").exists()
    assert _seen(asha, asha_in_care) == []
    with pytest.raises(NotFound):
        document_url(asha, row.id)
    assert _seen(dr_bose, asha_in_care) == [str(row.id)]
    with pytest.raises(NotFound):
        services.release_document(actor=asha, document_id=row.id)
    services.release_document(actor=dr_bose, document_id=row.id)
    assert _seen(asha, asha_in_care) == [str(row.id)]
    deliver_events()
    assert Message.objects.filter(template="document_added").count() == 1
    with pytest.raises(Stale):
        services.release_document(actor=dr_bose, document_id=row.id)


def test_its_day_releases_it_too(asha: User, dr_bose: User, asha_in_care: PatientCard) -> None:
    row = _add(dr_bose, asha_in_care, withheld_until=clock.today() + timedelta(days=5))
    assert services.release_due() == 0
    with time_machine.travel(timezone.now() + timedelta(days=5), tick=False):
        assert document_url(asha, row.id), "on its day, whether the clock has run or not"
        assert services.release_due() == 1
        assert services.release_due() == 0
    assert outbox.pending(DEFAULT).filter(name="document.released").count() == 1


@pytest.mark.parametrize("days", [0, 31])
def test_nothing_is_withheld_for_ever(days: int, dr_bose: User, asha_in_care: PatientCard) -> None:
    with pytest.raises(Invalid) as caught:
        _add(dr_bose, asha_in_care, withheld_until=clock.today() + timedelta(days=days))
    assert set(caught.value.errors) == {"withheld_until"}


def test_a_new_version_takes_the_place_of_the_old_one(
    asha: User, dr_bose: User, nurse_chen: User, asha_in_care: PatientCard
) -> None:
    first = _add(dr_bose, asha_in_care)
    second = _add(nurse_chen, asha_in_care, replaces=first.id)
    third = _add(dr_bose, asha_in_care, replaces=second.id)
    assert (third.version, third.first_id) == (3, first.id)
    assert _seen(asha, asha_in_care) == [str(third.id)]
    assert document_url(asha, first.id), "old versions are kept and read"
    with pytest.raises(Stale):
        _add(dr_bose, asha_in_care, replaces=second.id)
    with pytest.raises(Refused):
        _add(asha, asha_in_care, replaces=third.id)
    with pytest.raises(NotFound):
        _add(asha, asha_in_care, replaces=asha_in_care.id)
    assert len(documents_for_patient(asha_in_care.id)) == 3
    assert HOLDER.erase(asha_in_care.id) == 3


def test_a_hold_or_a_day_keeps_the_whole_record(dr_bose: User, nurse_chen: User, add_document: AddDocument) -> None:
    row = add_document()
    assert not is_held(row.patient_id)
    with pytest.raises(Invalid):
        services.set_hold(actor=dr_bose, document_id=row.id, held=True)
    with pytest.raises(Refused):
        services.set_hold(actor=nurse_chen, document_id=row.id, held=True, reason="Dossier 12/345")
    services.set_hold(actor=dr_bose, document_id=row.id, held=True, reason="Dossier 12/345")
    assert is_held(row.patient_id)
    services.set_hold(actor=dr_bose, document_id=row.id, held=False)
    assert not is_held(row.patient_id)
    services.set_hold(actor=dr_bose, document_id=row.id, held=False, keep_until=clock.today() + timedelta(days=9))
    assert is_held(row.patient_id)
    actions = AccessEntry.objects.filter(resource_id=str(row.id), actor_id=dr_bose.id).values_list("action", flat=True)
    assert sorted(actions)[-3:] == ["release-hold", "release-hold", "release-hold"] or "hold" in actions


def test_dan_gets_no_page_of_it(dan: User, dan_card: PatientCard, add_document: AddDocument) -> None:
    row = add_document()
    client = Client()
    client.force_login(dan, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(f"/record/documents/{row.id}/view/").status_code == 404
    problem(api(dan).get(f"/api/documents/{row.id}"), 404, "not-found")
