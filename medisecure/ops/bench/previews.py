"""How long a worker takes from a stored CT slice to its preview."""

from __future__ import annotations

import io
import resource
import statistics
import time
from datetime import date
from typing import Final
from uuid import UUID

import numpy as np
import pydicom
from django.test.utils import override_settings
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless, generate_uid

from documents.interface import collecting_objects, draw_image, images_to_draw, import_document
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import atomic
from patients.interface import Identity, register_patient

SIZE: Final = 512
LIMIT_MS: Final = 300.0
SYNTAXES: Final = {"uncompressed": ExplicitVRLittleEndian, "JPEG-LS": JPEGLSLossless}


def slice_bytes(number: int, syntax: str) -> bytes:
    """An invented slice with the noise of a real one, so that it does not compress to nothing."""
    found = Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.SOPClassUID, found.SOPInstanceUID = CTImageStorage, generate_uid()
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    found.StudyInstanceUID, found.SeriesInstanceUID = f"2.25.{len(syntax)}", "2.25.2"
    found.Modality, found.InstanceNumber = "CT", number
    found.Rows = found.Columns = SIZE
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 12, 11, 0
    found.RescaleIntercept, found.RescaleSlope = -1024, 1
    found.WindowCenter, found.WindowWidth = 40, 400
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    values = np.where((x / 0.9) ** 2 + (y / 0.7) ** 2 < 1, 1070.0, 24.0)
    values += np.random.default_rng(number).normal(0, 12, values.shape)
    found.PixelData = values.round().clip(0, 4095).astype("<u2").tobytes()
    if syntax != ExplicitVRLittleEndian:
        found.compress(syntax)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, found, enforce_file_format=True)
    return buffer.getvalue()


def fill(syntax: str, count: int) -> list[UUID]:
    """A patient with so many stored slices, which no worker has looked at yet; the ids of their documents."""
    patient = register_patient(
        actor=None, identity=Identity(family_name="Mesure", given_names="Une", birth_date=date(1980, 1, len(syntax)))
    )
    with collecting_objects(), atomic(DEFAULT):
        for number in range(count):
            import_document(
                patient_id=patient.id,
                source=f"bench:{syntax}:{number}",
                title="Slice",
                category="imaging",
                content_type="application/dicom",
                content=slice_bytes(number, syntax),
                created_at=None,
            )
    return images_to_draw(patient.id)


def _cpu() -> float:
    """Seconds of this process and of the children it has waited for."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def measure(syntax: str, count: int) -> list[tuple[float, float]]:
    """Milliseconds on the clock and of CPU for each of `count` slices, after two that warm the worker up."""
    taken = []
    # What follows the preview, storing the file smaller, keeps nobody waiting.
    with override_settings(IMAGES_RECOMPRESS=False):
        for number, document_id in enumerate(fill(syntax, count + 2)):
            started, spent = time.perf_counter(), _cpu()
            if not draw_image(document_id):
                raise RuntimeError("a slice could not be drawn")
            if number >= 2:
                taken.append(((time.perf_counter() - started) * 1000, (_cpu() - spent) * 1000))
    return taken


def table(taken: dict[str, list[tuple[float, float]]]) -> tuple[str, float]:
    lines, worst = [], 0.0
    for name, pairs in taken.items():
        values, cpu = [wall for wall, _cpu_ms in pairs], statistics.median(spent for _wall, spent in pairs)
        p95 = statistics.quantiles(values, n=20)[18]
        median = statistics.median(values)
        lines.append(
            f"  {name:<13} median {median:6.1f}  p95 {p95:6.1f}  max {max(values):6.1f} ms;  CPU {cpu:5.1f} ms"
        )
        worst = max(worst, p95)
    return "\n".join(lines), worst
