"""Kinds of in-app notice, and the sentence of each. No name and no clinical word: others may see the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from medisecure.notifications.models import Channel

SENTENCES: Final[dict[str, str | Promise]] = {
    "appointment-booked": _("Your appointment is booked."),
    "appointment-moved": _("Your appointment was moved."),
    "appointment-cancelled": _("Your appointment was cancelled."),
    "appointment-reminder": _("You have an appointment soon."),
    "appointment-offered": _("An earlier time is free for you. Please answer before it goes to somebody else."),
    "appointment-booked-for": _("An appointment of a person you act for is booked."),
    "appointment-moved-for": _("An appointment of a person you act for was moved."),
    "appointment-cancelled-for": _("An appointment of a person you act for was cancelled."),
    "appointment-reminder-for": _("A person you act for has an appointment soon."),
    "appointment-offered-for": _(
        "An earlier time is free for a person you act for. Please answer before it goes to somebody else."
    ),
    "document-added": _("A new document is in your record."),
    "document-infected": _("A file that you added was removed: the malware scanner found something in it."),
    "upload-refused": _("A file that you added could not be taken. Please look at it and try again."),
    "imaging-flagged": _("An image that you added may not be the patient’s. Please look at it."),
    "imaging-copy-ready": _("The de-identified copy of a study is ready."),
    "imaging-copy-doubtful": _("A de-identified copy is made. Look at its images before it can be downloaded."),
    "imaging-copy-failed": _("The de-identified copy of a study could not be made."),
    "invoice-issued": _("A new invoice is ready."),
    "invoice-reminder": _("An invoice is still to be paid."),
    "export-ready": _("The copy of your data is ready."),
    "export-failed": _("The copy of your data could not be made. Please ask again."),
    "report-ready": _("A report that you asked for is ready."),
    "report-failed": _("A report could not be made. You may ask again."),
    "list-export-ready": _("An export that you asked for is ready."),
    "list-export-failed": _("An export could not be made. You may ask again."),
    "erasure-decided": _("Your request for erasure has been answered."),
    "visit-reopened": _("A visit that is charged was not over: its completion was taken back. Look at the invoice."),
    "payment-recorded": _("Your payment was recorded."),
    "payment-refunded": _("Money was given back to you."),
    "emergency-opened": _("A record that you follow was opened in an emergency."),
    "emergency-to-review": _("An emergency access is to be reviewed."),
    "emergency-many": _("Unusually many emergency accesses by one person today: review them."),
    "representation-recorded": _("Somebody may now act for another person here, and it concerns you."),
    "representation-ended": _("Somebody may no longer act for another person here, and it concerns you."),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """What people choose by: kinds of message that are wanted or unwanted together, and by which channels they come
    anyway."""

    label: str | Promise
    kinds: frozenset[str]
    always: frozenset[Channel] = frozenset()


_SURE: Final = frozenset({Channel.MAIL, Channel.IN_APP})

TOPICS: Final[dict[str, Topic]] = {
    "booked": Topic(_("Confirmation of appointments"), frozenset({"appointment-booked"})),
    "changed": Topic(
        _("Appointments that were moved or cancelled"), frozenset({"appointment-moved", "appointment-cancelled"}), _SURE
    ),
    "reminders": Topic(_("Reminders of appointments"), frozenset({"appointment-reminder"})),
    "offers": Topic(_("Earlier times from the waiting list"), frozenset({"appointment-offered"})),
    "documents": Topic(_("New documents"), frozenset({"document-added"})),
    "invoices": Topic(
        _("Invoices and payments"), frozenset({"invoice-issued", "payment-recorded", "payment-refunded"})
    ),
    # And whatever is in no other topic: about the account, one's rights, and who opened one's record.
    "account": Topic(_("Your account and your rights"), frozenset(), _SURE),
}


def topic_of(kind: str) -> str:
    """`kind`: of a notice, or the template of a mail."""
    name = kind.replace("_", "-").removesuffix("-for")
    return next((topic for topic, found in TOPICS.items() if name in found.kinds), "account")
