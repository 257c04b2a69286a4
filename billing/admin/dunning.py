"""Reminders: the letters to post, and of one invoice what was sent and what holds it back."""

from __future__ import annotations

import calendar
import io
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing import selectors
from billing.admin.frames import Frames, actor_of
from billing.admin.named import with_cards
from billing.dunning_rules import MOST_INSTALMENTS, Part
from billing.models import Invoice, Reminder
from billing.paper_words import local_day
from billing.services import dunning, letters, paper_url
from medisecure.accounts.interface import user_cards
from medisecure.accounts.models import User
from medisecure.kernel import clock, objects
from medisecure.kernel.errors import NotFound, Refused
from medisecure.kernel.formats import format_cents
from medisecure.kernel.money import split_cents
from patients.interface import patient_card, patient_cards

#: One action prints so many letters at once.
MOST_AT_ONCE = 200


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200)


class PlanForm(forms.Form):
    first = forms.DateField(
        label=_("First instalment on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    count = forms.IntegerField(label=_("Number of monthly instalments"), min_value=1, max_value=MOST_INSTALMENTS)
    reason = forms.CharField(label=_("Reason"), max_length=200)


def monthly(owed_cents: int, first: date, count: int) -> list[Part]:
    """So many instalments from that day on, each a month after the one before; the first ones bear what is over."""
    days = []
    for number in range(count):
        month = first.month - 1 + number
        year, month = first.year + month // 12, month % 12 + 1
        days.append(date(year, month, min(first.day, calendar.monthrange(year, month)[1])))
    return [Part(day, cents) for day, cents in zip(days, split_cents(owed_cents, [1] * count), strict=True)]


class Letters(admin.SimpleListFilter):
    title = _("letters")
    parameter_name = "letters"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return (("to-post", _("To post")), ("posted", _("Posted")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reminder]) -> QuerySet[Reminder]:
        if self.value() == "to-post":
            # What was settled or held back since is not to be posted any more.
            open_ones = dunning.owing().exclude(holds__holds__isnull=False).values("id")
            return queryset.filter(printed_at=None, paper__isnull=False, invoice__in=open_ones)
        return queryset.exclude(printed_at=None) if self.value() == "posted" else queryset


@admin.register(Reminder)
class ReminderAdmin(Frames, admin.ModelAdmin[Reminder]):
    """Written by the look; read, printed and noted as posted here."""

    list_display = ("number", "who", "step", "made", "then", "now", "posted")
    list_display_links = ("number",)
    list_filter = (Letters, "step")
    list_select_related = ("invoice",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("invoice__number__startswith",)
    search_help_text = _("The number of an invoice.")
    actions = ("print_letters", "note_posted")
    change_list_template = "admin/billing/books/reminders.html"

    # --- rights -------------------------------------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Reminder | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Reminder | None = None) -> bool:
        return False

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).has_perm(dunning.MANAGE)

    # --- the list -----------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Reminder]:
        return super().get_queryset(request).prefetch_related("invoice__shares")

    @admin.display(description=_("invoice"), ordering="invoice__number")
    def number(self, reminder: Reminder) -> str:
        return reminder.invoice.number or ""

    @admin.display(description=_("patient"))
    def who(self, reminder: Reminder) -> str:
        cards = getattr(reminder, "_cards", None)
        cards = patient_cards([reminder.patient_id]) if cards is None else cards
        card = cards.get(reminder.patient_id)
        return f"{card.full_name} · {card.record_number}" if card else "—"

    @admin.display(description=_("made"), ordering="made_at")
    def made(self, reminder: Reminder) -> str:
        return _day(reminder.made_at)

    @admin.display(description=_("owed then"))
    def then(self, reminder: Reminder) -> str:
        return format_cents(reminder.owed_cents)

    @admin.display(description=_("owed now"))
    def now(self, reminder: Reminder) -> str:
        return format_cents(reminder.invoice.balance_cents) if reminder.invoice.balance_cents else "—"

    @admin.display(description=_("posted"))
    def posted(self, reminder: Reminder) -> str:
        if reminder.printed_at is None:
            return "—"
        return _day(reminder.printed_at)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        actor = actor_of(request)
        if actor.has_perm("billing.view_reminder"):
            selectors.audit(actor=actor, patient_id=None, action="list")
        page = super().changelist_view(request, extra_context)
        return with_cards(page, lambda rows: patient_cards({row.patient_id for row in rows}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            reminder = Reminder.objects.filter(id=UUID(object_id)).first()
        except ValueError:
            raise NotFound from None
        if reminder is None:
            raise NotFound
        return HttpResponseRedirect(_course(reminder.invoice_id))

    # --- letters ------------------------------------------------------------------------------------------------------
    @admin.action(description=_("Print the letters as one file"), permissions=["manage"])
    def print_letters(self, request: HttpRequest, queryset: QuerySet[Reminder]) -> HttpResponse | None:
        from pypdf import PdfWriter

        rows = list(queryset.exclude(paper=None).select_related("paper", "invoice")[:MOST_AT_ONCE])
        if not rows:
            self.message_user(request, gettext("None of these has a letter."), messages.WARNING)
            return None
        whole = PdfWriter()
        for row in rows:
            selectors.audit(
                actor=actor_of(request), patient_id=row.patient_id, action="download", invoice_id=row.invoice_id
            )
            if row.paper is not None:
                with objects.documents().open(row.paper.pdf_key) as file:
                    whole.append(io.BytesIO(file.read()), import_outline=False)
        out = io.BytesIO()
        whole.write(out)
        response = HttpResponse(out.getvalue(), content_type="application/pdf")
        response["Content-Disposition"] = f'attachment; filename="letters-{clock.today().isoformat()}.pdf"'
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description=_("Note the letters as posted"), permissions=["manage"])
    def note_posted(self, request: HttpRequest, queryset: QuerySet[Reminder]) -> HttpResponse | None:
        rows = list(queryset.filter(printed_at=None).exclude(paper=None).select_related("invoice")[:MOST_AT_ONCE])
        if not rows:
            self.message_user(request, gettext("None of these is a letter that is to be posted."), messages.WARNING)
            return None
        if "confirmed" not in request.POST:
            return self.framed(
                request,
                "posted",
                title=_("Note these letters as posted?"),
                rows=rows,
                action_checkbox_name=ACTION_CHECKBOX_NAME,
            )
        done = letters.note_posted(actor=actor_of(request), reminder_ids=[row.id for row in rows])
        text = ngettext("%(count)d letter was noted as posted.", "%(count)d letters were noted as posted.", done)
        self.message_user(request, text % {"count": done}, messages.SUCCESS)
        return None

    def letter_view(self, request: HttpRequest, reminder_id: UUID) -> HttpResponse:
        reminder = Reminder.objects.filter(id=reminder_id).first()
        if reminder is None:
            raise NotFound
        actor = actor_of(request)
        selectors.find(actor, reminder.invoice_id)
        if reminder.paper_id is None:
            messages.warning(
                request, gettext("This letter was not made: nothing was owed any more, or it is being made.")
            )
            return HttpResponseRedirect(_course(reminder.invoice_id))
        return HttpResponseRedirect(paper_url(actor=actor, paper_id=reminder.paper_id))

    # --- one invoice --------------------------------------------------------------------------------------------------
    def course_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        if not actor.has_perm("billing.view_reminder"):
            raise Refused
        invoice = selectors.open_invoice(actor=actor, invoice_id=invoice_id)
        holds = list(invoice.holds.prefetch_related("instalments"))
        cards = user_cards({hold.started_by for hold in holds} | {hold.ended_by for hold in holds if hold.ended_by})
        names = {one: card.full_name for one, card in cards.items()}
        held = next((hold for hold in holds if hold.holds), None)
        links = []
        if actor.has_perm(dunning.MANAGE) and invoice.status == Invoice.Status.ISSUED and invoice.balance_cents:
            pages = [("resume", _("Take reminders up again"))] if held else []
            pages += [] if held else [("dispute", _("Disputed")), ("plan", _("Payment plan"))]
            links = [(reverse(f"admin:billing_reminder_{name}", args=[invoice_id]), label) for name, label in pages]
        return self.framed(
            request,
            "course",
            title=gettext("Reminders of invoice %(number)s") % {"number": invoice},
            invoice=invoice,
            patient=patient_card(invoice.patient_id),
            owed=format_cents(invoice.balance_cents),
            held=held,
            holds=[
                {
                    "row": hold,
                    "owed": format_cents(hold.owed_cents),
                    "by": names.get(hold.started_by, "—"),
                    "ended_by": names.get(hold.ended_by, "") if hold.ended_by else "",
                    "parts": [(part.due_on, format_cents(part.amount_cents)) for part in hold.instalments.all()],
                }
                for hold in holds
            ],
            reminders=[(row, format_cents(row.owed_cents)) for row in invoice.reminders.order_by("step")],
            links=links,
        )

    def dispute_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> str:
            dunning.dispute(actor=actor, invoice_id=invoice_id, reason=form.cleaned_data["reason"])
            return gettext("Reminders are held back.")

        text = _("No reminder is sent while it is disputed. Say what the patient objects to.")
        return self._about(request, invoice_id, _("Hold reminders back: disputed"), text, ReasonForm, act)

    def plan_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> str:
            data = form.cleaned_data
            owed = selectors.find(actor, invoice_id).balance_cents
            parts = monthly(owed, data["first"], data["count"]) if owed else []
            dunning.agree_plan(actor=actor, invoice_id=invoice_id, parts=parts, reason=data["reason"])
            return gettext("The plan was recorded. Reminders are held back while it is kept.")

        text = _(
            "The patient pays in monthly parts. When one has not come five days after its day, reminders are taken up "
            "again."
        )
        return self._about(request, invoice_id, _("Payment plan"), text, PlanForm, act)

    def resume_view(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        def act(actor: User, form: Any) -> str:
            dunning.resume(actor=actor, invoice_id=invoice_id, reason=form.cleaned_data["reason"])
            return gettext("Reminders are taken up again.")

        text = _("The next reminder leaves when its day has come.")
        return self._about(request, invoice_id, _("Take reminders up again"), text, ReasonForm, act)

    def _about(
        self, request: HttpRequest, invoice_id: UUID, title: Any, text: Any, form_class: type[forms.Form], act: Any
    ) -> HttpResponse:
        actor = actor_of(request)
        invoice = selectors.open_invoice(actor=actor, invoice_id=invoice_id)
        if not actor.has_perm(dunning.MANAGE):
            raise Refused
        patient = patient_card(invoice.patient_id)
        return self.asked(
            request,
            title=title,
            text=text,
            button=_("Record"),
            form_class=form_class,
            act=lambda form: act(actor, form),
            then=_course(invoice_id),
            initial={"first": clock.today(), "count": 3},
            facts=[
                (_("Patient"), f"{patient.full_name} · {patient.record_number}"),
                (_("Invoice"), str(invoice)),
                (_("Still owed"), format_cents(invoice.balance_cents)),
            ],
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [path("<uuid:reminder_id>/letter/", view(self.letter_view), name="billing_reminder_letter")]
        pages = (
            ("", "course", self.course_view),
            ("dispute/", "dispute", self.dispute_view),
            ("plan/", "plan", self.plan_view),
            ("resume/", "resume", self.resume_view),
        )
        own += [
            path(f"invoice/<uuid:invoice_id>/{end}", view(page), name=f"billing_reminder_{name}")
            for end, name, page in pages
        ]
        return [*own, *super().get_urls()]


def _course(invoice_id: UUID) -> str:
    return reverse("admin:billing_reminder_course", args=[invoice_id])


def _day(instant: datetime) -> str:
    return date_format(local_day(instant), "SHORT_DATE_FORMAT")
