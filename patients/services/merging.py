"""Making one file of two, and two of one again (docs/decisions/0010).

One transaction here marks the loser, moves what this database has and tells the others; each of them moves its own and
answers. Every step can be asked for again, so what a crash interrupted goes on by itself (`resume`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext as _

from medisecure.accounts.interface import close_account, reopen_account
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused
from medisecure.kernel.outbox import emit
from medisecure.kernel.transactions import transactional
from patients import moves, traits
from patients.access import access_identity
from patients.duplicates import MERGE
from patients.models import MedicalRecord, Merge, MergeMove, MergeStep, Patient
from patients.models.merging import REASON_LENGTH
from patients.parts import parts
from patients.services.forgetting import forget_patient

#: The part that this database does itself.
OWN_PART: Final = "record"
#: After so long without an answer a part is told again; requests that had begun before a merge are over by then, too.
ANSWER_WITHIN: Final = timedelta(seconds=60)
_USER: Final = "accounts.User"
Status = Merge.Status


def merge_patients(
    *,
    actor: User,
    survivor_id: UUID,
    loser_id: UUID,
    reason: str,
    taken: Collection[str] = (),
    account: str = "",
) -> Merge:
    """Merge the loser's file into the survivor's. `taken`: the details that the survivor takes over from the loser;
    `account`: which account of the portal the person keeps (`Merge.Account`), the survivor's or the only one unless
    said. Returns the merge, which goes on in the background.

    Raises `Refused`, `NotFound`, `Merged` for a file that was merged before, `Invalid` naming the field, `Conflict`
    while another merge of one of the two is under way.
    """
    if not actor.has_perm(MERGE):
        raise Refused
    if survivor_id == loser_id:
        raise Invalid({"loser": [_("Choose two different files.")]})
    reason = _clean_reason(reason)
    if unknown := set(taken) - set(traits.names()):
        raise Invalid({"taken": [_("There is no such detail: %(names)s.") % {"names": ", ".join(sorted(unknown))}]})
    if account and account not in Merge.Account.values:
        choices = ", ".join(Merge.Account.values)
        raise Invalid({"account": [_("Choose one of: %(choices)s.") % {"choices": choices}]})
    return _start(actor, survivor_id, loser_id, reason, sorted(taken), account)


def _clean_reason(reason: str) -> str:
    reason = " ".join(reason.split())
    if not reason or len(reason) > REASON_LENGTH or not reason.isprintable():
        raise Invalid({"reason": [_("Give a reason, in at most %(count)d characters.") % {"count": REASON_LENGTH}]})
    return reason


@transactional(DEFAULT)
def _start(actor: User, survivor_id: UUID, loser_id: UUID, reason: str, taken: list[str], account: str) -> Merge:
    # In the order of their ids: two merges that wait for each other would be a deadlock.
    locked = {row.id: row for row in _lock([survivor_id, loser_id])}
    for patient_id in (survivor_id, loser_id):
        access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="merge")
    survivor, loser = locked[survivor_id], locked[loser_id]
    under_way = Merge.objects.filter(status__in=[Status.RUNNING, Status.UNDOING])
    if under_way.filter(survivor_id=loser_id).exists() or under_way.filter(loser_id=survivor_id).exists():
        raise Conflict(_("A merge of one of these files is still under way. Wait until it is done."))
    merge = Merge.objects.create(
        survivor=survivor,
        loser=loser,
        reason=reason,
        taken=taken,
        account=account or (Merge.Account.SURVIVOR if survivor.user_id else Merge.Account.LOSER),
        started_by=actor,
    )
    moved, kept = moves.move_rows(merge)
    _exchange_accounts(merge, survivor, loser)
    _take_over(merge, survivor, loser)
    moves.write_down(merge, moves.PATIENT, loser_id, "active", loser.active, False)
    Patient.objects.filter(id=loser_id).update(
        merged_into=survivor, active=False, version=F("version") + 1, changed_at=clock.now()
    )
    MergeStep.objects.create(merge=merge, part=OWN_PART, done_at=clock.now(), moved=moved, kept=kept)
    waiting = [name for name, part in parts().items() if part.answers]
    MergeStep.objects.bulk_create([MergeStep(merge=merge, part=name) for name in waiting])
    _order(merge)
    _drop(merge)
    return merge


def _lock(ids: Collection[UUID]) -> list[Patient]:
    rows = list(Patient.objects.select_for_update().filter(id__in=ids).order_by("id"))
    if len(rows) < len(set(ids)):
        raise NotFound
    return rows


def _take_over(merge: Merge, survivor: Patient, loser: Patient) -> None:
    changed = []
    for name in (field for trait in merge.taken for field in traits.fields_of(trait)):
        old, new = getattr(survivor, name), getattr(loser, name)
        if old != new:
            moves.write_down(merge, moves.PATIENT, survivor.id, name, old, new)
            setattr(survivor, name, new)
            changed.append(name)
    _save(survivor, changed)


def _save(patient: Patient, changed: list[str]) -> None:
    fields = [*changed, *traits.derive(patient)]
    values = {name: getattr(patient, name) for name in fields}
    Patient.objects.filter(id=patient.id).update(version=F("version") + 1, changed_at=clock.now(), **values)


def _exchange_accounts(merge: Merge, survivor: Patient, loser: Patient) -> None:
    before = {survivor.id: survivor.user_id, loser.id: loser.user_id}
    kept = {Merge.Account.SURVIVOR: survivor.user_id, Merge.Account.LOSER: loser.user_id}.get(
        Merge.Account(merge.account)
    )
    after = {survivor.id: kept, loser.id: None}
    for patient_id in (loser.id, survivor.id):
        if before[patient_id] != after[patient_id]:
            old, new = before[patient_id], after[patient_id]
            moves.write_down(merge, moves.PATIENT, patient_id, "user", old, new)
            # First none: an account belongs to one patient at a time.
            Patient.objects.filter(id=patient_id).update(user=None)
    if kept:
        Patient.objects.filter(id=survivor.id).update(user_id=kept)
    for user_id in {one for one in before.values() if one and one != kept}:
        if close_account(user_id):
            moves.write_down(merge, _USER, user_id, "is_active", True, False)


# --- What the other databases are told and answer ---------------------------------------------------------------------
def _order(merge: Merge) -> None:
    name = "patient.merge_started" if merge.status in (Status.RUNNING, Status.DONE) else "patient.unmerge_started"
    ids = {"merge_id": str(merge.id), "survivor_id": str(merge.survivor_id), "loser_id": str(merge.loser_id)}
    emit(DEFAULT, name, ids)


def _drop(merge: Merge) -> None:
    """Drop the cards and records of both, and of files that had been merged into the loser before."""
    pointing = Patient.objects.filter(merged_into_id__in=[merge.survivor_id, merge.loser_id])
    ids = {merge.survivor_id, merge.loser_id, *pointing.values_list("id", flat=True)}
    MedicalRecord.objects.filter(patient_id__in=ids).update(version=F("version") + 1, changed_at=clock.now())
    for patient_id in ids:
        forget_patient(patient_id)


@transactional(DEFAULT)
def note_answer(*, merge_id: UUID, part: str, undo: bool, moved: int, kept: int) -> None:
    """A part has done what it was told. The last one ends the merge, or its taking back."""
    # The lock makes one of two answers at the same time see the other.
    merge = Merge.objects.select_for_update().filter(id=merge_id).first()
    if merge is None:
        raise NotFound
    step = MergeStep.objects.filter(merge=merge, part=part, undo=undo)
    step.update(moved=F("moved") + moved, kept=F("kept") + kept)
    step.filter(done_at=None).update(done_at=clock.now())
    waiting = MergeStep.objects.filter(merge=merge, undo=undo, done_at=None).exclude(part=OWN_PART).exists()
    if waiting or merge.status != (Status.UNDOING if undo else Status.RUNNING):
        return
    if undo:
        _put_back(merge)
    Merge.objects.filter(id=merge_id).update(status=Status.UNDONE if undo else Status.DONE)
    ids = {"merge_id": str(merge.id), "survivor_id": str(merge.survivor_id), "loser_id": str(merge.loser_id)}
    emit(DEFAULT, "patient.unmerged" if undo else "patient.merged", ids)
    _drop(merge)


@transactional(DEFAULT)
def adopt_late(patient_id: UUID) -> None:
    """A late event has written something on a file that was merged since: move it on, with the journal."""
    merge = Merge.objects.filter(loser_id=patient_id, status__in=[Status.RUNNING, Status.DONE]).first()
    if merge is not None:
        moved, _kept = moves.move_rows(merge)
        MergeStep.objects.filter(merge=merge, part=OWN_PART, undo=False).update(moved=F("moved") + moved)


def resume() -> int:
    """Tell parts again that have not answered, and look once more at merges that are done for what was being written
    while they began. Returns how many merges that were."""
    late = clock.now() - ANSWER_WITHIN
    waiting = Merge.objects.filter(status__in=[Status.RUNNING, Status.UNDOING], ordered_at__lt=late)
    again = Merge.objects.filter(status=Status.DONE, looked_again=False, ordered_at__lt=late)
    ids = [*waiting.values_list("id", flat=True), *again.values_list("id", flat=True)]
    for merge_id in ids:
        _order_again(merge_id, late)
    return len(ids)


@transactional(DEFAULT)
def _order_again(merge_id: UUID, late: object) -> None:
    merge = Merge.objects.select_for_update().filter(id=merge_id, ordered_at__lt=late).first()
    if merge is None or merge.status == Status.UNDONE:
        return
    if merge.status != Status.UNDOING:
        moved, kept = moves.move_rows(merge)
        if moved:
            own = MergeStep.objects.filter(merge=merge, part=OWN_PART, undo=False)
            own.update(moved=F("moved") + moved, kept=kept)
            _drop(merge)
    _order(merge)
    Merge.objects.filter(id=merge_id).update(ordered_at=clock.now(), looked_again=merge.status == Status.DONE)


# --- Taking it back ---------------------------------------------------------------------------------------------------
def unmerge_patients(*, actor: User, merge_id: UUID, reason: str) -> Merge:
    """Take a merge back: what it moved returns, what the survivor got since stays with them. Goes on in the background.

    Raises `Refused`, `NotFound`, `Invalid` (reason), `Conflict` while the merge is under way, after it was taken back,
    or when the survivor was merged in its turn: then that merge is taken back first.
    """
    if not actor.has_perm(MERGE):
        raise Refused
    return _start_back(actor, merge_id, _clean_reason(reason))


@transactional(DEFAULT)
def _start_back(actor: User, merge_id: UUID, reason: str) -> Merge:
    found = Merge.objects.filter(id=merge_id).first()
    if found is None:
        raise NotFound
    _lock([found.survivor_id, found.loser_id])
    merge = Merge.objects.select_for_update().get(id=merge_id)
    # The loser's own door leads on to the survivor's: a right to one is a right to both.
    access_identity(actor=actor, patient_id=_current(merge), purpose="identity", action="unmerge")
    if merge.status != Status.DONE:
        raise Conflict(_("Only a merge that is done can be taken back."))
    if Patient.objects.filter(id=merge.survivor_id).exclude(merged_into=None).exists():
        raise Conflict(_("The file that stayed was merged in its turn. Take that merge back first."))
    _write_loser_entry(actor, merge)
    merge.status, merge.undone_by, merge.undone_at, merge.undo_reason = Status.UNDOING, actor, clock.now(), reason
    merge.ordered_at = clock.now()
    merge.save(update_fields=["status", "undone_by", "undone_at", "undo_reason", "ordered_at"])
    waiting = [name for name, part in parts().items() if part.answers]
    MergeStep.objects.bulk_create([MergeStep(merge=merge, part=name, undo=True) for name in [OWN_PART, *waiting]])
    _order(merge)
    return merge


def _current(merge: Merge) -> UUID:
    return Patient.objects.values_list("merged_into_id", flat=True).get(id=merge.survivor_id) or merge.survivor_id


def _write_loser_entry(actor: User, merge: Merge) -> None:
    from medisecure.audit.interface import record_access

    record_access(
        actor=actor,
        patient_id=merge.loser_id,
        action="unmerge",
        resource="patient",
        resource_id=merge.loser_id,
        purpose="identity",
        right="role",
    )


def _put_back(merge: Merge) -> None:
    """In the transaction that ends the taking back: whoever looks sees one file before it and two after."""
    back, stayed = moves.move_back(merge)
    rows = {
        (row.model, row.row_id, row.field): row
        for row in MergeMove.objects.filter(merge=merge, model__in=[moves.PATIENT, _USER])
    }
    stayed += _restore_details(merge, rows) + _restore_accounts(merge, rows)
    active = rows[moves.PATIENT, merge.loser_id, "active"]
    Patient.objects.filter(id=merge.loser_id).update(
        merged_into=None, active=active.old == "true", version=F("version") + 1, changed_at=clock.now()
    )
    MergeStep.objects.filter(merge=merge, part=OWN_PART, undo=True).update(done_at=clock.now(), moved=back, kept=stayed)


Rows = dict[tuple[str, UUID, str], MergeMove]


def _restore_details(merge: Merge, rows: Rows) -> int:
    survivor = Patient.objects.get(id=merge.survivor_id)
    changed, stayed = [], 0
    for (model, row_id, name), row in rows.items():
        if model != moves.PATIENT or row_id != survivor.id or name in ("user", "active", "merged_into"):
            continue
        field = Patient._meta.get_field(name)
        if getattr(survivor, name) == moves.from_text(field, row.new):
            setattr(survivor, name, moves.from_text(field, row.old))
            changed.append(name)
        else:
            stayed += _keep(row)
    _save(survivor, changed)
    return stayed


def _keep(row: MergeMove) -> int:
    MergeMove.objects.filter(pk=row.pk).update(kept=True)
    return 1


def _restore_accounts(merge: Merge, rows: Rows) -> int:
    """The account that moved goes back, unless somebody gave the survivor another one since."""
    wanted: dict[UUID, UUID | None] = {}
    stayed = 0
    for patient_id in (merge.survivor_id, merge.loser_id):
        row = rows.get((moves.PATIENT, patient_id, "user"))
        if row is None:
            continue
        old, new = (moves.from_text(Patient._meta.pk, text) for text in (row.old, row.new))
        if Patient.objects.filter(id=patient_id, user_id=new).exists():
            wanted[patient_id] = old
        else:
            stayed += _keep(row)
    Patient.objects.filter(id__in=list(wanted)).update(user=None)
    for patient_id, user_id in wanted.items():
        if user_id and not Patient.objects.filter(user_id=user_id).exists():
            Patient.objects.filter(id=patient_id).update(user_id=user_id)
    for (model, user_id, _field), row in rows.items():
        if model == _USER and not reopen_account(user_id):
            stayed += _keep(row)
    return stayed
