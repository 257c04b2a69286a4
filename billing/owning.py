"""Which objects of the storage invoices name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from billing.models import Invoice
from medisecure.kernel import objects
from medisecure.kernel.owners import Named, Owner, by_id


def _papers() -> Iterator[Named]:
    for row_id, key in by_id(Invoice.objects.exclude(pdf_key=""), "pdf_key"):
        yield Named(objects.DOCUMENTS, key, str(row_id))


PAPERS: Final = Owner("PDF of an invoice", _papers)
