"""Smaller without loss: JPEG-LS, and the proof that nothing else changed. Call both in the sandbox, one after the
other: what is proved is the file as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import get_encoder, iter_pixels
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from documents import dicom
from documents.imaging import header

#: Only what is not compressed yet: of what is, another encoding gains little.
NATIVE: Final = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
#: What is written.
TARGET: Final = str(JPEGLSLossless)
#: Held in memory while it is encoded.
MOST_BYTES: Final = 512 * 1024 * 1024
LEAST_BYTES: Final = 16 * 1024
_PIXEL_DATA: Final = Tag(0x7FE0, 0x0010)
#: What says how the pixels are written, not what they are.
_MAY_DIFFER: Final = frozenset({_PIXEL_DATA, Tag("ExtendedOffsetTable"), Tag("ExtendedOffsetTableLengths")})
_LONGEST_OFFSET: Final = 2**32 - 1


def suits(index: dict[str, Any]) -> bool:
    """Whether such an image is worth the try."""
    size = index["rows"] * index["columns"] * index["samples"] * (index["bits"] // 8) * index["frames"]
    return (
        index["transfer_syntax"] in NATIVE
        and index["bits"] in (8, 16)
        and (index["photometric"] in ("MONOCHROME1", "MONOCHROME2", "RGB"))
        and LEAST_BYTES <= size <= MOST_BYTES
    )


def attempt(source: Path, target: Path) -> dict[str, Any]:
    """`written`: whether it was worth the try."""
    if not suits(header.read(source).index):
        return {"written": False}
    write(source, target)
    return {"written": True}


def write(source: Path, target: Path) -> dict[str, Any]:
    """The same object as JPEG-LS lossless. Raises for what the encoder does not take."""
    dicom.quieten()
    found = pydicom.dcmread(source)
    encoder = get_encoder(JPEGLSLossless)
    frames = list(encoder.iter_encode(found))
    if sum(len(frame) + 8 for frame in frames) < _LONGEST_OFFSET:
        found.PixelData = encapsulate(frames)
    else:
        found.PixelData, found.ExtendedOffsetTable, found.ExtendedOffsetTableLengths = encapsulate_extended(frames)
    found[_PIXEL_DATA].VR = "OB"
    found[_PIXEL_DATA].is_undefined_length = True
    found.file_meta.TransferSyntaxUID = JPEGLSLossless
    pydicom.dcmwrite(target, found, enforce_file_format=False, implicit_vr=False, little_endian=True)
    return {"bytes": target.stat().st_size}


def prove(source: Path, target: Path) -> dict[str, Any]:
    """`same`: every pixel of every frame, and every other attribute, nested ones too, is what it was."""
    dicom.quieten()
    if not _same_attributes(
        pydicom.dcmread(source, stop_before_pixels=True), pydicom.dcmread(target, stop_before_pixels=True)
    ):
        return {"same": False}
    # Raw: as stored, before any change of colour space.
    for old, new in zip(iter_pixels(source, raw=True), iter_pixels(target, raw=True), strict=True):
        if old.dtype.newbyteorder("=") != new.dtype.newbyteorder("=") or not np.array_equal(old, new):
            return {"same": False}
    return {"same": True}


def _same_attributes(old: Dataset, new: Dataset) -> bool:
    olds, news = ({item.tag: item for item in found if item.tag not in _MAY_DIFFER} for found in (old, new))
    if olds.keys() != news.keys():
        return False
    for tag, item in olds.items():
        other = news[tag]
        if item.VR == "SQ" or other.VR == "SQ":
            if item.VR != other.VR or len(item.value) != len(other.value):
                return False
            if not all(_same_attributes(a, b) for a, b in zip(item.value, other.value, strict=True)):
                return False
        elif item.VR != other.VR or item.value != other.value:
            return False
    return True
