"""The type of a file is told from its content."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from documents import dicom
from documents.sniffing import HEAD, content_type
from tests.documents.fixtures import PDF, TEXT, ct_bytes, png


def _image(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PDF, "application/pdf"),
        (png(), "image/png"),
        (_image("JPEG"), "image/jpeg"),
        (_image("TIFF"), "image/tiff"),
        (b"{\\rtf1\\ansi Bonjour}", "application/rtf"),
        (TEXT, "text/plain"),
        (b"\xef\xbb\xbf" + TEXT, "text/plain"),
        (b"a < b and c > d", "text/plain"),
    ],
    ids=["pdf", "png", "jpeg", "tiff", "rtf", "text", "text with a mark", "text with comparisons"],
)
def test_types_that_are_taken(content: bytes, expected: str) -> None:
    assert content_type(content) == expected


def test_dicom_is_known_even_when_its_preamble_looks_like_tiff() -> None:
    assert ct_bytes().startswith(b"II*\x00")
    assert content_type(ct_bytes()[:HEAD]) == "application/dicom"


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>",
        b"  \n<script>alert(1)</script>",
        b"harmless at first\n<SCRIPT>alert(1)</SCRIPT>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        _zip(),
        b"MZ" + bytes(200),
        b"\x7fELF" + bytes(200),
        _image("GIF"),
        "Latin-1: é".encode("latin-1"),
        b"text with a \x00 in it",
        bytes(range(256)),
    ],
    ids=["html", "script", "late script", "svg", "xml svg", "zip", "exe", "elf", "gif", "latin", "nul", "binary"],
)
def test_types_that_are_not_taken(content: bytes) -> None:
    assert content_type(content) is None


def test_text_that_is_cut_inside_a_character_is_text() -> None:
    assert content_type(b"a" + ("é" * HEAD).encode()[: HEAD - 1]) == "text/plain"


def test_dicom_metadata_is_read_without_the_persons_name() -> None:
    found = dicom.metadata(io.BytesIO(ct_bytes()))
    assert found == {
        "study_uid": "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322",
        "series_uid": "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322",
        "instance_uid": "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322",
        "modality": "CT",
        "study_date": "2004-01-19",
        "rows": 128,
        "columns": 128,
    }


def test_a_deflated_dicom_file_is_not_unpacked() -> None:
    """A small file may unpack to anything."""
    deflated = bytes(128) + b"DICM" + bytes(20) + b"1.2.840.10008.1.2.1.99\x00" + b"\x00" * 100
    assert dicom.metadata(io.BytesIO(deflated)) == {}


def test_a_damaged_dicom_file_is_refused() -> None:
    with pytest.raises(dicom.NotReadable):
        dicom.metadata(io.BytesIO(bytes(128) + b"DICM" + b"\xff" * 300))
