"""Asha in Dr Bose's and Nurse Chen's care, files of each kind, and downloads that work on both kinds of storage."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pydicom.data
import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from documents.interface import upload_document
from documents.models import Document, Upload
from medisecure.accounts.models import User
from medisecure.kernel import objects
from patients.interface import PatientCard, PractitionerCard
from patients.models import Patient

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
TEXT = "Compte rendu : tension élevée.\n".encode()


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(buffer, "PNG")
    return buffer.getvalue()


def ct_bytes() -> bytes:
    """A real CT slice, from the files that come inside pydicom."""
    return Path(str(pydicom.data.get_testdata_file("CT_small.dcm", download=False))).read_bytes()


def sent(content: bytes, name: str = "letter.pdf", content_type: str = "application/pdf") -> SimpleUploadedFile:
    """A file as a browser sends it: with a name and a type that prove nothing."""
    return SimpleUploadedFile(name, content, content_type)


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes
    headers: Mapping[str, str]


def download(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """GET a signed address: our own through Django, S3's over HTTP."""
    if settings.S3 is None:
        assert url.startswith(f"{settings.PUBLIC_URL}/files/")
        response = Client().get(urlsplit(url).path, headers=headers)
        return Answer(response.status_code, response.getvalue(), dict(response.items()))
    try:
        asked = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310
        with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310  # the test storage's own address
            return Answer(response.status, response.read(), dict(response.headers))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), dict(error.headers))


def put(url: str, content: bytes) -> int:
    """PUT one part to its signed address, ours or S3's, as a browser does. Returns the status."""
    if settings.S3 is None:
        client = Client(enforce_csrf_checks=True)
        return client.put(url.removeprefix(settings.PUBLIC_URL), content, "application/octet-stream").status_code
    request = urllib.request.Request(url, data=content, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # the test storage's own address
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def ct() -> bytes:
    return ct_bytes()


def stored_keys() -> set[str]:
    """`bucket/key` of everything in object storage; on a server, whose buckets other tests use at the same time, of
    what belongs to the patients and uploads of this one's databases."""
    found = set()
    for name in (objects.DOCUMENTS, objects.IMAGES):
        storage: Any = storages[name]
        if settings.S3 is None:
            root = Path(storage.location)
            found |= {f"{name}/{item.relative_to(root)}" for item in root.rglob("*") if item.is_file()}
        else:
            ours = {str(one) for rows in (Patient, Upload) for one in rows.objects.values_list("id", flat=True)}
            keys = (item.key for item in storage.bucket.objects.all())
            found |= {f"{name}/{key}" for key in keys if not ours.isdisjoint(key.split("/"))}
    return found


AddDocument = Callable[..., Document]


@pytest.fixture
def asha_in_care(
    asha_card: PatientCard, bose_card: PractitionerCard, chen_card: PractitionerCard, in_care: Callable[..., None]
) -> PatientCard:
    """Asha, whom Dr Bose and Nurse Chen treat today."""
    in_care(asha_card, bose_card)
    in_care(asha_card, chen_card)
    return asha_card


@pytest.fixture
def add_document(asha_in_care: PatientCard, dr_bose: User) -> AddDocument:
    """`add_document(content=…, title=…, category=…)`: Dr Bose adds a document to Asha's record."""

    def make(content: bytes = PDF, title: str = "Bilan sanguin", category: str = "lab") -> Document:
        return upload_document(
            actor=dr_bose, patient_id=asha_in_care.id, file=sent(content), title=title, category=category
        )

    return make
