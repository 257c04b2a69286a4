"""Forms of the clerk: money in euros, as people write it; cents everywhere behind them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors
from billing.models import Invoice, InvoiceItem
from billing.services.lines import TEXTS
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound
from medisecure.kernel.money import to_cents, to_decimal
from patients.interface import patient_by_record_number, patient_card, practitioners

#: The rates of VAT, and care, which is exempt.
VAT_CHOICES: Final = [
    ("care", _("Exempt: care")),
    *((str(rate), f"{rate / 100:g} %".replace(".", ",")) for rate in rules.VAT_RATES),
]
_FAULT_FIELDS: Final = {"unit_price_cents": "unit_price", "vat_rate": "vat", "exemption": "vat"} | {
    "discount_rate": "discount",
    "discount_cents": "discount",
    "mandatory_rate": "mandatory",
    "complementary_rate": "complementary",
}


def euros(**kwargs: Any) -> forms.DecimalField:
    return forms.DecimalField(max_digits=12, decimal_places=2, localize=True, **kwargs)


def percent(**kwargs: Any) -> forms.DecimalField:
    """Of the line's total. Empty is what the price list says."""
    widget = forms.TextInput(attrs={"inputmode": "decimal", "size": 5})
    return forms.DecimalField(
        max_digits=5,
        decimal_places=2,
        min_value=0,
        max_value=100,
        localize=True,
        required=False,
        widget=widget,
        **kwargs,
    )


def basis_points(given: Decimal | None, listed: int) -> int:
    return listed if given is None else int(given.scaleb(2))


class DiscountField(forms.CharField):
    """“10 %” is of the line's price, “5,00” an amount in euros. Gives (basis points, cents), one of them 0."""

    widget = forms.TextInput(attrs={"size": 8})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=20, **kwargs)
        self.widget.attrs["placeholder"] = _("10 % or 5.00")

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        rate, cents = value
        if rate:
            return f"{number_format(Decimal(rate).scaleb(-2).normalize())} %"
        return number_format(to_decimal(cents), decimal_pos=2) if cents else ""

    def clean(self, value: Any) -> tuple[int, int]:
        text = re.sub(r"[\s€]", "", super().clean(value)).replace(",", ".")
        if not text:
            return 0, 0
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,2})?)(%?)", text, re.ASCII)
        if found is None:
            raise forms.ValidationError(_("Write a percentage, as in 10 %, or euros, as in 5.00."))
        amount = Decimal(found[1])
        return (int(amount.scaleb(2)), 0) if found[2] else (0, to_cents(amount))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class ItemForm(forms.ModelForm[InvoiceItem]):
    """One line. A code of the price list fills what is left empty."""

    code = forms.CharField(label=_("Code"), max_length=40, required=False)
    label = forms.CharField(label=_("Label"), max_length=200, required=False)
    quantity = forms.DecimalField(
        label=_("Quantity"), max_digits=9, decimal_places=rules.QUANTITY_PLACES, initial=1, localize=True
    )
    unit_price = euros(label=_("Unit price before VAT (€)"), required=False)
    discount = DiscountField(label=_("Discount"), required=False)
    vat = forms.ChoiceField(label=_("VAT"), choices=[("", _("As in the price list")), *VAT_CHOICES], required=False)
    mandatory = percent(label=_("Mandatory insurer (%)"))
    complementary = percent(label=_("Complementary insurer (%)"))

    class Meta:
        model = InvoiceItem
        fields = ("code", "label", "quantity")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        item = self.instance
        if item.unit_price_cents is not None:
            self.initial["unit_price"] = to_decimal(item.unit_price_cents)
            self.initial["vat"] = str(item.vat_rate) if item.vat_rate else item.exemption
            self.initial["quantity"] = item.quantity.normalize()
            self.initial["discount"] = (item.discount_rate, item.discount_cents)
            self.initial["mandatory"] = Decimal(item.mandatory_rate).scaleb(-2)
            self.initial["complementary"] = Decimal(item.complementary_rate).scaleb(-2)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        code, vat, price = data.get("code", ""), data.get("vat", ""), data.get("unit_price")
        listed = selectors.labels_of({code}, clock.today()).get(code) if code else None
        if listed is None and price is None:
            unknown = _("This code is not in the price list. Give a price.") if code else TEXTS["missing"]
            self.add_error("unit_price", str(unknown))
            return data
        rate, exemption = (0, rules.Exemption.CARE.value)
        if vat:
            rate, exemption = (int(vat), "") if vat.isdigit() else (0, vat)
        elif listed:
            rate, exemption = listed.vat_rate, listed.exemption
        discount_rate, discount_cents = data.get("discount") or (0, 0)
        line = rules.Line(
            discount_rate=discount_rate,
            discount_cents=discount_cents,
            mandatory_rate=basis_points(data.get("mandatory"), listed.mandatory_rate if listed else 0),
            complementary_rate=basis_points(data.get("complementary"), listed.complementary_rate if listed else 0),
            code=code,
            label=data.get("label") or (listed.label_fr if listed else ""),
            quantity=data.get("quantity") or Decimal(0),
            unit_price_cents=to_cents(price) if price is not None else (listed.price_cents if listed else 0),
            vat_rate=rate,
            exemption=exemption,
        )
        for field, fault in rules.line_faults(line).items():
            self.add_error(_FAULT_FIELDS.get(field, field), str(TEXTS[fault]))
        data["line"] = line
        return data

    def _post_clean(self) -> None:
        # The row is written by the service from `line`, so the model's own checks of half a row have nothing to say.
        return


class ItemFormSet(forms.BaseInlineFormSet[InvoiceItem, Invoice, ItemForm]):
    def lines(self) -> list[rules.Line]:
        """The lines as they were left, without those marked for deletion."""
        return [
            form.cleaned_data["line"]
            for form in self.forms
            if form.cleaned_data.get("line") and not form.cleaned_data.get("DELETE")
        ]

    def save(self, commit: bool = True) -> list[InvoiceItem]:
        # The admin asks what was changed, to note it in its own log; the service writes.
        self.new_objects: list[InvoiceItem] = []
        self.changed_objects: list[tuple[InvoiceItem, list[str]]] = []
        self.deleted_objects: list[InvoiceItem] = []
        return []


class PatientField(forms.CharField):
    """A patient, by the record number that is on every paper; their id, which links carry, is taken too."""

    def prepare_value(self, value: Any) -> Any:
        try:
            return patient_card(UUID(str(value))).record_number if value else value
        except (ValueError, NotFound):
            return value

    def clean(self, value: Any) -> UUID | None:
        text = super().clean(value)
        if not text:
            return None
        found = patient_by_record_number(text)
        if found is None:
            try:
                found = patient_card(UUID(text)).id
            except (ValueError, NotFound):
                raise forms.ValidationError(_("There is no patient with this record number.")) from None
        return found


class DraftForm(forms.ModelForm[Invoice]):
    """A draft's own fields; its lines are in `ItemFormSet`."""

    patient_id = PatientField(label=_("Patient’s record number"), max_length=40)
    practitioner_id = forms.TypedChoiceField(label=_("Practitioner"), required=False, empty_value=None)
    mandatory_pays = forms.BooleanField(label=_("The mandatory insurer pays the hospital itself"), required=False)
    complementary_pays = forms.BooleanField(
        label=_("The complementary insurer pays the hospital itself"), required=False
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Invoice
        fields = ("patient_id", "service_date", "practitioner_id", "mandatory_pays", "complementary_pays", "version")
        # The browser's own field: the server's clock, which Django's speaks of, means nothing for a day.
        widgets = {"service_date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            # Whose invoice it is does not change: the page shows it as text.
            self.fields.pop("patient_id", None)
        shares = {} if self.instance._state.adding else {row.payer: row for row in self.instance.shares.all()}
        for payer in rules.INSURERS:
            share = shares.get(payer.value)
            if self.instance._state.adding or share is None:
                self.fields.pop(f"{payer.value}_pays", None)
            else:
                self.initial[f"{payer.value}_pays"] = share.third_party
        if "practitioner_id" in self.fields:
            known = [(str(card.id), card.full_name) for card in practitioners()]
            now = self.instance.practitioner_id
            if now and str(now) not in dict(known):
                known.append((str(now), str(_("as it is"))))
            self.fields["practitioner_id"].choices = [("", "—"), *known]  # type: ignore[attr-defined]

    def third_party(self) -> dict[rules.Payer, bool] | None:
        """What was chosen of the insurers that the page showed."""
        data = self.cleaned_data
        shown = {payer: data[f"{payer.value}_pays"] for payer in rules.INSURERS if f"{payer.value}_pays" in data}
        return shown or None

    def clean_service_date(self) -> Any:
        day = self.cleaned_data.get("service_date")
        if day is not None and day > clock.today():
            raise forms.ValidationError(_("Care that has not been given yet cannot be charged."))
        return day
