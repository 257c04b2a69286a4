"""What a French invoice must say (Code général des impôts, annexe II, art. 242 nonies A; Code de commerce, L441-9).

The hospital here is fictitious and so are its numbers; a real one names itself in the setting `BILLING_SELLER`, a
mapping with the keys of `Seller`. Every text is frozen into the invoice when it is issued, so a change here never
alters a paper that is out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict, cast

from django.conf import settings

from billing.rules import Exemption


class Seller(TypedDict):
    """Who issues the invoice, as printed. `lines` is the address."""

    name: str
    lines: list[str]
    siret: str
    vat_number: str
    finess: str
    phone: str
    email: str
    iban: str
    bic: str


#: No such hospital exists. The SIRET and IBAN are of zeros and pass no check, so nobody can pay a stranger by mistake.
SELLER: Final[Seller] = {
    "name": "Centre hospitalier MediSecure (démonstration)",
    "lines": ["1 place de l’Exemple", "00000 Ville-Fictive", "France"],
    "siret": "000 000 000 00000",
    "vat_number": "FR00 000000000",
    "finess": "00 000 0000",
    "phone": "+33 0 00 00 00 00",
    "email": "facturation@medisecure.example",
    "iban": "FR00 0000 0000 0000 0000 0000 000",
    "bic": "XXXXFRXXXXX",
}


def seller() -> Seller:
    """The hospital that the settings name, else the invented one, which `check --deploy` refuses."""
    named = settings.BILLING_SELLER
    return SELLER if named is None else cast(Seller, named)


#: Reason of an exemption → its mention, per language. The French text is the one that counts in law.
EXEMPTION_MENTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    Exemption.CARE: {
        "fr": "TVA non applicable, art. 261-4-1° du CGI",
        "en": "VAT exempt, art. 261-4-1° of the French tax code (CGI)",
    },
}

TERMS: Final[Mapping[str, tuple[str, ...]]] = {
    "fr": (
        "Paiement à réception, au plus tard à la date d’échéance. Pas d’escompte pour paiement anticipé.",
        "Moyens acceptés : carte bancaire, virement, chèque à l’ordre de l’établissement, espèces au guichet.",
        "En cas de difficulté, contactez le service de facturation avant l’échéance : un échelonnement est possible.",
    ),
    "en": (
        "Payable on receipt and no later than the due date. No discount for early payment.",
        "Accepted: card, bank transfer, cheque, cash at the counter.",
        "If paying is difficult, contact the billing office before the due date: instalments are possible.",
    ),
}

BUSINESS_TERMS: Final[Mapping[str, tuple[str, ...]]] = {
    "fr": (
        "Paiement au plus tard à la date d’échéance, par virement. Nature de l’opération : prestation de services.",
    ),
    "en": ("Payable no later than the due date, by bank transfer. Nature of the operation: supply of services.",),
}

#: What an invoice to a business must say of late payment (Code de commerce, L441-9, L441-10 II and D441-5), under the
#: subjects (UNTDID 4451) by which electronic invoices know it.
BUSINESS_NOTES: Final[Mapping[str, Mapping[str, str]]] = {
    "PMD": {
        "fr": (
            "En cas de retard de paiement, des pénalités sont exigibles le jour suivant la date d’échéance, au taux "
            "de trois fois l’intérêt légal."
        ),
        "en": (
            "Late payment: penalties are due from the day after the due date, at three times the French legal "
            "interest rate."
        ),
    },
    "PMT": {
        "fr": "Indemnité forfaitaire pour frais de recouvrement en cas de retard de paiement : 40 €.",
        "en": "Fixed compensation for the costs of recovery in case of late payment: €40.",
    },
    "AAB": {
        "fr": "Pas d’escompte pour paiement anticipé.",
        "en": "No discount for early payment.",
    },
}

CREDIT_TERMS: Final[Mapping[str, tuple[str, ...]]] = {
    "fr": ("Cet avoir annule en totalité la facture citée. Aucune somme n’est due au titre de celle-ci.",),
    "en": ("This credit note cancels the invoice named above in full. Nothing is owed on that invoice.",),
}


def language_of(tag: str) -> str:
    """The language in which papers exist: English for those who read it, French for everybody else."""
    return "en" if tag.startswith("en") else "fr"
