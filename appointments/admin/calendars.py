"""Calendars, types and leave in the admin. A calendar's JSON is checked before it is saved, with words that help."""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from appointments import rules
from appointments.admin import stranded
from appointments.admin.stranded import TellsStranded
from appointments.calendars import calendar_errors, type_errors
from appointments.models import Appointment, AppointmentType, Calendar, Leave, Resource, ResourceUse
from appointments.occupied import forget_busy
from medisecure.kernel import clock
from medisecure.kernel.errors import NotFound
from medisecure.kernel.models import PinnedQuerySet
from patients import interface as patients


def _practitioner_choices() -> list[tuple[str, str]]:
    return [("", "---------"), *((str(card.id), card.full_name) for card in patients.practitioners())]


def _practitioner_field() -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("Practitioner"), coerce=lambda value: UUID(str(value)), choices=_practitioner_choices
    )


class _PractitionerForm:
    """Offers the practitioner that the row has already, also when they have left since."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        form = cast("forms.ModelForm[Calendar]", self)
        # Who may only look gets a form without fields.
        field = cast(forms.TypedChoiceField | None, form.fields.get("practitioner_id"))
        present = form.instance.practitioner_id
        if field is None or present is None:
            return
        known = _practitioner_choices()
        if str(present) not in dict(known):
            card = patients.practitioner_cards([present]).get(present)
            field.choices = [*known, (str(present), card.full_name if card else str(present))]


def _type_choices() -> list[tuple[str, str]]:
    return [(kind.code, f"{kind.label} ({kind.duration_minutes} min)") for kind in AppointmentType.objects.all()]


class _PrettyJson(json.JSONEncoder):
    """One rule a line would be nicer still, but this is what people can edit and Python can make."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"indent": 1, "ensure_ascii": False})


class CalendarForm(_PractitionerForm, forms.ModelForm[Calendar]):
    practitioner_id = _practitioner_field()
    weekly_rules = forms.JSONField(
        label=_("Weekly hours"),
        encoder=_PrettyJson,
        initial=list,
        widget=forms.Textarea(attrs={"rows": 12, "cols": 60, "spellcheck": "false"}),
        help_text=_("As in [{“weekday”: 0, “start”: “08:30”, “end”: “12:00”}], with straight quotes; Monday is 0."),
    )
    exceptions = forms.JSONField(
        label=_("Exceptions"),
        encoder=_PrettyJson,
        required=False,
        initial=list,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 60, "spellcheck": "false"}),
        help_text=_(
            "As in [{“date”: “2026-05-01”, “hours”: []}]; the hours replace that day's, and none means closed."
        ),
    )
    type_codes = forms.MultipleChoiceField(
        label=_("Appointment types"), choices=_type_choices, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Calendar
        fields = (
            "practitioner_id",
            "place",
            "zone",
            "active",
            "weekly_rules",
            "exceptions",
            "type_codes",
            "close_on_holidays",
            "holiday_country",
            "holiday_subdivision",
            "grid_minutes",
            "valid_from",
            "valid_until",
            "lead_minutes",
            "horizon_days",
            "cancel_notice_hours",
        )

    def clean_exceptions(self) -> Any:
        return self.cleaned_data["exceptions"] or []

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        known = set(AppointmentType.objects.values_list("code", flat=True))
        for field, texts in calendar_errors(self.instance, known).items():
            # A field that could not even be read has said so already.
            if field not in self.errors:
                self.add_error(field, [str(text) for text in texts])


def _resource_choices() -> list[tuple[str, str]]:
    """Each code once, with the names of what it stands for."""
    names: dict[str, list[str]] = {}
    for row in Resource.objects.all():
        names.setdefault(row.code, []).append(row.name)
    return [(code, f"{code} ({', '.join(of_code)})") for code, of_code in sorted(names.items())]


class TypeForm(forms.ModelForm[AppointmentType]):
    needs = forms.MultipleChoiceField(
        label=_("Rooms and equipment"),
        choices=_resource_choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Of each that is ticked, one that is free is taken with the visit."),
    )

    class Meta:
        model = AppointmentType
        fields = (
            "code",
            "label_fr",
            "label_en",
            "duration_minutes",
            "buffer_before",
            "buffer_after",
            "price_code",
            "mode",
            "needs",
            "bookable_by_patient",
            "lead_minutes",
            "horizon_days",
            "active",
        )

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        known = set(Resource.objects.values_list("code", flat=True))
        for field, texts in type_errors(self.instance, known).items():
            if field not in self.errors:
                self.add_error(field, [str(text) for text in texts])


def _place_choices() -> list[tuple[str, str]]:
    names = sorted(set(Calendar.objects.values_list("place", flat=True)))
    return [("", "---------"), *((name, name) for name in names)]


class ResourceForm(forms.ModelForm[Resource]):
    #: Chosen and not typed: a place that no calendar names serves nobody.
    place = forms.ChoiceField(label=_("Place"), choices=_place_choices)

    class Meta:
        model = Resource
        fields = ("name", "code", "kind", "place", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField | None, self.fields.get("place"))
        present = self.instance.place
        if field is not None and present and present not in dict(_place_choices()):
            field.choices = [*_place_choices(), (present, present)]


class LeaveForm(_PractitionerForm, forms.ModelForm[Leave]):
    practitioner_id = _practitioner_field()

    class Meta:
        model = Leave
        fields = ("practitioner_id", "start", "end", "reason")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        start, end = values.get("start"), values.get("end")
        if start and end and end <= start:
            self.add_error("end", _("The end must be after the start."))
        return values


class _OfCalendars:
    """Who may see and change calendars may see and change what belongs to them; no permission of its own is needed."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("appointments.view_calendar")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("appointments.view_calendar")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("appointments.add_calendar")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("appointments.change_calendar")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Appointments name it; switching it off is what stops it.
        return False


class _WithPractitioner:
    @admin.display(description=_("practitioner"))
    def practitioner(self, row: Calendar | Leave) -> str:
        # From the cache: one look-up per practitioner in ten minutes, not one per row.
        try:
            return patients.practitioner_card(row.practitioner_id).full_name
        except NotFound:
            return "—"


@admin.register(Calendar)
class CalendarAdmin(TellsStranded, _WithPractitioner, _OfCalendars, admin.ModelAdmin[Calendar]):
    form = CalendarForm
    change_list_template = "admin/appointments/calendar/change_list.html"
    list_display = ("practitioner", "place", "zone", "valid_from", "valid_until", "active")
    list_filter = ("active", "place")

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(stranded.page)
        return [path("stranded/", page, name="appointments_calendar_stranded"), *super().get_urls()]

    def concerned(self, row: Calendar) -> PinnedQuerySet[Appointment]:
        return Appointment.objects.filter(calendar_id=row.id)


@admin.register(AppointmentType)
class AppointmentTypeAdmin(_OfCalendars, admin.ModelAdmin[AppointmentType]):
    form = TypeForm
    list_display = ("code", "label", "duration_minutes", "mode", "price_code", "bookable_by_patient", "active")
    list_filter = ("active", "mode", "bookable_by_patient")
    search_fields = ("code", "label_fr", "label_en")

    def get_readonly_fields(self, request: HttpRequest, obj: AppointmentType | None = None) -> tuple[str, ...]:
        # Calendars and appointments name the code.
        return ("code",) if obj else ()


@admin.register(Resource)
class ResourceAdmin(TellsStranded, _OfCalendars, admin.ModelAdmin[Resource]):
    form = ResourceForm
    list_display = ("name", "code", "kind", "place", "active")
    list_filter = ("active", "kind", "place")
    search_fields = ("name", "code")

    def concerned(self, row: Resource) -> PinnedQuerySet[Appointment]:
        taken = ResourceUse.objects.filter(resource_id=row.id, end__gt=clock.now())
        return Appointment.objects.filter(id__in=list(taken.values_list("appointment_id", flat=True)))


@admin.register(Leave)
class LeaveAdmin(TellsStranded, _WithPractitioner, _OfCalendars, admin.ModelAdmin[Leave]):
    form = LeaveForm
    list_display = ("practitioner", "start", "end", "reason")
    list_filter = ("reason",)
    date_hierarchy = "start"

    def concerned(self, row: Leave) -> PinnedQuerySet[Appointment]:
        near = row.start - rules.LONGEST
        return Appointment.objects.filter(practitioner_id=row.practitioner_id, start__gt=near, start__lt=row.end)

    def save_model(self, request: HttpRequest, obj: Leave, form: Any, change: bool) -> None:
        before = Leave.objects.filter(id=obj.id).values_list("practitioner_id", flat=True)
        forgotten = {obj.practitioner_id, *before}
        super().save_model(request, obj, form, change)
        forget_busy(*forgotten)

    def delete_model(self, request: HttpRequest, obj: Leave) -> None:
        super().delete_model(request, obj)
        forget_busy(obj.practitioner_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Leave]) -> None:
        forgotten = set(queryset.values_list("practitioner_id", flat=True))
        super().delete_queryset(request, queryset)
        forget_busy(*forgotten)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("appointments.change_calendar")
