"""Free times meet wishes: whoever stands first in the line and can come is offered the earliest time that suits them.

It looks at what is free now and not at what became free, so it does not matter why: a visit that was cancelled or
moved, an opened calendar, an offer that was passed on, or a look that was missed. Two looks at once offer nothing
twice: the kept cells and the keys of the offers are unique.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError

from appointments import places, rules, waiting_rules
from appointments.calendars import visit_of
from appointments.models import Appointment, AppointmentType, Calendar, WaitingEntry, WaitingOffer
from appointments.places import Slot
from appointments.services.waiting.answering import pass_on
from appointments.services.waiting.asking import take_offers_back
from appointments.services.waiting.entries import OPEN, WAITING, change_entry, is_upcoming, keep_time, note_step
from appointments.waiting_rules import Window, Wish
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import OfferOver, SlotTaken, Stale
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients import interface as patients

#: Of the line, so many are looked at in one go; the others' turn comes when these have been served.
MOST: Final = 500
#: Times tried for one wish before the next look: each was lost to somebody who books at this moment.
TRIES: Final = 5
#: Further ahead nobody waits for a place that is free now.
REACH: Final = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Waiter:
    """One entry with what must be known to offer it something."""

    entry: WaitingEntry
    wish: Wish
    practitioners: frozenset[UUID]
    #: The patient's other visits.
    visits: Sequence[tuple[datetime, datetime]]
    #: (practitioner, start) of what was offered before.
    offered: frozenset[tuple[UUID, datetime]]


def run() -> int:
    """Close what has run out, tidy the line, and offer what is free. Returns how many offers were made."""
    _expire()
    entries = list(WaitingEntry.objects.filter(status=WAITING)[:MOST])
    if not entries:
        return 0
    visits = {
        row.id: row
        for row in Appointment.objects.filter(id__in=[e.appointment_id for e in entries if e.appointment_id])
    }
    entries = [entry for entry in entries if not _ended(entry, visits)]
    _take_back_what_helps_no_more(visits)
    return sum(_serve(kind, waiters) for kind, waiters in _groups(entries, visits).items())


def _expire() -> None:
    for offer in WaitingOffer.objects.filter(status=OPEN, expires__lte=clock.now())[:MOST]:
        try:
            pass_on(offer, WaitingOffer.Status.EXPIRED)
        except (OfferOver, Stale):
            # Answered, or changed by another look, at this very moment: the next look sees what is left to do.
            continue


def _ended(entry: WaitingEntry, visits: Mapping[UUID, Appointment]) -> bool:
    """End a wish that can no longer come true: its visit is not to come any more, or its days are over.

    A place whose day has ended is behind every zone a day later."""
    visit = visits.get(entry.appointment_id) if entry.appointment_id else None
    gone = entry.appointment_id is not None and (visit is None or not is_upcoming(visit))
    if not gone and entry.last >= clock.now().date() - timedelta(days=1):
        return False

    @transactional(APPOINTMENTS)
    def end() -> None:
        take_offers_back(entry)
        change_entry(entry, status=WaitingEntry.Status.LAPSED.value)
        note_step(entry.id, "lapse")

    try:
        end()
    except (OfferOver, Stale):
        return True
    return True


def _take_back_what_helps_no_more(visits: Mapping[UUID, Appointment]) -> None:
    """A visit that has moved to before the time that is kept for it needs that time no more."""
    offers = list(WaitingOffer.objects.filter(status=OPEN))
    entries = {row.id: row for row in WaitingEntry.objects.filter(id__in=[offer.entry_id for offer in offers])}
    for offer in offers:
        entry = entries.get(offer.entry_id)
        visit = visits.get(entry.appointment_id) if entry and entry.appointment_id else None
        if entry and visit and visit.start <= offer.start:
            try:
                transactional(APPOINTMENTS)(take_offers_back)(entry)
            except OfferOver:
                continue


def _groups(entries: Sequence[WaitingEntry], visits: Mapping[UUID, Appointment]) -> dict[AppointmentType, list[Waiter]]:
    """Who waits for which type, in the order of the line; without those who have an offer, or cannot take one now."""
    ids = [entry.id for entry in entries]
    made = list(WaitingOffer.objects.filter(entry_id__in=ids))
    busy = {offer.entry_id for offer in made if offer.status == OPEN}
    offered: dict[UUID, set[tuple[UUID, datetime]]] = defaultdict(set)
    for offer in made:
        offered[offer.entry_id].add((offer.practitioner_id, offer.start))
    people = {entry.patient_id for entry in entries}
    active = {card.id for card in patients.patient_cards(people).values() if card.active}
    others = _visits_of(people)
    notices = _notices(visits)
    kinds = {kind.code: kind for kind in AppointmentType.objects.filter(active=True)}
    members = {name: _members(name) for name in {entry.specialty for entry in entries if entry.specialty}}
    found: dict[AppointmentType, list[Waiter]] = defaultdict(list)
    now = clock.now()
    for entry in entries:
        visit = visits.get(entry.appointment_id) if entry.appointment_id else None
        kind = kinds.get(entry.type_code)
        if entry.id in busy or entry.patient_id not in active or kind is None:
            continue
        # What only staff book is offered only to whom staff put on the list.
        if not (kind.bookable_by_patient or entry.by_staff):
            continue
        if visit and not rules.may_move(
            rules.Status(visit.status), visit.start, now, notices.get(visit.calendar_id, timedelta(hours=24))
        ):
            continue
        whose = visit.practitioner_id if visit else entry.practitioner_id
        found[kind].append(
            Waiter(
                entry=entry,
                wish=_wish(entry, visit),
                practitioners=frozenset({whose}) if whose else members.get(entry.specialty, frozenset()),
                visits=[(start, end) for key, start, end in others[entry.patient_id] if key != entry.appointment_id],
                offered=frozenset(offered[entry.id]),
            )
        )
    return found


def _wish(entry: WaitingEntry, visit: Appointment | None) -> Wish:
    return Wish(
        id=entry.id,
        priority=entry.priority,
        asked=entry.created_at,
        first=entry.first,
        last=entry.last,
        windows=[
            Window(one["weekday"], rules.parse_clock(one["start"]), rules.parse_clock(one["end"]))
            for one in entry.windows
        ],
        before=visit.start if visit else None,
    )


def _members(specialty: str) -> frozenset[UUID]:
    return frozenset(card.id for card in patients.practitioners(specialty))


def _visits_of(people: set[UUID]) -> dict[UUID, list[tuple[UUID, datetime, datetime]]]:
    found: dict[UUID, list[tuple[UUID, datetime, datetime]]] = defaultdict(list)
    rows = Appointment.objects.filter(
        patient_id__in=sorted(people),
        start__gt=clock.now() - rules.LONGEST,
        status__in=[status.value for status in rules.OCCUPYING],
    ).order_by()
    for patient_id, appointment_id, start, end in rows.values_list("patient_id", "id", "start", "end"):
        found[patient_id].append((appointment_id, start, end))
    return found


def _notices(visits: Mapping[UUID, Appointment]) -> dict[UUID, timedelta]:
    ids = sorted({visit.calendar_id for visit in visits.values()})
    rows = Calendar.objects.filter(id__in=ids).values_list("id", "cancel_notice_hours") if ids else ()
    return {calendar_id: timedelta(hours=hours) for calendar_id, hours in rows}


def _serve(kind: AppointmentType, waiters: list[Waiter]) -> int:
    """Offer free times of one type, the first in the line first."""
    today = clock.now().date()
    first = max(min(waiter.wish.first for waiter in waiters), today - timedelta(days=1))
    last = min(max(waiter.wish.last for waiter in waiters), today + REACH)
    everyone = sorted(set().union(*(waiter.practitioners for waiter in waiters)))
    calendars = places.calendars_for(everyone, kind.code)
    # The lead time that calendar and type ask of patients comes in below: an offer ends before it begins.
    slots = places.free_slots(calendars, kind, first=first, last=last, staff=True)
    leads = {row.id: timedelta(minutes=max(row.lead_minutes, kind.lead_minutes or 0)) for row in calendars}
    by_practitioner: dict[UUID, list[Slot]] = defaultdict(list)
    for slot in slots:
        by_practitioner[slot.practitioner_id].append(slot)
    made = 0
    for waiter in sorted(waiters, key=lambda one: waiting_rules.rank(one.wish)):
        for slot, until in islice(_suitable(waiter, by_practitioner, leads), TRIES):
            if _offer(kind, waiter, slot, until):
                made += 1
                break
    return made


def _suitable(
    waiter: Waiter, free: Mapping[UUID, list[Slot]], leads: Mapping[UUID, timedelta]
) -> Iterator[tuple[Slot, datetime]]:
    """The times that this patient can take, the earliest first, each with the moment until which it is kept."""
    now = clock.now()
    patience = timedelta(minutes=settings.WAITING_OFFER_MINUTES)
    mine = [slot for one in waiter.practitioners for slot in free.get(one, ())]
    for slot in sorted(mine, key=lambda one: (one.start, str(one.practitioner_id))):
        zone = ZoneInfo(slot.zone)
        if (slot.practitioner_id, slot.start) in waiter.offered:
            continue
        if not waiting_rules.suits(waiter.wish, slot.start, slot.end, zone):
            continue
        if not waiting_rules.free_then(slot.start, slot.end, waiter.visits):
            continue
        if not waiting_rules.may_disturb(now, zone, settings.WAITING_OFFER_HOURS):
            continue
        until = waiting_rules.open_until(now, slot.start, lead=leads[slot.calendar_id], patience=patience)
        if until is not None:
            yield slot, until


def _offer(kind: AppointmentType, waiter: Waiter, slot: Slot, until: datetime) -> bool:
    """Keep the time, write the offer and its event; False when somebody was faster."""
    busy = visit_of(kind).busy(slot.start)

    @transactional(APPOINTMENTS)
    def make() -> None:
        entry = WaitingEntry.objects.filter(id=waiter.entry.id, status=WAITING).first()
        if entry is None:
            raise OfferOver
        offer = WaitingOffer(
            entry_id=entry.id,
            patient_id=entry.patient_id,
            practitioner_id=slot.practitioner_id,
            calendar_id=slot.calendar_id,
            type_code=slot.type_code,
            start=slot.start,
            end=slot.end,
            busy_start=busy.start,
            busy_end=busy.end,
            zone=slot.zone,
            place=slot.place,
            open_key=f"entry:{entry.id}",
            expires=until,
        )
        keep_time(offer)
        offer.save(force_insert=True)
        note_step(entry.id, "offer", offer_id=offer.id)
        emit(
            APPOINTMENTS,
            "waiting.offered",
            {"offer_id": str(offer.id), "entry_id": str(entry.id), "patient_id": str(entry.patient_id)},
        )

    try:
        make()
    except (SlotTaken, OfferOver, IntegrityError):
        return False
    return True
