"""What the portal may ask of images."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.core.paginator import Page, Paginator

from documents.imaging.gate import token
from documents.imaging.selectors import OtherLine, StudyLine, lines, open_study, others, studies_of
from medisecure.accounts.models import User
from patients.interface import access_record

__all__ = ["CoveredStudy", "ImagingPage", "StudyLine", "imaging_page", "open_study", "studies_page"]

STUDIES_SHOWN = 24


@dataclass(frozen=True, slots=True)
class CoveredStudy:
    """A study and the token for the preview that stands for it."""

    study: StudyLine
    token: str


@dataclass(frozen=True, slots=True)
class ImagingPage:
    page: Page[StudyLine]
    studies: list[CoveredStudy]
    others: list[OtherLine]
    others_count: int


def imaging_page(*, actor: User, patient_id: UUID, purpose: str, number: str | None) -> ImagingPage:
    """The examinations of a patient, through the door; one entry in the log. Raises `NotFound`, `Refused`."""
    access_record(actor=actor, patient_id=patient_id, purpose=purpose, action="list", resource="imaging-studies")
    return studies_page(actor, patient_id, number)


def studies_page(actor: User, patient_id: UUID, number: str | None) -> ImagingPage:
    """For callers that have passed the door."""
    page = Paginator(studies_of(actor, patient_id), STUDIES_SHOWN).get_page(number)
    found = [CoveredStudy(line, token(actor, patient_id=patient_id, study_id=line.id)) for line in lines(page)]
    left, count = others(actor, patient_id)
    return ImagingPage(page, found, left, count)
