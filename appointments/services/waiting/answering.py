"""Yes or no to an offer: signed in, by the link of a mail, or on the phone with the reception."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from appointments import access, links, rules
from appointments.models import Appointment, Calendar, WaitingEntry, WaitingOffer
from appointments.places import needs_of
from appointments.services import cells
from appointments.services.changes import change, remember, tell
from appointments.services.waiting.entries import (
    OPEN,
    WAITING,
    as_visit,
    change_entry,
    close_offer,
    find_entry,
    give_time_back,
    hand_time_over,
    note_step,
    right_to_answer,
    visit_of,
    write_down,
)
from appointments.waiting_rules import MOST_MISSED
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import APPOINTMENTS
from medisecure.kernel.errors import LinkOver, NotFound, OfferOver, TooLate
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import transactional

_WHERE = ("practitioner_id", "calendar_id", "start", "end", "busy_start", "busy_end", "zone", "place", "mode")


def accept(*, actor: User, offer_id: UUID) -> Appointment:
    """Take the offered time: the visit moves there, or a new one is booked. One of several answers wins.

    Raises OfferOver (409) when it was answered or has run out; TooLate when the visit may no longer be moved by its
    patient; PatientBusy when the patient has another visit then; Conflict, NotFound, Refused.
    """
    offer, entry = _find(actor, offer_id)
    return _accept(offer, entry, actor=actor, right=right_to_answer(actor, entry))


def decline(*, actor: User, offer_id: UUID) -> None:
    """Leave the time to the next in line; the wish stays. Raises OfferOver, NotFound, Refused."""
    offer, entry = _find(actor, offer_id)
    _decline(offer, entry, actor=actor, right=right_to_answer(actor, entry))


def offer_of_link(token: str) -> WaitingOffer:
    """The offer that a mail's link names, written down as a look at it. Raises NotFound, LinkOver."""
    offer, entry = _find_by_link(token)
    write_down(None, entry, "view", "link")
    return offer


def accept_by_link(token: str) -> Appointment:
    offer, entry = _find_by_link(token)
    return _accept(offer, entry, actor=None, right="link")


def decline_by_link(token: str) -> None:
    offer, entry = _find_by_link(token)
    _decline(offer, entry, actor=None, right="link")


def _find(actor: User, offer_id: UUID) -> tuple[WaitingOffer, WaitingEntry]:
    offer = WaitingOffer.objects.filter(id=offer_id).first()
    if offer is None:
        raise NotFound
    return offer, find_entry(actor, offer.entry_id)


def _find_by_link(token: str) -> tuple[WaitingOffer, WaitingEntry]:
    link = links.read(token, links.Purpose.OFFER)
    offer = WaitingOffer.objects.filter(id=link.id).first()
    entry = WaitingEntry.objects.filter(id=offer.entry_id).first() if offer else None
    if offer is None or entry is None:
        raise LinkOver
    return offer, entry


def _check_open(offer: WaitingOffer) -> None:
    if offer.status != OPEN or offer.expires <= clock.now():
        raise OfferOver


def _accept(offer: WaitingOffer, entry: WaitingEntry, *, actor: User | None, right: str) -> Appointment:
    _check_open(offer)
    visit = visit_of(entry)
    if visit:
        _check_move(visit, offer, right)
    target = as_visit(offer, visit.id if visit else new_id())
    needs = needs_of(offer.type_code, offer.place)
    access.write_down(actor, target, "change" if visit else "create", right)

    @transactional(APPOINTMENTS)
    def take() -> Appointment:
        current = WaitingOffer.objects.get(id=offer.id)
        _check_open(current)
        close_offer(current, WaitingOffer.Status.ACCEPTED.value)
        line = WaitingEntry.objects.get(id=entry.id)
        if line.status != WAITING:
            raise OfferOver
        hand_time_over(current, target.id)
        reason = "waiting-list"
        if visit and (taken := visit_of(line)):
            _check_move(taken, current, right)
            cells.release(taken, keep=cells.claim(target, needs))
            where: dict[str, Any] = {name: getattr(target, name) for name in _WHERE}
            change(
                taken,
                actor=actor,
                action="move",
                reason=reason,
                sequence=taken.sequence + 1,
                # Who takes a time has said that they will come.
                status=rules.Status.CONFIRMED.value,
                overbooked=False,
                overbook_reason="",
                **where,
            )
            tell("appointment.moved", taken)
        else:
            taken = target
            taken.booked_by = actor.id if actor else None
            taken.status = rules.Status.CONFIRMED.value
            cells.claim(taken, needs)
            taken._state.adding = True
            taken.save(force_insert=True)
            remember(taken, actor=actor, action="book", before="", reason=reason)
            tell("appointment.booked", taken)
        change_entry(line, status=WaitingEntry.Status.FULFILLED.value)
        note_step(line.id, "accept", actor=actor, offer_id=offer.id, reason="link" if right == "link" else "")
        return taken

    # It is lost when the patient booked another visit at the same time; the practitioner's time was held.
    return cells.win(target, needs, take)


def _check_move(visit: Appointment, offer: WaitingOffer, right: str) -> None:
    status = rules.Status(visit.status)
    if status not in rules.UPCOMING or visit.start <= offer.start:
        raise OfferOver
    calendar = Calendar.objects.filter(id=visit.calendar_id).first()
    hours = calendar.cancel_notice_hours if calendar else 24
    notice = timedelta(hours=hours if access.by_patient(right) else 0)
    if not rules.may_move(status, visit.start, clock.now(), notice):
        raise TooLate


def _decline(offer: WaitingOffer, entry: WaitingEntry, *, actor: User | None, right: str) -> None:
    _check_open(offer)
    write_down(actor, entry, "change", right)
    pass_on(offer, WaitingOffer.Status.DECLINED, actor=actor, reason="link" if right == "link" else "")


def pass_on(seen: WaitingOffer, status: WaitingOffer.Status, *, actor: User | None = None, reason: str = "") -> None:
    """Close the offer without a yes and give its time back. After several in a row the patient is asked no more.

    Raises OfferOver when it was answered meanwhile.
    """

    @transactional(APPOINTMENTS)
    def leave() -> None:
        offer = WaitingOffer.objects.get(id=seen.id)
        close_offer(offer, status.value)
        give_time_back(offer)
        entry = WaitingEntry.objects.get(id=offer.entry_id)
        note_step(entry.id, _STEPS[status], actor=actor, offer_id=offer.id, reason=reason)
        if entry.status != WAITING:
            return
        missed = entry.missed + 1
        if missed < MOST_MISSED:
            change_entry(entry, missed=missed)
        else:
            change_entry(entry, missed=missed, status=WaitingEntry.Status.PAUSED.value)
            note_step(entry.id, "pause")

    leave()


_STEPS = {WaitingOffer.Status.DECLINED: "decline", WaitingOffer.Status.EXPIRED: "expire"}

__all__ = ["accept", "accept_by_link", "decline", "decline_by_link", "offer_of_link", "pass_on"]
