"""Carrying a decision out: category by category, each done and noted on its own, so that a crash resumes where it was.

Erasing twice erases nothing more, so a category whose note was lost is simply done again.
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.db.models import F
from django.utils import translation

from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import atomic
from medisecure.notifications.interface import notify_user, queue_mail
from patients.cards import patient_card
from patients.erasing.holders import holders, is_held
from patients.erasing.letters import make_letter
from patients.erasing.protection import restrict
from patients.models import ErasureDecision, ErasureRequest
from patients.rules.rights import NOT_HELD, Category, Decision

log = logging.getLogger(__name__)


def pending_erasures(limit: int = 50) -> list[UUID]:
    rows = ErasureRequest.objects.filter(status=ErasureRequest.Status.DECIDED).order_by("decided_at")
    return list(rows.values_list("id", flat=True)[:limit])


def run_erasure(request_id: UUID) -> bool:
    """Do what is decided and not done yet. True when all of it is done now."""
    request = ErasureRequest.objects.filter(id=request_id, status=ErasureRequest.Status.DECIDED).first()
    if request is None:
        return False
    if not request.letter_key:
        # Before anything goes: the letter needs a name and an address, which may be among it.
        make_letter(request)
    order = list(Category)
    waiting = sorted(
        ErasureDecision.objects.filter(request=request, done_at=None),
        key=lambda row: order.index(Category(row.category)),
    )
    if any(row.category == Category.ACCOUNT for row in waiting):
        _tell(request)
    held = is_held(request.patient_id)
    for decision in waiting:
        if not _must_wait(decision, held=held):
            _carry_out(decision)
    if any(_must_wait(decision, held=held) for decision in waiting):
        # A hold came after the decision: the regular look goes on when it has ended.
        log.info("erasure %s waits for the end of a legal hold", request.id)
        return False
    with atomic(DEFAULT):
        done = ErasureRequest.objects.filter(id=request_id, status=ErasureRequest.Status.DECIDED).update(
            status=ErasureRequest.Status.DONE, done_at=clock.now()
        )
    return bool(done)


def _must_wait(row: ErasureDecision, *, held: bool) -> bool:
    return held and Decision(row.decision) is Decision.ERASE and Category(row.category) not in NOT_HELD


def _carry_out(row: ErasureDecision) -> None:
    match Decision(row.decision):
        case Decision.ERASE:
            _log(row, "erase")
            for holder in holders(Category(row.category)):
                count = holder.erase(row.patient_id)
                if count:
                    ErasureDecision.objects.filter(id=row.id).update(rows=F("rows") + count)
        case Decision.RESTRICT:
            with atomic(DEFAULT):
                _log(row, "lock-away")
                restrict(row.patient_id)
        case Decision.KEEP:
            log.debug("erasure %s: nothing to do", row.request_id)
    ErasureDecision.objects.filter(id=row.id, done_at=None).update(done_at=clock.now())
    log.info("erasure %s: %s %s", row.request_id, row.category, row.decision)


def _log(row: ErasureDecision, action: str) -> None:
    """The entry stands before the act: one without an act is harmless, an act without one is not."""
    record_access(
        actor=None,
        patient_id=row.patient_id,
        action=action,
        resource=f"data-{row.category}".replace("_", "-"),
        resource_id=row.id,
        purpose="right of erasure",
        right="system",
    )


def _tell(request: ErasureRequest) -> None:
    """A notice and a mail, promised before the account and the address may go. The mail says nothing of the record."""
    card = patient_card(request.patient_id)
    notify_user(
        dedupe_key=f"{request.id}:erasure-decided", user_id=card.user_id, kind="erasure-decided", url="/privacy/"
    )
    with translation.override(card.language):
        queue_mail(
            dedupe_key=f"{request.id}:erasure-decided",
            to_email=card.email,
            language=card.language,
            template="erasure_decided",
            context={"name": card.full_name},
        )
