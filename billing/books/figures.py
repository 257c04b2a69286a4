"""Revenue, VAT and what is owed, from what was issued and paid. Each is one query or two, however much there is.

An invoice counts on its day of issue, a credit note takes off on its own. What is owed on a day is what was issued
until then less what had come in until then, so a table of a past day stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import (
    BigIntegerField,
    Case,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import formats
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from billing import legal, selectors
from billing.books.periods import Period, starts
from billing.books.tables import Cell, Column, Kind, Table
from billing.models import PAYERS, Allocation, Invoice, InvoiceItem, InvoiceShare, WriteOff
from billing.rules import QUANTITY_PLACES, Payer
from patients.interface import practitioner_cards

_AMOUNTS: Final = (
    Column("net", _("Before VAT"), Kind.MONEY),
    Column("vat", _("VAT"), Kind.MONEY),
    Column("total", _("Total"), Kind.MONEY),
)


def _signed(path: str, kind: str) -> Case:
    """The amount, taken off for a credit note."""
    kept = DecimalField(max_digits=20, decimal_places=QUANTITY_PLACES) if path == "quantity" else BigIntegerField()
    taken_off = ExpressionWrapper(-F(path), output_field=kept)
    return Case(When(**{kind: Invoice.Kind.CREDIT_NOTE}, then=taken_off), default=F(path), output_field=kept)


def _issued(period: Period) -> Any:
    return Invoice.objects.issued().filter(issued_at__gte=period.start, issued_at__lt=period.end)


def _lines(period: Period) -> Any:
    return InvoiceItem.objects.filter(invoice__in=_issued(period).order_by().values("id"))


def _add_up(rows: Sequence[Sequence[Cell]], columns: Sequence[Column]) -> list[Cell]:
    """A total for each column of money or numbers; the word in the first."""
    sums: list[Cell] = [
        sum((row[index] or 0 for row in rows), 0) if column.kind is Kind.MONEY else None
        for index, column in enumerate(columns)
    ]
    return [gettext("Total"), *sums[1:]]


def _table(
    code: str, title: Any, period: str, columns: Sequence[Column], rows: list[Sequence[Cell]], **more: Any
) -> Table:
    return Table(code, title, period, columns, rows, _add_up(rows, columns), **more)


# --- Revenue ----------------------------------------------------------------------------------------------------------
def by_month(period: Period) -> Table:
    months = list(period.months())
    names = [When(issued_at__gte=month.start, issued_at__lt=month.end, then=Value(n)) for n, month in enumerate(months)]
    found = {
        row["month"]: row
        for row in _issued(period)
        .annotate(month=Case(*names, output_field=IntegerField()))
        .order_by()
        .values("month")
        .annotate(net=Sum(_signed("net_cents", "kind")), vat=Sum(_signed("vat_cents", "kind")))
    }
    rows: list[Sequence[Cell]] = []
    for number, month in enumerate(months):
        net, vat = (found.get(number, {}).get(name) or 0 for name in ("net", "vat"))
        rows.append([formats.date_format(month.first, "F Y"), net, vat, net + vat])
    return _table("month", _("Revenue by month"), period.text, [Column("month", _("Month")), *_AMOUNTS], rows)


def by_practitioner(period: Period) -> Table:
    found = list(
        _issued(period)
        .order_by()
        .values("practitioner_id")
        .annotate(net=Sum(_signed("net_cents", "kind")), vat=Sum(_signed("vat_cents", "kind")))
    )
    cards = practitioner_cards([row["practitioner_id"] for row in found if row["practitioner_id"]])
    names = {one: card.full_name for one, card in cards.items()}
    rows: list[Sequence[Cell]] = sorted(
        (
            [
                names.get(row["practitioner_id"], gettext("No practitioner")),
                row["net"],
                row["vat"],
                row["net"] + row["vat"],
            ]
            for row in found
        ),
        key=lambda row: (-int(str(row[3])), str(row[0])),
    )
    columns = [Column("practitioner", _("Practitioner")), *_AMOUNTS]
    return _table("practitioner", _("Revenue by practitioner"), period.text, columns, rows)


def by_act(period: Period) -> Table:
    found = list(
        _lines(period)
        .order_by()
        .values("code")
        .annotate(
            label=Max("label"),
            quantity=Sum(_signed("quantity", "invoice__kind")),
            net=Sum(_signed("net_cents", "invoice__kind")),
            vat=Sum(_signed("vat_cents", "invoice__kind")),
        )
    )
    listed = selectors.labels_of({row["code"] for row in found if row["code"]}, period.last)
    language = legal.language_of(get_language() or "fr")
    rows: list[Sequence[Cell]] = sorted(
        (
            [
                row["code"] or "—",
                listed[row["code"]].label(language) if row["code"] in listed else row["label"],
                row["quantity"],
                row["net"],
                row["vat"],
                row["net"] + row["vat"],
            ]
            for row in found
        ),
        key=lambda row: (-int(str(row[5])), str(row[0])),
    )
    columns = [
        Column("code", _("Code")),
        Column("act", _("Act or product")),
        Column("quantity", _("Quantity"), Kind.NUMBER),
        *_AMOUNTS,
    ]
    return _table("act", _("Revenue by act"), period.text, columns, rows)


# --- VAT --------------------------------------------------------------------------------------------------------------
def vat(period: Period) -> Table:
    found = (
        _lines(period)
        .order_by()
        .values("vat_rate", "exemption")
        .annotate(net=Sum(_signed("net_cents", "invoice__kind")), vat=Sum(_signed("vat_cents", "invoice__kind")))
        .order_by("-vat_rate", "exemption")
    )
    language = legal.language_of(get_language() or "fr")
    rows: list[Sequence[Cell]] = []
    for row in found:
        reason = legal.EXEMPTION_MENTIONS.get(row["exemption"], {}).get(language, row["exemption"])
        name = f"{formats.number_format(row['vat_rate'] / 100)} %" if row["vat_rate"] else reason
        rows.append([name, row["net"], row["vat"], row["net"] + row["vat"]])
    columns = [Column("rate", _("Rate")), *_AMOUNTS]
    notes = [_("VAT as it was invoiced in this period; credit notes are taken off.")]
    return _table("vat", _("VAT summary"), period.text, columns, rows, notes=notes)


# --- What is owed -----------------------------------------------------------------------------------------------------
_AGES: Final = (("not-due", None, 0), ("0-30", 1, 30), ("31-60", 31, 60), ("61-90", 61, 90), ("90+", 91, None))


def _late(due: date | None, on: date) -> int:
    days = (on - due).days if due else 0
    for index, (_code, low, high) in enumerate(_AGES):
        if (low is None or days >= low) and (high is None or days <= high):
            return index
    raise AssertionError("every number of days has its age")


def _until(rows: Any) -> Any:
    """The sum of these rows of a share."""
    return rows.order_by().values("share").annotate(sum=Sum("amount_cents")).values("sum")


def aged(on: date) -> Table:
    """What each payer owed at the end of a day, by how late it was."""
    end = starts(on + timedelta(days=1))
    paid = _until(Allocation.objects.filter(share=OuterRef("pk"), made_at__lt=end))
    given_up = _until(WriteOff.objects.filter(share=OuterRef("pk"), made_at__lt=end))
    cancelled = Invoice.objects.issued().filter(credits=OuterRef("invoice_id"), issued_at__lt=end)
    open_shares = (
        InvoiceShare.objects.filter(
            invoice__kind=Invoice.Kind.INVOICE, invoice__number__isnull=False, invoice__issued_at__lt=end
        )
        .filter(~Exists(cancelled))
        .annotate(owed=F("amount_cents") - Coalesce(Subquery(paid), 0) - Coalesce(Subquery(given_up), 0))
        .filter(owed__gt=0)
        .annotate(
            name=Case(
                When(Q(payer=Payer.PATIENT.value) & Q(invoice__buyer=None), then=Value("")),
                When(payer=Payer.PATIENT.value, then=F("invoice__buyer__name")),
                default=F("insurer"),
                output_field=TextField(),
            )
        )
        .order_by()
        .values("payer", "name", "invoice__due_date")
        .annotate(sum=Sum("owed"))
    )
    owed: dict[tuple[str, str], list[int]] = {}
    for row in open_shares:
        ages = owed.setdefault((row["payer"], row["name"]), [0] * len(_AGES))
        ages[_late(row["invoice__due_date"], on)] += row["sum"]
    rows: list[Sequence[Cell]] = [
        [_payer(payer, name), *ages, sum(ages)] for (payer, name), ages in sorted(owed.items(), key=_payer_order)
    ]
    columns = [
        Column("payer", _("Payer")),
        Column("not_due", _("Not due yet"), Kind.MONEY),
        Column("days_0_30", _("0–30 days"), Kind.MONEY),
        Column("days_31_60", _("31–60 days"), Kind.MONEY),
        Column("days_61_90", _("61–90 days"), Kind.MONEY),
        Column("days_over_90", _("Over 90 days"), Kind.MONEY),
        Column("total", _("Total"), Kind.MONEY),
    ]
    period = gettext("on %(day)s") % {"day": formats.date_format(on, "j F Y")}
    return _table("aged", _("Aged balance"), period, columns, rows)


def _payer(payer: str, name: str) -> str:
    if payer == Payer.PATIENT:
        return name or gettext("Patients")
    kind = str(dict(PAYERS).get(payer, payer))
    return f"{kind} · {name}" if name else kind


def _payer_order(item: tuple[tuple[str, str], Iterable[int]]) -> tuple[int, str]:
    (payer, name), _ages = item
    kinds = [Payer.PATIENT.value, Payer.MANDATORY.value, Payer.COMPLEMENTARY.value]
    return (kinds.index(payer) if payer in kinds else len(kinds), name)
