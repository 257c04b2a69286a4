"""Which images somebody may see. The door of the record stands before this; whose an image is, is asked here."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.core import signing
from django.core.cache import cache
from django.db.models import Q, QuerySet

from documents import rules
from documents.models import Document, ImagingInstance
from documents.readers import reader_of, served_states
from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound, Refused
from patients.interface import may_read_record

REVIEW: Final = "documents.review_imaging"
DEIDENTIFY: Final = "documents.deidentify_imaging"
Review = ImagingInstance.Review
#: Shown to nobody but whoever decides whose it is.
HELD: Final = (Review.PENDING, Review.FOREIGN)
UNCHECKED: Final = Review.UNCHECKED
#: Nothing speaks against these, or somebody has decided.
CLEARED: Final = (Review.CLEAR, Review.BELONGS)

#: A page with images may stay open so long; then it is opened again, which is written down again.
SECONDS: Final = 4 * 3600
#: A right that has ended ends frames within so many seconds.
RECHECK: Final = 20
_SALT: Final = "medisecure.imaging"


def held() -> Q:
    """Documents whose image is held, for `exclude`."""
    return Q(imaging__review__in=HELD)


def documents_of(actor: User, patient_id: UUID) -> QuerySet[Document]:
    """The patient's documents that this actor may open."""
    return Document.objects.filter(
        reader_of(actor, patient_id).readable(), patient_id=patient_id, current=True, scan_state__in=served_states()
    )


def is_compared(row: Document) -> bool:
    """False for a DICOM file of which nobody has seen yet whether it names somebody else."""
    return row.content_type != rules.DICOM or ImagingInstance.objects.filter(document=row, review__in=CLEARED).exists()


def visible(actor: User, patient_id: UUID) -> QuerySet[ImagingInstance]:
    """The patient's images that can be shown to this actor. For callers that have passed the door."""
    return ImagingInstance.objects.filter(
        document__in=documents_of(actor, patient_id), state=ImagingInstance.State.SHOWN, review__in=CLEARED
    )


def token(actor: User, *, patient_id: UUID, study_id: UUID | None = None, instance_id: UUID | None = None) -> str:
    """What an opened page asks for frames with: of one study, or of the one image that is being decided on. Give it out
    after the audit entry; it is of no use to anybody else."""
    return signing.dumps(
        {"u": str(actor.id), "p": str(patient_id), "s": str(study_id or ""), "i": str(instance_id or "")},
        salt=_SALT,
        compress=True,
    )


class Opened:
    """What a token opens, for this actor, now."""

    def __init__(self, actor: User, text: str) -> None:
        try:
            found: dict[str, str] = signing.loads(text, salt=_SALT, max_age=SECONDS)
        except signing.SignatureExpired:
            raise Refused from None
        except signing.BadSignature:
            raise NotFound from None
        if found["u"] != str(actor.id):
            raise NotFound
        self.actor = actor
        self.patient_id = UUID(found["p"])
        self.study_id = UUID(found["s"]) if found["s"] else None
        self.instance_id = UUID(found["i"]) if found["i"] else None
        if not _still_reads(actor, self.patient_id):
            raise NotFound

    def images(self) -> QuerySet[ImagingInstance]:
        if self.instance_id is not None:
            if not self.actor.has_perm(REVIEW):
                raise NotFound
            return ImagingInstance.objects.filter(id=self.instance_id, document__patient_id=self.patient_id)
        return visible(self.actor, self.patient_id).filter(series__study_id=self.study_id)


def _still_reads(actor: User, patient_id: UUID) -> bool:
    """Asked of the database a few times a minute and not for each of a thousand frames."""
    key = f"imaging-reads:{actor.id}:{patient_id}"
    if cache.get(key):
        return True
    if not may_read_record(actor, patient_id):
        return False
    cache.set(key, 1, RECHECK)
    return True
