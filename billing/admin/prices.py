from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from billing import services
from billing.admin.forms import VAT_CHOICES, basis_points, euros, percent
from billing.admin.price_files import PriceFilePages
from billing.models import Price
from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError
from medisecure.kernel.formats import format_cents
from medisecure.kernel.money import to_cents


class PriceForm(forms.ModelForm[Price]):
    amount = euros(label=_("Price before VAT (€)"), min_value=0)
    vat = forms.ChoiceField(label=_("VAT"), choices=VAT_CHOICES)
    mandatory = percent(label=_("Mandatory insurer (%)"), initial=0)
    complementary = percent(label=_("Complementary insurer (%)"), initial=0)

    class Meta:
        model = Price
        fields = ("code", "label_fr", "label_en", "appointment_type", "valid_from", "valid_until")


@admin.register(Price)
class PriceAdmin(PriceFilePages, admin.ModelAdmin[Price]):
    """The price list. A price that was in force stays: a new one from another day takes its place."""

    form = PriceForm
    list_display = ("code", "label_fr", "price", "vat", "borne", "appointment_type", "valid_from", "valid_until")
    list_filter = ("vat_rate",)
    search_fields = ("code", "label_fr", "label_en")
    fields = (
        "code",
        "label_fr",
        "label_en",
        "amount",
        "vat",
        "mandatory",
        "complementary",
        "appointment_type",
        "valid_from",
        "valid_until",
    )

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Price | None = None) -> Any:
        shown = (
            "code",
            "label_fr",
            "label_en",
            "price",
            "vat",
            "borne",
            "appointment_type",
            "valid_from",
            "valid_until",
        )
        return self.fields if obj is None else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Price | None = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    @admin.display(description=_("price before VAT"), ordering="price_cents")
    def price(self, price: Price) -> str:
        return format_cents(price.price_cents)

    @admin.display(description=_("VAT"), ordering="vat_rate")
    def vat(self, price: Price) -> str:
        return str(dict(VAT_CHOICES).get(str(price.vat_rate), "") or price.get_exemption_display())

    @admin.display(description=_("insurers bear"))
    def borne(self, price: Price) -> str:
        rates = [rate for rate in (price.mandatory_rate, price.complementary_rate) if rate]
        return " + ".join(f"{number_format(Decimal(rate).scaleb(-2).normalize())} %" for rate in rates) or "—"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except DomainError as error:
            messages.error(request, " ".join(error.lines()))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: bool) -> None:
        data = form.cleaned_data
        rate = int(data["vat"]) if data["vat"].isdigit() else 0
        made = services.create_price(
            actor=cast(User, request.user),
            code=data["code"],
            label_fr=data["label_fr"],
            label_en=data["label_en"],
            price_cents=to_cents(data["amount"]),
            vat_rate=rate,
            exemption="" if rate else data["vat"],
            mandatory_rate=basis_points(data["mandatory"], 0),
            complementary_rate=basis_points(data["complementary"], 0),
            appointment_type=data["appointment_type"],
            valid_from=data["valid_from"],
            valid_until=data["valid_until"],
        )
        obj.pk = made.pk
