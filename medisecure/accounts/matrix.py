"""Who may do what to whose data: one table. `docs/access-matrix.md` is written from it, and so are the tests, which
knock at each address as each of these people (`tests/architecture/test_matrix.py`).

It decides nothing itself: the doors do. It says what they must answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Viewer(StrEnum):
    """Who asks, and how they stand to the patient."""

    PATIENT = "the patient"
    REPRESENTATIVE = "their guardian"
    OUTSIDER = "another patient"
    DOCTOR_IN_CARE = "doctor in care"
    DOCTOR = "other doctor"
    NURSE_IN_CARE = "nurse in care"
    NURSE = "other nurse"
    RECEPTIONIST = "receptionist"
    BILLING_CLERK = "billing clerk"
    ADMINISTRATOR = "administrator"
    PRIVACY_OFFICER = "privacy officer"


class Answer(StrEnum):
    YES = "yes"
    #: 403: they may know of it, and not do this.
    REFUSED = "403"
    #: 404: as if it were not there.
    UNSEEN = "404"


@dataclass(frozen=True, slots=True)
class Row:
    resource: str
    action: str
    cells: Mapping[Viewer, Answer]

    @property
    def key(self) -> str:
        return f"{self.resource}: {self.action}"


V, YES, NO, GONE = Viewer, Answer.YES, Answer.REFUSED, Answer.UNSEEN
_OFFICES: Final = (V.RECEPTIONIST, V.BILLING_CLERK, V.ADMINISTRATOR, V.PRIVACY_OFFICER)
_PATIENTS: Final = (V.PATIENT, V.REPRESENTATIVE)
_CARERS: Final = (V.DOCTOR_IN_CARE, V.NURSE_IN_CARE)


def _row(resource: str, action: str, *, yes: tuple[Viewer, ...], refused: tuple[Viewer, ...] = ()) -> Row:
    """Whoever is not named finds nothing."""
    cells = {one: YES if one in yes else NO if one in refused else GONE for one in Viewer}
    return Row(resource, action, cells)


_EVERYONE: Final = tuple(Viewer)
_AGENDA: Final = (V.DOCTOR_IN_CARE, V.DOCTOR, V.NURSE_IN_CARE, V.NURSE, V.RECEPTIONIST, V.ADMINISTRATOR)
_ON_VISIT: Final = (V.DOCTOR_IN_CARE, V.NURSE_IN_CARE, V.NURSE, V.RECEPTIONIST)
_MERGERS: Final = (V.RECEPTIONIST, V.ADMINISTRATOR)
_STAFF: Final = (*_AGENDA, V.BILLING_CLERK, V.PRIVACY_OFFICER)


def _but(*these: Viewer) -> tuple[Viewer, ...]:
    return tuple(one for one in _EVERYONE if one not in these)


MATRIX: Final[tuple[Row, ...]] = (
    _row("identity and contact", "read", yes=(*_PATIENTS, *_CARERS, *_OFFICES)),
    _row("identity and contact", "search", yes=_STAFF, refused=(*_PATIENTS, V.OUTSIDER)),
    _row("identity and contact", "register", yes=(V.RECEPTIONIST,), refused=_but(V.RECEPTIONIST)),
    _row("identity and contact", "give portal access", yes=(V.RECEPTIONIST,), refused=_but(V.RECEPTIONIST)),
    # A patient changes how they are reached; the rest is the reception's, and so is this address's answer to them.
    _row(
        "identity and contact",
        "change",
        yes=(V.PATIENT, V.RECEPTIONIST),
        refused=_but(V.PATIENT, V.RECEPTIONIST, V.OUTSIDER, V.DOCTOR, V.NURSE),
    ),
    _row(
        "identity and contact",
        "verify",
        yes=(V.RECEPTIONIST,),
        refused=_but(V.RECEPTIONIST, V.OUTSIDER, V.DOCTOR, V.NURSE),
    ),
    _row(
        "identity numbers",
        "see whole",
        yes=(V.PATIENT, *_CARERS, V.RECEPTIONIST, V.BILLING_CLERK),
        refused=(V.REPRESENTATIVE, V.ADMINISTRATOR, V.PRIVACY_OFFICER),
    ),
    _row("record", "read", yes=(*_PATIENTS, *_CARERS), refused=_OFFICES),
    _row("record", "write", yes=_CARERS, refused=(*_PATIENTS, *_OFFICES)),
    _row("notes", "read", yes=(*_PATIENTS, *_CARERS), refused=_OFFICES),
    _row("notes", "write", yes=_CARERS, refused=(*_PATIENTS, *_OFFICES)),
    _row("documents", "list", yes=(*_PATIENTS, *_CARERS), refused=_OFFICES),
    _row("documents", "read", yes=(*_PATIENTS, *_CARERS), refused=_OFFICES),
    _row("documents", "add", yes=(*_PATIENTS, *_CARERS), refused=_OFFICES),
    _row("images", "list", yes=(*_PATIENTS, *_CARERS), refused=_OFFICES),
    _row(
        "images whose patient is in doubt",
        "list",
        yes=(V.DOCTOR_IN_CARE, V.DOCTOR),
        refused=_but(V.DOCTOR_IN_CARE, V.DOCTOR),
    ),
    _row("appointment", "read", yes=(*_PATIENTS, *_ON_VISIT, V.ADMINISTRATOR)),
    _row(
        "appointment",
        "book",
        yes=(*_PATIENTS, V.DOCTOR_IN_CARE, V.RECEPTIONIST),
        refused=(V.NURSE_IN_CARE, V.BILLING_CLERK, V.ADMINISTRATOR, V.PRIVACY_OFFICER),
    ),
    _row("appointment", "move", yes=(*_PATIENTS, *_ON_VISIT), refused=(V.ADMINISTRATOR,)),
    _row("appointment", "confirm", yes=(*_PATIENTS, *_ON_VISIT), refused=(V.ADMINISTRATOR,)),
    _row("appointment", "cancel", yes=(*_PATIENTS, *_ON_VISIT), refused=(V.ADMINISTRATOR,)),
    _row("appointment", "note its course", yes=_ON_VISIT, refused=(*_PATIENTS, V.ADMINISTRATOR)),
    _row("agenda", "read", yes=_AGENDA, refused=_but(*_AGENDA)),
    _row("calendars", "read", yes=_AGENDA, refused=_but(*_AGENDA)),
    _row("calendars", "change", yes=(V.ADMINISTRATOR,), refused=_but(V.ADMINISTRATOR)),
    _row("invoices", "read", yes=(*_PATIENTS, V.BILLING_CLERK, V.ADMINISTRATOR)),
    _row("invoices", "list", yes=(*_PATIENTS, V.BILLING_CLERK, V.ADMINISTRATOR)),
    _row("invoices", "issue and correct", yes=(V.BILLING_CLERK,), refused=(*_PATIENTS, V.ADMINISTRATOR)),
    _row("payments", "record", yes=(V.BILLING_CLERK,), refused=(*_PATIENTS, V.ADMINISTRATOR)),
    _row(
        "representatives, choices, stays",
        "read and record",
        yes=(*_CARERS, V.RECEPTIONIST, V.PRIVACY_OFFICER),
        refused=(*_PATIENTS, V.BILLING_CLERK, V.ADMINISTRATOR),
    ),
    _row(
        "emergency access",
        "open",
        yes=(V.DOCTOR_IN_CARE, V.DOCTOR, V.NURSE_IN_CARE, V.NURSE),
        refused=(*_PATIENTS, *_OFFICES),
    ),
    _row("emergency access", "review", yes=(V.PRIVACY_OFFICER,), refused=_but(V.PRIVACY_OFFICER)),
    _row("possible duplicates", "list", yes=_MERGERS, refused=_but(*_MERGERS)),
    _row("merge", "prepare", yes=_MERGERS, refused=_but(*_MERGERS)),
    _row("units", "read", yes=_AGENDA, refused=_but(*_AGENDA)),
    _row("access log", "search", yes=(V.PRIVACY_OFFICER,), refused=_but(V.PRIVACY_OFFICER)),
    # Figures that name no patient; the privacy officer asks for those of the access log.
    _row(
        "reports",
        "ask for",
        yes=(V.ADMINISTRATOR, V.PRIVACY_OFFICER),
        refused=_but(V.ADMINISTRATOR, V.PRIVACY_OFFICER),
    ),
    _row(
        "lists of the staff’s pages",
        "export",
        yes=(V.BILLING_CLERK, V.ADMINISTRATOR, V.PRIVACY_OFFICER),
        refused=_but(V.BILLING_CLERK, V.ADMINISTRATOR, V.PRIVACY_OFFICER),
    ),
    _row("accounts", "read", yes=(V.ADMINISTRATOR,), refused=_but(V.ADMINISTRATOR)),
)


def as_markdown() -> str:
    """The table as it stands in the documentation."""
    lines = ["| what | " + " | ".join(Viewer) + " |", "|---" * (len(Viewer) + 1) + "|"]
    for row in MATRIX:
        cells = " | ".join("yes" if row.cells[one] is YES else row.cells[one].value for one in Viewer)
        lines.append(f"| {row.key} | {cells} |")
    return "\n".join(lines)
