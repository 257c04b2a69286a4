"""The waiting list in the admin: the line in its order, each wish with its journal, and what staff may do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import formats
from django.utils.dates import WEEKDAYS
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from appointments import access, selectors
from appointments.admin.lists import WrittenDown
from appointments.admin.waiting_list_forms import WaitingForm
from appointments.messages import practitioner_name, when
from appointments.models import Appointment, WaitingEntry, WaitingOffer, WaitingStep
from appointments.services import waiting
from medisecure.accounts.interface import user_cards
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError, NotFound
from patients import interface as patients

_STEPS = {
    "ask": gettext_lazy("Asked"),
    "offer": gettext_lazy("A time was offered"),
    "accept": gettext_lazy("Accepted"),
    "decline": gettext_lazy("Declined"),
    "expire": gettext_lazy("Not answered in time"),
    "void": gettext_lazy("Offer taken back"),
    "pause": gettext_lazy("Paused after several offers without a yes"),
    "resume": gettext_lazy("Goes on"),
    "priority": gettext_lazy("Priority changed"),
    "withdraw": gettext_lazy("Withdrawn"),
    "lapse": gettext_lazy("Lapsed"),
}


def _actor(request: HttpRequest) -> User:
    # The admin site lets nobody else in.
    return cast(User, request.user)


class Line(WrittenDown):
    resource = "waiting-list"


def name_rows(request: HttpRequest, rows: Sequence[Any]) -> None:
    """What the columns of many rows show, looked up at once."""
    people = patients.shown_cards(_actor(request), {row.patient_id for row in rows})
    names = patients.practitioner_cards({row.practitioner_id for row in rows if row.practitioner_id})
    labels = selectors.type_labels() if rows else {}
    wanted = [row.appointment_id for row in rows if row.appointment_id]
    visits = {one.id: one for one in Appointment.objects.filter(id__in=wanted)} if wanted else {}
    offers = WaitingOffer.objects.filter(
        entry_id__in=[row.id for row in rows], status=WaitingOffer.Status.OPEN, expires__gt=clock.now()
    )
    by_entry = {offer.entry_id: offer for offer in offers} if rows else {}
    for row in rows:
        row.patient_card = people.get(row.patient_id)
        row.practitioner_card = names.get(row.practitioner_id)
        row.type_label = labels.get(row.type_code, row.type_code)
        row.visit = visits.get(row.appointment_id)
        row.offer = by_entry.get(row.id)


@admin.register(WaitingEntry)
class WaitingEntryAdmin(admin.ModelAdmin[WaitingEntry]):
    list_display = ("patient", "kind", "whom", "present", "days", "priority", "asked", "status", "offer")
    #: For exports of this list (medisecure/reports/lists.py).
    name_rows = staticmethod(name_rows)
    list_filter = ("status", "priority")
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-priority", "created_at", "id")
    fieldsets = (
        (None, {"fields": ("patient", "kind", "whom", "present", "days", "times", "priority", "status", "note")}),
        (gettext_lazy("Journal"), {"fields": ("journal",)}),
    )
    readonly_fields = ("patient", "kind", "whom", "present", "days", "times", "journal")
    change_list_template = "admin/appointments/waitingentry/change_list.html"
    change_form_template = "admin/appointments/waitingentry/change_form.html"

    # --- Addresses ----------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(require_POST(self.act))
        return [
            path("<uuid:entry_id>/act/", act, name="appointments_waitingentry_act"),
            *super().get_urls(),
        ]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> WaitingEntry | None:
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            row.patient_card = patients.shown_cards(_actor(request), [row.patient_id]).get(row.patient_id)
        found: WaitingEntry | None = row
        return found

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Line

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitingEntry]:
        return access.waiting_visible(_actor(request)).order_by(*self.ordering)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """`?appointment=<id>` for an earlier time of a visit; without it, for a first one."""
        if not self.has_add_permission(request):
            raise Http404
        actor = _actor(request)
        visit = self._visit(request)
        form = WaitingForm(request.POST if request.method == "POST" else None, actor=actor, for_visit=visit is not None)
        if request.method == "POST" and form.is_valid():
            try:
                entry = waiting.ask(actor=actor, appointment_id=visit.id if visit else None, **form.wish())
            except DomainError as error:
                form.take(error)
            else:
                messages.success(request, _("On the waiting list."))
                return redirect("admin:appointments_waitingentry_change", entry.id)
        card = patients.shown_cards(actor, [visit.patient_id]).get(visit.patient_id) if visit else None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Put on the waiting list"),
            "opts": self.opts,
            "form": form,
            "visit": visit,
            "patient": card,
            "present": when(visit.start, visit.zone) if visit else "",
            "practitioner": practitioner_name(visit.practitioner_id) if visit else "",
        }
        return TemplateResponse(
            request, "admin/appointments/waitingentry/add.html", context, status=422 if form.errors else 200
        )

    def _visit(self, request: HttpRequest) -> Appointment | None:
        text = request.GET.get("appointment", "")
        if not text:
            return None
        try:
            return access.access_appointment(actor=_actor(request), appointment_id=UUID(text))
        except (NotFound, ValueError):
            raise Http404 from None

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            entry = waiting.access_entry(actor=_actor(request), entry_id=UUID(object_id))
        except (NotFound, ValueError):
            raise Http404 from None
        live = entry.status in (WaitingEntry.Status.WAITING, WaitingEntry.Status.PAUSED)
        offer = WaitingOffer.objects.filter(
            entry_id=entry.id, status=WaitingOffer.Status.OPEN, expires__gt=clock.now()
        ).first()
        context = {
            "title": _("Waiting list"),
            "subtitle": None,
            "entry": entry,
            "live": live,
            "offer": offer,
            "offered": when(offer.start, offer.zone) if offer else "",
            "until": when(offer.expires, offer.zone) if offer else "",
            "offered_by": practitioner_name(offer.practitioner_id) if offer else "",
            "priorities": WaitingEntry.Priority.choices,
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def act(self, request: HttpRequest, entry_id: UUID) -> HttpResponse:
        """What a button of the page asks for, then back to it."""
        actor = _actor(request)
        if not actor.has_perm(access.MANAGE_WAITING):
            raise PermissionDenied
        asked = request.POST.get("do", "")
        acts: dict[str, Callable[[], object]] = {
            "withdraw": lambda: waiting.withdraw(actor=actor, entry_id=entry_id),
            "resume": lambda: waiting.resume(actor=actor, entry_id=entry_id),
            "priority": lambda: waiting.set_priority(
                actor=actor, entry_id=entry_id, priority=_number(request.POST.get("priority", ""))
            ),
            "accept": lambda: waiting.accept(actor=actor, offer_id=_offer_of(request, entry_id)),
            "decline": lambda: waiting.decline(actor=actor, offer_id=_offer_of(request, entry_id)),
        }
        if asked not in acts:
            messages.error(request, _("This form was not complete. Please try again."))
        else:
            try:
                acts[asked]()
            except NotFound:
                raise Http404 from None
            except DomainError as error:
                for line in error.lines():
                    messages.error(request, line)
            else:
                messages.success(request, _("Done."))
        return redirect("admin:appointments_waitingentry_change", entry_id)

    # --- Who may ------------------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return _actor(request).has_perm(access.MANAGE_WAITING)

    def has_view_permission(self, request: HttpRequest, obj: WaitingEntry | None = None) -> bool:
        return _actor(request).has_perm(access.MANAGE_WAITING)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _actor(request).has_perm(access.MANAGE_WAITING)

    def has_change_permission(self, request: HttpRequest, obj: WaitingEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: WaitingEntry | None = None) -> bool:
        return False

    # --- What is shown ------------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("patient"))
    def patient(self, row: WaitingEntry) -> str:
        card = getattr(row, "patient_card", None)
        return f"{card.full_name} ({card.record_number})" if card else _("Identity not shown")

    @admin.display(description=gettext_lazy("type"))
    def kind(self, row: WaitingEntry) -> str:
        label: str | None = getattr(row, "type_label", None)
        return label or selectors.type_labels().get(row.type_code, row.type_code)

    @admin.display(description=gettext_lazy("with"))
    def whom(self, row: WaitingEntry) -> str:
        card = getattr(row, "practitioner_card", None)
        if card is None and row.practitioner_id:
            card = patients.practitioner_cards([row.practitioner_id]).get(row.practitioner_id)
        if card:
            return str(card.full_name)
        members = patients.practitioners(row.specialty) if row.specialty else []
        return members[0].specialty_label if members else row.specialty or "—"

    @admin.display(description=gettext_lazy("booked now"))
    def present(self, row: WaitingEntry) -> str:
        if row.appointment_id is None:
            return "—"
        visit = getattr(row, "visit", None) or Appointment.objects.filter(id=row.appointment_id).first()
        return formats.date_format(clock.local(visit.start, visit.zone), "D j N Y H:i") if visit else "—"

    @admin.display(description=gettext_lazy("between"))
    def days(self, row: WaitingEntry) -> str:
        return f"{formats.date_format(row.first, 'j N Y')} – {formats.date_format(row.last, 'j N Y')}"

    @admin.display(description=gettext_lazy("asked"), ordering="created_at")
    def asked(self, row: WaitingEntry) -> str:
        return formats.date_format(clock.local(row.created_at, settings.TIME_ZONE), "j N Y H:i")

    @admin.display(description=gettext_lazy("days and times"))
    def times(self, row: WaitingEntry) -> str | SafeString:
        if not row.windows:
            return _("Any time")
        return format_html_join(
            format_html("<br>"),
            "{} {}–{}",
            ((WEEKDAYS[one["weekday"]].capitalize(), one["start"], one["end"]) for one in row.windows),
        )

    @admin.display(description=gettext_lazy("offer"))
    def offer(self, row: WaitingEntry) -> str:
        offer: WaitingOffer | None = getattr(row, "offer", None)
        if offer is None:
            return "—"
        start, until = clock.local(offer.start, offer.zone), clock.local(offer.expires, offer.zone)
        return _("%(start)s, to be answered by %(until)s") % {
            "start": formats.date_format(start, "D j N H:i"),
            "until": f"{until:%H:%M}",
        }

    @admin.display(description=gettext_lazy("steps"))
    def journal(self, row: WaitingEntry) -> SafeString:
        steps = list(WaitingStep.objects.filter(entry_id=row.id))
        offers = {one.id: one for one in WaitingOffer.objects.filter(entry_id=row.id)}
        people = user_cards({step.actor_id for step in steps if step.actor_id})
        lines = []
        for step in steps:
            who = people.get(step.actor_id) if step.actor_id else None
            by = who.full_name if who else _("by the link in a mail") if step.reason == "link" else _("the system")
            offer = offers.get(step.offer_id) if step.offer_id else None
            words = str(_STEPS.get(step.action, step.action))
            if offer and step.action == "offer":
                words = f"{words} ({when(offer.start, offer.zone)})"
            at = formats.date_format(clock.local(step.at, settings.TIME_ZONE), "D j N Y H:i")
            lines.append((at, words, by))
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{} — {} — {}</li>", lines))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 3 else -1


def _offer_of(request: HttpRequest, entry_id: UUID) -> UUID:
    """The offer that the form names, if it is this wish's."""
    try:
        offer_id = UUID(request.POST.get("offer", ""))
    except ValueError:
        raise NotFound from None
    if not WaitingOffer.objects.filter(id=offer_id, entry_id=entry_id).exists():
        raise NotFound
    return offer_id
