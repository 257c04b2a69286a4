"""Papers that are kept besides invoices: what they say is frozen first, the PDF is made from that, once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError

from billing.models import Paper
from billing.services.storing import store_once
from medisecure.kernel.databases import BILLING
from medisecure.kernel.pdf import render_pdf
from medisecure.kernel.transactions import atomic

_FOLDERS: Final = {
    Paper.Kind.RECEIPT: "receipts",
    Paper.Kind.STATEMENT: "statements",
    Paper.Kind.REMINDER: "reminders",
    Paper.Kind.BOOK: "books",
}


def keep(
    *,
    kind: str,
    subject: str,
    number: str,
    language: str,
    content: Mapping[str, Any],
    patient_id: UUID | None = None,
    invoice_id: UUID | None = None,
    created_by: UUID | None = None,
) -> Paper:
    """The paper of this subject: frozen now, or as it was frozen before."""
    found: Paper | None = Paper.objects.filter(subject=subject).first()
    if found is not None:
        return found
    try:
        with atomic(BILLING):
            paper: Paper = Paper.objects.create(
                kind=kind,
                subject=subject,
                number=number,
                language=language,
                content=dict(content),
                patient_id=patient_id,
                invoice_id=invoice_id,
                created_by=created_by,
            )
            return paper
    except IntegrityError:
        # Somebody else was first.
        first: Paper = Paper.objects.get(subject=subject)
        return first


def print_paper(paper_id: UUID) -> Paper:
    """Render, store and note the PDF of a kept paper; a repeat finds it and does nothing. As `papers.make_pdf`."""
    paper: Paper = Paper.objects.get(id=paper_id)
    if paper.pdf_key:
        return paper
    pdf = render_pdf(_template(paper), paper.content, created=paper.created_at)
    key = store_once(f"{_FOLDERS[Paper.Kind(paper.kind)]}/{paper.created_at.year}/{paper.number}-{paper.id}.pdf", pdf)
    with atomic(BILLING):
        Paper.objects.filter(id=paper.id, pdf_key="").update(pdf_key=key, pdf_sha256=hashlib.sha256(pdf).hexdigest())
    paper.refresh_from_db()
    return paper


def _template(paper: Paper) -> str:
    return str(paper.kind)
