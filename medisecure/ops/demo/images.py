"""Invented images: a phantom as scanners measure it, in two examinations. They show nobody."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, ExplicitVRLittleEndian

SIZE = 256
SLICES = 24


def _uid(*parts: object) -> str:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:15], 'big')}"


def _dataset(key: str, name: str, birth: str, day: datetime, kind: str, series: int, number: int) -> Dataset:
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SOPClassUID = CTImageStorage if kind == "CT" else ComputedRadiographyImageStorage
    found.SOPInstanceUID = _uid(key, kind, series, number)
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    found.StudyInstanceUID, found.SeriesInstanceUID = _uid(key, kind), _uid(key, kind, series)
    found.SpecificCharacterSet = "ISO_IR 192"
    found.PatientName, found.PatientBirthDate, found.PatientID = name, birth, ""
    found.StudyDate, found.StudyTime = f"{day:%Y%m%d}", f"{day:%H%M%S}"
    found.Modality, found.SeriesNumber, found.InstanceNumber = kind, series, number
    found.BodyPartExamined = "CHEST"
    found.BurnedInAnnotation = "NO"
    found.SamplesPerPixel, found.BitsAllocated = 1, 16
    return found


def _bytes(found: Dataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, found, enforce_file_format=True)
    return buffer.getvalue()


def _body(height: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """A slice through it in Hounsfield units; `height` from -1 (below) to 1 (above)."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    units = np.full((SIZE, SIZE), -1000.0)

    def fill(cx: float, cy: float, rx: float, ry: float, value: float) -> None:
        units[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1] = value

    shrink = 1 - 0.25 * height**2
    fill(0, 0, 0.88 * shrink, 0.62 * shrink, -80)
    fill(0, 0, 0.82 * shrink, 0.55 * shrink, 45)
    lung = max(0.0, 1 - (height * 0.9) ** 2) ** 0.5
    for side in (-1, 1):
        fill(side * 0.42, -0.05, 0.28 * lung, 0.42 * lung, -850)
        for branch in range(5):
            fill(side * (0.3 + 0.05 * branch), -0.25 + 0.1 * branch + 0.1 * height, 0.014, 0.018, 20)
        for rib in range(6):
            angle = -1.1 + 0.45 * rib + 0.2 * height
            fill(side * 0.78 * shrink * float(np.cos(angle)), 0.5 * shrink * float(np.sin(angle)), 0.05, 0.025, 600)
    fill(0.06, -0.1, 0.2 * lung, 0.24 * lung, 55)
    fill(0.02, -0.14, 0.08 * lung, 0.1 * lung, 180)
    fill(0, 0.36 * shrink, 0.11, 0.1, 350)
    fill(0, 0.36 * shrink, 0.08, 0.07, 180)
    fill(0, 0.45 * shrink, 0.04, 0.04, 20)
    noise = np.random.default_rng(int((height + 2) * 1000)).normal(0, 9, units.shape)
    return units + noise


def scan(key: str, name: str, birth: str, day: datetime) -> Iterator[bytes]:
    """A CT of some slices."""
    for number in range(SLICES):
        found = _dataset(key, name, birth, day, "CT", 2, number + 1)
        found.StudyDescription, found.SeriesDescription = "Scanner thoracique", "Thorax 5 mm"
        found.Rows = found.Columns = SIZE
        found.PhotometricInterpretation = "MONOCHROME2"
        found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 15, 1
        found.RescaleIntercept, found.RescaleSlope = -1024, 1
        found.WindowCenter, found.WindowWidth = 40, 400
        found.PixelSpacing, found.SliceThickness = [1.5, 1.5], 5
        found.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        found.ImagePositionPatient = [-192, -192, number * 5]
        height = 1.6 * number / (SLICES - 1) - 0.8
        found.PixelData = (_body(height) + 1024).round().astype("<i2").tobytes()
        yield _bytes(found)


def radiograph(key: str, name: str, birth: str, day: datetime) -> bytes:
    """The same seen from the front, in the tones of film."""
    found = _dataset(key, name, birth, day, "CR", 1, 1)
    found.StudyDescription, found.SeriesDescription = "Radiographie du thorax", "Face"
    found.PatientOrientation = ["L", "F"]
    rows = [np.clip(_body(0.9 * (1 - 2 * row / SIZE)) + 1000, 0, None).sum(axis=0) for row in range(0, SIZE, 2)]
    picture = np.repeat(np.array(rows), 2, axis=0)
    found.Rows, found.Columns = picture.shape
    found.PhotometricInterpretation = "MONOCHROME1"
    found.BitsStored, found.HighBit, found.PixelRepresentation = 12, 11, 0
    found.PixelData = (4095 - picture / picture.max() * 4095).round().astype("<u2").tobytes()
    return _bytes(found)
