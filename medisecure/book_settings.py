"""Settings of invoices, of the books and of reminders; `deploy/env.example` says what each one does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from medisecure.env import Env

#: Each has its number of the Plan comptable général in billing/chart.py.
ACCOUNTS: Final = (
    *("patients", "businesses", "mandatory", "complementary", "services", "vat", "written_off"),
    *("bank", "cards", "cheques", "cash", "transfers", "losses", "gains"),
)


def seller(env: Env) -> dict[str, Any] | None:
    """Who issues the invoices."""
    texts = ("name", "siret", "vat_number", "finess", "phone", "email", "iban", "bic")
    return env.mapping("BILLING_SELLER", dict.fromkeys(texts, str) | {"lines": list})


def dunning_days(env: Env) -> tuple[int, ...]:
    """Days after an invoice's day of payment at which its patient is reminded, three times."""
    return env.steps("DUNNING_DAYS", (8, 30, 60), low=1, high=365)


def own_accounts(env: Env) -> Mapping[str, str] | None:
    """A hospital's own numbers of accounts; those left out are of billing/chart.py."""
    return env.accounts("BILLING_ACCOUNTS", ACCOUNTS)
