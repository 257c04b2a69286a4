"""Revenue: what was invoiced, cancelled and paid."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.utils.translation import gettext as _

from billing.interface import revenue as figures
from medisecure.reports.figures import Column, Plot, Report, Table, Unit
from medisecure.reports.kinds.common import Asked, Tick, people, require


def revenue(asked: Asked, tick: Tick) -> Report:
    require(asked.actor, "billing.view_invoice")
    found = figures(actor=asked.actor, stretches=asked.stretches, practitioner_id=asked.practitioner_id)
    tick(60)
    labels = asked.labels()
    # number, total, credited, paid
    course = [[0, 0, 0, 0] for _label in labels]
    by_person: defaultdict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    sums = {"invoice": [0, 0, 0, 0], "credit_note": [0, 0, 0, 0]}
    for row in found.invoiced:
        signed = row.total_cents if row.kind == "invoice" else -row.total_cents
        course[row.stretch][0] += row.number if row.kind == "invoice" else 0
        course[row.stretch][1 if row.kind == "invoice" else 2] += row.total_cents
        person = by_person[row.practitioner_id]
        person[0] += row.number if row.kind == "invoice" else 0
        person[1] += signed
        for index, value in enumerate((row.number, row.net_cents, row.vat_cents, row.total_cents)):
            sums[row.kind][index] += value
    by_method: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for money in found.received:
        course[money.stretch][3] += money.amount_cents
        by_method[money.method_label][0] += money.number
        by_method[money.method_label][1] += money.amount_cents
    issued, credited = sums["invoice"], sums["credit_note"]
    paid = sum(amount for _number, amount in by_method.values())
    names = people({one for one in by_person if one is not None})
    over_time = Table(
        _("Over time"),
        [
            Column(asked.head(), Unit.TEXT),
            Column(_("Invoices")),
            Column(_("Invoiced"), Unit.CENTS),
            Column(_("Cancelled by credit note"), Unit.CENTS),
            Column(_("Paid"), Unit.CENTS),
        ],
        [[label, *values] for label, values in zip(labels, course, strict=True)],
    )
    documents = Table(
        _("Invoices and credit notes"),
        [
            Column(_("Kind"), Unit.TEXT),
            Column(_("Number")),
            Column(_("Before VAT"), Unit.CENTS),
            Column(_("VAT"), Unit.CENTS),
            Column(_("Total"), Unit.CENTS),
        ],
        [
            [_("Invoices"), *issued],
            [_("Credit notes"), *credited],
            [_("Difference"), None, *(one - other for one, other in zip(issued[1:], credited[1:], strict=True))],
        ],
        total=True,
    )
    practitioners = Table(
        _("By practitioner"),
        [Column(_("Practitioner"), Unit.TEXT), Column(_("Invoices")), Column(_("Invoiced less credited"), Unit.CENTS)],
        [
            [names[one] if one is not None else _("nobody named"), row[0], row[1]]
            for one, row in sorted(by_person.items(), key=lambda item: (-item[1][1], str(item[0])))
        ],
    )
    methods = Table(
        _("Payments by means"),
        [Column(_("Means"), Unit.TEXT), Column(_("Payments")), Column(_("Amount"), Unit.CENTS)],
        [[label, *row] for label, row in sorted(by_method.items(), key=lambda item: -item[1][1])],
    )
    back = Table(
        _("Given back and given up"),
        [Column(_("What"), Unit.TEXT), Column(_("Number")), Column(_("Amount"), Unit.CENTS)],
        [[_("Refunds"), *found.refunds], [_("Written off"), *found.write_offs]],
    )
    return Report(
        title=_("Revenue"),
        asked=asked.words(),
        facts=[
            (_("Invoiced less credited"), issued[3] - credited[3], Unit.CENTS),
            (_("Paid"), paid, Unit.CENTS),
            (_("Still owed today"), found.owed_cents, Unit.CENTS),
        ],
        plots=[
            Plot(_("Invoiced and paid over time"), over_time, (2, 4), course=True),
            Plot(_("Invoiced less credited, by practitioner"), practitioners, (2,)),
        ],
        tables=[over_time, documents, practitioners, methods, back],
        notes=[
            _("Invoices and credit notes count on the day they were issued, payments on the day they came in."),
            _("Paid: what came in; what was given back is not taken off. Of a practitioner: what pays their invoices."),
            _("Still owed: of the invoices issued in this period, what is not paid, cancelled or written off now."),
        ],
    )
