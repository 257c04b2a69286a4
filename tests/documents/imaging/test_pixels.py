"""Every file of pydicom's own is shown, or it is said why not; and what is shown is right."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from documents.imaging import header, pixels, rules
from documents.imaging.rules import Reason
from tests.documents.imaging.files import as_bytes, big_ct, dataset, image, own, own_files

#: Those that cannot be shown, and why. All others can.
NOT_SHOWN = {
    "JPEG-lossy.dcm": Reason.SYNTAX,  # JPEG with 12 bit: no decoder with a licence that lets it be handed on
    "JPGExtended.dcm": Reason.SYNTAX,
    "JPEG2000-embedded-sequence-delimiter.dcm": Reason.DAMAGED,
    "MR_truncated.dcm": Reason.DAMAGED,
    "badVR.dcm": Reason.DAMAGED,
} | dict.fromkeys(
    (
        "chrJapMulti.dcm chrJapMultiExplicitIR6.dcm chrKoreanMulti.dcm "  # characters to read, with no pixels behind
        "fall.dcm hotiron.dcm hotmetalblue.dcm pet.dcm pet20step.dcm spring.dcm summer.dcm winter.dcm "
        "reportsi.dcm reportsi_with_empty_number_tags.dcm rtplan.dcm rtplan_truncated.dcm test-SR.dcm "
        "waveform_ecg.dcm IM000000 IM000001"
    ).split(),
    Reason.NO_PIXELS,
)
#: No object with an instance UID: an upload refuses them, and an import keeps them as they are.
NOT_DICOM = {
    "DICOMDIR",
    "DICOMDIR-bigEnd",
    "DICOMDIR-implicit",
    "DICOMDIR-nooffset",
    "DICOMDIR-nopatient",
    "DICOMDIR-reordered",
    "DICOMDIR-empty.dcm",
    "UN_sequence.dcm",
    "chrSQEncoding.dcm",
    "chrSQEncoding1.dcm",
    "empty_charset_LEI.dcm",
    "meta_missing_tsyntax.dcm",
    "nested_priv_SQ.dcm",
    "priv_SQ.dcm",
    "no_meta_group_length.dcm",
}


def drawn(source: Path | bytes, folder: Path) -> dict[str, Any]:
    path = source
    if isinstance(source, bytes):
        path = folder / "source.dcm"
        path.write_bytes(source)
    assert isinstance(path, Path)
    return pixels.examine(path, folder / "preview.webp", folder / "frames.bin")


def frames(found: dict[str, Any], folder: Path) -> np.ndarray[Any, Any]:
    packed = (folder / "frames.bin").read_bytes()
    kind = {"u8": "u1", "u16": "<u2", "s16": "<i2", "rgb": "u1"}[found["format"]]
    shape = (found["index"]["rows"], found["index"]["columns"], *((3,) if found["format"] == "rgb" else ()))
    spots = list(zip(found["offsets"], found["offsets"][1:], strict=False))
    return np.stack([np.frombuffer(gzip.decompress(packed[a:b]), kind).reshape(shape) for a, b in spots])


def test_every_file_of_pydicoms_own_is_shown_or_says_why_not(tmp_path: Path) -> None:
    answers: Counter[str] = Counter()
    for path in own_files():
        found = drawn(path, tmp_path)
        expected = Reason.NOT_DICOM if path.name in NOT_DICOM else NOT_SHOWN.get(path.name)
        assert found.get("reason") == expected, path.name
        answers[expected or "shown"] += 1
        if expected is None:
            with Image.open(tmp_path / "preview.webp") as preview:
                assert max(preview.size) <= rules.PREVIEW_PIXELS, path.name
            assert len(found["offsets"]) == found["index"]["frames"] + 1
    assert answers["shown"] == 100
    assert answers.total() == len(own_files()) == 139


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_a_compressed_image_has_the_pixels_of_the_original(name: str, tmp_path: Path) -> None:
    found = drawn(own(name), tmp_path)
    assert np.array_equal(frames(found, tmp_path)[0], dataset("MR_small.dcm").pixel_array)


def test_all_frames_of_a_colour_loop_are_there(tmp_path: Path) -> None:
    found = drawn(own("examples_ybr_color.dcm"), tmp_path)
    assert frames(found, tmp_path).shape == (30, 240, 320, 3)
    assert found["display"] == {"colour": True}


def test_a_palette_is_coloured(tmp_path: Path) -> None:
    found = drawn(own("examples_palette.dcm"), tmp_path)
    shown = frames(found, tmp_path)[0]
    assert shown.shape == (350, 800, 3)
    assert len(np.unique(shown)) > 20


def test_windows_of_the_file_come_first(tmp_path: Path) -> None:
    found = drawn(own("examples_overlay.dcm"), tmp_path)
    windows = [(one["center"], one["width"], one["name"]) for one in found["display"]["windows"]]
    assert windows == [(450, 790, "WINDOW1"), (200, 443, "WINDOW2")]


def test_grey_follows_the_standards_formula() -> None:
    """PS3.3 §C.11.2.1.2: a window of width 3 about 2 is black at 1 and below, white at 3 and above."""
    display = {"slope": 1, "intercept": 0, "inverted": False}
    window = {"center": 2.0, "width": 3.0, "function": "LINEAR"}
    values = np.array([[0, 1, 2, 3, 4]])
    assert list(pixels.as_grey(values, display | {"windows": [window]})[0]) == [0, 64, 191, 255, 255]
    assert list(pixels.as_grey(values, display | {"windows": [window], "inverted": True})[0]) == [255, 191, 64, 0, 0]
    exact = window | {"function": "LINEAR_EXACT", "width": 4.0}
    assert list(pixels.as_grey(values, display | {"windows": [exact]})[0]) == [0, 64, 128, 191, 255]
    sigmoid = window | {"function": "SIGMOID"}
    assert list(pixels.as_grey(values, display | {"windows": [sigmoid]})[0])[2] == 128


def _with_table(found: pydicom.dataset.FileDataset) -> None:
    item = Dataset()
    item.LUTDescriptor = [256, 0, 8]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = [255 - value for value in range(256)]
    item["LUTData"].VR = "US"
    found.VOILUTSequence = Sequence([item])
    found.RescaleIntercept = 0


def test_a_table_in_the_file_is_followed(tmp_path: Path) -> None:
    found = drawn(image(change=_with_table), tmp_path)
    table = found["display"]["table"]
    assert (table["first"], table["step"], table["grey"][:3], table["grey"][-1]) == (0, 1, [255, 254, 253], 0)
    grey = pixels.as_grey(np.array([[-5, 0, 10, 255, 400]]), found["display"])
    assert list(grey[0]) == [255, 255, 245, 0, 0]


def test_film_is_the_other_way_round(tmp_path: Path) -> None:
    plain = drawn(image(), tmp_path)
    first = np.asarray(Image.open(tmp_path / "preview.webp").convert("L")).mean()
    found = drawn(image(PhotometricInterpretation="MONOCHROME1"), tmp_path)
    assert (plain["display"]["inverted"], found["display"]["inverted"]) == (False, True)
    assert np.asarray(Image.open(tmp_path / "preview.webp").convert("L")).mean() == pytest.approx(255 - first, abs=3)


def test_bits_above_the_value_are_no_part_of_it(tmp_path: Path) -> None:
    def overlay(found: pydicom.dataset.FileDataset) -> None:
        found.BitsStored, found.HighBit, found.PixelRepresentation = 12, 11, 0
        found.PixelData = np.full((128, 128), 0x9234, "<u2").tobytes()

    found = drawn(image(change=overlay), tmp_path)
    assert int(frames(found, tmp_path).max()) == 0x234


def test_values_of_32_bit_keep_their_meaning(tmp_path: Path) -> None:
    found = drawn(own("rtdose.dcm"), tmp_path)
    original = dataset("rtdose.dcm").pixel_array.astype(float)
    display = found["display"]
    back = frames(found, tmp_path) * display["slope"] + display["intercept"]
    assert np.allclose(back, original, atol=(original.max() - original.min()) / 65535)


def test_pixels_that_are_not_square_are_drawn_square(tmp_path: Path) -> None:
    drawn(image(PixelSpacing=[2.0, 1.0]), tmp_path)
    assert Image.open(tmp_path / "preview.webp").size == (128, 256)


@pytest.mark.parametrize(
    "values",
    [{"Rows": 65535, "Columns": 65535}, {"NumberOfFrames": 4_000_000}, {"Rows": 20000, "Columns": 20000}],
)
def test_a_size_that_nobody_can_unpack_is_refused_before_it_is_tried(values: dict[str, Any], tmp_path: Path) -> None:
    assert drawn(image(**values), tmp_path)["reason"] == Reason.TOO_LARGE


def test_a_size_that_is_not_there_is_damage(tmp_path: Path) -> None:
    assert drawn(image(Rows=512, Columns=512), tmp_path)["reason"] == Reason.DAMAGED


def test_what_the_file_says_of_itself_is_read_without_the_person(tmp_path: Path) -> None:
    path = tmp_path / "source.dcm"
    path.write_bytes(image(name="RAO^ASHA"))
    found = header.read(path)
    assert found.index["study_started"] == "2004-01-19T07:27:30"
    assert (found.index["body_part"], found.index["number"], found.index["place"]) == ("", 1, -75.7)
    assert "RAO" not in str(found.index) + str(found.risk)
    assert found.who == {"name": "RAO^ASHA", "birth": "19800502", "number": "F-1"}


def test_large_images_are_drawn_small(tmp_path: Path) -> None:
    found = drawn(as_bytes(big_ct(1024)), tmp_path)
    assert Image.open(tmp_path / "preview.webp").size == (512, 512)
    assert frames(found, tmp_path).shape == (1, 1024, 1024)
