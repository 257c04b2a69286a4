"""The bank's lines: bring a file in after a look at it, and decide about what nothing matched."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing import selectors
from billing.admin.price_files import FileForm
from billing.models import PAYERS, BankLine
from billing.services import bank_files, bank_lines
from billing.services.bank_files import Outcome, Plan
from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError, Invalid, Stale
from medisecure.kernel.formats import format_cents

TAKE: Final = "billing.take_payment"
SHOWN: Final = 200


class BankFileForm(FileForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = _("As the bank gives it. At most 1 MB and 2,000 lines.")


class AssignForm(forms.Form):
    numbers = forms.CharField(label=_("Numbers of invoices"), max_length=1000, help_text=_("Several: with spaces."))
    payer = forms.ChoiceField(label=_("Paid by"), choices=PAYERS, initial="patient")
    keep_rest = forms.BooleanField(label=_("Keep what is above as the patient’s credit"), required=False)

    def clean_numbers(self) -> list[str]:
        return [part.upper() for part in re.split(r"[\s,;]+", self.cleaned_data["numbers"]) if part]


class AsideForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200)


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)


@admin.register(BankLine)
class BankLineAdmin(admin.ModelAdmin[BankLine]):
    """A worklist: nothing is edited here, each line is decided about once."""

    list_display = ("booked_on", "amount", "label", "reference", "status", "why", "decide")
    list_display_links = None
    list_filter = ("status", "why")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("label", "reference")
    change_list_template = "admin/billing/bankline/change_list.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return selectors.sees_all(_actor(request))

    def has_view_permission(self, request: HttpRequest, obj: BankLine | None = None) -> bool:
        return selectors.sees_all(_actor(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: BankLine | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BankLine | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[BankLine]:
        return super().get_queryset(request).select_related("payment")

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display if _actor(request).has_perm(TAKE) else self.list_display[:-1]

    @admin.display(description=_("amount"), ordering="amount_cents")
    def amount(self, line: BankLine) -> str:
        return format_cents(line.amount_cents)

    @admin.display(description="")
    def decide(self, line: BankLine) -> str:
        if line.status != BankLine.Status.OPEN:
            return line.reason or "—"
        return format_html(
            '<a href="{}">{}</a> · <a href="{}">{}</a>',
            reverse("admin:billing_bankline_assign", args=[line.id]),
            gettext("Assign"),
            reverse("admin:billing_bankline_aside", args=[line.id]),
            gettext("Set aside"),
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if selectors.sees_all(_actor(request)):
            # Wordings name people: looking at the list is a look.
            selectors.audit(actor=_actor(request), patient_id=None, action="list")
        may = {"may_import": _actor(request).has_perm(TAKE)}
        return super().changelist_view(request, may | (extra_context or {}))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect("admin:billing_bankline_changelist")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("import/", view(self.import_view), name="billing_bankline_import"),
            path("<uuid:line_id>/assign/", view(self.assign_view), name="billing_bankline_assign"),
            path("<uuid:line_id>/aside/", view(self.aside_view), name="billing_bankline_aside"),
        ]
        return [*own, *super().get_urls()]

    # --- a file -------------------------------------------------------------------------------------------------------
    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Choose a file, look at what each line would do, confirm: as with the price list."""
        if not _actor(request).has_perm(TAKE):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, BankFileForm())
        if "digest" in request.POST:
            return self._confirmed(request)
        form = BankFileForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            text = bank_files.decode(form.cleaned_data["file"].read(bank_files.MOST_BYTES + 1))
            return self._preview(request, text, bank_files.plan(text))
        except Invalid as error:
            form.add_error("file", error.lines())
            return self._page(request, form, HTTPStatus.UNPROCESSABLE_ENTITY)

    def _confirmed(self, request: HttpRequest) -> HttpResponse:
        text = request.POST.get("text", "")
        try:
            made = bank_files.apply(actor=_actor(request), text=text, digest=request.POST["digest"])
        except Stale:
            messages.warning(request, gettext("Something was paid in the meantime. Look at the lines again."))
            return self._preview(request, text, bank_files.plan(text), HTTPStatus.CONFLICT)
        except DomainError as error:
            messages.error(request, " ".join(error.lines()))
            return HttpResponseRedirect(reverse("admin:billing_bankline_import"))
        paid, waiting = len(made.of(Outcome.MATCHED)), len(made.of(Outcome.UNMATCHED))
        text = ngettext("%(count)d payment was recorded.", "%(count)d payments were recorded.", paid)
        messages.success(request, text % {"count": paid})
        if waiting:
            text = ngettext("%(count)d line is unmatched.", "%(count)d lines are unmatched.", waiting)
            messages.warning(request, text % {"count": waiting})
        return HttpResponseRedirect(reverse("admin:billing_bankline_changelist") + "?status__exact=open")

    def _preview(
        self, request: HttpRequest, text: str, made: Plan, status: HTTPStatus = HTTPStatus.OK
    ) -> TemplateResponse:
        groups = [
            (title, len(made.of(outcome)), [_row(line) for line in made.of(outcome)[:SHOWN]])
            for outcome, title in (
                (Outcome.REFUSED, _("Refused")),
                (Outcome.MATCHED, _("Matched: will be recorded as payments")),
                (Outcome.UNMATCHED, _("Unmatched: will wait for you")),
                (Outcome.KNOWN, _("Read before: nothing happens")),
                (Outcome.DEBIT, _("Money that went out: nothing happens")),
            )
        ]
        taken = len(made.of(Outcome.MATCHED)) + len(made.of(Outcome.UNMATCHED))
        values = {"text": text, "digest": made.digest, "groups": groups, "taken": taken}
        return self._render(request, "admin/billing/bankline/preview.html", status, **values)

    def _page(self, request: HttpRequest, form: forms.Form, status: HTTPStatus = HTTPStatus.OK) -> TemplateResponse:
        return self._render(request, "admin/billing/bankline/import.html", status, form=form)

    # --- one line -----------------------------------------------------------------------------------------------------
    def assign_view(self, request: HttpRequest, line_id: UUID) -> HttpResponse:
        def act(form: Any) -> str:
            values = {name: form.cleaned_data[name] for name in ("numbers", "payer", "keep_rest")}
            bank_lines.assign(actor=_actor(request), line_id=line_id, **values)
            return gettext("The payment was recorded.")

        line = bank_lines.find(_actor(request), line_id)
        numbers = " ".join(bank_files.numbers_in(f"{line.label} {line.reference}"))
        form = AssignForm(request.POST or None, initial={"numbers": numbers})
        return self._ask(request, line, form, _("Assign this line"), _("Record the payment"), act)

    def aside_view(self, request: HttpRequest, line_id: UUID) -> HttpResponse:
        def act(form: Any) -> str:
            bank_lines.set_aside(actor=_actor(request), line_id=line_id, reason=form.cleaned_data["reason"])
            return gettext("The line was set aside.")

        line = bank_lines.find(_actor(request), line_id)
        return self._ask(request, line, AsideForm(request.POST or None), _("Set this line aside?"), _("Set aside"), act)

    def _ask(
        self, request: HttpRequest, line: BankLine, form: forms.Form, title: Any, button: Any, act: Any
    ) -> HttpResponse:
        if not _actor(request).has_perm(TAKE):
            raise PermissionDenied
        selectors.audit(actor=_actor(request), patient_id=None, action="view")
        faults: list[str] = []
        if request.method == "POST" and form.is_valid():
            try:
                messages.success(request, act(form))
                return HttpResponseRedirect(reverse("admin:billing_bankline_changelist") + "?status__exact=open")
            except DomainError as error:
                faults = error.lines()
        status = HTTPStatus.UNPROCESSABLE_ENTITY if faults or form.errors else HTTPStatus.OK
        values = {"line": line, "amount": format_cents(line.amount_cents), "form": form, "faults": faults}
        values |= {"title": title, "button": button}
        return self._render(request, "admin/billing/bankline/decide.html", status, **values)

    def _render(self, request: HttpRequest, template: str, status: HTTPStatus, **context: Any) -> TemplateResponse:
        base = {
            **self.admin_site.each_context(request),
            "title": gettext("Import a file of the bank"),
            "opts": self.opts,
            "back": reverse("admin:billing_bankline_changelist"),
        }
        return TemplateResponse(request, template, base | context, status=status)


def _row(line: bank_files.Line) -> dict[str, Any]:
    faults = [str(text) for _column, text in line.faults]
    what = line.invoice.number if line.invoice else "; ".join(faults) or line.why_label
    payer = dict(PAYERS).get(line.payer, "")
    return {
        "number": line.number,
        "day": line.day,
        "amount": format_cents(line.amount_cents) if line.amount_cents else line.cells["amount"] or line.cells["debit"],
        "label": line.cells["label"],
        "what": f"{what} · {payer}" if payer else what,
    }
