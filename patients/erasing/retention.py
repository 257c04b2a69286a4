"""What has been kept long enough: found by the rules, counted without a name, erased with the journal of a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from patients.erasing.holders import ERASED, is_held
from patients.erasing.jobs import run_erasure
from patients.erasing.requests import facts_of
from patients.models import Encounter, ErasureDecision, ErasureRequest, Patient
from patients.rules import rights
from patients.rules.rights import Category, Decision

#: Carried out when the record's time is over. An account is its owner's: it goes when they ask.
_ERASED: tuple[Category, ...] = (Category.RECORD, Category.APPOINTMENTS, Category.CONTACT, Category.IDENTITY)


@dataclass(slots=True)
class Report:
    """Counts by category, and the day on which the first of them was due."""

    due: Counter[str] = field(default_factory=Counter)
    first: dict[str, date] = field(default_factory=dict)
    held: int = 0
    patients: int = 0

    def add(self, category: Category, count: int, since: date) -> None:
        if count:
            self.due[category.value] += count
            self.first[category.value] = min(since, self.first.get(category.value, since))


def due_patients(today: date) -> Iterator[tuple[UUID, rights.Facts]]:
    """Patients whose record may be destroyed, with what is kept of them. The databases' own words leave out whoever was
    here in the last ten years, the shortest time there is; the rules decide on the rest."""
    cutoff = datetime.combine(rights.add_years(today, -rights.RECORD_YEARS_AFTER_DEATH), time(), UTC)
    visits = Encounter.objects.filter(patient_id=OuterRef("id"))
    recent = visits.filter(Q(started_at__gt=cutoff) | Q(ended_at__gt=cutoff))
    dealt_with = ErasureRequest.objects.filter(patient_id=OuterRef("id"), status__in=("open", "decided"))
    rows = Patient.objects.filter(
        Exists(visits) | Q(created_at__lte=cutoff), ~Exists(recent), ~Exists(dealt_with)
    ).exclude(family_name=ERASED)
    for patient_id in rows.order_by("id").values_list("id", flat=True).iterator(chunk_size=500):
        facts = facts_of(patient_id)
        if rights.record_kept_until(facts.last_visit, facts.birth_date, facts.died_on) <= today:
            yield patient_id, facts


def run_retention(*, dry_run: bool, today: date | None = None) -> Report:
    """Count what is due, and unless `dry_run` erase it. Who is under a legal hold is counted and left alone. A second
    run finds nothing, and one that was killed is finished by the regular look at erasures."""
    today = today or clock.today()
    report = Report()
    for patient_id, facts in list(due_patients(today)):
        if facts.legal_hold:
            report.held += 1
            continue
        report.patients += 1
        since = rights.record_kept_until(facts.last_visit, facts.birth_date, facts.died_on)
        for category in _ERASED:
            report.add(category, facts.counts.get(category, 0), since)
        if facts.last_invoice and rights.invoices_kept_until(facts.last_invoice) <= today:
            until = rights.invoices_kept_until(facts.last_invoice)
            report.add(Category.INVOICES, facts.counts.get(Category.INVOICES, 0), until)
        if not dry_run and (request_id := _decide(patient_id)):
            run_erasure(request_id)
    return report


@transactional(DEFAULT)
def _decide(patient_id: UUID) -> UUID | None:
    """The law's own decision, written down as one of an officer is; None when a hold has come in the meantime."""
    if is_held(patient_id):
        return None
    request = ErasureRequest.objects.create(
        patient_id=patient_id,
        asked_by=None,
        due_on=clock.today(),
        status=ErasureRequest.Status.DECIDED,
        decided_at=clock.now(),
    )
    ErasureDecision.objects.bulk_create(
        ErasureDecision(
            request=request,
            patient_id=patient_id,
            category=category.value,
            decision=Decision.ERASE.value,
            ground=rights.Ground.NO_LONGER_NEEDED.value,
        )
        for category in _ERASED
    )
    return request.id
