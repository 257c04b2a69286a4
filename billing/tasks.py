"""Events that billing acts on. Each runs in a worker, once per event."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from celery import shared_task
from django.conf import settings
from django.urls import reverse
from django.utils import translation

from billing import rules, services
from billing.models import Invoice, Payment, Refund, Reminder
from billing.services import dunning, letters, merging
from medisecure.accounts.interface import Role, users_with_role
from medisecure.kernel import clock
from medisecure.kernel.databases import BILLING, DEFAULT
from medisecure.kernel.events import Event, consumer
from medisecure.kernel.formats import format_cents
from medisecure.notifications.interface import notify_user, queue_mail
from patients.interface import patient_card


def portal_page(invoice_id: UUID) -> str:
    """The portal's page of the patient's own invoice."""
    return f"/invoices/{invoice_id}/"


@consumer("appointment.completed", database=BILLING, queue="billing")
def draft_invoice(event: Event) -> None:
    """A completed appointment waits for the clerk as a draft."""
    start = datetime.fromisoformat(event.text("start"))
    services.draft_for_appointment(
        appointment_id=event.uuid("appointment_id"),
        patient_id=event.uuid("patient_id"),
        practitioner_id=event.uuid("practitioner_id"),
        type_code=event.text("type_code"),
        service_date=clock.local(start, ZoneInfo(settings.TIME_ZONE)).date(),
        said_at=event.emitted_at,
    )


@consumer("appointment.reopened", database=BILLING, queue="billing")
def withdraw_draft(event: Event) -> None:
    """The completion was a wrong click: its draft is put aside if nobody has worked on it."""
    services.withdraw_for_appointment(
        appointment_id=event.uuid("appointment_id"), patient_id=event.uuid("patient_id"), said_at=event.emitted_at
    )


@consumer("appointment.reopened", database=DEFAULT, queue="mail")
def tell_clerks(event: Event) -> None:
    """An invoice that has left the drafts, or that a clerk has worked on, stays as it is: the clerks decide."""
    invoice = services.charged_for(event.uuid("appointment_id"))
    if invoice is None:
        return
    for clerk in users_with_role(Role.BILLING_CLERK):
        notify_user(
            dedupe_key=f"{event.id}:visit-reopened:{clerk.id}",
            user_id=clerk.id,
            kind="visit-reopened",
            url=reverse("admin:billing_invoice_change", args=[invoice.id]),
        )


@consumer("patient.merge_started", database=BILLING, queue="billing")
def move_drafts(event: Event) -> None:
    """The drafts of two files that are one person's."""
    merging.bring_together(**_merge(event))


@consumer("patient.unmerge_started", database=BILLING, queue="billing")
def return_drafts(event: Event) -> None:
    """They were two people after all."""
    merging.take_apart(**_merge(event))


def _merge(event: Event) -> dict[str, UUID]:
    return {key: event.uuid(key) for key in ("merge_id", "survivor_id", "loser_id")}


@consumer("invoice.issued", database=BILLING, queue="billing")
def make_paper(event: Event) -> None:
    """The PDF of what was issued."""
    services.make_pdf(event.uuid("invoice_id"))


@consumer("invoice.issued", database=BILLING, queue="billing")
def note_sending(event: Event) -> None:
    """Whoever has a mail address is told by `announce`; the others wait in the clerk's worklist for the post."""
    if patient_card(event.uuid("patient_id")).mail_address:
        Invoice.objects.filter(id=event.uuid("invoice_id"), sent_at=None).update(sent_at=clock.now())


@consumer("invoice.issued", database=DEFAULT, queue="mail")
def announce(event: Event) -> None:
    """Tell the patient, by mail and in the portal. The link leads to the portal's page, which is there at once, and not
    to the PDF, which may still be in the making."""
    invoice = Invoice.objects.issued().get(id=event.uuid("invoice_id"))
    patient, page = patient_card(invoice.patient_id), portal_page(invoice.id)
    with translation.override(patient.language):
        context = {
            "credit_note": invoice.kind == Invoice.Kind.CREDIT_NOTE,
            "settled": not invoice.balance_cents,
            # What the patient is asked for, where insurers pay the rest.
            "part": format_cents(invoice.balance_cents) if invoice.balance_cents != invoice.total_cents else "",
            "number": invoice.number,
            "total": format_cents(invoice.total_cents),
            "due_date": invoice.due_date,
            "url": f"{settings.PUBLIC_URL}{page}",
        }
    queue_mail(
        dedupe_key=f"{event.id}:invoice-issued",
        to_email=patient.mail_address,
        language=patient.language,
        template="invoice_issued",
        context=context,
        user_id=patient.user_id,
    )
    notify_user(dedupe_key=f"{event.id}:invoice-issued", user_id=patient.user_id, kind="invoice-issued", url=page)


@consumer("payment.recorded", database=DEFAULT, queue="mail")
def confirm_payment(event: Event) -> None:
    """One line in the patient's portal; no mail, because whoever paid at the counter was there. Not for
    what an insurer paid."""
    if Payment.objects.get(id=event.uuid("payment_id")).payer != rules.Payer.PATIENT:
        return
    patient, page = patient_card(event.uuid("patient_id")), portal_page(event.uuid("invoice_id"))
    notify_user(dedupe_key=f"{event.id}:payment-recorded", user_id=patient.user_id, kind="payment-recorded", url=page)


@consumer("payment.refunded", database=DEFAULT, queue="mail")
def confirm_refund(event: Event) -> None:
    """One line in the patient's portal, for what was given back to them."""
    refund = Refund.objects.select_related("payment").get(id=event.uuid("refund_id"))
    if refund.payment.payer != rules.Payer.PATIENT or refund.payment.patient_id is None:
        return
    patient = patient_card(refund.payment.patient_id)
    key = f"{event.id}:payment-refunded"
    notify_user(dedupe_key=key, user_id=patient.user_id, kind="payment-refunded", url="/invoices/")


@consumer("payment.recorded", database=BILLING, queue="billing")
def make_receipt(event: Event) -> None:
    """The receipt of what was paid."""
    services.make_receipt(event.uuid("payment_id"))


@shared_task(name="billing.remind")
def remind() -> int:
    """The look for reminders that are due."""
    return dunning.look()


@consumer("invoice.reminded", database=BILLING, queue="billing")
def make_letter(event: Event) -> None:
    """The letter, for the billing office to post."""
    letters.make_letter(event.uuid("reminder_id"))


@consumer("invoice.reminded", database=DEFAULT, queue="mail")
def send_reminder(event: Event) -> None:
    """The same by mail and in the portal, unless it was settled or held back on the way. The mail asks once more when
    it leaves."""
    reminder = Reminder.objects.select_related("invoice").get(id=event.uuid("reminder_id"))
    invoice = reminder.invoice
    if not dunning.may_be_reminded(invoice):
        return
    patient, page = patient_card(invoice.patient_id), portal_page(invoice.id)
    with translation.override(patient.language):
        context = {
            "title": str(reminder.get_step_display()),
            "number": invoice.number,
            # As it is now: a part may have come since.
            "owed": format_cents(invoice.balance_cents),
            "due_date": invoice.due_date,
            "url": f"{settings.PUBLIC_URL}{page}",
        }
    queue_mail(
        dedupe_key=f"reminder:{reminder.id}",
        to_email=patient.mail_address,
        language=patient.language,
        template="invoice_reminder",
        context=context,
        user_id=patient.user_id,
        thread=f"invoice:{invoice.id}",
        claim=f"dunning:{reminder.id}",
    )
    notify_user(dedupe_key=f"reminder:{reminder.id}", user_id=patient.user_id, kind="invoice-reminder", url=page)
