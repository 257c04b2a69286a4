"""Asking for erasure, and deciding it. What may be decided is the law's (`rules.rights`), which of it the officer's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.kernel.transactions import atomic, on_commit, transactional
from patients.access import access_identity
from patients.cards import patient_for_user
from patients.erasing.holders import counts, holders, is_held
from patients.erasing.protection import PERMISSION, PURPOSE
from patients.erasing.words import category_words, decision_words, ground_words
from patients.models import ErasureDecision, ErasureRequest, Patient
from patients.rules import rights
from patients.rules.rights import Category, Decision, Ground, Proposal

LONGEST_WORDS = 4000
LONGEST_REASON = 1000


class ErasureUnderWay(Conflict):
    code = "erasure-under-way"
    title = gettext_lazy("A request for erasure is being dealt with already.")


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One category in words. `until` is the day from which it may be erased, where it is kept."""

    category: str
    category_label: str
    decision: str
    decision_label: str
    ground: str
    until: date | None
    reason: str
    done: bool


@dataclass(frozen=True, slots=True)
class RequestLine:
    id: UUID
    status: str
    status_label: str
    asked_at: datetime
    due_on: date
    decisions: list[DecisionLine]
    letter_ready: bool

    @property
    def open(self) -> bool:
        return self.status == ErasureRequest.Status.OPEN


@dataclass(frozen=True, slots=True)
class Answer:
    """What the officer chose for one category, and why where it is not what was proposed."""

    decision: str
    reason: str = ""


def request_erasure(*, actor: User, patient_id: UUID, words: str = "") -> UUID:
    """The patient asks, or the privacy officer enters a letter. Raises `NotFound`, `Refused`, `Invalid`,
    `ErasureUnderWay`."""
    words = words.strip()
    own = patient_for_user(actor.id) == patient_id
    card = access_identity(actor=actor, patient_id=patient_id, purpose="self" if own else PURPOSE)
    if not own and not actor.has_perm(PERMISSION):
        raise Refused
    if len(words) > LONGEST_WORDS:
        raise Invalid({"words": [_("At most %(count)d characters.") % {"count": LONGEST_WORDS}]})
    with atomic(DEFAULT):
        _log(actor, patient_id, "ask-erasure", own=own)
        try:
            with atomic(DEFAULT):
                row = ErasureRequest.objects.create(
                    patient_id=patient_id,
                    asked_by=actor,
                    due_on=rights.answer_by(clock.today()),
                    words=words,
                    language=card.language,
                )
        except IntegrityError:
            raise ErasureUnderWay from None
    return row.id


def withdraw_erasure(*, actor: User, request_id: UUID) -> None:
    """The patient changed their mind before it was decided. Raises `NotFound`, `Stale`."""
    row = ErasureRequest.objects.filter(id=request_id).first()
    if row is None or patient_for_user(actor.id) != row.patient_id:
        raise NotFound
    with atomic(DEFAULT):
        _log(actor, row.patient_id, "withdraw-erasure", own=True)
        open_rows = ErasureRequest.objects.filter(id=request_id, status=ErasureRequest.Status.OPEN)
        if not open_rows.update(status=ErasureRequest.Status.WITHDRAWN, done_at=clock.now()):
            raise Stale


def requests_of(patient_id: UUID) -> list[RequestLine]:
    """Newest first, in the active language. For callers that know the patient to be the reader's own."""
    rows = ErasureRequest.objects.filter(patient_id=patient_id).prefetch_related("decisions")[:10]
    return [request_line(row) for row in rows]


def request_line(row: ErasureRequest) -> RequestLine:
    order = list(Category)
    decisions = sorted(row.decisions.all(), key=lambda item: order.index(Category(item.category)))
    return RequestLine(
        row.id,
        row.status,
        str(row.get_status_display()),
        row.asked_at,
        row.due_on,
        [
            DecisionLine(
                item.category,
                str(category_words(Category(item.category))),
                item.decision,
                decision_words(Decision(item.decision), item.until),
                str(ground_words(Ground(item.ground))),
                item.until,
                item.reason,
                item.done_at is not None,
            )
            for item in decisions
        ],
        bool(row.letter_key),
    )


def facts_of(patient_id: UUID) -> rights.Facts:
    """What the rules need to know, from all databases. No access check: for services that have passed a door."""
    patient = Patient.objects.filter(id=patient_id).first()
    if patient is None:
        raise NotFound

    def days(category: Category) -> list[date]:
        return [day for holder in holders(category) if (day := holder.last_day(patient_id))]

    visits = days(Category.RECORD) + days(Category.APPOINTMENTS)
    return rights.Facts(
        last_visit=max(visits, default=patient.created_at.date()),
        birth_date=patient.birth_date,
        died_on=patient.deceased_at.date() if patient.deceased_at else None,
        last_invoice=max(days(Category.INVOICES), default=None),
        upcoming_visits=sum(holder.upcoming(patient_id) for holder in holders()),
        counts=counts(patient_id),
        legal_hold=is_held(patient_id),
    )


def propose(*, actor: User, request_id: UUID) -> tuple[ErasureRequest, rights.Facts, list[Proposal]]:
    """What may be decided, for the privacy officer. Raises `NotFound`, `Refused`."""
    if not actor.has_perm(PERMISSION):
        raise Refused
    row = ErasureRequest.objects.filter(id=request_id).first()
    if row is None:
        raise NotFound
    access_identity(actor=actor, patient_id=row.patient_id, purpose=PURPOSE)
    facts = facts_of(row.patient_id)
    return row, facts, rights.proposals(facts, clock.today())


def decide_erasure(*, actor: User, request_id: UUID, answers: Mapping[str, Answer]) -> None:
    """Decide every category; a worker carries it out. Raises as `propose`, `Invalid` naming the category, `Stale` when
    it was decided or withdrawn in the meantime."""
    row, _facts, proposed = propose(actor=actor, request_id=request_id)
    errors: dict[str, list[str]] = {}
    chosen: list[tuple[Proposal, Decision, str]] = []
    for proposal in proposed:
        name = proposal.category.value
        answer = answers.get(name, Answer(""))
        reason = answer.reason.strip()
        if answer.decision not in proposal.allowed:
            errors[name] = [_("Choose one of the decisions that the law leaves for it.")]
        elif len(reason) > LONGEST_REASON:
            errors[name] = [_("At most %(count)d characters.") % {"count": LONGEST_REASON}]
        elif answer.decision != proposal.allowed[0] and not reason:
            errors[name] = [_("Say why: the patient reads it.")]
        else:
            chosen.append((proposal, Decision(answer.decision), reason))
    if errors:
        raise Invalid(errors)
    _write_decisions(actor, row, chosen)


@transactional(DEFAULT)
def _write_decisions(actor: User, row: ErasureRequest, chosen: list[tuple[Proposal, Decision, str]]) -> None:
    _log(actor, row.patient_id, "decide-erasure", own=False)
    open_rows = ErasureRequest.objects.filter(id=row.id, status=ErasureRequest.Status.OPEN)
    if not open_rows.update(status=ErasureRequest.Status.DECIDED, decided_by=actor, decided_at=clock.now()):
        raise Stale
    ErasureDecision.objects.bulk_create(
        ErasureDecision(
            request=row,
            patient_id=row.patient_id,
            category=proposal.category.value,
            decision=decision.value,
            ground=proposal.ground.value,
            until=proposal.until if decision is not Decision.ERASE else None,
            reason=reason,
        )
        for proposal, decision, reason in chosen
    )
    on_commit(DEFAULT, lambda: _nudge(row.id), robust=True)


def _nudge(request_id: UUID) -> None:
    from patients.tasks import nudge_erasure

    nudge_erasure(request_id)


def _log(actor: User, patient_id: UUID, action: str, *, own: bool) -> None:
    record_access(
        actor=actor,
        patient_id=patient_id,
        action=action,
        resource="data-protection",
        resource_id=patient_id,
        purpose="self" if own else PURPOSE,
        right="self" if own else f"permission:{PERMISSION}",
    )
