"""Every refusal has a name here, and is translated at the edge.

API: RFC 9457 problem details. Portal and admin: a form error or a message. Commands: one line and a non-zero exit.
A title or an error text never carries a person's data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise
FieldErrors = Mapping[str, Sequence[Text]]


class DomainError(Exception):
    """A rule said no. `code` is stable and machine-readable, `status` is the HTTP status the API answers with."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400
    title: Text = _("The request cannot be carried out.")

    def __init__(self, detail: Text | None = None, *, errors: FieldErrors | None = None) -> None:
        self.detail = detail
        self.errors: FieldErrors = errors or {}
        super().__init__(self.code)

    @property
    def message(self) -> str:
        """One sentence for a person, in the active language."""
        return str(self.detail or self.title)

    def members(self) -> Mapping[str, object]:
        """Further members of the API's answer (RFC 9457 §3.2), for somebody who has passed the door."""
        return {}

    def lines(self) -> list[str]:
        """The message and the text of each field error, for a page that has no field to show them at."""
        found = [self.message] if self.detail or not self.errors else []
        return found + [str(text) for texts in self.errors.values() for text in texts]

    def named_lines(self) -> list[str]:
        """The same with each field's name before its text, for commands and logs of operations."""
        found = [self.message] if self.detail or not self.errors else []
        return found + [f"{field}: {text}" for field, texts in self.errors.items() for text in texts]


class Invalid(DomainError):
    """Input that breaks a rule; `errors` names the field and what to do."""

    code = "invalid"
    status = 422
    title = _("Some fields are not valid.")

    def __init__(self, errors: FieldErrors, detail: Text | None = None) -> None:
        super().__init__(detail, errors=errors)


class NotFound(DomainError):
    """Not there, or out of this actor's sight: the two are not told apart (decision 10)."""

    code = "not-found"
    status = 404
    title = _("Not found.")


class Refused(DomainError):
    """The actor's role does not allow the action on something they may see."""

    code = "refused"
    status = 403
    title = _("You are not allowed to do this.")


class Conflict(DomainError):
    code = "conflict"
    status = 409
    title = _("The state of this item does not allow that.")


class Stale(Conflict):
    code = "stale"
    title = _("Somebody else changed this in the meantime. Reload it and try again.")


class WrongPatient(Conflict):
    """A form that was opened for one patient came back for another: a tab that was left open, a page gone back to."""

    code = "wrong-patient"
    title = _("This page was opened for another patient. Nothing was saved: open the right patient and enter it there.")


class PossibleDuplicate(Conflict):
    """Somebody like this is here already. `candidates`: the ids of those whom the actor may see."""

    code = "possible-duplicate"
    title = _("This person may be registered already. Compare first, then open their file or confirm a new one.")

    def __init__(self, candidates: Sequence[UUID]) -> None:
        super().__init__()
        self.candidates = tuple(candidates)

    def members(self) -> Mapping[str, object]:
        return {"candidates": [str(one) for one in self.candidates]}


class Merged(Conflict):
    """The patient's file was merged into another one, which is to be used in its place."""

    code = "merged"
    title = _("This file was merged into another one. Use that one.")

    def __init__(self, old: UUID, into: UUID) -> None:
        super().__init__()
        self.old, self.into = old, into

    def members(self) -> Mapping[str, object]:
        return {"merged_into": str(self.into)}


class SlotTaken(Conflict):
    code = "slot-taken"
    title = _("This slot has just been taken. Please choose another one.")


class PatientBusy(Conflict):
    code = "patient-busy"
    title = _("There is another appointment at this time. Please choose another slot.")


class TooLate(Conflict):
    code = "too-late"
    title = _("It is too late to change this here. Please call the reception.")


class LinkOver(DomainError):
    """A link that we signed, and that has expired or names something that has changed since."""

    code = "link-over"
    status = 410
    title = _("This link no longer works.")


class OfferOver(Conflict):
    code = "offer-over"
    title = _("This offer has ended: its time ran out, or it was answered already.")


class TooMany(DomainError):
    """More requests than one address may make."""

    code = "too-many-requests"
    status = 429
    title = _("Too many requests. Please wait a few minutes and try again.")


class InvoiceIssued(Conflict):
    code = "invoice-issued"
    title = _("An issued invoice cannot be changed. Correct it with a credit note.")


class DraftOutdated(Conflict):
    code = "draft-outdated"
    title = _("Prices or insurers have changed since the draft was saved. Open it, look at it, and save it again.")


class InvoiceNotOpen(Conflict):
    code = "invoice-not-open"
    title = _("This is possible only on an invoice that is issued and not cancelled.")


class PdfNotReady(Conflict):
    code = "pdf-not-ready"
    title = _("The document is being made. Please try again in a moment.")


class Busy(DomainError):
    code = "busy"
    status = 503
    title = _("The system is busy. Please try again in a moment.")


class Unavailable(DomainError):
    """A server that this action cannot do without does not answer."""

    code = "unavailable"
    status = 503
    title = _("A part of the system does not answer. Please try again in a moment.")


class Quarantined(Conflict):
    """Nobody gets the bytes before the malware scanner has looked at them."""

    code = "quarantined"
    title = _("This file is being checked for malware. Please try again in a moment.")


class TooLarge(DomainError):
    """More bytes than one request may bring."""

    code = "too-large"
    status = 413
    title = _("This file is too large.")
