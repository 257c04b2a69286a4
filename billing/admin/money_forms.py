"""Forms of money: taken, used from credit, given back, given up. The hidden key makes a second press of the button the
same act."""

from __future__ import annotations

from abc import abstractmethod
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django import forms
from django.db.models import Sum
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from billing import rules, services
from billing.admin.forms import euros
from billing.models import PAYERS, Invoice, InvoiceShare, Payment
from medisecure.kernel.formats import format_cents
from medisecure.kernel.ids import new_id
from medisecure.kernel.money import to_decimal


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200)


class ConfirmForm(forms.Form):
    """Nothing to fill in: the page asks, the button answers."""


class MoneyForm(forms.Form):
    """Of one invoice: who opens it gets the choices that there are, and who posts may choose no other."""

    amount = euros(label=_("Amount (€)"), min_value=Decimal("0.01"))
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["key"] = new_id()
        self.prepare(invoice)

    @abstractmethod
    def prepare(self, invoice: Invoice) -> None:
        """Give the fields the choices that this invoice has."""

    def offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = cast(forms.ChoiceField, self.fields[name])
        field.choices = choices

    def offer_payers(self, invoice: Invoice) -> None:
        """Those who owe something, the patient first: they are the one at the counter."""
        owing = sorted((row for row in invoice.shares.all() if row.balance_cents), key=_patient_first)
        if owing:
            self.initial["amount"], self.initial["payer"] = to_decimal(owing[0].balance_cents), owing[0].payer
        known = [row for row in invoice.shares.all() if row.amount_cents]
        self.offer("payer", [(row.payer, _named(row)) for row in sorted(known, key=_patient_first)])


def _patient_first(share: InvoiceShare) -> tuple[bool, int]:
    return share.payer != rules.Payer.PATIENT, share.position


def _named(share: InvoiceShare) -> str:
    name = f" · {share.insurer}" if share.insurer else ""
    return f"{share.get_payer_display()}{name} ({format_cents(share.balance_cents)})"


class PaymentForm(MoneyForm):
    """A payment at the counter."""

    payer = forms.ChoiceField(label=_("Paid by"), choices=PAYERS)
    method = forms.ChoiceField(label=_("Method"), choices=Payment.Method.choices)
    reference = forms.CharField(label=_("Reference"), max_length=100, required=False)
    keep_rest = forms.BooleanField(label=_("Keep what is above as the patient’s credit"), required=False)
    field_order = ("amount", "payer", "method", "reference", "keep_rest")

    def prepare(self, invoice: Invoice) -> None:
        self.offer_payers(invoice)


class CreditUseForm(MoneyForm):
    def prepare(self, invoice: Invoice) -> None:
        held = services.credit_cents(invoice.patient_id)
        self.initial["amount"] = to_decimal(min(held, invoice.balance_cents))


class WriteOffForm(MoneyForm):
    payer = forms.ChoiceField(label=_("Owed by"), choices=PAYERS)
    reason = forms.CharField(label=_("Reason"), max_length=200)
    field_order = ("amount", "payer", "reason")

    def prepare(self, invoice: Invoice) -> None:
        self.offer_payers(invoice)


class RefundForm(MoneyForm):
    """Of which payment: what it has paid here, or what is left of it as credit."""

    source = forms.ChoiceField(label=_("Of which money"))
    method = forms.ChoiceField(label=_("Given back by"), choices=Payment.Method.choices, initial="transfer")
    reference = forms.CharField(label=_("Reference"), max_length=100, required=False)
    reason = forms.CharField(label=_("Reason"), max_length=200)
    field_order = ("source", "amount", "method", "reference", "reason")

    def prepare(self, invoice: Invoice) -> None:
        found = refundable(invoice)
        self.offer("source", [(code, text) for code, text, _cents in found])
        if found:
            self.initial["amount"] = to_decimal(found[0][2])

    def chosen(self) -> tuple[UUID, UUID | None]:
        """(payment, invoice that it is taken back from, or None for credit)."""
        payment, _sep, invoice = self.cleaned_data["source"].partition(":")
        return UUID(payment), UUID(invoice) if invoice else None


def refundable(invoice: Invoice) -> list[tuple[str, str, int]]:
    """(code, text, cents) of what may be given back on an invoice's page: credit first."""
    found = []
    for payment, cents in services.credit_payments(invoice.patient_id):
        found.append((f"{payment.id}:", f"{_text(payment, cents)} · {_('credit')}", cents))
    held = invoice.allocations.order_by().values("payment_id").annotate(sum=Sum("amount_cents"))
    sums = {row["payment_id"]: row["sum"] for row in held if row["sum"] > 0}
    for payment in Payment.objects.filter(id__in=list(sums)):
        text = f"{_text(payment, sums[payment.id])} · {_('paid on this invoice, which is owed again then')}"
        found.append((f"{payment.id}:{invoice.id}", text, sums[payment.id]))
    return found


def _text(payment: Payment, cents: int) -> str:
    day = date_format(localtime(payment.received_at), "SHORT_DATE_FORMAT")
    return f"{format_cents(cents)} · {payment.get_method_display()} · {day}"
