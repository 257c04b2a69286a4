"""What went through a till on a day, and the days of all tills over a period."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef
from django.utils import formats
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.books.periods import Period
from billing.books.tables import Cell, Column, Kind, Table
from billing.models import Payment, TillDay, TillEntry
from medisecure.accounts.interface import user_card, user_cards


def till_day(day: TillDay) -> Table:
    """One till from its float to what was counted; as it stands, while it is open."""
    rows: list[Sequence[Cell]] = [[day.opened_at, gettext("Float"), "", day.float_cents]]
    entries = list(day.entries.all())
    rows += [[row.at, row.get_kind_display(), row.reference, row.amount_cents] for row in entries]
    expected = day.float_cents + sum(row.amount_cents for row in entries)
    if day.closed_at is not None:
        rows.append([day.closed_at, gettext("Expected"), "", expected])
        rows.append([day.closed_at, gettext("Counted"), "", day.counted_cents])
        total: list[Cell] = [None, gettext("Difference"), day.reason, day.difference_cents]
    else:
        total = [None, gettext("Expected"), "", expected]
    columns = [
        Column("time", _("Time"), Kind.TIME),
        Column("what", _("What")),
        Column("reference", _("Reference")),
        Column("amount", _("Amount"), Kind.MONEY),
    ]
    title = gettext("Closing of the till %(till)s") % {"till": day.till.name}
    card = user_card(day.opened_by)
    holder = card.full_name if card else "—"
    return Table("till", title, f"{formats.date_format(day.day, 'j F Y')} · {holder}", columns, rows, total)


def tills(period: Period) -> Table:
    """A line for each day of each till, and cash that went through none."""
    found = TillDay.objects.filter(day__gte=period.first, day__lte=period.last)
    days = list(found.select_related("till").order_by("day", "id"))
    cards = user_cards({day.opened_by for day in days})
    rows: list[Sequence[Cell]] = [
        [
            day.day,
            day.till.name,
            cards[day.opened_by].full_name if day.opened_by in cards else "—",
            day.float_cents,
            day.expected_cents,
            day.counted_cents,
            day.difference_cents if day.closed_at else None,
        ]
        for day in days
    ]
    columns = [
        Column("day", _("Day"), Kind.DAY),
        Column("till", _("Till")),
        Column("holder", _("Held by")),
        Column("float", _("Float"), Kind.MONEY),
        Column("expected", _("Expected"), Kind.MONEY),
        Column("counted", _("Counted"), Kind.MONEY),
        Column("difference", _("Difference"), Kind.MONEY),
    ]
    differences = sum(day.difference_cents for day in days if day.closed_at)
    total: list[Cell] = [None, gettext("Total"), None, None, None, None, differences]
    loose = _outside(period)
    notes = []
    if loose:
        notes.append(gettext("Cash that went through no till: %(payments)s.") % {"payments": ", ".join(loose)})
    return Table("tills", _("Tills"), period.text, columns, rows, total, notes)


def _outside(period: Period) -> list[str]:
    """Invoices of which cash was taken by somebody who had no till open."""
    through = TillEntry.objects.filter(source_id=OuterRef("id"))
    rows = Payment.objects.filter(
        ~Exists(through), method=Payment.Method.CASH, received_at__gte=period.start, received_at__lt=period.end
    )
    return [number or "" for number in rows.order_by("id").values_list("invoice__number", flat=True)[:50]]
