"""A de-identified object names nobody: PS3.15 Annex E, tried on real files and on one that hides names everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

from documents.imaging import deidentify
from tests.documents.imaging.files import dataset, image, own_files

KEY, OTHER_KEY = b"a" * 32, b"b" * 32
SECRETS = ("Geheim", "GEHEIM", "19800502", "1.2.3.999", "F-4711")


def _full_of_names(found: FileDataset) -> None:
    """Names in attributes, in nested items that the table does not name, in private ones, in unknown ones, around."""
    found.PatientName, found.PatientID, found.PatientBirthDate = "GEHEIM^A", "F-4711", "19800502"
    found.PatientComments = found.ImageComments = found.StudyDescription = "Geheim"
    found.InstitutionName = found.OperatorsName = found.AccessionNumber = "Geheim"
    found.StudyInstanceUID = found.FrameOfReferenceUID = "1.2.3.999"
    inner = Dataset()
    inner.PatientName, inner.ReferencedSOPInstanceUID = "Geheim", "1.2.3.999.7"
    inner.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    inner.CodeMeaning = "Thorax"
    middle = Dataset()
    middle.PurposeOfReferenceCodeSequence = Sequence([inner])
    middle.OperatorsName = "Geheim"
    found.SourceImageSequence = Sequence([middle])
    found.AnatomicRegionSequence = Sequence([inner])
    block = found.private_block(0x0011, "GEHEIM CORP", create=True)
    block.add_new(0x01, "LO", "Geheim")
    found.add(DataElement(0x00091FFE + 0x10000 * 0, "UN", b"Geheim"))
    found.add(DataElement(0x60000022, "LO", "Geheim"))
    found.add(DataElement(0x60003000, "OW", b"Geheim"))
    found.file_meta.SourceApplicationEntityTitle = "GEHEIM"
    found.file_meta.PrivateInformationCreatorUID = "1.2.3.999"
    found.file_meta.PrivateInformation = b"Geheim"
    found.preamble = b"Geheim".ljust(128, b".")


def cleaned(content: bytes, folder: Path, key: bytes = KEY) -> tuple[FileDataset, bytes]:
    source, target = folder / "source.dcm", folder / "clean.dcm"
    source.write_bytes(content)
    deidentify.write(source, target, key)
    return pydicom.dcmread(target), target.read_bytes()


def test_nothing_that_names_somebody_is_left_anywhere(tmp_path: Path) -> None:
    content = image(name="x", birth="", study="1", change=_full_of_names)
    assert all(secret.encode() in content for secret in SECRETS)
    found, written = cleaned(content, tmp_path)
    assert [secret for secret in SECRETS if secret.encode() in written] == []
    assert written[:132] == bytes(128) + b"DICM"
    assert not any(element.tag.is_private for element in found.iterall())
    assert not any(element.tag.group == 0x6000 for element in found)


def test_what_was_done_is_said_in_the_standards_words(tmp_path: Path) -> None:
    found, _written = cleaned(image(), tmp_path)
    assert found.PatientIdentityRemoved == "YES"
    assert "PS3.15" in found.DeidentificationMethod
    (code,) = found.DeidentificationMethodCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113100", "DCM")
    assert found.LongitudinalTemporalInformationModified == "REMOVED"


def test_the_file_meta_is_our_own(tmp_path: Path) -> None:
    found, _written = cleaned(image(change=_full_of_names), tmp_path)
    assert {element.keyword for element in found.file_meta} == {
        "FileMetaInformationGroupLength",
        "FileMetaInformationVersion",
        "MediaStorageSOPClassUID",
        "MediaStorageSOPInstanceUID",
        "TransferSyntaxUID",
        "ImplementationClassUID",
        "ImplementationVersionName",
    }
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID


def test_identifiers_fit_together_within_one_copy_and_not_beyond(tmp_path: Path) -> None:
    def refer(found: FileDataset) -> None:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = found.SOPClassUID, "1.2.3.4.1"
        found.SourceImageSequence = Sequence([item])

    first, _ = cleaned(image(uid="1.2.3.4.1"), tmp_path)
    second, _ = cleaned(image(uid="1.2.3.4.2", change=refer), tmp_path)
    third, _ = cleaned(image(uid="1.2.3.4.1"), tmp_path, OTHER_KEY)
    assert first.StudyInstanceUID == second.StudyInstanceUID != third.StudyInstanceUID
    assert second.SourceImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.SourceImageSequence[0].ReferencedSOPClassUID == second.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert first.SOPInstanceUID != "1.2.3.4.1"
    assert first.StudyInstanceUID.is_valid


def test_dates_and_what_describes_the_person_are_gone_and_the_image_is_not(tmp_path: Path) -> None:
    found, _written = cleaned(image(PatientWeight="81", PatientAge="045Y"), tmp_path)
    assert "2004" not in str(found.get("StudyDate")) + str(found.get("ContentDate"))
    assert found.PatientName in ("", "ANONYMIZED")
    assert "PatientWeight" not in found
    assert (found.Rows, found.RescaleIntercept, found.Modality) == (128, -1024, "CT")
    assert found.PixelData == dataset().PixelData


def test_every_image_of_pydicoms_own_keeps_its_pixels(tmp_path: Path) -> None:
    """Compressed ones too: their streams are copied, not written anew."""
    count = 0
    for path in own_files():
        try:
            old = pydicom.dcmread(path)
            pixels = old.PixelData
        except (AttributeError, ValueError):
            continue
        if "SOPInstanceUID" not in old or path.name == "badVR.dcm":
            continue
        found, _written = cleaned(path.read_bytes(), tmp_path)
        assert found.PixelData == pixels, path.name
        name = str(old.get("PatientName", ""))
        assert not name or name not in str(found), path.name
        count += 1
    assert count > 90


@pytest.mark.parametrize("value", ["1.2.3", "1.2.3 ", "2.25.1"])
def test_new_identifiers_are_valid_and_the_same_for_the_same(value: Any) -> None:
    made = deidentify.new_uid(KEY, value)
    assert made == deidentify.new_uid(KEY, value)
    assert pydicom.uid.UID(made).is_valid
    assert len(made) <= 64
