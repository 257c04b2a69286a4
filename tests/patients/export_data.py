"""Reading an export as its owner would, and the sample bundles of other systems to make one of."""

from __future__ import annotations

import json
import os
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from patients.models import Patient

#: Bundles of invented people in the form of other systems; not part of the project.
SAMPLES = Path(os.environ.get("FHIR_SAMPLES", Path(__file__).resolve().parents[3] / "shared" / "fhir"))


def export(patient: Patient, folder: Path, language: str = "en") -> zipfile.ZipFile:
    out = folder / f"{patient.record_number}.zip"
    call_command("gdpr_export", patient.record_number, out=out, language=language, stdout=StringIO(), verbosity=0)
    return zipfile.ZipFile(out)


def bundle_of(archive: zipfile.ZipFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(archive.read("fhir/bundle.json"))
    return found


def tables_of(archive: zipfile.ZipFile) -> dict[str, list[dict[str, Any]]]:
    return {
        name.removeprefix("tables/").removesuffix(".json"): json.loads(archive.read(name))
        for name in archive.namelist()
        if name.startswith("tables/")
    }


def samples() -> list[Any]:
    found: list[Any] = sorted(SAMPLES.glob("*.json.gz")) if SAMPLES.is_dir() else []
    return found or [pytest.param(None, marks=pytest.mark.skip("no sample bundles: set FHIR_SAMPLES"))]
