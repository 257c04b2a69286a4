"""Which objects of the storage invoices and the papers about them name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from billing.models import Invoice, Paper
from medisecure.kernel import objects
from medisecure.kernel.owners import Named, Owner, by_id


def _papers() -> Iterator[Named]:
    for row_id, key in by_id(Invoice.objects.exclude(pdf_key=""), "pdf_key"):
        yield Named(objects.DOCUMENTS, key, str(row_id))
    for row_id, key in by_id(Paper.objects.exclude(pdf_key=""), "pdf_key"):
        yield Named(objects.DOCUMENTS, key, str(row_id))


PAPERS: Final = Owner("paper of billing", _papers)
