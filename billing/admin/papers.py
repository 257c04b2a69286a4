"""Receipts, statements and letters that were made; making a statement; whom a draft is made out to."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import selectors, services
from billing.admin.forms import PatientField
from billing.admin.frames import Frames, actor_of
from billing.admin.named import with_cards
from billing.models import Invoice, Paper
from billing.paper_words import local_day
from billing.services.buyers import buyer_of
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError, NotFound, Refused
from medisecure.kernel.formats import format_cents
from patients.interface import patient_card, patient_cards


class StatementForm(forms.Form):
    patient = PatientField(label=_("Patient’s record number"), max_length=40)
    first = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(label=_("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))


class BuyerForm(forms.Form):
    """Left empty as a whole, the invoice is made out to the patient."""

    name = forms.CharField(label=_("Company"), max_length=200, required=False)
    registration = forms.CharField(label=_("SIREN or SIRET"), max_length=20, required=False)
    vat_number = forms.CharField(label=_("VAT number"), max_length=30, required=False)
    line1 = forms.CharField(label=_("Address"), max_length=100, required=False)
    line2 = forms.CharField(label=_("Address, second line"), max_length=100, required=False)
    postcode = forms.CharField(label=_("Postal code"), max_length=16, required=False)
    city = forms.CharField(label=_("Town"), max_length=100, required=False)
    country = forms.CharField(label=_("Country"), max_length=2, required=False, help_text=_("Two letters, such as FR."))
    reference = forms.CharField(label=_("Buyer’s reference"), max_length=100, required=False)


@admin.register(Paper)
class PaperAdmin(Frames, admin.ModelAdmin[Paper]):
    list_display = ("title", "kind", "who", "made", "file")
    list_display_links = None
    list_filter = ("kind",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("number__startswith",)
    search_help_text = _("The number of an invoice or of a paper.")
    actions = None
    change_list_template = "admin/billing/books/papers.html"

    # --- rights -------------------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return selectors.sees_all(actor_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Paper | None = None) -> bool:
        return selectors.sees_all(actor_of(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Paper | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Paper | None = None) -> bool:
        return False

    # --- the list -----------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Paper]:
        rows = super().get_queryset(request).defer("content")
        return rows if actor_of(request).has_perm("billing.view_books") else rows.exclude(kind=Paper.Kind.BOOK)

    @admin.display(description=_("number"), ordering="number")
    def title(self, paper: Paper) -> str:
        return paper.number

    @admin.display(description=_("patient"))
    def who(self, paper: Paper) -> str:
        if paper.patient_id is None:
            return "—"
        cards = getattr(paper, "_cards", None)
        cards = patient_cards([paper.patient_id]) if cards is None else cards
        card = cards.get(paper.patient_id)
        return f"{card.full_name} · {card.record_number}" if card else "—"

    @admin.display(description=_("made"), ordering="created_at")
    def made(self, paper: Paper) -> str:
        return date_format(local_day(paper.created_at), "SHORT_DATE_FORMAT")

    @admin.display(description=_("PDF"))
    def file(self, paper: Paper) -> str:
        address = reverse("admin:billing_paper_pdf", args=[paper.id])
        return format_html('<a href="{}">{} {}</a>', address, _("PDF"), paper.number) if paper.pdf_key else "—"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor = actor_of(request)
        if selectors.sees_all(actor):
            selectors.audit(actor=actor, patient_id=None, action="list")
        page = super().changelist_view(request, extra_context)
        return with_cards(page, lambda rows: patient_cards({row.patient_id for row in rows if row.patient_id}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return self.pdf_view(request, UUID(object_id))
        except ValueError:
            raise NotFound from None

    # --- pages --------------------------------------------------------------------------------------------------------
    def pdf_view(self, request: HttpRequest, paper_id: UUID) -> HttpResponse:
        try:
            return HttpResponseRedirect(services.paper_url(actor=actor_of(request), paper_id=paper_id))
        except NotFound:
            raise
        except DomainError as error:
            messages.warning(request, error.message)
            return HttpResponseRedirect(reverse("admin:billing_paper_changelist"))

    def statement_view(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        if not selectors.sees_all(actor):
            raise Refused
        made: list[Paper] = []

        def act(form: Any) -> str:
            data = form.cleaned_data
            made.append(
                services.make_statement(actor=actor, patient_id=data["patient"], first=data["first"], last=data["last"])
            )
            return gettext("The statement was made.")

        today = clock.today()
        response = self.asked(
            request,
            title=_("Statement of account"),
            text=_("What a patient was charged and paid from one day to another, as a paper to send."),
            button=_("Make the statement"),
            form_class=StatementForm,
            act=act,
            then=reverse("admin:billing_paper_changelist"),
            initial={"patient": request.GET.get("patient", ""), "first": date(today.year, 1, 1), "last": today},
        )
        return self.pdf_view(request, made[0].id) if made else response

    def buyer_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        invoice = selectors.open_invoice(actor=actor, invoice_id=invoice_id)
        if not actor.has_perm("billing.change_invoice"):
            raise Refused

        def act(form: Any) -> str:
            given = {name: value for name, value in form.cleaned_data.items() if value and name != "country"}
            services.bill_to(actor=actor, invoice_id=invoice_id, values=form.cleaned_data if given else None)
            if given:
                return gettext("The invoice will be made out to this company.")
            return gettext("The invoice will be made out to the patient.")

        patient = patient_card(invoice.patient_id)
        known = buyer_of(invoice)
        return self.asked(
            request,
            title=_("Make out to a company"),
            text=_(
                "The invoice then carries itself for the company’s programs too (Factur-X). Leave everything empty to "
                "make it out to the patient."
            ),
            button=_("Save"),
            form_class=BuyerForm,
            act=act,
            then=reverse("admin:billing_invoice_change", args=[invoice_id]),
            initial=known.kept() if known else {"country": "FR"},
            facts=[
                (_("Patient"), f"{patient.full_name} · {patient.record_number}"),
                (_("Total"), format_cents(invoice.total_cents)),
            ],
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("statement/", view(self.statement_view), name="billing_paper_statement"),
            path("buyer/<uuid:invoice_id>/", view(self.buyer_view), name="billing_paper_buyer"),
            path("<uuid:paper_id>/pdf/", view(self.pdf_view), name="billing_paper_pdf"),
        ]
        return [*own, *super().get_urls()]


def tools_of(actor: User, invoice: Invoice) -> list[tuple[str, Any]]:
    """What this person may do with the papers of an invoice, for its page."""
    found: list[tuple[str, Any]] = []
    if invoice.status == Invoice.Status.DRAFT and actor.has_perm("billing.change_invoice"):
        found.append((reverse("admin:billing_paper_buyer", args=[invoice.id]), _("Make out to a company")))
    if invoice.is_issued and invoice.kind == Invoice.Kind.INVOICE:
        if actor.has_perm("billing.view_reminder"):
            found.append((reverse("admin:billing_reminder_course", args=[invoice.id]), _("Reminders")))
        papers = reverse("admin:billing_paper_changelist")
        found.append((f"{papers}?q={invoice.number}", _("Receipts and letters")))
    if selectors.sees_all(actor):
        statement = reverse("admin:billing_paper_statement")
        found.append((f"{statement}?patient={invoice.patient_id}", _("Statement of account")))
    return found
