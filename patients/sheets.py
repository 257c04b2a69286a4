"""What stands around a patient's identity, as pages and the API show it. No access check: callers passed the door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from patients.identifiers import IdentifierLine, identifiers_of, masked_or_unreadable
from patients.merged import follow
from patients.models import Coverage, EmergencyContact, IdentityCheck, Patient


@dataclass(frozen=True, slots=True)
class ContactLine:
    id: UUID
    full_name: str
    relation: str
    relation_label: str
    phone: str
    other_phone: str
    may_be_told: bool


@dataclass(frozen=True, slots=True)
class InsurerLine:
    id: UUID
    role: str
    role_label: str
    payer: str
    #: The member number, hidden but for its end.
    masked: str
    starts_on: date | None
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A document that was seen. `ended_because` is empty while it is in force, and when a newer one took its place."""

    document: str
    document_label: str
    country: str
    #: Its number, hidden but for its end.
    masked: str
    seen_on: date
    checked_by: str
    checked_at: datetime
    ended_at: datetime | None
    ended_because: str
    ended_label: str


@dataclass(frozen=True, slots=True)
class Sheet:
    identifiers: tuple[IdentifierLine, ...]
    contacts: tuple[ContactLine, ...]
    insurers: tuple[InsurerLine, ...]
    #: Those in force: one, or two when two files were merged.
    checks: tuple[CheckLine, ...]
    practitioner_id: UUID | None
    practitioner_name: str

    @property
    def has_numbers(self) -> bool:
        return bool(self.identifiers or any(line.masked for line in self.insurers))


def sheet_of(patient: Patient) -> Sheet:
    """Five queries, however many lines there are."""
    practitioner = patient.primary_practitioner
    return Sheet(
        identifiers=tuple(identifiers_of(patient)),
        contacts=tuple(contacts_of(patient.id)),
        insurers=tuple(insurers_of(patient.id)),
        checks=tuple(line for line in checks_of(patient.id) if line.ended_at is None),
        practitioner_id=practitioner.id if practitioner else None,
        practitioner_name=practitioner.full_name if practitioner else "",
    )


def identity_sheet(patient_id: UUID) -> Sheet:
    """For those who have passed `access_identity`."""
    return sheet_of(Patient.objects.select_related("primary_practitioner").get(id=patient_id))


def contacts_of(patient_id: UUID) -> list[ContactLine]:
    return [
        ContactLine(
            row.id, row.full_name, row.relation, row.get_relation_display(), row.phone, row.other_phone, row.may_be_told
        )
        for row in EmergencyContact.objects.filter(patient_id=patient_id)
    ]


def insurers_of(patient_id: UUID) -> list[InsurerLine]:
    """Those that were entered here: what a source brought without a role is in the record."""
    rows = Coverage.objects.filter(patient_id=patient_id).exclude(role="").exclude(status="entered-in-error")
    return [
        InsurerLine(
            id=row.id,
            role=row.role,
            role_label=row.get_role_display(),
            payer=row.payer,
            masked=masked_or_unreadable(row, "member_number"),
            starts_on=_day(row.started_at),
            ends_on=_day(row.ended_at),
        )
        for row in rows.order_by("place", "id")
    ]


@dataclass(frozen=True, slots=True)
class InsurerInForce:
    """Who bears care on one day: no number, for whoever writes an invoice."""

    id: UUID
    #: "mandatory" or "complementary".
    role: str
    payer: str


def insurers_in_force(patient_id: UUID, day: date) -> list[InsurerInForce]:
    """At most one of each role: the first that is asked to pay and covers the day."""
    rows = (
        Coverage.objects.filter(patient_id=follow(patient_id), role__in=Coverage.Role.values)
        .exclude(status__in=("entered-in-error", "cancelled", "draft"))
        .order_by("place", "id")
        .only("id", "role", "payer", "started_at", "ended_at")
    )
    found: dict[str, InsurerInForce] = {}
    for row in rows:
        first, last = _day(row.started_at), _day(row.ended_at)
        if (first is None or first <= day) and (last is None or day <= last):
            found.setdefault(row.role, InsurerInForce(row.id, row.role, row.payer))
    return list(found.values())


def checks_of(patient_id: UUID) -> list[CheckLine]:
    rows = IdentityCheck.objects.filter(patient_id=patient_id).select_related("checked_by")
    return [
        CheckLine(
            document=row.document,
            document_label=row.get_document_display(),
            country=row.document_country,
            masked=masked_or_unreadable(row, "number"),
            seen_on=row.seen_on,
            checked_by=row.checked_by.full_name if row.checked_by else "",
            checked_at=row.checked_at,
            ended_at=row.ended_at,
            ended_because=row.ended_because,
            ended_label=row.get_ended_because_display(),
        )
        for row in rows
    ]


def _day(instant: datetime | None) -> date | None:
    return instant.astimezone(UTC).date() if instant else None
