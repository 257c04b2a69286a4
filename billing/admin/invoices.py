from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Exists, F, OuterRef, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing import rules, selectors, services
from billing.admin.forms import DraftForm, ItemFormSet
from billing.admin.inlines import DraftItems, IssuedItems, Refunds, Shares, Uses, WriteOffs, actor_of
from billing.admin.pages import PageViews
from billing.models import Invoice, InvoiceShare
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError
from medisecure.kernel.formats import format_cents
from medisecure.kernel.money import to_decimal
from patients.interface import PatientCard, patient_cards, practitioner_cards, staff_frame

#: One action issues so many at once; each is a transaction of its own.
MOST_AT_ONCE = 200


def _short(day: date | None) -> str:
    return date_format(day, "SHORT_DATE_FORMAT") if day else "—"


class Worklist(admin.SimpleListFilter):
    """What is to be done, as the clerk calls it."""

    title = _("worklist")
    parameter_name = "worklist"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return (
            ("to-issue", _("To issue")),
            ("to-send", _("To send")),
            ("unpaid", _("Unpaid")),
            ("overdue", _("Overdue")),
            ("overdue-insurers", _("Insurers overdue")),
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        late = queryset.filter(status=Invoice.Status.ISSUED, kind=Invoice.Kind.INVOICE, due_date__lt=clock.today())
        match self.value():
            case "to-issue":
                return queryset.filter(status=Invoice.Status.DRAFT)
            case "to-send":
                return queryset.exclude(number=None).filter(sent_at=None)
            case "unpaid":
                return queryset.filter(status=Invoice.Status.ISSUED, kind=Invoice.Kind.INVOICE)
            case "overdue":
                return late.filter(_owed_by(rules.Payer.PATIENT))
            case "overdue-insurers":
                return late.filter(_owed_by(*rules.INSURERS))
        return queryset


def _owed_by(*payers: rules.Payer) -> Exists:
    rows = InvoiceShare.objects.filter(invoice=OuterRef("id"), payer__in=payers)
    return Exists(rows.filter(amount_cents__gt=F("paid_cents") + F("written_off_cents")))


@admin.register(Invoice)
class InvoiceAdmin(PageViews, admin.ModelAdmin[Invoice]):
    form = DraftForm
    #: What decides what to do, within the width of a screen; the number tells an invoice from a credit note.
    list_display = ("name", "who", "state", "total", "balance", "insurers_owe", "cared_on", "pay_by")
    list_display_links = ("name",)
    list_filter = (Worklist, "status", "kind")
    list_per_page = 50
    # The number of all rows is another query and tells the clerk nothing.
    show_full_result_count = False
    search_fields = ("number__startswith", "=patient_id")
    search_help_text = _("The number of an invoice, or a patient's identifier.")
    ordering = ("-created_at", "-id")
    actions = ("issue_selected",)
    change_form_template = "admin/billing/invoice/change_form.html"
    # Nobody to frame the page with yet.
    add_form_template = "admin/change_form.html"
    change_list_template = "admin/billing/invoice/change_list.html"

    #: For exports of this list (medisecure/reports/lists.py): amounts and days as what they are.
    export_values = {
        "total": lambda row: to_decimal(row.total_cents),
        "balance": lambda row: to_decimal(row.balance_cents),
        "insurers_owe": lambda row: to_decimal(row.insurers_balance_cents),
        "cared_on": lambda row: row.service_date,
        "pay_by": lambda row: row.due_date if row.kind == Invoice.Kind.INVOICE else None,
    }

    # --- rights -------------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        return selectors.visible_invoices(actor_of(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return selectors.sees_all(actor_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        return selectors.sees_all(actor_of(request))

    def has_change_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        if obj is not None and obj.status != Invoice.Status.DRAFT:
            return False
        return actor_of(request).has_perm("billing.change_invoice")

    def has_delete_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        return False

    def has_issue_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).has_perm("billing.issue_invoice")

    # --- the list -----------------------------------------------------------------------------------------------------
    @admin.display(description=_("number"), ordering="number")
    def name(self, invoice: Invoice) -> str:
        return str(invoice)

    @admin.display(description=_("patient"))
    def who(self, invoice: Invoice) -> str:
        card: PatientCard | None = getattr(invoice, "_card", None)
        if card is None:
            card = patient_cards([invoice.patient_id]).get(invoice.patient_id)
        return f"{card.full_name} · {card.record_number}" if card else "—"

    @admin.display(description=_("date of care"), ordering="service_date")
    def cared_on(self, invoice: Invoice) -> str:
        return _short(invoice.service_date)

    @admin.display(description=_("to pay by"), ordering="due_date")
    def pay_by(self, invoice: Invoice) -> str:
        return _short(invoice.due_date if invoice.kind == Invoice.Kind.INVOICE else None)

    @admin.display(description=_("to pay by"), ordering="due_date")
    def due(self, invoice: Invoice) -> Any:
        # Read-only fields of a form show a date as Python writes it, unless it is text already.
        if invoice.kind != Invoice.Kind.INVOICE or invoice.due_date is None:
            return "—"
        return date_format(invoice.due_date)

    @admin.display(description=_("total"), ordering="total_cents")
    def total(self, invoice: Invoice) -> str:
        return format_cents(invoice.total_cents)

    @admin.display(description=_("shares of the payers"))
    def split(self, invoice: Invoice) -> str:
        """As it was when the draft was last saved."""
        rows = [
            (row.get_payer_display(), f" ({row.insurer})" if row.insurer else "", format_cents(row.amount_cents))
            for row in invoice.shares.all()
        ]
        return format_html_join(mark_safe("<br>"), "{}{}: {}", rows) or "—"

    @admin.display(description=_("insurers owe"))
    def insurers_owe(self, invoice: Invoice) -> str:
        return format_cents(invoice.insurers_balance_cents) if invoice.insurers_balance_cents else "—"

    @admin.display(description=_("patient owes"))
    def balance(self, invoice: Invoice) -> str:
        return format_cents(invoice.balance_cents) if invoice.balance_cents else "—"

    @admin.display(description=_("state"), ordering="status")
    def state(self, invoice: Invoice) -> str:
        return gettext("Overdue") if invoice.is_overdue(clock.today()) else invoice.get_status_display()

    @admin.display(description=_("practitioner"))
    def practitioner(self, invoice: Invoice) -> str:
        if invoice.practitioner_id is None:
            return "—"
        card = practitioner_cards([invoice.practitioner_id]).get(invoice.practitioner_id)
        return card.full_name if card else "—"

    @admin.display(description=_("paid"))
    def paid(self, invoice: Invoice) -> str:
        return format_cents(invoice.paid_cents)

    @admin.display(description=_("VAT"))
    def vat(self, invoice: Invoice) -> str:
        return format_cents(invoice.vat_cents)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor = actor_of(request)
        if selectors.sees_all(actor):
            selectors.audit(actor=actor, patient_id=None, action="list")
        response: HttpResponse = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            rows = list(response.context_data["cl"].result_list)
            self.name_rows(request, rows)
            response.context_data["cl"].result_list = rows
        return response

    def name_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """The patients of many rows in one query: for a page, and for exports of this list."""
        cards = patient_cards({row.patient_id for row in rows})
        for row in rows:
            row._card = cards.get(row.patient_id)

    @admin.action(description=_("Issue the selected drafts"), permissions=["issue"])
    def issue_selected(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> HttpResponse | None:
        """Asks first; then each draft is issued by itself, and what could not be is named."""
        drafts = list(queryset.filter(status=Invoice.Status.DRAFT).order_by("created_at", "id")[:MOST_AT_ONCE])
        if not drafts:
            self.message_user(request, gettext("None of these is a draft."), messages.WARNING)
            return None
        if "confirmed" not in request.POST:
            return self.confirm_issue_page(request, drafts, format_cents(sum(row.total_cents for row in drafts)))
        done = 0
        for draft in drafts:
            try:
                services.issue_invoice(actor=actor_of(request), invoice_id=draft.id)
                done += 1
            except DomainError as error:
                text = f"{draft.service_date or draft.id}: {' '.join(error.lines())}"
                self.message_user(request, text, messages.ERROR)
        if done:
            text = ngettext("%(count)d invoice was issued.", "%(count)d invoices were issued.", done) % {"count": done}
            self.message_user(request, text, messages.SUCCESS)
        return None

    # --- one invoice --------------------------------------------------------------------------------------------------
    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> Any:
        if obj is None:
            return ("patient_id", "service_date", "practitioner_id")
        if self.has_change_permission(request, obj):
            insured = tuple(f"{row.payer}_pays" for row in obj.shares.all() if row.payer != rules.Payer.PATIENT)
            return ("who", "service_date", "practitioner_id", *insured, "total", "split", "version")
        fields = ["name", "kind", "state", "who", "practitioner", "service_date"]
        if obj.is_issued:
            fields += ["issued_at", "due", "vat", "total", "paid", "balance", "insurers_owe"]
        if obj.credits_id:
            fields.append("credits")
        return [*fields, "reason"] if obj.reason else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Invoice | None = None) -> Any:
        if obj is None:
            return ()
        if self.has_change_permission(request, obj):
            return ("who", "total", "split")
        return self.get_fields(request, obj)

    def get_inlines(self, request: HttpRequest, obj: Invoice | None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return [DraftItems]
        if obj.kind != Invoice.Kind.INVOICE or not obj.is_issued:
            return [IssuedItems, Shares]
        # Tables that would be empty are left out.
        more = [inline for inline, rows in ((Refunds, obj.refunds), (WriteOffs, obj.write_offs)) if rows.exists()]
        return [IssuedItems, Shares, Uses, *more]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"patient_id": request.GET.get("patient", ""), "service_date": clock.today()}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # The door, before anything is shown; raises NotFound, which is a 404 page.
        invoice = selectors.open_invoice(actor=actor_of(request), invoice_id=self.id_of(object_id))
        context = {"invoice": invoice, "tools": self.tools(request, invoice), **(extra_context or {})}
        title = f"{invoice.get_kind_display()} {invoice}"
        context |= staff_frame(actor=actor_of(request), patient_id=invoice.patient_id, page_title=title)
        return self._named(
            request,
            lambda: super(InvoiceAdmin, self).change_view(request, object_id, form_url, context),
            reverse("admin:billing_invoice_change", args=[invoice.id]),
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        view = super().add_view
        return self._named(request, lambda: view(request, form_url, extra_context), request.get_full_path())

    def _named(self, request: HttpRequest, view: Callable[[], HttpResponse], back: str) -> HttpResponse:
        """What a form cannot know before it is saved (changed by somebody else, issued) becomes a message."""
        try:
            return view()
        except DomainError as error:
            if request.method != "POST":
                raise
            self.message_user(request, " ".join(error.lines()), messages.ERROR)
            return HttpResponseRedirect(back)

    def save_model(self, request: HttpRequest, obj: Invoice, form: ModelForm[Invoice], change: bool) -> None:
        """The service writes invoice and lines together, in `save_related`."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        items = next(formset for formset in formsets if isinstance(formset, ItemFormSet))
        items.save()
        data = form.cleaned_data
        practitioner = data.get("practitioner_id")
        common = {
            "actor": actor_of(request),
            "lines": items.lines(),
            "service_date": data.get("service_date"),
            "practitioner_id": UUID(str(practitioner)) if practitioner else None,
        }
        if change:
            version, third_party = data.get("version") or 0, form.third_party()
            services.edit_draft(invoice_id=form.instance.pk, version=version, third_party=third_party, **common)
        else:
            # The admin goes on with this object, whose id must be that of the draft that was made.
            form.instance.pk = services.create_draft(patient_id=data["patient_id"], **common).pk

    def get_urls(self) -> list[URLPattern]:
        pages = (
            ("issue", self.issue_view),
            ("payment", self.payment_view),
            ("sent", self.sent_view),
            ("credit-use", self.credit_use_view),
            ("refund", self.refund_view),
            ("write-off", self.write_off_view),
            ("credit", self.credit_view),
            ("discard", self.discard_view),
            ("pdf", self.pdf_view),
        )
        own = [
            path(f"<uuid:invoice_id>/{name}/", self.admin_site.admin_view(view), name=f"billing_invoice_{name}")
            for name, view in pages
        ]
        return [*own, *super().get_urls()]

    def response_change(self, request: HttpRequest, obj: Invoice) -> HttpResponse:
        if "_issue" in request.POST:
            return redirect("admin:billing_invoice_issue", invoice_id=obj.pk)
        return super().response_change(request, obj)
