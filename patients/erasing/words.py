"""Categories, decisions and legal grounds in words for the person whose data it is."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.rules.rights import Category, Decision, Ground

Words = str | Promise

_CATEGORIES: Final[dict[Category, Words]] = {
    Category.RECORD: gettext_lazy("Medical record and documents"),
    Category.INVOICES: gettext_lazy("Invoices and payments"),
    Category.APPOINTMENTS: gettext_lazy("Appointments"),
    Category.COPIES: gettext_lazy("Copies of the data that were asked for"),
    Category.MESSAGES: gettext_lazy("Notices and mails"),
    Category.CONTACT: gettext_lazy("Phone, email and postal address"),
    Category.ACCOUNT: gettext_lazy("Account of the portal"),
    Category.ACCESS_LOG: gettext_lazy("Log of who opened the record"),
    Category.IDENTITY: gettext_lazy("Name, birth date and record number"),
}
_DECISIONS: Final[dict[Decision, Words]] = {
    Decision.ERASE: gettext_lazy("Erased"),
    Decision.RESTRICT: gettext_lazy("Locked away"),
    Decision.KEEP: gettext_lazy("Kept"),
}
_GROUNDS: Final[dict[Ground, Words]] = {
    Ground.RECORD_LAW: gettext_lazy(
        "The law obliges the hospital to keep a medical record for 20 years after the last visit, until the 28th "
        "birthday of who was a child, or for 10 years after a death (CSP, article R1112-7; GDPR, article 17(3))."
    ),
    Ground.ACCOUNTING_LAW: gettext_lazy(
        "The law obliges the hospital to keep its accounts for 10 years; their numbers have no gap, so an issued "
        "invoice is not removed (Code de commerce, article L123-22; GDPR, article 17(3))."
    ),
    Ground.ACCOUNTABILITY: gettext_lazy(
        "Who opened a record must be provable for as long as the record is kept (GDPR, articles 5(2) and 32)."
    ),
    Ground.NEEDED_TO_FIND: gettext_lazy("Without it nobody finds what the law obliges the hospital to keep."),
    Ground.LEGAL_HOLD: gettext_lazy("It may be needed in legal proceedings (GDPR, article 17(3)(e))."),
    Ground.NO_LONGER_NEEDED: gettext_lazy("No law asks for it to be kept (GDPR, article 17(1))."),
    Ground.CARE_CONTINUES: gettext_lazy("There is a visit to come: the hospital must be able to reach you."),
    Ground.NOTHING_KEPT: gettext_lazy("Nothing is kept."),
}


def category_words(category: Category) -> Words:
    return _CATEGORIES[category]


def decision_words(decision: Decision, until: date | None) -> str:
    if until is not None and decision is not Decision.ERASE:
        day = date_format(until, "DATE_FORMAT")
        if decision is Decision.RESTRICT:
            return _("Locked away until %(day)s") % {"day": day}
        return _("Kept until %(day)s") % {"day": day}
    return str(_DECISIONS[decision])


def choice_words(decision: Decision) -> str:
    """What the officer chooses."""
    return {
        Decision.ERASE: _("Erase"),
        Decision.RESTRICT: _("Lock away: out of search and everyday work"),
        Decision.KEEP: _("Keep"),
    }[decision]


def ground_words(ground: Ground) -> Words:
    return _GROUNDS[ground]
