"""The price list."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import rules
from billing.models import Price
from billing.services.lines import TEXTS
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Invalid, Refused
from medisecure.kernel.transactions import transactional

ADD = "billing.add_price"


def create_price(
    *,
    actor: User | None = None,
    code: str,
    label_fr: str,
    label_en: str,
    price_cents: int,
    vat_rate: int = 0,
    exemption: str = "care",
    mandatory_rate: int = 0,
    complementary_rate: int = 0,
    appointment_type: str = "",
    valid_from: date,
    valid_until: date | None = None,
) -> Price:
    """A price from `valid_from` on; the one of the same code that was open until then ends the day before.

    `actor` None is the system itself (seeding). Raises `Refused`, or `Invalid` for a fault or an overlap.
    """
    if actor is not None and not actor.has_perm(ADD):
        raise Refused
    fields = {
        "code": code.strip(),
        "label_fr": label_fr.strip(),
        "label_en": label_en.strip(),
        "price_cents": price_cents,
        "vat_rate": vat_rate,
        "exemption": exemption,
        "mandatory_rate": mandatory_rate,
        "complementary_rate": complementary_rate,
        "appointment_type": appointment_type.strip(),
        "valid_from": valid_from,
        "valid_until": valid_until,
    }
    check_price(Price(**fields))
    record_access(
        actor=actor,
        patient_id=None,
        action="create",
        resource="price",
        resource_id=code[:64],
        purpose="billing",
        right="role" if actor else "system",
    )
    return _create(fields)


def check_price(price: Price) -> None:
    """Raises `Invalid` by field for a price that cannot stand in the list, whatever else does."""
    errors: dict[str, list[str | Promise]] = {}
    for field, label in (("label_fr", price.label_fr), ("label_en", price.label_en)):
        line = rules.Line(
            price.code,
            label,
            Decimal(1),
            price.price_cents,
            price.vat_rate,
            price.exemption,
            mandatory_rate=price.mandatory_rate,
            complementary_rate=price.complementary_rate,
        )
        names = {"label": field, "unit_price_cents": "price_cents"}
        errors |= {names.get(name, name): [TEXTS[fault]] for name, fault in rules.line_faults(line).items()}
    if not price.code:
        errors["code"] = [TEXTS["missing"]]
    if price.valid_until is not None and price.valid_until < price.valid_from:
        errors["valid_until"] = [_("The last day is before the first one.")]
    if errors:
        raise Invalid(errors)


@transactional(BILLING)
def _create(fields: dict[str, object]) -> Price:
    price = Price(**fields)
    rows = list(Price.objects.select_for_update().filter(code=price.code))
    for row in rows:
        if row.valid_until is None and row.valid_from < price.valid_from:
            row.valid_until = price.valid_from - timedelta(days=1)
            row.save(update_fields=["valid_until"])
        elif row.valid_from <= (price.valid_until or date.max) and price.valid_from <= (row.valid_until or date.max):
            raise Invalid({"valid_from": [_("This code has a price in that time already.")]})
    price.save()
    return price
