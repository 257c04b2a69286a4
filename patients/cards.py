"""Short, frozen descriptions of people that other apps may hold: cached, and dropped at any change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from django.conf import settings

from medisecure.accounts.models import User
from medisecure.kernel import cache
from medisecure.kernel.errors import NotFound
from patients import rules
from patients.merged import same_patient_ids
from patients.models import Patient, Practitioner
from patients.restriction import without_restricted
from patients.rules import consent
from patients.standing import permits


@dataclass(frozen=True, slots=True)
class PatientCard:
    """Who a patient is and how to reach them; nothing clinical. `language` is one the interface speaks."""

    id: UUID
    record_number: str
    full_name: str
    #: None when it is not known; the first day of the year or month when only that is.
    birth_date: date | None
    sex: str
    email: str
    phone: str
    language: str
    user_id: UUID | None
    active: bool
    #: The postal address as it is written on an envelope, without empty lines.
    address_lines: tuple[str, ...] = ()
    #: False when the patient asked for no mails about appointments, documents and invoices.
    by_mail: bool = True

    @property
    def mail_address(self) -> str:
        """Where such mails go; empty when there is no address, or they are not wanted."""
        return self.email if self.by_mail else ""


@dataclass(frozen=True, slots=True)
class PractitionerCard:
    id: UUID
    full_name: str
    specialty: str
    specialty_label: str
    user_id: UUID | None
    active: bool


def interface_language(tag: str) -> str:
    """The language in which we write to someone who speaks `tag` (BCP 47): theirs when we can, else the default."""
    primary = tag.split("-")[0].lower()
    return primary if primary in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def patient_by_record_number(text: str) -> UUID | None:
    """The patient with this record number, however it is spaced, or None; the number of a file that was merged leads to
    the one it was merged into. Tells an id, so no access check: what is done with the id goes through the door."""
    number = rules.clean_record_number(text)
    if not rules.is_record_number(number):
        return None
    row = Patient.objects.filter(record_number=number).values_list("id", "merged_into_id").first()
    return row and (row[1] or row[0])


def patients_by_record_number(text: str) -> frozenset[UUID]:
    """All ids of the patient with this record number: the access log keeps the one an entry was written with."""
    found = patient_by_record_number(text)
    return same_patient_ids(found) if found else frozenset()


def names_and_numbers(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Those of `ids` that are patients, each as "name (record number)", whoever is still active. No access check: for
    the privacy officer's log."""
    return {one: f"{card.full_name} ({card.record_number})" for one, card in patient_cards(ids).items()}


def card_of_patient(patient: Patient) -> PatientCard:
    return PatientCard(
        id=patient.id,
        record_number=patient.record_number,
        full_name=patient.full_name,
        birth_date=patient.birth_date,
        sex=patient.sex,
        email=patient.email,
        phone=patient.phone,
        language=interface_language(patient.language),
        user_id=patient.user_id,
        active=patient.active,
        address_lines=_address_lines(patient),
    )


def _address_lines(patient: Patient) -> tuple[str, ...]:
    town = f"{patient.postal_code} {patient.city}".strip()
    return tuple(line for line in (patient.address_line, town, patient.region, patient.country) if line)


def card_of_practitioner(practitioner: Practitioner) -> PractitionerCard:
    return PractitionerCard(
        id=practitioner.id,
        full_name=practitioner.full_name,
        specialty=practitioner.specialty,
        specialty_label=practitioner.specialty_label,
        user_id=practitioner.user_id,
        active=practitioner.active,
    )


def patient_card(patient_id: UUID) -> PatientCard:
    """No access check: for workers, and for services that have passed the door. Of a file that was merged, the card of
    the one it was merged into, with that one's id. Raises `NotFound`."""

    def compute() -> PatientCard | UUID:
        patient = Patient.objects.filter(id=patient_id).first()
        if patient is None:
            raise NotFound
        if patient.merged_into_id:
            return patient.merged_into_id  # the way only: what it leads to changes without this one being dropped
        return replace(card_of_patient(patient), by_mail=permits(patient_id, consent.MAIL))

    found = cache.remember(cache.patient_scope(patient_id), cache.PATIENT_CARD_SECONDS, compute, name="card")[0]
    return patient_card(found) if isinstance(found, UUID) else found


def patient_cards(ids: Iterable[UUID]) -> dict[UUID, PatientCard]:
    """Those of `ids` that exist, in one query; under the id of a merged file stands the card of the one it was merged
    into. No access check."""
    rows = Patient.objects.filter(id__in=set(ids)).select_related("merged_into")
    return {row.id: card_of_patient(row.merged_into or row) for row in rows}


def shown_cards(actor: User, ids: Iterable[UUID]) -> dict[UUID, PatientCard]:
    """`patient_cards` for a page of this reader: without those whose data is locked away (GDPR art. 18). One query; who
    else may be named there is the page's own business."""
    rows = without_restricted(actor, Patient.objects.filter(id__in=set(ids))).select_related("merged_into")
    return {row.id: card_of_patient(row.merged_into or row) for row in rows}


def practitioner_card(practitioner_id: UUID) -> PractitionerCard:
    """Raises `NotFound`."""

    def compute() -> PractitionerCard:
        practitioner = Practitioner.objects.filter(id=practitioner_id).first()
        if practitioner is None:
            raise NotFound
        return card_of_practitioner(practitioner)

    return cache.remember(cache.practitioner_scope(practitioner_id), cache.PRACTITIONER_SECONDS, compute, name="card")[
        0
    ]


def practitioner_cards(ids: Iterable[UUID]) -> dict[UUID, PractitionerCard]:
    """Those of `ids` that exist, in one query."""
    return {row.id: card_of_practitioner(row) for row in Practitioner.objects.filter(id__in=set(ids))}


def practitioners(specialty: str | None = None) -> list[PractitionerCard]:
    """Practitioners who work here now, by name; of one specialty when its code is given."""
    rows = Practitioner.objects.filter(active=True)
    if specialty:
        rows = rows.filter(specialty=specialty)
    return [card_of_practitioner(row) for row in rows]


def patient_for_user(user_id: UUID) -> UUID | None:
    """The patient that this account belongs to."""
    return Patient.objects.filter(user_id=user_id).values_list("id", flat=True).first()


def practitioner_for_user(user_id: UUID) -> UUID | None:
    """The practitioner that this account belongs to."""
    return Practitioner.objects.filter(user_id=user_id).values_list("id", flat=True).first()
