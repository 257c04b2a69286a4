"""The sentences for what the rules of identity name by a code."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients import rules

Text = str | Promise

KIND_LABELS: Final[dict[str, Text]] = {
    "fr-nir": _("French social security number (NIR)"),
    "gb-nhs": _("NHS number (England, Wales)"),
    "es-nie": _("Spanish identity number of foreigners (NIE)"),
    "us-ssn": _("Social security number (United States)"),
    "passport": _("Passport"),
    "other": _("Other number"),
}

FAULTS: Final[dict[str, Text]] = {
    "nir-length": _("A NIR has 13 characters, or 15 with its key. Count them again."),
    "nir-characters": _("A NIR is made of digits, and of 2A or 2B for a birth in Corsica. Compare it with the card."),
    "nir-month": _("The 4th and 5th digits are the month of birth: 01 to 12. Compare them with the card."),
    "nir-key": _(
        "The last two digits are the key and do not fit the others: one character is wrong. Compare it with the card."
    ),
    "gb-nhs": _("An NHS number has 10 digits and the last one checks the others: one digit is wrong."),
    "es-nie": _("A NIE is X, Y or Z, seven digits and a letter that checks them: one character is wrong."),
    "us-ssn": _("A social security number of the United States has nine digits."),
    "passport": _("A passport number has 5 to 20 letters and digits."),
    "length": _("Type between 4 and 64 characters."),
    "characters": _("Type letters and digits."),
}

DOUBTS: Final[dict[str, Text]] = {
    "sex": _("the sex"),
    "birth": _("the year or month of birth"),
}


def kind_label(code: str) -> Text:
    """A kind that a country's module registers without a sentence here is called by its code."""
    return KIND_LABELS.get(code, code)


def fault_text(rule: str) -> Text:
    return FAULTS.get(rule, _("This number is not valid. Compare it with the document."))


def doubts_text(doubts: tuple[str, ...]) -> str:
    return ", ".join(str(DOUBTS.get(doubt, doubt)) for doubt in doubts)


def kind_choices() -> list[tuple[str, Text]]:
    return [(code, kind_label(code)) for code in rules.KINDS]
