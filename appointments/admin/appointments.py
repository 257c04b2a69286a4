"""Appointments in the admin: the day's agenda first, and a plain list behind it. Changes go through the services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments import access, rules, selectors
from appointments.admin import agenda, agenda_grid, agenda_rows, booking, waiting
from appointments.admin.lists import WrittenDown
from appointments.models import Appointment, WaitingEntry
from appointments.no_shows import no_shows, said
from appointments.rooms import rooms_of
from medisecure.accounts.interface import user_card
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound
from patients import interface as patients

TO_CONFIRM = _("to be confirmed")
TICKET = _("number %(number)d")

_STEPS = {
    "book": _("Booked"),
    "import": _("Taken over"),
    "move": _("Moved"),
    "cancel": _("Cancelled"),
    "confirm": _("Confirmed"),
    "arrive": _("Arrived"),
    "start": _("Begun"),
    "complete": _("Completed"),
    "no-show": _("Did not come"),
    "call": _("Called in"),
    "undo": _("Step taken back"),
}


class NamedList(WrittenDown):
    resource = "appointments"
    action = "view"


def name_rows(request: HttpRequest, rows: Sequence[Any]) -> None:
    """What the columns of many visits show, in three queries."""
    people = patients.shown_cards(cast(User, request.user), {row.patient_id for row in rows})
    practitioners = patients.practitioner_cards({row.practitioner_id for row in rows})
    labels = selectors.type_labels()
    for row in rows:
        row.patient_card = people.get(row.patient_id)
        row.practitioner_card = practitioners.get(row.practitioner_id)
        row.type_label = labels.get(row.type_code, row.type_code)


class PlaceFilter(admin.SimpleListFilter):
    """The places of open calendars: those of all the visits there ever were would have to be read from each of them."""

    title = _("place")
    parameter_name = "place"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in selectors.place_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        return queryset.filter(place=self.value()) if self.value() else queryset


@admin.register(Appointment)
class AppointmentAdmin(admin.ModelAdmin[Appointment]):
    list_display = ("local_start", "patient", "practitioner", "kind", "place", "status", "overbooked")
    list_filter = (("start", admin.DateFieldListFilter), "status", "overbooked", PlaceFilter)
    # Both ways of one index: the newest page is read and no other.
    ordering = ("-start", "-id")
    list_per_page = 50
    # On a large collection a second count of everything costs more than it tells.
    show_full_result_count = False
    #: For exports of this list (medisecure/reports/lists.py).
    name_rows = staticmethod(name_rows)
    export_values = {"local_start": lambda row: clock.local(row.start, row.zone).replace(tzinfo=None)}
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "patient",
                    "practitioner",
                    "kind",
                    "local_start",
                    "local_end",
                    "place",
                    "rooms",
                    "zone",
                    "state",
                    "missed",
                )
            },
        ),
        (_("For staff"), {"fields": ("staff_note", "overbooked", "overbook_reason", "cancel_reason", "created_at")}),
        (_("Waiting list"), {"fields": ("earlier",)}),
        (_("History"), {"fields": ("history",)}),
    )
    readonly_fields = (
        "patient",
        "practitioner",
        "kind",
        "local_start",
        "local_end",
        "state",
        "rooms",
        "missed",
        "earlier",
        "history",
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("agenda/", view(agenda.agenda), name="appointments_appointment_agenda"),
            path("agenda/day/", view(agenda_grid.day_view), name="appointments_appointment_day"),
            path("agenda/week/", view(agenda_grid.week_view), name="appointments_appointment_week"),
            path("waiting/", view(waiting.waiting_room), name="appointments_appointment_waiting"),
            path("book/", view(booking.book), name="appointments_appointment_book"),
            path("<uuid:appointment_id>/move/", view(booking.move), name="appointments_appointment_move"),
            path("<uuid:appointment_id>/step/", view(agenda_rows.step), name="appointments_appointment_step"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and not request.GET and self.has_view_permission(request):
            return redirect("admin:appointments_appointment_day")
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        actor = cast(User, request.user)
        try:
            visit = access.access_appointment(actor=actor, appointment_id=UUID(object_id))
        except (NotFound, ValueError):
            raise Http404 from None
        frame = patients.staff_frame(actor=actor, patient_id=visit.patient_id, page_title=gettext("Appointment"))
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **frame})

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Appointment | None:
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            row.patient_card = patients.shown_cards(cast(User, request.user), [row.patient_id]).get(row.patient_id)
        found: Appointment | None = row
        return found

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appointment]:
        return access.staff_visible(cast(User, request.user)).order_by(*self.ordering)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Appointment | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Appointment | None = None) -> bool:
        return False

    @admin.display(description=_("start"), ordering="start")
    def local_start(self, row: Appointment) -> str:
        return formats.date_format(clock.local(row.start, row.zone), "D j N Y H:i")

    @admin.display(description=_("an earlier time"))
    def earlier(self, row: Appointment) -> str | SafeString:
        """The wish for an earlier time, or the way to one."""
        entry = WaitingEntry.objects.filter(open_key=f"visit:{row.id}").first()
        if entry:
            url = reverse("admin:appointments_waitingentry_change", args=[entry.id])
            return format_html('<a href="{}">{}</a>', url, _("On the waiting list"))
        if rules.Status(row.status) not in rules.UPCOMING or row.start <= clock.now():
            return "—"
        url = reverse("admin:appointments_waitingentry_add")
        return format_html('<a href="{}?appointment={}">{}</a>', url, row.id, _("Put on the waiting list"))

    @admin.display(description=_("end"))
    def local_end(self, row: Appointment) -> str:
        return f"{clock.local(row.end, row.zone):%H:%M}"

    @admin.display(description=_("patient"))
    def patient(self, row: Appointment) -> str:
        card = getattr(row, "patient_card", None)
        return f"{card.full_name} ({card.record_number})" if card else gettext("Identity not shown")

    @admin.display(description=_("practitioner"))
    def practitioner(self, row: Appointment) -> str:
        found = getattr(row, "practitioner_card", None)
        card = found or patients.practitioner_cards([row.practitioner_id]).get(row.practitioner_id)
        return card.full_name if card else "—"

    @admin.display(description=_("type"))
    def kind(self, row: Appointment) -> str:
        label: str | None = getattr(row, "type_label", None)
        return label or selectors.type_labels().get(row.type_code, row.type_code)

    @admin.display(description=_("rooms and equipment"))
    def rooms(self, row: Appointment) -> str:
        return ", ".join(rooms_of([row.id]).get(row.id, ())) or "—"

    @admin.display(description=_("state"))
    def state(self, row: Appointment) -> str:
        parts = [str(row.get_status_display())]
        if row.awaits_confirmation:
            parts.append(str(TO_CONFIRM))
        if row.ticket:
            parts.append(str(TICKET % {"number": row.ticket}))
        return ", ".join(parts)

    @admin.display(description=_("missed visits"))
    def missed(self, row: Appointment) -> str:
        found = no_shows([row.patient_id]).get(row.patient_id, 0)
        return said(found) if found else "—"

    @admin.display(description=_("steps"))
    def history(self, row: Appointment) -> SafeString:
        steps = selectors.history_of(row.id)
        people = {step.actor_id: user_card(step.actor_id) for step in steps if step.actor_id is not None}
        lines = format_html_join(
            "",
            "<li>{} — {} — {}{}</li>",
            (
                (
                    formats.date_format(clock.local(step.at, row.zone), "D j N Y H:i"),
                    _STEPS.get(step.action, step.action),
                    card.full_name if step.actor_id and (card := people.get(step.actor_id)) else _("the system"),
                    f" — {step.reason}" if step.reason else "",
                )
                for step in steps
            ),
        )
        return format_html("<ol>{}</ol>", lines)
