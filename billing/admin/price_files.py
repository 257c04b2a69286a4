"""The price list as a file in the admin: take it out, and bring it in after a look at what would change."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, cast

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.models import Price
from billing.services import price_files
from billing.services.price_files import Outcome, Plan
from billing.services.prices import ADD
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError, Invalid, Refused, Stale
from medisecure.kernel.formats import format_cents

#: So many lines of a kind are shown; the refused ones can be taken out as a file, all of them.
SHOWN: Final = 200


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("CSV file"),
        help_text=_("The columns are those of the export. At most 1 MB and 10,000 lines."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )


class PriceFilePages:
    """Mixed into the admin of prices."""

    admin_site: admin.AdminSite
    opts: Any

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("import/", view(self.import_view), name="billing_price_import"),
            path("import/refused/", view(self.refused_view), name="billing_price_refused"),
            path("export/", view(self.export_view), name="billing_price_export"),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]  # of the ModelAdmin that this is mixed into

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        if not request.user.has_perm("billing.view_price"):
            raise Refused
        return _download(price_files.export(Price.objects.order_by("code", "valid_from").iterator()), "prices")

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Choose a file, look at what each line would do, confirm. The file's text travels in the page of the preview;
        its digest makes sure that what is confirmed is what was shown."""
        if not request.user.has_perm(ADD):
            raise Refused
        if request.method != "POST":
            return self._page(request, FileForm())
        if "digest" in request.POST:
            return self._confirmed(request)
        form = FileForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            text = price_files.decode(form.cleaned_data["file"].read(price_files.MOST_BYTES + 1))
            return self._preview(request, text, price_files.plan(text))
        except Invalid as error:
            form.add_error("file", error.lines())
            return self._page(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)

    def refused_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        if not request.user.has_perm(ADD):
            raise Refused
        try:
            return _download(price_files.refused_lines(price_files.plan(request.POST.get("text", ""))), "refused")
        except Invalid:
            return HttpResponseRedirect(reverse("admin:billing_price_import"))

    def _confirmed(self, request: HttpRequest) -> HttpResponse:
        text = request.POST.get("text", "")
        try:
            made = price_files.apply(actor=cast(User, request.user), text=text, digest=request.POST["digest"])
        except Stale:
            messages.warning(request, gettext("The price list has changed in the meantime. Look at the lines again."))
            return self._preview(request, text, price_files.plan(text), status=HTTPStatus.CONFLICT)
        except DomainError as error:
            messages.error(request, " ".join(error.lines()))
            return HttpResponseRedirect(reverse("admin:billing_price_import"))
        taken = len(made.of(Outcome.NEW)) + len(made.of(Outcome.CHANGED))
        refused = len(made.of(Outcome.REFUSED))
        messages.success(
            request, ngettext("%(count)d price was added.", "%(count)d prices were added.", taken) % {"count": taken}
        )
        if refused:
            text = ngettext("%(count)d line was left out.", "%(count)d lines were left out.", refused)
            messages.warning(request, text % {"count": refused})
        return HttpResponseRedirect(reverse("admin:billing_price_changelist"))

    def _preview(
        self, request: HttpRequest, text: str, made: Plan, status: HTTPStatus = HTTPStatus.OK
    ) -> TemplateResponse:
        counts = {outcome.value: len(made.of(outcome)) for outcome in Outcome}
        return self._render(
            request,
            "admin/billing/price/preview.html",
            status,
            text=text,
            digest=made.digest,
            counts=counts,
            taken=counts["new"] + counts["changed"],
            refused=made.of(Outcome.REFUSED)[:SHOWN],
            changed=[(line, _amounts(line)) for line in made.of(Outcome.CHANGED)[:SHOWN]],
            added=[(line, _amounts(line)) for line in made.of(Outcome.NEW)[:SHOWN]],
            shown=SHOWN,
        )

    def _page(self, request: HttpRequest, form: FileForm, status: HTTPStatus = HTTPStatus.OK) -> TemplateResponse:
        columns = price_files.COLUMNS
        return self._render(request, "admin/billing/price/import.html", status, form=form, columns=columns)

    def _render(self, request: HttpRequest, template: str, status: HTTPStatus, **context: Any) -> TemplateResponse:
        base = {
            **self.admin_site.each_context(request),
            "title": gettext("Import the price list"),
            "opts": self.opts,
            "back": reverse("admin:billing_price_changelist"),
        }
        return TemplateResponse(request, template, base | context, status=status)


def _amounts(line: price_files.Line) -> tuple[str, str]:
    """(before, after), as people write them."""
    before = format_cents(line.replaces.price_cents) if line.replaces else "—"
    return before, format_cents(line.price.price_cents) if line.price else ""


def _download(lines: Any, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{clock.today().isoformat()}.csv"'
    response["Cache-Control"] = "no-store"
    return response
