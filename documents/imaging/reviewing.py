"""A person decides whose an image is. Until then nobody else sees it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from documents.imaging import gate, header, sandbox, storage, work
from documents.imaging.rules import Concern
from documents.models import ImagingInstance
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import NotFound, Refused, Stale
from medisecure.kernel.transactions import transactional
from patients.interface import access_record, forget_record, may_read_record, visible_patients

Review = ImagingInstance.Review


@dataclass(frozen=True, slots=True)
class Doubt:
    """What somebody needs to decide. `name`, `birth`, `number`: what the file says, read now and kept nowhere."""

    image: ImagingInstance
    token: str
    name: str
    birth: str
    number: str
    concerns: tuple[Concern, ...]


def open_doubt(*, actor: User, instance_id: UUID) -> Doubt:
    """Raises `NotFound`, `Refused` for whoever may not decide."""
    row = _found(actor, instance_id)
    patient_id = row.document.patient_id
    access_record(
        actor=actor, patient_id=patient_id, purpose="care", action="compare", resource="image", resource_id=row.id
    )
    who = _who(row)
    return Doubt(
        image=row,
        token=gate.token(actor, patient_id=patient_id, instance_id=row.id),
        name=" ".join(who.get("name", "").split("=")[0].replace("^", " ").split()),
        birth=who.get("birth", ""),
        number=who.get("number", ""),
        concerns=tuple(Concern(code) for code in row.concerns if code in set(Concern)),
    )


def _who(row: ImagingInstance) -> dict[str, str]:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="medisecure-image-") as folder:
        path = Path(folder) / "source.dcm"
        try:
            storage.fetch(row.document.bucket, row.document.key, path)
            return sandbox.run(lambda: dict(header.read(path).who), work.limits())
        except (FileNotFoundError, sandbox.OutOfBounds, sandbox.Failed):
            return {}


def _found(actor: User, instance_id: UUID) -> ImagingInstance:
    row = ImagingInstance.objects.select_related("document", "series__study").filter(id=instance_id).first()
    if row is None:
        raise NotFound
    patient_id = row.document.patient_id
    if not visible_patients(actor).contains(patient_id):
        raise NotFound
    if not actor.has_perm(gate.REVIEW) or not may_read_record(actor, patient_id):
        raise Refused
    return row


def decide(*, actor: User, instance_id: UUID, belongs: bool) -> None:
    """Whether the image is this patient's. Decided once; the same decision again changes nothing. Raises `NotFound`,
    `Refused`; `Stale` when somebody else has decided otherwise."""
    row = _found(actor, instance_id)
    wanted = Review.BELONGS if belongs else Review.FOREIGN
    if row.review == wanted:
        return
    _decide(actor, row, wanted)


@transactional(DEFAULT)
def _decide(actor: User, row: ImagingInstance, wanted: ImagingInstance.Review) -> None:
    access_record(
        actor=actor,
        patient_id=row.document.patient_id,
        purpose="care",
        action="review",
        resource="image",
        resource_id=row.id,
    )
    changed = ImagingInstance.objects.filter(id=row.id, review=Review.PENDING).update(
        review=wanted, reviewed_by=actor, reviewed_at=clock.now()
    )
    if not changed:
        raise Stale
    forget_record(row.document.patient_id)
