"""What hangs below an invoice on its page: lines, shares of the payers, payments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.admin.forms import ItemForm, ItemFormSet
from billing.models import Allocation, Invoice, InvoiceItem, InvoiceShare, Refund, WriteOff
from medisecure.accounts.models import User
from medisecure.kernel.formats import format_cents


def actor_of(request: HttpRequest) -> User:
    return cast(User, request.user)


class _Inline:
    """Rights follow the invoice's: whoever may change a draft may change its lines."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return selectors.sees_all(actor_of(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DraftItems(_Inline, admin.TabularInline[InvoiceItem, Invoice]):
    model = InvoiceItem
    form = ItemForm
    formset = ItemFormSet  # type: ignore[assignment]
    fields = ("code", "label", "quantity", "unit_price", "discount", "vat", "mandatory", "complementary")
    extra = 2
    verbose_name_plural = _("lines")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).has_perm("billing.change_invoice" if obj else "billing.add_invoice")


class IssuedItems(_Inline, admin.TabularInline[InvoiceItem, Invoice]):
    model = InvoiceItem
    fields = readonly_fields = ("code", "label", "count", "unit_price", "discount", "vat", "net", "total")
    extra = 0
    verbose_name_plural = _("lines")

    @admin.display(description=_("quantity"))
    def count(self, item: InvoiceItem) -> str:
        # In French "1,000" reads as one and is taken for a thousand.
        return number_format(item.quantity.normalize().__format__("f"))

    @admin.display(description=_("unit price"))
    def unit_price(self, item: InvoiceItem) -> str:
        return format_cents(item.unit_price_cents)

    @admin.display(description=_("discount"))
    def discount(self, item: InvoiceItem) -> str:
        if not item.discount_cents:
            return "—"
        rate = f" ({number_format(Decimal(item.discount_rate).scaleb(-2).normalize())} %)" if item.discount_rate else ""
        return f"{format_cents(item.discount_cents)}{rate}"

    @admin.display(description=_("VAT"))
    def vat(self, item: InvoiceItem) -> str:
        return format_cents(item.vat_cents) if item.vat_rate else item.get_exemption_display()

    @admin.display(description=_("before VAT"))
    def net(self, item: InvoiceItem) -> str:
        return format_cents(item.net_cents)

    @admin.display(description=_("total"))
    def total(self, item: InvoiceItem) -> str:
        return format_cents(item.total_cents)


class Shares(_Inline, admin.TabularInline[InvoiceShare, Invoice]):
    """Who bears what, and what each still owes. Written by the services alone."""

    model = InvoiceShare
    fields = readonly_fields = ("payer", "insurer", "third", "covered", "asked", "paid", "off", "still_owed")
    extra = 0
    verbose_name_plural = _("shares of the payers")

    @admin.display(description=_("pays the hospital itself"))
    def third(self, share: InvoiceShare) -> str:
        if share.payer == rules.Payer.PATIENT:
            return "—"
        return gettext("yes") if share.third_party else gettext("no, the patient does")

    @admin.display(description=_("bears"))
    def covered(self, share: InvoiceShare) -> str:
        return format_cents(share.covered_cents)

    @admin.display(description=_("to pay"))
    def asked(self, share: InvoiceShare) -> str:
        return format_cents(share.amount_cents)

    @admin.display(description=_("paid"))
    def paid(self, share: InvoiceShare) -> str:
        return format_cents(share.paid_cents)

    @admin.display(description=_("written off"))
    def off(self, share: InvoiceShare) -> str:
        return format_cents(share.written_off_cents)

    @admin.display(description=_("still owed"))
    def still_owed(self, share: InvoiceShare) -> str:
        return format_cents(share.balance_cents) if share.invoice.is_open else "—"


class Uses(_Inline, admin.TabularInline[Allocation, Invoice]):
    """What was paid of it: from which payment, and what was taken back."""

    model = Allocation
    fields = readonly_fields = ("made_at", "payer", "amount", "how", "reference")
    extra = 0
    verbose_name_plural = _("payments")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allocation]:
        return super().get_queryset(request).select_related("payment")

    @admin.display(description=_("payer"))
    def payer(self, row: Allocation) -> str:
        return row.payment.get_payer_display()

    @admin.display(description=_("amount"))
    def amount(self, row: Allocation) -> str:
        return format_cents(row.amount_cents)

    @admin.display(description=_("method"))
    def how(self, row: Allocation) -> str:
        method = row.payment.get_method_display()
        return method if row.kind == Allocation.Kind.PAID else f"{row.get_kind_display()} ({method})"

    @admin.display(description=_("reference"))
    def reference(self, row: Allocation) -> str:
        return row.payment.reference or "—"


class Refunds(_Inline, admin.TabularInline[Refund, Invoice]):
    model = Refund
    fields = readonly_fields = ("made_at", "amount", "method", "reason", "reference")
    extra = 0

    @admin.display(description=_("amount"))
    def amount(self, row: Refund) -> str:
        return format_cents(row.amount_cents)


class WriteOffs(_Inline, admin.TabularInline[WriteOff, Invoice]):
    model = WriteOff
    fields = readonly_fields = ("made_at", "payer", "amount", "reason")
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[WriteOff]:
        return super().get_queryset(request).select_related("share")

    @admin.display(description=_("payer"))
    def payer(self, row: WriteOff) -> str:
        return row.share.get_payer_display()

    @admin.display(description=_("amount"))
    def amount(self, row: WriteOff) -> str:
        return format_cents(row.amount_cents)
