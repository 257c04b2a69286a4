"""Appointments and free times as the pages show them: on the place's wall clock, with names instead of ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from django.conf import settings

from appointments.interface import AppointmentCard, Slot, appointment_type
from medisecure.kernel import clock
from patients.interface import PractitionerCard, practitioner_cards


def wall(instant: datetime, zone: str) -> datetime:
    """The place's own clock, without a zone, so that no template turns it into another one."""
    return clock.local(instant, zone).replace(tzinfo=None)


def foreign(zone: str) -> str:
    """The zone's name where it is not the hospital's own: then the time alone would mislead."""
    return "" if zone == settings.TIME_ZONE else zone.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Visit:
    """One appointment. `start` and `end` are local and naive; `instant` is ISO 8601 with its offset."""

    card: AppointmentCard
    label: str
    practitioner: str
    specialty: str
    start: datetime
    end: datetime
    instant: str
    zone: str


def visits(cards: Sequence[AppointmentCard]) -> list[Visit]:
    """In the order given: one query for the practitioners, one for each type that occurs."""
    people = practitioner_cards({card.practitioner_id for card in cards})
    labels = {code: label_of(code) for code in {card.type_code for card in cards}}
    return [_visit(card, people.get(card.practitioner_id), labels[card.type_code]) for card in cards]


def label_of(code: str) -> str:
    kind = appointment_type(code)
    return kind.label if kind else code


def _visit(card: AppointmentCard, practitioner: PractitionerCard | None, label: str) -> Visit:
    return Visit(
        card=card,
        label=label,
        practitioner=practitioner.full_name if practitioner else "",
        specialty=practitioner.specialty_label if practitioner else "",
        start=wall(card.start, card.zone),
        end=wall(card.end, card.zone),
        instant=card.local_start.isoformat(),
        zone=foreign(card.zone),
    )


@dataclass(frozen=True, slots=True)
class FreeTime:
    """One free time to choose; `instant` goes into the address."""

    start: datetime
    instant: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The free times of one practitioner at one place on one day."""

    practitioner_id: UUID
    practitioner: str
    specialty: str
    place: str
    zone: str
    times: list[FreeTime]


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    desks: list[Desk]

    @property
    def count(self) -> int:
        return sum(len(desk.times) for desk in self.desks)


def days(slots: Iterable[Slot]) -> list[Day]:
    """Free times by local day, and within a day by practitioner and place, in the order of the first time each has."""
    found = list(slots)
    people = practitioner_cards({slot.practitioner_id for slot in found})
    ordered = sorted(found, key=lambda slot: wall(slot.start, slot.zone))
    return [
        Day(day, _desks(list(group), people))
        for day, group in groupby(ordered, key=lambda slot: wall(slot.start, slot.zone).date())
    ]


def _desks(slots: Sequence[Slot], people: dict[UUID, PractitionerCard]) -> list[Desk]:
    by_desk: dict[tuple[UUID, str, str], list[Slot]] = {}
    for slot in slots:
        by_desk.setdefault((slot.practitioner_id, slot.place, slot.zone), []).append(slot)
    return [
        Desk(
            practitioner_id,
            people[practitioner_id].full_name if practitioner_id in people else "",
            people[practitioner_id].specialty_label if practitioner_id in people else "",
            place,
            foreign(zone),
            [FreeTime(wall(slot.start, zone), clock.local(slot.start, zone).isoformat()) for slot in group],
        )
        for (practitioner_id, place, zone), group in by_desk.items()
    ]
