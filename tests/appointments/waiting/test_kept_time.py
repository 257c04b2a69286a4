"""What an offer keeps: the practitioner's time and a room, also from who is squeezed in."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from appointments import selectors, services
from appointments.models import Appointment, OccupancyCell, WaitingEntry
from appointments.services import create_resource, waiting
from medisecure.accounts.models import User
from medisecure.kernel.errors import SlotTaken
from patients.interface import PatientCard, PractitionerCard
from tests.appointments.fixtures import day_ahead, make_calendar
from tests.appointments.waiting.support import NOW, free_one, the_offer
from tests.cast import ALL_DATABASES
from tests.patients.fixtures import CareOf

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def test_room_that_an_offer_keeps_is_free_for_no_colleague(
    rita: User, dan: User, dan_card: PatientCard, asha: User, asha_card: PatientCard, bose_card: PractitionerCard,
    chen_card: PractitionerCard, types: None,
) -> None:  # fmt: skip
    create_resource(code="room", name="Room", place="Building B, room 12")
    services.setup.create_type(code="scan", label_fr="S", label_en="S", duration_minutes=30, needs=["room"])
    for card in (bose_card, chen_card):
        make_calendar(card.id, type_codes=["scan"])
    entry = waiting.ask(actor=dan, type_code="scan", practitioner_id=bose_card.id)
    waiting.run()
    offer = the_offer(entry)
    assert len(offer.resource_ids) == 1

    def is_free() -> bool:
        day = day_ahead((offer.start - NOW).days)
        found = selectors.free_slots(
            actor=asha, type_code="scan", first=day, last=day + timedelta(days=1), practitioner_ids=[chen_card.id]
        )
        return offer.start in {slot.start for slot in found}

    assert not is_free()
    with pytest.raises(SlotTaken):
        services.book(actor=asha, practitioner_id=chen_card.id, type_code="scan", start=offer.start)
    waiting.decline(actor=dan, offer_id=offer.id)
    assert is_free()


@pytest.fixture
def squeezed(
    waiting_dan: WaitingEntry,
    full: list[Appointment],
    rita: User,
    dr_bose: User,
    asha_card: PatientCard,
    bose_card: PractitionerCard,
    in_care: CareOf,
) -> Appointment:
    """Dr Bose overbooks Asha into the time that is kept for Dan."""
    free_one(full, rita)
    waiting.run()
    in_care(asha_card, bose_card)
    return services.book(
        actor=dr_bose,
        practitioner_id=bose_card.id,
        type_code="consultation",
        start=the_offer(waiting_dan).start,
        patient_id=asha_card.id,
        overbook_reason="pain",
    )


def test_offer_stands_though_somebody_was_squeezed_in(
    squeezed: Appointment, waiting_dan: WaitingEntry, dan: User, dr_bose: User
) -> None:
    offer = the_offer(waiting_dan)
    taken = waiting.accept(actor=dan, offer_id=offer.id)
    assert taken.start == squeezed.start
    assert OccupancyCell.objects.filter(key__startswith="practitioner", appointment_id=taken.id).count() == 6
    # Who leaves first leaves the time to the other.
    services.cancel(actor=dr_bose, appointment_id=taken.id)
    assert OccupancyCell.objects.filter(key__startswith="practitioner", appointment_id=squeezed.id).count() == 6


@pytest.mark.parametrize("end", ["declined", "run out", "swept"])
def test_time_of_who_was_squeezed_in_does_not_end_with_the_offer(
    squeezed: Appointment, waiting_dan: WaitingEntry, dan: User, rita: User, dan_card: PatientCard, end: str
) -> None:
    offer = the_offer(waiting_dan)
    if end == "declined":
        waiting.decline(actor=dan, offer_id=offer.id)
    with time_machine.travel(offer.expires + timedelta(seconds=1) if end != "declined" else NOW, tick=False):
        if end == "swept":
            waiting.run()
        with pytest.raises(SlotTaken):
            services.book(
                actor=rita,
                practitioner_id=squeezed.practitioner_id,
                type_code="consultation",
                start=squeezed.start,
                patient_id=dan_card.id,
            )
    if end != "run out":
        assert OccupancyCell.objects.filter(key__startswith="practitioner", appointment_id=squeezed.id).count() == 6
