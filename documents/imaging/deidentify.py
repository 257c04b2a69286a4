"""A copy that names nobody, by the Basic Application Level Confidentiality Profile (DICOM PS3.15 Annex E).

What is done with each attribute is the standard's Table E.1-1, as the library `dicom-anonymizer` has it. The walk is
ours: the library's own leaves nested items alone that the table does not name, and remembers UIDs beyond one export.
Call it in the sandbox.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pydicom
from dicomanonymizer import simpledicomanonymizer as table
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from documents import dicom

#: The edition of Table E.1-1.
EDITION: Final = "dicomfields_2026c"
METHOD: Final = "MediSecure; PS3.15 Basic Profile (2026c)"
#: Ours, derived from nothing: PS3.5 §B.2 lets a UUID stand for one.
_IMPLEMENTATION: Final = UID("2.25.219184471921638046518243706529841723905")
_META: Final = ("MediaStorageSOPClassUID", "TransferSyntaxUID")

Action = Callable[[Dataset, BaseTag], None]


def write(source: Path, target: Path, key: bytes) -> dict[str, Any]:
    """The de-identified copy of one object. `key` is of one export: with it the same UID becomes the same new one."""
    dicom.quieten()
    found = pydicom.dcmread(source)
    clean(found, key)
    _mark(found)
    found.file_meta = _meta(found)
    # Whatever stood before the file, another format's header among them (PS3.10 §7.1 leaves it free).
    found.preamble = bytes(128)
    pydicom.dcmwrite(target, found, enforce_file_format=True)
    return {"uid": str(found.SOPInstanceUID)}


def clean(found: Dataset, key: bytes) -> None:
    """The table, in this dataset and in every item of every sequence."""
    for tag in list(found.keys()):
        if tag.is_private or _is_plane(tag) or found[tag].VR == "UN":
            # Private attributes all go (PS3.15 §E.3.10); an overlay without its data, which the table takes, is no
            # overlay; and of what no dictionary knows nobody can say whom it names.
            del found[tag]
            continue
        action = _actions().get(tag) or _ranged(tag)
        if action is not None:
            _apply(found, tag, action, key)
    for element in found:
        if element.VR == "SQ":
            for item in element.value:
                clean(item, key)
        elif element.VR == "UI" and element.tag not in _KEPT_UIDS:
            _remap(element, key)


def _is_plane(tag: BaseTag) -> bool:
    return bool(tag.group & 0xFF00 == 0x6000 and tag.group % 2 == 0)


#: UIDs of the standard and of what kind of thing it is: nobody's. All others are replaced, named by the table or not.
_KEPT_UIDS: Final = frozenset(
    Tag(name)
    for name in (
        "SOPClassUID",
        "ReferencedSOPClassUID",
        "ReferencedRelatedGeneralSOPClassUIDInFile",
        "RelatedGeneralSOPClassUID",
        "OriginalSpecializedSOPClassUID",
        "TransferSyntaxUID",
        "AvailableTransferSyntaxUID",
        "EncryptedContentTransferSyntaxUID",
        "ReferencedTransferSyntaxUIDInFile",
        "MACCalculationTransferSyntaxUID",
        "CodingSchemeUID",
        "ContextUID",
        "MappingResourceUID",
        "ContextGroupExtensionCreatorUID",
    )
)


def _apply(found: Dataset, tag: BaseTag, action: str, key: bytes) -> None:
    element = found[tag]
    if action == "remap" and element.VR in ("UI", "SQ"):
        # All UIDs are done together, in items of sequences too: what refers to an image of the copy still does.
        return
    if action in ("remove", "remap"):
        del found[tag]
        return
    if element.VR == "SQ":
        # A dummy item for a required sequence, nothing for one that may be empty; the items' own rules follow.
        if action == "empty":
            found[tag] = DataElement(tag, "SQ", Sequence())
        return
    try:
        (table.replace_element if action == "dummy" else table.empty_element)(element)
    except NotImplementedError:
        # A kind of value that the library has no dummy for: what is not there names nobody.
        del found[tag]


_NAMES: Final[Mapping[Any, str]] = {
    table.replace: "dummy",
    table.empty_or_replace: "dummy",
    table.delete_or_replace: "dummy",
    table.delete_or_empty_or_replace: "dummy",
    table.empty: "empty",
    table.delete_or_empty: "empty",
    table.delete_or_empty_or_replace_UID: "remap",
    table.replace_UID: "remap",
    table.delete: "remove",
}


@functools.cache
def _rules() -> Mapping[tuple[int, ...], str]:
    return {tag: _NAMES[action] for tag, action in table.initialize_actions(EDITION).items()}


@functools.cache
def _actions() -> Mapping[BaseTag, str]:
    return {Tag(*tag): action for tag, action in _rules().items() if len(tag) == 2}


def _ranged(tag: BaseTag) -> str | None:
    """Groups that repeat, as overlays do: (group, element, mask of the group, mask of the element)."""
    for entry, action in _rules().items():
        if (
            len(entry) == 4
            and tag.group & entry[2] == entry[0] & entry[2]
            and tag.element & entry[3] == entry[1] & entry[3]
        ):
            return action
    return None


def new_uid(key: bytes, old: str) -> str:
    """Always the same for one key, and not to be traced back without it (PS3.5 §B.2: 2.25 and a number of 128 bit)."""
    number = int.from_bytes(hmac.digest(key, old.strip().encode(), "sha256")[:16], "big")
    return f"2.25.{number}"


def _remap(element: DataElement, key: bytes) -> None:
    if not element.value:
        return
    values = [element.value] if element.VM == 1 else list(element.value)
    changed = [item if UID(str(item)).is_transfer_syntax else UID(new_uid(key, str(item))) for item in values]
    element.value = changed[0] if element.VM == 1 else changed


def _mark(found: Dataset) -> None:
    """PS3.15 §E.2: that it was done, and how (PS3.16 CID 7050)."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    found.PatientIdentityRemoved = "YES"
    found.DeidentificationMethod = METHOD
    found.DeidentificationMethodCodeSequence = Sequence([code])
    found.LongitudinalTemporalInformationModified = "REMOVED"


def _meta(found: FileDataset | Dataset) -> FileMetaDataset:
    """A new one: the old one names the machine that sent the file (PS3.15 §E.1.1 leaves it to whoever writes)."""
    old, meta = found.file_meta, FileMetaDataset()
    for name in _META:
        if name in old:
            setattr(meta, name, getattr(old, name))
    if "MediaStorageSOPClassUID" not in meta and "SOPClassUID" in found:
        meta.MediaStorageSOPClassUID = found.SOPClassUID
    meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "MEDISECURE"
    return meta
