"""Occupancy cells: how a slot gets one winner (decision 6). Every function here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError
from django.db.models import F

from appointments import rules
from appointments.models import Appointment, Hold, OccupancyCell, ResourceUse, WaitingOffer
from appointments.occupied import forget_busy
from medisecure.kernel import clock
from medisecure.kernel.errors import PatientBusy, SlotTaken

T = TypeVar("T")
#: For each thing a visit needs, the rooms or devices of which one must be free.
Needs = Sequence[Sequence[UUID]]


def practitioner_keys(appointment: Appointment | Hold | WaitingOffer) -> list[str]:
    return _keys("practitioner", appointment.practitioner_id, rules.Span(appointment.busy_start, appointment.busy_end))


def patient_keys(appointment: Appointment) -> list[str]:
    """The buffers are the practitioner's time, not the patient's."""
    return _keys("patient", appointment.patient_id, rules.Span(appointment.start, appointment.end))


def _resource_keys(appointment: Appointment | Hold | WaitingOffer, resource_id: UUID) -> list[str]:
    """With the buffers: a room is made ready and cleaned."""
    return _keys("resource", resource_id, rules.Span(appointment.busy_start, appointment.busy_end))


def _keys(owner: str, owner_id: UUID, span: rules.Span) -> list[str]:
    return [f"{owner}:{owner_id}:{cell:%Y%m%dT%H%MZ}" for cell in rules.cells(span)]


def claim(appointment: Appointment, needs: Needs = ()) -> list[str]:
    """Insert the cells that the appointment needs and does not hold yet, those of one free room or device of each group
    of `needs` too. Returns the keys of all that it now holds for its time.

    Raises SlotTaken or PatientBusy when somebody holds one, as far as this transaction can see; IntegrityError when
    somebody else's transaction was faster, which `refusal` then explains.
    """
    of_practitioner, of_patient = practitioner_keys(appointment), patient_keys(appointment)
    rooms = {one: _resource_keys(appointment, one) for group in needs for one in group}
    holders = _holders(appointment, [*of_practitioner, *of_patient, *_flat(rooms.values())])
    others = {key for key, (holder, _expires) in holders.items() if holder != appointment.id}
    if not others.isdisjoint(of_patient):
        raise PatientBusy
    shared = others.intersection(of_practitioner)
    if shared and not appointment.overbooked:
        raise SlotTaken
    taken = _choose(needs, rooms, holders, appointment.id, must=not appointment.overbooked)
    # What is held for somebody stays theirs: whoever has been offered a time is not put off for one who is squeezed in.
    if shared:
        OccupancyCell.objects.filter(key__in=sorted(shared)).update(shared=F("shared") + 1)
    wanted = [*of_practitioner, *of_patient, *_flat(rooms[one] for one in taken)]
    OccupancyCell.objects.bulk_create(
        [OccupancyCell(key=key, appointment_id=appointment.id) for key in wanted if key not in holders]
    )
    before = ResourceUse.objects.filter(appointment_id=appointment.id)
    forget_busy(appointment.practitioner_id, *taken, *before.values_list("resource_id", flat=True))
    before.delete()
    ResourceUse.objects.bulk_create(
        [
            ResourceUse(
                appointment_id=appointment.id,
                resource_id=one,
                start=appointment.busy_start,
                end=appointment.busy_end,
            )
            for one in taken
        ]
    )
    return wanted


def claim_hold(hold: Hold | WaitingOffer, needs: Needs = ()) -> list[UUID]:
    """The same for a time that is only kept: the practitioner's cells and those of rooms and devices, with an end.
    Returns the rooms and devices."""
    of_practitioner = practitioner_keys(hold)
    rooms = {one: _resource_keys(hold, one) for group in needs for one in group}
    holders = _holders(hold, [*of_practitioner, *_flat(rooms.values())])
    if not holders.keys().isdisjoint(of_practitioner):
        raise SlotTaken
    taken = _choose(needs, rooms, holders, hold.id, must=True)
    OccupancyCell.objects.bulk_create(
        [
            OccupancyCell(key=key, appointment_id=hold.id, expires=hold.expires)
            for key in [*of_practitioner, *_flat(rooms[one] for one in taken)]
        ]
    )
    return taken


def adopt(hold: Hold, appointment: Appointment) -> None:
    """What was kept becomes the appointment's."""
    OccupancyCell.objects.filter(appointment_id=hold.id).update(appointment_id=appointment.id, expires=None)
    Hold.objects.filter(id=hold.id).delete()


def drop_hold(hold: Hold) -> None:
    give_up(hold)
    Hold.objects.filter(id=hold.id).delete()


def give_up(kept: Hold | WaitingOffer) -> None:
    """Give back what was kept; what an overbooked visit stands on passes to that visit, which does not end with it."""
    held = OccupancyCell.objects.filter(appointment_id=kept.id).values_list("key", "shared")
    _free(kept, dict(held), appointment_id=kept.id)


def _flat(lists: Iterable[list[str]]) -> list[str]:
    return [key for one in lists for key in one]


def _holders(
    wanting: Appointment | Hold | WaitingOffer, keys: Collection[str]
) -> dict[str, tuple[UUID, datetime | None]]:
    """Who holds which of these cells, and until when. What has expired is freed first: a hold ends by itself, whether
    or not somebody has swept it away."""
    rows = OccupancyCell.objects.filter(key__in=list(keys)).values_list("key", "appointment_id", "expires", "shared")
    now = clock.now()
    found: dict[str, tuple[UUID, datetime | None]] = {}
    over: dict[str, int] = {}
    for key, holder, expires, shared in rows:
        if expires is not None and expires <= now and holder != wanting.id:
            over[key] = shared
        else:
            found[key] = (holder, expires)
    inherited = _free(wanting, over, expires__lte=now)
    return found | {key: (heir, None) for key, heir in inherited.items()}


def _free(here: Appointment | Hold | WaitingOffer, cells: Mapping[str, int], **still: object) -> dict[str, UUID]:
    """Free cells of the practitioner's time at `here`, each with how often it was shared; returns those that pass to an
    overbooked visit, with its id. `still` is what must be true of them yet."""
    left = set(cells)
    inherited: dict[str, UUID] = {}
    for heir in _heirs(here) if any(cells.values()) else ():
        passes = left.intersection(practitioner_keys(heir))
        if passes:
            OccupancyCell.objects.filter(key__in=sorted(passes), **still).update(appointment_id=heir.id, expires=None)
            inherited |= dict.fromkeys(passes, heir.id)
            left -= passes
    if left:
        OccupancyCell.objects.filter(key__in=sorted(left), **still).delete()
    return inherited


def _choose(
    needs: Needs,
    rooms: Mapping[UUID, list[str]],
    holders: Mapping[str, tuple[UUID, datetime | None]],
    own: UUID,
    *,
    must: bool,
) -> list[UUID]:
    """One free room or device of each group: one that is held already rather than another."""
    found = []
    for group in needs:
        free = [one for one in group if all(holders[key][0] == own for key in rooms[one] if key in holders)]
        best = next((one for one in free if any(key in holders for key in rooms[one])), free[0] if free else None)
        if best is not None:
            found.append(best)
        elif must:
            raise SlotTaken
    return found


def win(appointment: Appointment, needs: Needs, unit: Callable[[], T]) -> T:
    """Run `unit`, a transaction that claims the appointment's cells, and explain its loss. A room that somebody else
    was faster to take is no loss while another one may be free: then it runs again."""
    for _try in range(1 + sum(len(group) for group in needs)):
        try:
            return unit()
        except IntegrityError:
            if (lost := refusal(appointment)) is not None:
                raise lost from None
    raise SlotTaken


def refusal(appointment: Appointment) -> SlotTaken | PatientBusy | None:
    """Why `claim` lost against another transaction, seen after the rollback. None when only a room or device was lost:
    another one may be free."""
    taken = OccupancyCell.objects.exclude(appointment_id=appointment.id)
    if taken.filter(key__in=practitioner_keys(appointment)).exists():
        return SlotTaken()
    return PatientBusy() if taken.filter(key__in=patient_keys(appointment)).exists() else None


def release(appointment: Appointment, *, keep: Iterable[str] = ()) -> None:
    """Give back what the appointment holds, except `keep`. A cell that lies under an overbooked visit passes to that
    visit: cancelling the first of two must not offer the time of the second to a third."""
    kept = set(keep)
    held = OccupancyCell.objects.filter(appointment_id=appointment.id).values_list("key", "shared")
    _free(appointment, {key: shared for key, shared in held if key not in kept}, appointment_id=appointment.id)
    uses = ResourceUse.objects.filter(appointment_id=appointment.id)
    forget_busy(appointment.practitioner_id, *uses.values_list("resource_id", flat=True))
    if not kept:
        uses.delete()


def _heirs(here: Appointment | Hold | WaitingOffer) -> list[Appointment]:
    near = Appointment.objects.filter(
        practitioner_id=here.practitioner_id,
        busy_start__lt=here.busy_end,
        busy_start__gt=here.busy_start - rules.LONGEST,
        busy_end__gt=here.busy_start,
        overbooked=True,
        status__in=[status.value for status in rules.OCCUPYING],
    )
    return list(near.exclude(id=here.id).order_by("id"))
