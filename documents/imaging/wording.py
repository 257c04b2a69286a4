"""The codes of images in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from documents.imaging.rules import Concern, Reason
from documents.models import ImagingInstance, ImagingSeries

Words = Mapping[str, str | Promise]

MODALITIES: Final[Words] = {
    "CT": gettext_lazy("CT"),
    "MR": gettext_lazy("MRI"),
    "US": gettext_lazy("Ultrasound"),
    "IVUS": gettext_lazy("Ultrasound"),
    "CR": gettext_lazy("X-ray"),
    "DX": gettext_lazy("X-ray"),
    "RF": gettext_lazy("Fluoroscopy"),
    "XA": gettext_lazy("Angiography"),
    "MG": gettext_lazy("Mammography"),
    "NM": gettext_lazy("Scintigraphy"),
    "PT": gettext_lazy("PET"),
    "IO": gettext_lazy("Dental X-ray"),
    "PX": gettext_lazy("Dental X-ray"),
    "ES": gettext_lazy("Endoscopy"),
    "OP": gettext_lazy("Eye photograph"),
    "XC": gettext_lazy("Photograph"),
    "GM": gettext_lazy("Microscopy"),
    "SM": gettext_lazy("Microscopy"),
    "SC": gettext_lazy("Captured image"),
    "OT": gettext_lazy("Other image"),
    "RTDOSE": gettext_lazy("Radiation dose"),
    "SEG": gettext_lazy("Segmentation"),
}
PRESETS: Final[Words] = {
    "soft-tissue": gettext_lazy("Soft tissue"),
    "lung": gettext_lazy("Lung"),
    "bone": gettext_lazy("Bone"),
    "brain": gettext_lazy("Brain"),
    "liver": gettext_lazy("Liver"),
    "angio": gettext_lazy("Vessels"),
}
REASONS: Final[Words] = {
    Reason.NOT_DICOM: gettext_lazy("Cannot be shown: the file is no DICOM object, or is damaged at its beginning."),
    Reason.NO_PIXELS: gettext_lazy("Nothing to show: the file holds no image (a report, a plan, a curve)."),
    Reason.ATTRIBUTES: gettext_lazy("Cannot be shown: the file does not say how its pixels are written."),
    Reason.SYNTAX: gettext_lazy("Cannot be shown: compressed in a way that is not supported here."),
    Reason.TOO_LARGE: gettext_lazy("Cannot be shown: the image is too large."),
    Reason.DAMAGED: gettext_lazy("Cannot be shown: the pixels are damaged or cut off."),
    Reason.LIMITS: gettext_lazy("Cannot be shown: drawing it needed too much time or memory."),
    Reason.MISSING: gettext_lazy("Cannot be shown: the file is not in the storage."),
}
CONCERNS: Final[Words] = {
    Concern.NAME: gettext_lazy("The name in the file is another one than in the record."),
    Concern.BIRTH_DATE: gettext_lazy("The date of birth in the file is another one than in the record."),
    Concern.NUMBER: gettext_lazy("The file carries the record number of another patient."),
    Concern.INSTANCE: gettext_lazy("The same image is in another patient’s record too."),
    Concern.STUDY: gettext_lazy("Images of the same examination are in another patient’s record."),
}
RISKS: Final[Words] = {
    "says-so": gettext_lazy("the file says that text is burned in"),
    "captured": gettext_lazy("captured from a screen, or digitised"),
    "secondary": gettext_lazy("made from other images"),
    "modality": gettext_lazy("this kind of image often carries text"),
    "face": gettext_lazy("a photograph may show a face"),
    "colour": gettext_lazy("colour in an image that has none by nature"),
    "unknown": gettext_lazy("the file does not say what kind of image it is"),
}


def modalities(codes: Iterable[str]) -> str:
    """Each once, in the order in which they come."""
    return ", ".join(dict.fromkeys(str(MODALITIES.get(code, code)) for code in codes if code))


def study_title(series: Iterable[ImagingSeries]) -> str:
    found = list(series)
    parts = ", ".join(dict.fromkeys(one.body_part.capitalize() for one in found if one.body_part))
    kinds = modalities(one.modality for one in found)
    return " · ".join(part for part in (kinds, parts) if part) or _("Images")


def series_title(series: ImagingSeries | None) -> str:
    if series is None:
        return _("Image")
    return series.description or series.body_part.capitalize() or modalities([series.modality]) or _("Series")


def state_words(row: ImagingInstance) -> str:
    if row.state == ImagingInstance.State.WAITING:
        return _("Being prepared. It can be looked at in a moment.")
    if row.state == ImagingInstance.State.SHOWN:
        return _("Does not say to which examination it belongs.")
    return str(REASONS.get(row.reason, REASONS[Reason.DAMAGED]))


def concern_words(row: ImagingInstance) -> list[str]:
    return [str(CONCERNS[code]) for code in row.concerns if code in CONCERNS]


def risk_words(codes: Iterable[str]) -> list[str]:
    return [str(RISKS[code]) for code in codes if code in RISKS]
