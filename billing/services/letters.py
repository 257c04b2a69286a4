"""The letters of reminders: made once, printed by the billing office, noted as posted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import translation

from billing import legal, selectors, snapshot
from billing.models import Paper, Reminder
from billing.paper_words import day, local_day
from billing.services.dunning import MANAGE, may_be_reminded
from billing.services.kept import keep, print_paper
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING
from medisecure.kernel.errors import Refused
from medisecure.kernel.formats import format_cents
from medisecure.kernel.transactions import atomic
from patients.interface import PatientCard, follow, patient_card

#: Days within which the last letter asks for the money.
LAST_DAYS = 8


def make_letter(reminder_id: UUID) -> Paper | None:
    """The letter of a reminder, made once; none when what it asks for was settled or held back meanwhile."""
    reminder = Reminder.objects.select_related("invoice", "paper").get(id=reminder_id)
    if reminder.paper is not None:
        return print_paper(reminder.paper.id)
    if not may_be_reminded(reminder.invoice):
        return None
    patient = patient_card(follow(reminder.patient_id))
    content = words(reminder, patient)
    paper = keep(
        kind=Paper.Kind.REMINDER,
        subject=f"reminder:{reminder.id}",
        number=f"{reminder.invoice.number}-{reminder.step}",
        language=content["language"],
        content=content,
        patient_id=reminder.patient_id,
        invoice_id=reminder.invoice_id,
    )
    paper = print_paper(paper.id)
    with atomic(BILLING):
        Reminder.objects.filter(id=reminder.id, paper=None).update(paper_id=paper.id)
    return paper


def words(reminder: Reminder, patient: PatientCard) -> dict[str, Any]:
    """What the letter says: to where the patient lives now, of the invoice as it was issued."""
    invoice = reminder.invoice
    language = legal.language_of(patient.language)
    made_on = local_day(reminder.made_at)
    with translation.override(language):
        return {
            "language": language,
            "step": reminder.step,
            "seller": dict(legal.seller()),
            "patient": {
                "name": patient.full_name,
                "record_number": patient.record_number,
                "address": list(patient.address_lines),
            },
            "made_on": day(made_on),
            "until": day(made_on + timedelta(days=LAST_DAYS)),
            "invoice": {
                "number": invoice.number,
                "issued_on": day(snapshot.local_day(invoice)),
                "due_on": day(invoice.due_date) if invoice.due_date else "",
            },
            "owed": format_cents(reminder.owed_cents),
            "pay_url": f"{settings.PUBLIC_URL}/invoices/{invoice.id}/",
        }


def note_posted(*, actor: User, reminder_ids: Iterable[UUID]) -> int:
    """Note that these letters were posted; returns how many were not noted before. Raises `Refused`."""
    if not actor.has_perm(MANAGE):
        raise Refused
    rows = list(Reminder.objects.filter(id__in=list(reminder_ids), printed_at=None, paper__isnull=False))
    for row in rows:
        selectors.audit(actor=actor, patient_id=row.patient_id, action="write", invoice_id=row.invoice_id)
    with atomic(BILLING):
        done: int = Reminder.objects.filter(id__in=[row.id for row in rows], printed_at=None).update(
            printed_at=clock.now(), printed_by=actor.id
        )
    return done
