"""From a DICOM file to a preview and to frames that a browser can show. Call it in the sandbox.

Frames are kept as the scanner measured them (8 or 16 bit, one sample) so that the window is chosen where they are
looked at; colour is kept as RGB. Each frame is packed by itself (gzip), one after the other, so that one can be read
without the others.
"""

from __future__ import annotations

import functools
import importlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, get_decoder, iter_pixels, pixel_array

from documents import dicom
from documents.imaging import header, rules

Pixels = npt.NDArray[Any]

_LEVEL: Final = 1
_QUALITY: Final = 85
#: A VOI LUT with more entries is thinned out.
_LUT_ENTRIES: Final = 4096
#: Up to this size a file is read whole when it cannot be read in pieces.
_READ_WHOLE: Final = 256 * 1024 * 1024
_PIXELS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@functools.cache
def warm_up() -> None:
    """Load in the worker what each child would otherwise load anew: libraries that are imported late."""
    Image.init()
    np.percentile(np.arange(4), 50)
    for syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"):
        get_decoder(syntax)
    importlib.import_module("gdcm")
    importlib.import_module("jpeg_ls")
    Image.new("L", (8, 8)).save(io.BytesIO(), "WEBP")


class NotShown(Exception):
    """This image cannot be shown; `reason` says why."""

    def __init__(self, reason: rules.Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def examine(path: Path, preview: Path, frames: Path) -> dict[str, Any]:
    """Index the file, write its preview (WebP) and its frames. What it answers goes through JSON: `index`, `risk`,
    `who`; `reason` when it cannot be shown, else `display`, `format` and `offsets`."""
    try:
        head = header.read(path)
    except header.NotDicom:
        return {"reason": rules.Reason.NOT_DICOM.value}
    found: dict[str, Any] = {"index": head.index, "risk": head.risk, "who": head.who}
    try:
        return found | _render(path, head.index, preview, frames)
    except NotShown as refusal:
        return found | {"reason": refusal.reason.value}


def index_only(path: Path) -> dict[str, Any]:
    """`examine` without the pixels."""
    try:
        head = header.read(path)
    except header.NotDicom:
        return {}
    return {"index": head.index, "risk": head.risk, "who": head.who}


def _render(path: Path, index: dict[str, Any], preview: Path, frames: Path) -> dict[str, Any]:
    attributes = header.dataset(path)
    if not header.has_pixels(attributes):
        raise NotShown(rules.Reason.NO_PIXELS)
    if reason := header.fits(index):
        raise NotShown(reason)
    _require_decoder(index["transfer_syntax"])
    reader = _Reader(path, index, attributes)
    offsets = [0]
    shown: Pixels | None = None
    with frames.open("wb") as out:
        for number, frame in enumerate(reader.frames()):
            if number == index["frames"] // 2:
                shown = frame
            packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
            out.write(packer.compress(np.ascontiguousarray(frame).tobytes()))
            out.write(packer.flush())
            offsets.append(out.tell())
    if shown is None:
        raise NotShown(rules.Reason.DAMAGED)
    index["frames"] = len(offsets) - 1
    display = reader.display(shown)
    write_preview(as_grey(shown, display) if shown.ndim == 2 else shown, index["spacing"], preview)
    return {"display": display, "format": reader.format, "offsets": offsets}


def _require_decoder(syntax: str) -> None:
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise NotShown(rules.Reason.SYNTAX)


class _Reader:
    """One file's frames, in the form in which they are kept."""

    def __init__(self, path: Path, index: dict[str, Any], attributes: Dataset) -> None:
        self._path, self._index, self._attributes = path, index, attributes
        self._palette = index["photometric"] == "PALETTE COLOR"
        self.format = ""
        #: What the frames were multiplied by and shifted to fit 16 bit: value = kept * factor + base.
        self._factor, self._base = 1.0, 0.0

    def frames(self) -> Iterator[Pixels]:
        wide = self._index["samples"] == 1 and self._index["bits"] > 16 and not self._palette
        if wide:
            self._measure()
        for frame in self._decoded():
            kept = self._kept(frame)
            self.format = {"uint8": "u8", "uint16": "u16", "int16": "s16"}[kept.dtype.name] if kept.ndim == 2 else "rgb"
            yield kept

    def _decoded(self) -> Iterator[Pixels]:
        """Frame by frame from the file, in the memory of one frame. Some files that are right are not understood that
        way (deflated ones, for one): those that are small enough are tried again from memory."""
        dicom.quieten()
        number = 0
        try:
            for frame in iter_pixels(self._path):
                yield np.asarray(frame)
                number += 1
        except (MemoryError, GeneratorExit):
            raise
        except Exception as error:  # decoders raise whatever a damaged stream leads them to
            if number or self._path.stat().st_size > _READ_WHOLE:
                raise NotShown(_reason(error)) from error
            yield from self._decoded_whole()

    def _decoded_whole(self) -> Iterator[Pixels]:
        try:
            found = pydicom.dcmread(self._path)
            if not any(name in found for name in _PIXELS):
                raise NotShown(rules.Reason.NO_PIXELS)
            for number in range(self._index["frames"]):
                yield np.asarray(pixel_array(found, index=number))
        except (MemoryError, GeneratorExit, NotShown):
            raise
        except Exception as error:
            raise NotShown(_reason(error)) from error

    def _measure(self) -> None:
        low, high = np.inf, -np.inf
        for frame in self._decoded():
            finite = frame[np.isfinite(frame)] if frame.dtype.kind == "f" else frame
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        if high > low:
            self._factor, self._base = (high - low) / 65535, low
        elif np.isfinite(low):
            self._base = low

    def _kept(self, frame: Pixels) -> Pixels:
        if self._palette:
            return _eight_bits(_coloured(frame, self._attributes))
        if frame.ndim == 3:
            return _eight_bits(frame[..., :3])
        if frame.ndim != 2:
            raise NotShown(rules.Reason.ATTRIBUTES)
        if frame.dtype.itemsize > 2 or frame.dtype.kind == "f":
            whole = np.nan_to_num((frame.astype(np.float64) - self._base) / self._factor)
            return whole.round().clip(0, 65535).astype("<u2")
        frame = self._without_overlays(frame)
        if frame.dtype.itemsize == 1:
            return frame.astype("<i2") if frame.dtype.kind == "i" else frame
        return frame.astype("<i2" if frame.dtype.kind == "i" else "<u2", copy=False)

    def _without_overlays(self, frame: Pixels) -> Pixels:
        """Old scanners kept overlays in the bits above the value's (PS3.5 §8.1.2, retired)."""
        stored = header.value_of(self._attributes, "BitsStored")
        width = frame.dtype.itemsize * 8
        if not isinstance(stored, int) or not 0 < stored < width or frame.dtype.kind == "b":
            return frame
        shift = np.array(width - stored, frame.dtype)
        value: Pixels = (frame << shift) >> shift
        return value

    def display(self, frame: Pixels) -> dict[str, Any]:
        """How kept values become grey: value = kept * slope + intercept, then a window or a table."""
        if frame.ndim == 3:
            return {"colour": True}
        slope, intercept = self._rescale()
        found: dict[str, Any] = {
            "inverted": self._index["photometric"] == "MONOCHROME1",
            "slope": slope * self._factor,
            "intercept": slope * self._base + intercept,
            "windows": self._windows(),
        }
        if not found["windows"] and (table := self._table()):
            found["table"] = table
        if not found["windows"]:
            found["windows"] = [self._fitting(frame, found)]
        return found

    def _rescale(self) -> tuple[float, float]:
        source = header.groups(self._attributes, "PixelValueTransformationSequence")
        slope = header.numbers(header.value_of(source, "RescaleSlope"), 1) or [1.0]
        intercept = header.numbers(header.value_of(source, "RescaleIntercept"), 1) or [0.0]
        return (slope[0] or 1.0), intercept[0]

    def _windows(self) -> list[dict[str, Any]]:
        source = header.groups(self._attributes, "FrameVOILUTSequence")
        centers, widths, names = (
            header._many(header.value_of(source, name))
            for name in ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation")
        )
        function = str(header.value_of(source, "VOILUTFunction") or "LINEAR").strip().upper()
        found = []
        for number, (center, width) in enumerate(zip(centers, widths, strict=False)):
            pair = header.numbers([center, width], 2)
            if pair is None or not (pair[1] >= 1 or (function == "LINEAR_EXACT" and pair[1] > 0)):
                continue
            name = header._text(names[number]) if number < len(names) else ""
            found.append({"center": pair[0], "width": pair[1], "name": name, "function": function})
        return found[:8]

    def _table(self) -> dict[str, Any] | None:
        """A VOI LUT (PS3.3 §C.11.2.1.1), as grey levels of 8 bit from `first` on, one every `step` values."""
        items = header._sequence(self._attributes, "VOILUTSequence")
        descriptor = header._many(header.value_of(items[0], "LUTDescriptor")) if items else []
        data = header.value_of(items[0], "LUTData") if items else None
        if len(descriptor) != 3 or data is None:
            return None
        count, first, bits = (int(item) for item in descriptor)
        count = count or 65536
        if isinstance(data, bytes):
            entries = np.frombuffer(data, "<u2" if len(data) >= count * 2 else "u1")
        else:
            entries = np.asarray(header._many(data), dtype=np.int64)
        if entries.size < count or not 8 <= bits <= 16:
            return None
        step = max(1, -(-count // _LUT_ENTRIES))
        grey = entries[:count:step].astype(np.float64) * 255 / (2**bits - 1)
        return {"first": first, "step": step, "grey": [int(item) for item in grey.round().clip(0, 255)]}

    def _fitting(self, frame: Pixels, display: dict[str, Any]) -> dict[str, Any]:
        """A window for an image that brings none: all but the darkest and the brightest half per cent."""
        padding = header.value_of(self._attributes, "PixelPaddingValue")
        values = frame[frame != padding] if isinstance(padding, int) else frame
        values = values if values.size else frame
        low, high = (float(item) for item in np.percentile(values, (0.5, 99.5)))
        if high <= low:
            low, high = float(values.min()), float(values.max())
        low, high = sorted(edge * display["slope"] + display["intercept"] for edge in (low, high))
        return {"center": (low + high + 1) / 2, "width": max(1.0, high - low + 1), "name": "", "function": "LINEAR"}


def _reason(error: Exception) -> rules.Reason:
    """The library has one class of error for all that goes wrong; its words tell a codec that nobody has."""
    return rules.Reason.SYNTAX if "does not support" in str(error) else rules.Reason.DAMAGED


def _coloured(frame: Pixels, attributes: Dataset) -> Pixels:
    try:
        return np.asarray(apply_color_lut(frame, attributes))
    except Exception as error:
        raise NotShown(rules.Reason.ATTRIBUTES) from error


def _eight_bits(frame: Pixels) -> Pixels:
    if frame.dtype.itemsize == 1:
        return frame.astype("u1", copy=False)
    return (frame.astype(np.uint64) >> np.uint64(frame.dtype.itemsize * 8 - 8)).astype("u1")


def as_grey(frame: Pixels, display: dict[str, Any]) -> Pixels:
    """The image as it opens, 8 bit (PS3.3 §C.11.2.1). The same as static/js/imaging/window.js does."""
    values = frame.astype(np.float64) * display["slope"] + display["intercept"]
    if "table" in display:
        table = display["table"]
        entries = np.asarray(table["grey"], dtype=np.float64)
        places = ((values - table["first"]) // table["step"]).clip(0, len(entries) - 1).astype(np.int64)
        grey = entries[places]
    else:
        grey = _windowed(values, **{name: display["windows"][0][name] for name in ("center", "width", "function")})
    levels: Pixels = grey.round().clip(0, 255).astype("u1")
    return np.subtract(255, levels, dtype="u1") if display["inverted"] else levels


def _windowed(values: Pixels, *, center: float, width: float, function: str) -> Pixels:
    result: Pixels
    if function == "SIGMOID":
        result = 255 / (1 + np.exp((-4 * (values - center) / width).clip(-700, 700)))
    elif function == "LINEAR_EXACT":
        result = ((values - center) / width + 0.5) * 255
    else:
        result = ((values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5) * 255
    clipped: Pixels = result.clip(0, 255)
    return clipped


def write_preview(grey: Pixels, spacing: list[float] | None, to: Path) -> None:
    picture = Image.fromarray(np.ascontiguousarray(grey))
    width, height = float(picture.width), float(picture.height)
    if spacing:
        # Pixels that are not square, as in many ultrasound images.
        height *= min(4.0, max(0.25, spacing[0] / spacing[1]))
    scale = min(1.0, rules.PREVIEW_PIXELS / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    picture.save(to, "WEBP", quality=_QUALITY, method=2)
