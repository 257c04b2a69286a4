"""Guards of the ORM: what has been issued does not change, whoever asks.

They name the refusal (`InvoiceIssued`) for every call that goes through Django. The triggers of migration 0002 refuse
the same to raw SQL.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn, TypeVar

from django.db import models

from billing.rules import UNNUMBERED
from medisecure.kernel.errors import InvoiceIssued
from medisecure.kernel.models import PinnedQuerySet

M = TypeVar("M", bound=models.Model, covariant=True)

#: What may still be written on an issued invoice: its course, what was paid, where its paper is. The seal too, once:
#: the triggers see to that.
OPEN_COLUMNS: Final = frozenset(
    {
        "status",
        "paid_cents",
        "written_off_cents",
        "paid_at",
        "sent_at",
        "seal",
        "pdf_key",
        "pdf_sha256",
        "version",
        "changed_at",
    }
)
#: And on its shares.
OPEN_SHARE_COLUMNS: Final = frozenset({"paid_cents", "written_off_cents"})
_UNNUMBERED: Final = [status.value for status in UNNUMBERED]


class InvoiceQuerySet(PinnedQuerySet[M]):
    def issued(self) -> InvoiceQuerySet[M]:
        """Everything that has a number: what a patient may see."""
        return self.exclude(status__in=_UNNUMBERED)

    def update(self, **kwargs: Any) -> int:
        if not OPEN_COLUMNS.issuperset(kwargs) and self.issued().exists():
            raise InvoiceIssued
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        if self.issued().exists():
            raise InvoiceIssued
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]
    update.alters_data = True  # type: ignore[attr-defined]


class ItemQuerySet(PinnedQuerySet[M]):
    def _refuse_issued(self) -> None:
        if self.exclude(invoice__status__in=_UNNUMBERED).exists():
            raise InvoiceIssued

    def update(self, **kwargs: Any) -> int:
        self._refuse_issued()
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        self._refuse_issued()
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]
    update.alters_data = True  # type: ignore[attr-defined]


class ShareQuerySet(ItemQuerySet[M]):
    def update(self, **kwargs: Any) -> int:
        if not OPEN_SHARE_COLUMNS.issuperset(kwargs):
            self._refuse_issued()
        return PinnedQuerySet.update(self, **kwargs)

    update.alters_data = True  # type: ignore[attr-defined]


class PaymentQuerySet(PinnedQuerySet[M]):
    """Rows that are added and never changed: payments."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise InvoiceIssued

    def delete(self) -> NoReturn:
        raise InvoiceIssued

    delete.queryset_only = True  # type: ignore[attr-defined]
