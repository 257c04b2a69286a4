"""Draws pages of a file as JPEG, in a process of its own with little memory and time: `python -I rendering.py …`.

What people upload may be made to break whatever reads it. So it is read here, where there is nothing to take: no
settings, no database, no secret. Nothing of the file gets into the page but pixels. Prints one line of JSON (the number
of pages and the lengths of the images), then the images. It imports nothing of the project.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Callable
from typing import Any

MEMORY = 1536 * 1024 * 1024
SECONDS = 20
WIDTH = 1400
PIXELS = 6_000_000
QUALITY = 82


def pdf_pages(path: str) -> tuple[int, Callable[[int], Any]]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)

    def draw(index: int) -> Any:
        page = document[index]
        width, height = page.get_size()
        scale = min(WIDTH / width, (PIXELS / (width * height)) ** 0.5, 4)
        # Forms and annotations are drawn as they stand; nothing in them is run.
        return page.render(scale=scale).to_pil()

    return len(document), draw


def image_pages(path: str) -> tuple[int, Callable[[int], Any]]:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = 120_000_000
    image = Image.open(path, formats=("PNG", "JPEG", "TIFF"))

    def draw(index: int) -> Any:
        image.seek(index)
        image.draft("RGB", (WIDTH, WIDTH))
        # Turned as the camera says, and without what else it says: the place, for one.
        found = ImageOps.exif_transpose(image)
        if found.mode.startswith("I;16"):
            found = found.point(lambda value: value / 256)
        found.thumbnail((WIDTH, 4 * WIDTH))
        if "A" in found.getbands() or "transparency" in found.info:
            ground = Image.new("RGBA", found.size, "white")
            found = Image.alpha_composite(ground, found.convert("RGBA"))
        return found

    return getattr(image, "n_frames", 1), draw


def main() -> None:
    path, kind, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    total, draw = (pdf_pages if kind == "pdf" else image_pages)(path)
    images = []
    for index in range(first, min(first + count, total)):
        buffer = io.BytesIO()
        draw(index).convert("RGB").save(buffer, "JPEG", quality=QUALITY)
        images.append(buffer.getvalue())
    sys.stdout.buffer.write(json.dumps({"pages": total, "sizes": [len(image) for image in images]}).encode() + b"\n")
    for image in images:
        sys.stdout.buffer.write(image)


if __name__ == "__main__":
    main()
