"""Tills, their days, and the books: what is earned, owed and counted, as page, PDF and CSV."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.forms import euros
from billing.admin.frames import Frames, actor_of
from billing.admin.named import with_cards
from billing.books import faces, fec
from billing.books.periods import Period, month_of
from billing.books.tables import Table
from billing.models import Till, TillDay, TillEntry
from billing.services import paper_url, tills
from medisecure.accounts.interface import user_cards
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid, NotFound, Refused
from medisecure.kernel.formats import format_cents
from medisecure.kernel.money import to_cents


def _day_field(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))


class PeriodForm(forms.Form):
    first = _day_field(_("From"))
    last = _day_field(_("To"))


class OpenForm(forms.Form):
    till = forms.ModelChoiceField(label=_("Till"), queryset=Till.objects.none())
    float = euros(label=_("Float counted (€)"), min_value=Decimal(0))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["till"].queryset = Till.objects.filter(active=True)  # type: ignore[attr-defined]


class MoveForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("Movement"),
        choices=[(kind.value, kind.label) for kind in (TillEntry.Kind.DEPOSIT, TillEntry.Kind.CHANGE)],
    )
    amount = euros(label=_("Amount (€)"), min_value=Decimal("0.01"))
    reference = forms.CharField(label=_("Reference"), max_length=100, required=False)


class CloseForm(forms.Form):
    counted = euros(label=_("Cash counted (€)"), min_value=Decimal(0))
    reason = forms.CharField(label=_("Why it differs, when it does"), max_length=200, required=False)


@admin.register(Till)
class TillAdmin(admin.ModelAdmin[Till]):
    list_display = ("name", "active")
    fields = ("name", "active")

    def has_delete_permission(self, request: HttpRequest, obj: Till | None = None) -> bool:
        return False


@admin.register(TillDay)
class TillDayAdmin(Frames, admin.ModelAdmin[TillDay]):
    """The days of the tills are read here; what is done with a till is a page that asks."""

    list_display = ("day", "till", "holder", "float", "expected", "counted", "difference")
    list_display_links = ("day",)
    list_filter = ("till",)
    list_select_related = ("till",)
    date_hierarchy = None
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "admin/billing/books/till_days.html"
    actions = None

    # --- rights -------------------------------------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TillDay | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TillDay | None = None) -> bool:
        return False

    # --- the list -----------------------------------------------------------------------------------------------------
    @admin.display(description=_("held by"))
    def holder(self, day: TillDay) -> str:
        cards = getattr(day, "_cards", None)
        cards = user_cards({day.opened_by}) if cards is None else cards
        return cards[day.opened_by].full_name if day.opened_by in cards else "—"

    @admin.display(description=_("float"))
    def float(self, day: TillDay) -> str:
        return format_cents(day.float_cents)

    @admin.display(description=_("expected"))
    def expected(self, day: TillDay) -> str:
        return gettext("open") if day.closed_at is None else format_cents(day.expected_cents or 0)

    @admin.display(description=_("counted"))
    def counted(self, day: TillDay) -> str:
        return "—" if day.closed_at is None else format_cents(day.counted_cents or 0)

    @admin.display(description=_("difference"))
    def difference(self, day: TillDay) -> str:
        return "—" if day.closed_at is None else format_cents(day.difference_cents)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor = actor_of(request)
        mine = TillDay.objects.filter(open_holder=actor.id).first()
        context = {
            "mine": mine,
            "may_open": mine is None and actor.has_perm(tills.KEEP),
            "may_read": actor.has_perm(faces.VIEW),
            **(extra_context or {}),
        }
        page = super().changelist_view(request, context)
        return with_cards(page, lambda rows: user_cards({row.opened_by for row in rows}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return HttpResponseRedirect(reverse("admin:billing_tillday_sheet", args=[UUID(object_id)]))
        except ValueError:
            raise NotFound from None

    # --- a till -------------------------------------------------------------------------------------------------------
    def open_view(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        if not actor.has_perm(tills.KEEP):
            raise Refused

        def act(form: Any) -> str:
            data = form.cleaned_data
            tills.open_till(actor=actor, till_id=data["till"].id, float_cents=to_cents(data["float"]))
            return gettext("The till is open. Cash that you take goes through it.")

        return self.asked(
            request,
            title=_("Open a till"),
            text=_("Count what is in the drawer. Until you close it, the cash that you take goes through this till."),
            button=_("Open"),
            form_class=OpenForm,
            act=act,
            then=reverse("admin:billing_tillday_changelist"),
        )

    def sheet_view(self, request: HttpRequest, day_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        found = faces.till_table(actor=actor, till_day_id=day_id, action=_action(request))
        day = TillDay.objects.get(id=day_id)
        links = []
        if day.closed_at is None and actor.has_perm(tills.KEEP):
            links = [
                (reverse("admin:billing_tillday_move", args=[day_id]), _("Move cash")),
                (reverse("admin:billing_tillday_close", args=[day_id]), _("Close the till")),
            ]
        return self._shown(request, found, links=links)

    def move_view(self, request: HttpRequest, day_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        if not actor.has_perm(tills.KEEP):
            raise Refused
        faces.till_table(actor=actor, till_day_id=day_id)

        def act(form: Any) -> str:
            data = form.cleaned_data
            entry = tills.move_cash(
                actor=actor,
                till_day_id=day_id,
                kind=data["kind"],
                amount_cents=to_cents(data["amount"]),
                reference=data["reference"],
            )
            return f"{entry.get_kind_display()} : {format_cents(abs(entry.amount_cents))}"

        return self.asked(
            request,
            title=_("Move cash"),
            text=_("What was moved cannot be changed afterwards."),
            button=_("Record"),
            form_class=MoveForm,
            act=act,
            then=reverse("admin:billing_tillday_sheet", args=[day_id]),
        )

    def close_view(self, request: HttpRequest, day_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        if not actor.has_perm(tills.KEEP):
            raise Refused
        faces.till_table(actor=actor, till_day_id=day_id)

        def act(form: Any) -> str:
            data = form.cleaned_data
            closed = tills.close_till(
                actor=actor, till_day_id=day_id, counted_cents=to_cents(data["counted"]), reason=data["reason"]
            )
            difference = format_cents(closed.difference_cents)
            return gettext("The till is closed. Difference: %(difference)s.") % {"difference": difference}

        day = TillDay.objects.select_related("till").get(id=day_id)
        return self.asked(
            request,
            title=_("Close the till"),
            text=_("Count the whole drawer, the float included. A day that was closed is never changed again."),
            button=_("Close the till"),
            form_class=CloseForm,
            act=act,
            then=reverse("admin:billing_tillday_sheet", args=[day_id]),
            facts=[(_("Till"), day.till.name), (_("Expected"), format_cents(tills.expected(day)))],
        )

    # --- the books ----------------------------------------------------------------------------------------------------
    def books_view(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:billing_books", args=["month"]))

    def book_view(self, request: HttpRequest, name: str) -> HttpResponse:
        actor = actor_of(request)
        if not actor.has_perm(faces.VIEW):
            raise Refused
        if name not in faces.BOOKS:
            raise NotFound
        month = month_of(clock.today())
        usual = {"first": month.first, "last": min(month.last, clock.today())}
        form = PeriodForm(request.GET) if {"first", "last"} & request.GET.keys() else PeriodForm(usual)
        found, status = None, HTTPStatus.OK
        if form.is_valid():
            try:
                period = Period(form.cleaned_data["first"], form.cleaned_data["last"])
                found = faces.table(actor=actor, name=name, period=period, action=_action(request))
            except Invalid as error:
                for field, texts in error.errors.items():
                    form.add_error(field, [str(text) for text in texts])
        if found is None:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        tabs = [(one, book.title, one == name) for one, book in faces.BOOKS.items()]
        year = clock.today().year
        years = list(range(year, year - 4, -1)) if actor.has_perm(faces.EXPORT) else []
        return self._shown(
            request, found, title=faces.BOOKS[name].title, status=status, tabs=tabs, form=form, years=years
        )

    def fec_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        try:
            year = int(request.GET.get("year", ""))
        except ValueError:
            raise NotFound from None
        try:
            lines = fec.export(year)
        except Invalid:
            raise NotFound from None
        faces.audit_export(actor_of(request), year)
        response = StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{fec.file_name(year)}"'
        response["Cache-Control"] = "no-store"
        return response

    def _shown(
        self, request: HttpRequest, found: Table | None, *, title: Any = "", status: int = HTTPStatus.OK, **context: Any
    ) -> HttpResponse:
        if found is not None and request.GET.get("format") == "csv":
            response = HttpResponse(faces.csv_of(found), content_type="text/csv; charset=utf-8")
            response["Content-Disposition"] = f'attachment; filename="{found.code}-{clock.today().isoformat()}.csv"'
            response["Cache-Control"] = "no-store"
            return response
        if found is not None and request.GET.get("format") == "pdf":
            actor = actor_of(request)
            paper = faces.paper_of(actor=actor, found=found)
            return HttpResponseRedirect(paper_url(actor=actor, paper_id=paper.id))
        query = request.GET.copy()
        query.pop("format", None)
        rows = [list(zip(found.columns, found.shown(row), strict=True)) for row in found.rows] if found else []
        total = list(zip(found.columns, found.shown(found.total), strict=True)) if found and found.total else []
        return self.framed(
            request,
            "book",
            title=title or (found.title if found else ""),
            status=status,
            table=found,
            rows=rows,
            total=total,
            query=query.urlencode(),
            **context,
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("open/", view(self.open_view), name="billing_tillday_open"),
            path("fec/", view(self.fec_view), name="billing_fec"),
            path("books/", view(self.books_view), name="billing_books_index"),
            path("books/<slug:name>/", view(self.book_view), name="billing_books"),
            path("<uuid:day_id>/sheet/", view(self.sheet_view), name="billing_tillday_sheet"),
            path("<uuid:day_id>/move/", view(self.move_view), name="billing_tillday_move"),
            path("<uuid:day_id>/close/", view(self.close_view), name="billing_tillday_close"),
        ]
        return [*own, *super().get_urls()]


def _action(request: HttpRequest) -> str:
    return "export" if request.GET.get("format") in ("csv", "pdf") else "view"
