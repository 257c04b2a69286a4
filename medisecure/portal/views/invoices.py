"""My invoices: what is to be paid, what was, the lines of one, its paper."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.interface import (
    InvoiceCard,
    answer_test_payment,
    checkout_card,
    credit_of,
    invoice_card,
    invoice_pdf_url,
    invoices_for_patient,
    pays_online,
    receipt_url,
    start_checkout,
    statement_url,
    test_payment,
)
from medisecure.kernel import clock
from medisecure.kernel.errors import Conflict, DomainError, Invalid, NotFound
from medisecure.portal.people import crumbs, for_patient, reader


class StatementForm(forms.Form):
    """From which day to which."""

    first = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(label=gettext_lazy("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    @classmethod
    def of_this_year(cls) -> StatementForm:
        today = clock.today()
        return cls(initial={"first": today.replace(month=1, day=1), "last": today}, auto_id="statement_%s")


INVOICES_A_PAGE = 20
#: As many of a patient's invoices as the pages reach back.
REACH = 1000
#: Every five seconds, this often.
LOOKS = 12


@require_safe
@for_patient
def listing(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    return _listing(request, patient_id)


def _listing(request: HttpRequest, patient_id: UUID, form: StatementForm | None = None) -> HttpResponse:
    cards = invoices_for_patient(actor=reader(request), patient_id=patient_id, limit=REACH)
    context = {
        "crumbs": crumbs((_("My invoices"), "")),
        "area": "invoices",
        "page": Paginator(cards, INVOICES_A_PAGE).get_page(request.GET.get("page")),
        "due_cents": sum(card.balance_cents for card in cards),
        "insurers_cents": sum(card.insurers_balance_cents for card in cards),
        "credit_cents": credit_of(actor=reader(request), patient_id=patient_id),
        "online": pays_online(),
        "statement_form": form or StatementForm.of_this_year(),
    }
    return render(request, "portal/invoices.html", context, status=422 if form else 200)


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
        "online": pays_online(),
    }
    return render(request, "portal/invoice.html", context)


@require_POST
@for_patient
def pay(request: HttpRequest, patient_id: UUID, invoice_id: UUID) -> HttpResponse:
    """To the payment provider; it is paid when the provider has called back."""
    _own(request, patient_id, invoice_id)
    try:
        started = start_checkout(actor=reader(request), invoice_id=invoice_id)
    except NotFound:
        raise
    except DomainError as error:
        messages.warning(request, error.message)
        return redirect("invoice", invoice_id=invoice_id)
    return HttpResponseRedirect(started.url)


@require_safe
@for_patient
def payment(request: HttpRequest, patient_id: UUID, invoice_id: UUID, checkout_id: UUID) -> HttpResponse:
    """Back from the provider. What is shown is what the provider has told us, and that may take a moment."""
    invoice = _own(request, patient_id, invoice_id)
    checkout = checkout_card(actor=reader(request), checkout_id=checkout_id)
    if checkout.invoice_id != invoice_id:
        raise NotFound
    # The page asks again by itself for a minute, and then leaves it to the reader.
    look = request.GET.get("look", "")
    looks = int(look) if look.isascii() and look.isdigit() and len(look) < 4 else 0
    context = {
        "crumbs": crumbs((_("My invoices"), reverse("invoices")), (invoice.number, ""), (_("Online payment"), "")),
        "area": "invoices",
        "invoice": invoice,
        "checkout": checkout,
        "next_look": looks + 1 if checkout.status == "open" and looks < LOOKS else 0,
    }
    return render(request, "portal/invoice_payment.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def test_provider(request: HttpRequest, patient_id: UUID, checkout_id: UUID) -> HttpResponse:
    """The page of the provider for trying; it is not there with another one."""
    checkout = test_payment(actor=reader(request), checkout_id=checkout_id)
    if request.method == "POST":
        answer_test_payment(checkout=checkout, paid=request.POST.get("outcome") == "paid")
        return redirect("invoice-payment", invoice_id=checkout.invoice_id, checkout_id=checkout.id)
    context = {"crumbs": crumbs((_("Test payment"), "")), "area": "invoices", "checkout": checkout}
    return render(request, "portal/test_payment.html", context)


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


@require_safe
@for_patient
def receipt(request: HttpRequest, patient_id: UUID, invoice_id: UUID, payment_id: UUID) -> HttpResponse:
    """The receipt of a payment, by an address that expires."""
    card = _own(request, patient_id, invoice_id)
    if payment_id not in {line.id for line in card.payments}:
        raise NotFound
    try:
        address = receipt_url(actor=reader(request), payment_id=payment_id)
    except Conflict as error:
        messages.warning(request, error.message)
        return redirect("invoice", invoice_id=invoice_id)
    return HttpResponseRedirect(address)


@require_POST
@for_patient
def statement(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """The patient's account over some days, made now and kept."""
    form = StatementForm(request.POST, auto_id="statement_%s")
    if form.is_valid():
        days = form.cleaned_data
        try:
            address = statement_url(
                actor=reader(request), patient_id=patient_id, first=days["first"], last=days["last"]
            )
        except Invalid as error:
            for field, texts in error.errors.items():
                form.add_error(field, [str(text) for text in texts])
        else:
            return HttpResponseRedirect(address)
    return _listing(request, patient_id, form)
