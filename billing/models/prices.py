"""The price list."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing import rules
from medisecure.kernel.models import Model

EXEMPTIONS = [(rules.Exemption.CARE.value, _("Care to a person"))]


def vat_is_explained(name: str) -> models.CheckConstraint:
    """A rate, or a reason why there is none; never both and never neither."""
    return models.CheckConstraint(
        condition=Q(vat_rate__gt=0, vat_rate__lte=rules.MAX_VAT_RATE, exemption="")
        | (Q(vat_rate=0) & ~Q(exemption="")),
        name=name,
    )


def insurers_within_whole(name: str) -> models.CheckConstraint:
    """The insurers bear at most the whole together."""
    return models.CheckConstraint(
        condition=Q(mandatory_rate__gte=0, complementary_rate__gte=0)
        & Q(mandatory_rate__lte=rules.WHOLE - F("complementary_rate")),
        name=name,
    )


class Price(Model):
    """What an act or a product costs, from one day to another."""

    code = models.CharField(_("code"), max_length=40)
    label_fr = models.CharField(_("label in French"), max_length=200)
    label_en = models.CharField(_("label in English"), max_length=200)
    price_cents = models.BigIntegerField(_("price before VAT (cents)"))
    vat_rate = models.PositiveIntegerField(_("VAT rate (basis points)"), default=0)
    exemption = models.CharField(_("VAT exemption"), max_length=20, choices=EXEMPTIONS, blank=True, default="care")
    #: Of the total, VAT included; what both leave is the patient's.
    mandatory_rate = models.PositiveIntegerField(_("mandatory insurer (basis points)"), default=0)
    complementary_rate = models.PositiveIntegerField(_("complementary insurer (basis points)"), default=0)
    #: A completed appointment of this type is charged with this price.
    appointment_type = models.CharField(_("type of appointment"), max_length=40, blank=True, db_index=True)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True, help_text=_("The last day, included."))

    class Meta(Model.Meta):
        db_table = "price_list"
        verbose_name = _("price")
        verbose_name_plural = _("price list")
        ordering = ["code", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], name="price_once_a_day"),
            models.CheckConstraint(
                condition=Q(price_cents__gte=0, price_cents__lte=rules.MAX_UNIT_PRICE_CENTS), name="price_in_bounds"
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="price_dates"
            ),
            vat_is_explained("price_vat"),
            insurers_within_whole("price_insurers"),
        ]

    def __str__(self) -> str:
        return self.code

    def label(self, language: str) -> str:
        return self.label_en if language == "en" else self.label_fr
