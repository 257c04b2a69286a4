"""Visits of somebody whose data is locked away (GDPR art. 18): the time is taken, and nobody reads for whom."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client

from appointments import services
from appointments.models import Appointment
from appointments.services import waiting
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients.interface import PatientCard, PractitionerCard
from patients.models import DataProtection
from tests.appointments.fixtures import at, day_ahead
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

ADMIN = "/admin/appointments"


@pytest.fixture
def booked(rita: User, asha_card: PatientCard, bose_card: PractitionerCard, calendar_id: UUID) -> Appointment:
    return services.book(
        actor=rita,
        practitioner_id=bose_card.id,
        type_code="consultation",
        start=at("09:00"),
        patient_id=asha_card.id,
        note="Her sister calls",
    )


@pytest.mark.parametrize("who", ["rita", "dr_bose"])
def test_visit_of_who_is_locked_away_keeps_its_time_and_loses_its_name(
    booked: Appointment, rita: User, dr_bose: User, asha_card: PatientCard, bose_card: PractitionerCard, who: str
) -> None:
    entry = waiting.ask(actor=rita, appointment_id=booked.id)
    client = Client()
    client.cookies["medisecure_language"] = "en"
    client.force_login({"rita": rita, "dr_bose": dr_bose}[who])
    day = day_ahead().isoformat()
    pages = [
        f"{ADMIN}/appointment/agenda/?day={day}",
        f"{ADMIN}/appointment/agenda/day/?day={day}",
        f"{ADMIN}/appointment/agenda/week/?day={day}&practitioner={bose_card.id}",
        f"{ADMIN}/appointment/?o=-1",
        f"{ADMIN}/appointment/{booked.id}/change/",
        f"{ADMIN}/appointment/{booked.id}/move/",
        f"{ADMIN}/waitingentry/",
        f"{ADMIN}/waitingentry/{entry.id}/change/",
    ]
    for path in pages:
        assert "Asha Rao" in client.get(path).content.decode(), path
    DataProtection.objects.create(patient_id=asha_card.id, restricted_at=clock.now())
    for path in pages:
        text = client.get(path).content.decode()
        assert "Identity not shown" in text, path
        for word in ("Rao", asha_card.record_number, "+33 1 23"):
            assert word not in text, (path, word)
    assert "sister" not in client.get(pages[0]).content.decode() + client.get(pages[1]).content.decode()


def test_who_is_locked_away_reads_their_own_visits(booked: Appointment, asha: User, asha_card: PatientCard) -> None:
    DataProtection.objects.create(patient_id=asha_card.id, restricted_at=clock.now())
    client = Client()
    client.force_login(asha)
    assert client.get(f"/appointments/{booked.id}/").status_code == 200
