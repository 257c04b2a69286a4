"""The accounts that the export of the books writes to: the Plan comptable général's, unless the setting
`BILLING_ACCOUNTS` names a hospital's own. Numbers and French labels, as the law wants them in the export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Account:
    number: str
    label: str


_DEFAULTS: Final[Mapping[str, Account]] = {
    "patients": Account("4111", "Clients – patients"),
    "businesses": Account("4112", "Clients – entreprises"),
    "mandatory": Account("4115", "Clients – assurance maladie obligatoire"),
    "complementary": Account("4116", "Clients – organismes complémentaires"),
    "services": Account("706", "Prestations de services"),
    "vat": Account("44571", "TVA collectée"),
    "bank": Account("512", "Banques"),
    "cards": Account("5115", "Cartes bancaires à l’encaissement"),
    "cheques": Account("5112", "Chèques à encaisser"),
    "cash": Account("531", "Caisse"),
    "transfers": Account("580", "Virements internes"),
    "losses": Account("658", "Charges diverses de gestion courante"),
    "gains": Account("758", "Produits divers de gestion courante"),
    "written_off": Account("654", "Pertes sur créances irrécouvrables"),
}
NAMES: Final = tuple(_DEFAULTS)


def account(name: str) -> Account:
    own: Mapping[str, str] = settings.BILLING_ACCOUNTS or {}
    default = _DEFAULTS[name]
    return Account(own[name], default.label) if name in own else default
