"""Pages of one invoice that ask before they act: issue, take a payment, cancel by credit note, discard; and its PDF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import papers, selectors, services
from billing.admin.money_forms import (
    ConfirmForm,
    CreditUseForm,
    MoneyForm,
    PaymentForm,
    ReasonForm,
    RefundForm,
    WriteOffForm,
    refundable,
)
from billing.admin.papers import tools_of
from billing.models import Invoice
from billing.services.sending import mark_sent
from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError, NotFound
from medisecure.kernel.formats import format_cents
from medisecure.kernel.money import to_cents
from patients.interface import patient_card

Text = str | Promise


class PageViews:
    """Mixed into the admin of invoices."""

    admin_site: admin.AdminSite
    opts: Any

    def id_of(self, object_id: str) -> UUID:
        try:
            return UUID(object_id)
        except ValueError:
            raise NotFound from None

    def tools(self, request: HttpRequest, invoice: Invoice) -> list[tuple[str, Text]]:
        """(address, label) of what this person may do with this invoice now."""
        may = cast(User, request.user).has_perm
        draft, kind = invoice.status == Invoice.Status.DRAFT, invoice.kind
        found: list[tuple[str, Text]] = []
        if draft and may("billing.issue_invoice"):
            found.append(("issue", _("Issue")))
        if (invoice.balance_cents or invoice.insurers_balance_cents) and may("billing.take_payment"):
            found.append(("payment", _("Take a payment")))
        if invoice.pdf_key:
            found.append(("pdf", _("PDF")))
            if invoice.sent_at is None and may("billing.issue_invoice"):
                found.append(("sent", _("Note as sent")))
        held = services.credit_cents(invoice.patient_id) if may("billing.take_payment") and invoice.is_open else 0
        if held and invoice.balance_cents:
            found.append(("credit-use", _("Use credit")))
        if may("billing.refund_payment") and invoice.is_issued and refundable(invoice):
            found.append(("refund", _("Give money back")))
        if (invoice.balance_cents or invoice.insurers_balance_cents) and may("billing.write_off"):
            found.append(("write-off", _("Write off")))
        cancellable = invoice.status in (Invoice.Status.ISSUED, Invoice.Status.PAID)
        if kind == Invoice.Kind.INVOICE and cancellable and may("billing.issue_invoice"):
            found.append(("credit", _("Cancel by credit note")))
        if draft and may("billing.change_invoice"):
            found.append(("discard", _("Discard")))
        links = [(reverse(f"admin:billing_invoice_{name}", args=[invoice.id]), label) for name, label in found]
        if may("billing.add_invoice"):
            new = reverse("admin:billing_invoice_add")
            links.append((f"{new}?patient={invoice.patient_id}", _("New draft for this patient")))
        return [*links, *tools_of(cast(User, request.user), invoice)]

    # --- the pages ----------------------------------------------------------------------------------------------------
    def issue_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> tuple[UUID, str]:
            issued = services.issue_invoice(actor=actor, invoice_id=invoice_id)
            return issued.id, gettext("Invoice %(number)s was issued.") % {"number": issued.number}

        return self._ask(
            request,
            invoice_id,
            permission="billing.issue_invoice",
            title=_("Issue this invoice?"),
            text=_(
                "It gets its number and its date and cannot be changed any more. Errors are corrected by a credit note."
            ),
            button=_("Issue"),
            form_class=ConfirmForm,
            act=act,
        )

    def payment_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> tuple[UUID, str]:
            recorded = services.record_payment(
                actor=actor,
                invoice_id=invoice_id,
                amount_cents=to_cents(form.cleaned_data["amount"]),
                payer=form.cleaned_data["payer"],
                method=form.cleaned_data["method"],
                reference=form.cleaned_data["reference"],
                keep_rest=form.cleaned_data["keep_rest"],
                idempotency_key=str(form.cleaned_data["key"]),
            )
            amount = format_cents(recorded.payment.amount_cents)
            return invoice_id, gettext("A payment of %(amount)s was recorded.") % {"amount": amount}

        return self._ask(
            request,
            invoice_id,
            permission="billing.take_payment",
            title=_("Take a payment"),
            text=_("A payment that was recorded cannot be changed."),
            button=_("Record the payment"),
            form_class=PaymentForm,
            act=act,
        )

    def sent_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> tuple[UUID, str]:
            mark_sent(actor=actor, invoice_id=invoice_id)
            return invoice_id, gettext("It was noted as sent.")

        return self._ask(
            request,
            invoice_id,
            permission="billing.issue_invoice",
            title=_("Was the paper posted?"),
            text=_("The patient has no mail address. Print the PDF and post it; then it leaves the worklist."),
            button=_("It was posted"),
            form_class=ConfirmForm,
            act=act,
        )

    def credit_use_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> tuple[UUID, str]:
            cents = to_cents(form.cleaned_data["amount"])
            key = str(form.cleaned_data["key"])
            services.apply_credit(actor=actor, invoice_id=invoice_id, amount_cents=cents, idempotency_key=key)
            return invoice_id, gettext("%(amount)s of credit was used.") % {"amount": format_cents(cents)}

        return self._ask(
            request,
            invoice_id,
            permission="billing.take_payment",
            title=_("Pay from the patient’s credit?"),
            text=_("What the hospital holds of the patient’s money pays this invoice, the oldest first."),
            button=_("Use the credit"),
            form_class=CreditUseForm,
            act=act,
        )

    def refund_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> tuple[UUID, str]:
            payment_id, taken_from = form.chosen()
            made = services.refund(
                actor=actor,
                payment_id=payment_id,
                invoice_id=taken_from,
                amount_cents=to_cents(form.cleaned_data["amount"]),
                method=form.cleaned_data["method"],
                reference=form.cleaned_data["reference"],
                reason=form.cleaned_data["reason"],
                idempotency_key=str(form.cleaned_data["key"]),
            )
            return invoice_id, gettext("%(amount)s was given back.") % {"amount": format_cents(made.amount_cents)}

        return self._ask(
            request,
            invoice_id,
            permission="billing.refund_payment",
            title=_("Give money back?"),
            text=_("A refund that was recorded cannot be changed."),
            button=_("Record the refund"),
            form_class=RefundForm,
            act=act,
        )

    def write_off_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> tuple[UUID, str]:
            made = services.write_off(
                actor=actor,
                invoice_id=invoice_id,
                payer=form.cleaned_data["payer"],
                amount_cents=to_cents(form.cleaned_data["amount"]),
                reason=form.cleaned_data["reason"],
                idempotency_key=str(form.cleaned_data["key"]),
            )
            return invoice_id, gettext("%(amount)s was written off.") % {"amount": format_cents(made.amount_cents)}

        return self._ask(
            request,
            invoice_id,
            permission="billing.write_off",
            title=_("Write off what is owed?"),
            text=_("The hospital gives up this sum. It cannot be asked for again."),
            button=_("Write off"),
            form_class=WriteOffForm,
            act=act,
        )

    def credit_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> tuple[UUID, str]:
            note = services.credit(actor=actor, invoice_id=invoice_id, reason=form.cleaned_data["reason"])
            return note.id, gettext("Credit note %(number)s was issued.") % {"number": note.number}

        return self._ask(
            request,
            invoice_id,
            permission="billing.issue_invoice",
            title=_("Cancel this invoice by a credit note?"),
            text=_(
                "The credit note is over the whole amount. The patient is told, and what was paid is to be given back."
            ),
            button=_("Issue the credit note"),
            form_class=ReasonForm,
            act=act,
        )

    def discard_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> tuple[UUID, str]:
            services.discard_draft(actor=actor, invoice_id=invoice_id, reason=form.cleaned_data["reason"])
            return invoice_id, gettext("The draft was discarded.")

        return self._ask(
            request,
            invoice_id,
            permission="billing.change_invoice",
            title=_("Discard this draft?"),
            text=_("It will not be charged. It is kept, with the reason."),
            button=_("Discard"),
            form_class=ReasonForm,
            act=act,
        )

    def pdf_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        try:
            return HttpResponseRedirect(papers.pdf_url(actor=cast(User, request.user), invoice_id=invoice_id))
        except NotFound:
            raise
        except DomainError as error:
            messages.warning(request, error.message)
            return redirect("admin:billing_invoice_change", object_id=invoice_id)

    def _ask(
        self,
        request: HttpRequest,
        invoice_id: UUID,
        *,
        permission: str,
        title: Text,
        text: Text,
        button: Text,
        form_class: type[forms.Form],
        act: Callable[[User, Any], tuple[UUID, str]],
    ) -> HttpResponse:
        """Show the question and what it is about; on POST do it and go to the invoice, or show why not."""
        actor = cast(User, request.user)
        invoice = selectors.open_invoice(actor=actor, invoice_id=invoice_id)
        if not actor.has_perm(permission):
            raise PermissionDenied
        lines: Sequence[str] = ()
        about: dict[str, Any] = {"invoice": invoice} if issubclass(form_class, MoneyForm) else {}
        if request.method == "POST":
            form = form_class(request.POST, **about)
            if form.is_valid():
                try:
                    target, done = act(actor, form)
                except DomainError as error:
                    lines = [error.message, *(str(line) for texts in error.errors.values() for line in texts)]
                else:
                    messages.success(request, done)
                    return redirect("admin:billing_invoice_change", object_id=target)
        else:
            form = form_class(**about)
        return TemplateResponse(
            request,
            "admin/billing/invoice/confirm.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": title,
                "text": text,
                "button": button,
                "form": form,
                "faults": lines,
                "invoice": invoice,
                "patient": patient_card(invoice.patient_id),
                "total": format_cents(invoice.total_cents),
                "owed": format_cents(invoice.balance_cents) if invoice.balance_cents else "",
                "insurers_owe": format_cents(invoice.insurers_balance_cents) if invoice.insurers_balance_cents else "",
            },
            status=422 if lines or form.errors else 200,
        )

    def confirm_issue_page(self, request: HttpRequest, drafts: Sequence[Invoice], total: str) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/billing/invoice/issue_selected.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": _("Issue these invoices?"),
                "drafts": drafts,
                "total": total,
                "action_checkbox_name": ACTION_CHECKBOX_NAME,
            },
        )
