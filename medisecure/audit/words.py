"""The codes of the access log in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import pgettext_lazy

from medisecure.accounts.interface import LABELS

Words = Mapping[str, str | Promise]

ACTIONS: Final[Words] = {
    "view": pgettext_lazy("access log", "Opened"),
    "list": pgettext_lazy("access log", "Listed"),
    "search": pgettext_lazy("access log", "Searched"),
    "download": pgettext_lazy("access log", "Downloaded"),
    "export": pgettext_lazy("access log", "Exported"),
    "history": pgettext_lazy("access log", "Opened the history of changes"),
    "create": pgettext_lazy("access log", "Added"),
    "contribute": pgettext_lazy("access log", "Added from the patient’s side"),
    "refuse-infected": pgettext_lazy("access log", "Refused for malware"),
    "change": pgettext_lazy("access log", "Changed"),
    "write": pgettext_lazy("access log", "Written"),
    "import": pgettext_lazy("access log", "Imported"),
    "revoke": pgettext_lazy("access log", "Revoked"),
    "compare": pgettext_lazy("access log", "Compared with another file"),
    "distinguish": pgettext_lazy("access log", "Said to be another person"),
    "merge": pgettext_lazy("access log", "Merged two files"),
    "unmerge": pgettext_lazy("access log", "Took a merge back"),
    "invite": pgettext_lazy("access log", "Invited to the portal"),
    "book": pgettext_lazy("access log", "Booked"),
    "move": pgettext_lazy("access log", "Moved"),
    "cancel": pgettext_lazy("access log", "Cancelled"),
    "confirm": pgettext_lazy("access log", "Confirmed"),
    "arrive": pgettext_lazy("access log", "Noted the arrival"),
    "call": pgettext_lazy("access log", "Called in"),
    "undo": pgettext_lazy("access log", "Took back the last step"),
    "start": pgettext_lazy("access log", "Started"),
    "complete": pgettext_lazy("access log", "Completed"),
    "no-show": pgettext_lazy("access log", "Noted the absence"),
    "issue": pgettext_lazy("access log", "Issued"),
    "credit": pgettext_lazy("access log", "Credited"),
    "use-credit": pgettext_lazy("access log", "Paid from credit"),
    "refund": pgettext_lazy("access log", "Gave money back"),
    "write-off": pgettext_lazy("access log", "Wrote off"),
    "discard": pgettext_lazy("access log", "Discarded"),
    "break-glass": pgettext_lazy("access log", "Opened in an emergency"),
    "admit": pgettext_lazy("access log", "Admitted"),
    "transfer": pgettext_lazy("access log", "Transferred"),
    "discharge": pgettext_lazy("access log", "Discharged"),
    "restrict": pgettext_lazy("access log", "Withheld the record"),
    "release": pgettext_lazy("access log", "Opened the record again"),
    "end": pgettext_lazy("access log", "Ended"),
    "withdraw": pgettext_lazy("access log", "Took back"),
    "review": pgettext_lazy("access log", "Reviewed"),
    "ask-erasure": pgettext_lazy("access log", "Asked for erasure"),
    "withdraw-erasure": pgettext_lazy("access log", "Withdrew the request for erasure"),
    "decide-erasure": pgettext_lazy("access log", "Decided on erasure"),
    "erase": pgettext_lazy("access log", "Erased"),
    "lock-away": pgettext_lazy("access log", "Locked away"),
    "bring-back": pgettext_lazy("access log", "Brought back into sight"),
    "hold": pgettext_lazy("access log", "Put under legal hold"),
    "release-hold": pgettext_lazy("access log", "Released from legal hold"),
    "pay": pgettext_lazy("access log", "Recorded a payment"),
}
RESOURCES: Final[Words] = {
    "patient": pgettext_lazy("access log", "identity and contact details"),
    "record": pgettext_lazy("access log", "medical record"),
    "allergies": pgettext_lazy("access log", "allergies"),
    "note": pgettext_lazy("access log", "clinical note"),
    "notes": pgettext_lazy("access log", "list of clinical notes"),
    "encounter": pgettext_lazy("access log", "encounter"),
    "condition": pgettext_lazy("access log", "condition"),
    "allergy": pgettext_lazy("access log", "allergy"),
    "medication": pgettext_lazy("access log", "medication"),
    "immunization": pgettext_lazy("access log", "immunization"),
    "procedure": pgettext_lazy("access log", "procedure"),
    "observation": pgettext_lazy("access log", "measurement"),
    "vital-signs": pgettext_lazy("access log", "vital signs"),
    "appointment": pgettext_lazy("access log", "appointment"),
    "appointments": pgettext_lazy("access log", "list of appointments"),
    "agenda": pgettext_lazy("access log", "agenda"),
    "waiting-room": pgettext_lazy("access log", "waiting room"),
    "waiting-screen": pgettext_lazy("access log", "screen of a waiting room"),
    "waiting-entry": pgettext_lazy("access log", "place on the waiting list"),
    "waiting-list": pgettext_lazy("access log", "waiting list"),
    "calendar-feed": pgettext_lazy("access log", "address of a calendar"),
    "document": pgettext_lazy("access log", "document"),
    "documents": pgettext_lazy("access log", "list of documents"),
    "imaging-study": pgettext_lazy("access log", "images of an examination"),
    "imaging-studies": pgettext_lazy("access log", "list of images"),
    "image": pgettext_lazy("access log", "image whose patient is in doubt"),
    "imaging-copy": pgettext_lazy("access log", "de-identified copy of images"),
    "invoice": pgettext_lazy("access log", "invoice"),
    "price": pgettext_lazy("access log", "price"),
    "stay": pgettext_lazy("access log", "stay in a unit"),
    "unit": pgettext_lazy("access log", "list of a unit"),
    "representation": pgettext_lazy("access log", "who stands for the patient"),
    "consent": pgettext_lazy("access log", "what the patient allows"),
    "emergency": pgettext_lazy("access log", "emergency access"),
    "export": pgettext_lazy("access log", "copy of all data"),
    "report": pgettext_lazy("access log", "report"),
    "repeated-report": pgettext_lazy("access log", "repeated report"),
    "list-export": pgettext_lazy("access log", "export of a list"),
    "data-protection": pgettext_lazy("access log", "protection of the data"),
    "data-record": pgettext_lazy("access log", "medical record and documents"),
    "data-invoices": pgettext_lazy("access log", "drafts of invoices"),
    "data-appointments": pgettext_lazy("access log", "appointments"),
    "data-copies": pgettext_lazy("access log", "copies of the data"),
    "data-messages": pgettext_lazy("access log", "notices and mails"),
    "data-contact": pgettext_lazy("access log", "contact details"),
    "data-account": pgettext_lazy("access log", "account of the portal"),
    "data-identity": pgettext_lazy("access log", "identity"),
    "access-log": pgettext_lazy("access log", "access log"),
}
PURPOSES: Final[Words] = {
    "care": pgettext_lazy("access log", "Care"),
    "identity": pgettext_lazy("access log", "Reception and identity"),
    "appointments": pgettext_lazy("access log", "Organising appointments"),
    "billing": pgettext_lazy("access log", "Billing"),
    "self": pgettext_lazy("access log", "For oneself"),
    "on-behalf": pgettext_lazy("access log", "For the patient"),
    "own profile": pgettext_lazy("access log", "One’s own details"),
    "own language": pgettext_lazy("access log", "One’s own language"),
    "portal access": pgettext_lazy("access log", "Access to the portal"),
    "emergency": pgettext_lazy("access log", "Emergency"),
    "consent": pgettext_lazy("access log", "What the patient allows"),
    "operations": pgettext_lazy("access log", "Running the system"),
    "right of access": pgettext_lazy("access log", "Right of access"),
    "right of erasure": pgettext_lazy("access log", "Right of erasure"),
    "secondary use": pgettext_lazy("access log", "De-identified copy"),
    "oversight": pgettext_lazy("access log", "Protection of personal data"),
}
_BY_ROLE: Final = pgettext_lazy("access log", "by their role")
RIGHTS: Final[Words] = {
    "self": pgettext_lazy("access log", "the person themselves"),
    "care-relation": pgettext_lazy("access log", "takes part in the care"),
    "link": pgettext_lazy("access log", "the link in a mail to the person"),
    "feed": pgettext_lazy("access log", "the secret address of a calendar"),
    "unit": pgettext_lazy("access log", "works in the unit where the patient lies"),
    "consent": pgettext_lazy("access log", "named by the patient"),
    "break-glass": pgettext_lazy("access log", "emergency access"),
    "representative:parent": pgettext_lazy("access log", "parent"),
    "representative:guardian": pgettext_lazy("access log", "guardian"),
    "representative:curator": pgettext_lazy("access log", "curator"),
    "representative:attorney": pgettext_lazy("access log", "holder of a mandate"),
    "practitioner": pgettext_lazy("access log", "the practitioner of the appointment"),
    "role": _BY_ROLE,
    "role:superuser": _BY_ROLE,
    "system": pgettext_lazy("access log", "automatic"),
} | {
    f"role:{role.value}": format_lazy("{words} ({role})", words=_BY_ROLE, role=label) for role, label in LABELS.items()
}


def say(words: Words, code: str) -> str:
    """The words for a code, in the language at hand; the code itself when there are none: the log may be older, or
    newer, than this release."""
    return str(words.get(code, code))
