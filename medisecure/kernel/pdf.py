"""PDF by typst (decision 13): templates in `templates/pdf/`, data as JSON, output PDF/A-3b and PDF/UA-1."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typst
from django.conf import settings

from medisecure.kernel import clock

log = logging.getLogger(__name__)

#: How typst names a character that no font has; PDF/A does not allow an empty box in its place (ISO 19005-3 §6.2.11.8).
_MISSING = re.compile(r'the text `"(.+?)"` could not be displayed')
_MOST_MISSING = 100


def render_pdf(
    template: str, data: Mapping[str, Any], *, created: datetime | None = None, attachment: str = ""
) -> bytes:
    """The PDF made by `templates/pdf/<template>.typ`, which reads `data` with `json(bytes(sys.inputs.data))`.

    Data reaches the template as values and never as markup, so text from a person cannot change the document's shape.
    Only typst's own fonts are used and `created` is the document's date, so the same data gives the same bytes on
    every machine. They have Latin, Greek, Cyrillic, Hebrew, Arabic and Devanagari; a character that they lack is
    printed as "?", because a paper with a gap can be read and no paper cannot.

    `attachment` reaches the template as `sys.inputs.attachment`, for `pdf.attach`: a file inside the paper (PDF/A-3).

    The template must set the document's title and language (PDF/UA-1 §7.1, §7.2).
    """
    text = json.dumps(data, ensure_ascii=False)
    root = settings.BASE_DIR / "templates" / "pdf"
    replaced = 0
    while True:
        try:
            pdf = _compile(root, template, text, attachment, (created or clock.now()).replace(microsecond=0))
        except RuntimeError as error:
            missing = _MISSING.search(str(error))
            if missing is None or replaced == _MOST_MISSING:
                raise
            found = missing[1] if missing[1] in text else None
            # A character that typst writes as an escape cannot be found by itself: everything beyond Latin goes.
            text = text.replace(found, "?") if found else re.sub(r"[^\x00-\u024f\u2000-\u206f\u20ac]", "?", text)
            replaced += 1
            continue
        if replaced:
            log.warning("pdf %s: %d characters are in no font and were printed as ?", template, replaced)
        return pdf


def _compile(root: Path, template: str, data: str, attachment: str, created: datetime) -> bytes:
    inputs = {"data": data, **({"attachment": attachment} if attachment else {})}
    compiler = typst.Compiler(
        str(root / f"{template}.typ"), root=str(root), ignore_system_fonts=True, sys_inputs=inputs
    )
    pdf = compiler.compile(format="pdf", pdf_standards=["a-3b", "ua-1"], timestamp=created)
    if not isinstance(pdf, bytes):
        raise TypeError("typst gave no single file")
    return pdf
