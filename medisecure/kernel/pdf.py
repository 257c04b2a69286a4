"""PDF by typst (decision 13): templates in `templates/pdf/`, data as JSON, output PDF/A-3b."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import typst
from django.conf import settings


def render_pdf(template: str, data: Mapping[str, Any]) -> bytes:
    """The PDF made by `templates/pdf/<template>.typ`, which reads `data` with `json(bytes(sys.inputs.data))`.

    Data reaches the template as values and never as markup, so text from a person cannot change the document's shape.
    """
    root = settings.BASE_DIR / "templates" / "pdf"
    pdf: bytes = typst.compile(
        str(root / f"{template}.typ"),
        root=str(root),
        format="pdf",
        pdf_standards=["a-3b"],
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )
    return pdf
