"""My invoices: what is to be paid, what was, the lines of one, its paper."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing.interface import InvoiceCard, invoice_card, invoice_pdf_url, invoices_for_patient
from medisecure.kernel.errors import Conflict, NotFound
from medisecure.portal.people import crumbs, for_patient, reader

INVOICES_A_PAGE = 20
#: As many of a patient's invoices as the pages reach back.
REACH = 1000


@require_safe
@for_patient
def listing(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    cards = invoices_for_patient(actor=reader(request), patient_id=patient_id, limit=REACH)
    context = {
        "crumbs": crumbs((_("My invoices"), "")),
        "area": "invoices",
        "page": Paginator(cards, INVOICES_A_PAGE).get_page(request.GET.get("page")),
        "due_cents": sum(card.balance_cents for card in cards),
    }
    return render(request, "portal/invoices.html", context)


def _own(request: HttpRequest, patient_id: UUID, invoice_id: UUID) -> InvoiceCard:
    """The reader's own invoice. Billing clerks see others' too, but in the admin: this is the patient's face."""
    card = invoice_card(actor=reader(request), invoice_id=invoice_id)
    if card.patient_id != patient_id:
        raise NotFound
    return card


@require_safe
@for_patient
def detail(request: HttpRequest, patient_id: UUID, invoice_id: UUID) -> HttpResponse:
    invoice = _own(request, patient_id, invoice_id)
    context = {
        "crumbs": crumbs((_("My invoices"), reverse("invoices")), (invoice.number, "")),
        "area": "invoices",
        "invoice": invoice,
    }
    return render(request, "portal/invoice.html", context)


@require_safe
@for_patient
def paper(request: HttpRequest, patient_id: UUID, invoice_id: UUID) -> HttpResponse:
    """The PDF, by an address that expires; while the worker still makes it, back to the page with a word."""
    _own(request, patient_id, invoice_id)
    try:
        address = invoice_pdf_url(actor=reader(request), invoice_id=invoice_id)
    except Conflict as error:
        messages.warning(request, error.message)
        return redirect("invoice", invoice_id=invoice_id)
    return HttpResponseRedirect(address)
