"""Each table by its name, and the three faces of it that show the same figures: page, PDF, CSV."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.utils import formats
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing import legal, selectors
from billing.books import cash, figures
from billing.books.periods import Period
from billing.books.tables import Table, as_content, as_csv
from billing.models import Paper, TillDay
from billing.services.kept import keep, print_paper
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound, Refused

VIEW: Final = "billing.view_books"
EXPORT: Final = "billing.export_books"


@dataclass(frozen=True, slots=True)
class Book:
    title: str | Promise
    make: Callable[[Period], Table]
    #: It is about the last day alone.
    one_day: bool = False


BOOKS: Final[Mapping[str, Book]] = {
    "month": Book(_("Revenue by month"), figures.by_month),
    "practitioner": Book(_("Revenue by practitioner"), figures.by_practitioner),
    "act": Book(_("Revenue by act"), figures.by_act),
    "vat": Book(_("VAT summary"), figures.vat),
    "aged": Book(_("Aged balance"), lambda period: figures.aged(period.last), one_day=True),
    "tills": Book(_("Tills"), cash.tills),
}


def table(*, actor: User, name: str, period: Period, action: str = "view") -> Table:
    """One table, after the check and the audit entry. Raises `Refused`, `NotFound` for a name that is none."""
    if not actor.has_perm(VIEW):
        raise Refused
    if name not in BOOKS:
        raise NotFound
    _audit(actor, action, name)
    return BOOKS[name].make(period)


def till_table(*, actor: User, till_day_id: UUID, action: str = "view") -> Table:
    """The sheet of one till's day, for who holds it and for who may see the books. Raises `NotFound`."""
    day = TillDay.objects.filter(id=till_day_id).select_related("till").first()
    if day is None or (day.opened_by != actor.id and not actor.has_perm(VIEW)):
        raise NotFound
    _audit(actor, action, str(till_day_id))
    return cash.till_day(day)


def csv_of(found: Table) -> str:
    return as_csv(found)


def paper_of(*, actor: User, found: Table) -> Paper:
    """The table as a paper, in the language at hand, stored. The same figures on the same day are the same paper."""
    language = legal.language_of(get_language() or "fr")
    today = clock.today()
    content: dict[str, Any] = as_content(
        found,
        language=language,
        seller=dict(legal.seller()),
        made_on=formats.date_format(today, "j F Y"),
    )
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    paper = keep(
        kind=Paper.Kind.BOOK,
        subject=f"book:{found.code}:{digest[:40]}",
        number=f"{found.code}-{today:%Y%m%d}-{digest[:6]}",
        language=language,
        content=content,
        created_by=actor.id,
    )
    return print_paper(paper.id)


def audit_export(actor: User, year: int) -> None:
    """Raises `Refused`; else the entry of the access log for a year's export."""
    if not actor.has_perm(EXPORT):
        raise Refused
    _audit(actor, "export", str(year))


def _audit(actor: User, action: str, item: str) -> None:
    right, purpose = selectors.right_of(actor, None)
    record_access(
        actor=actor,
        patient_id=None,
        action=action,
        resource="books",
        resource_id=item,
        purpose=purpose,
        right=right,
    )
