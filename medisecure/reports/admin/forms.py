"""What people fill in to ask for something. The services check it; forms only parse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from appointments.interface import places_open
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError
from medisecure.reports.access import kinds_for
from medisecure.reports.kinds import HINTS, LABELS
from medisecure.reports.lists import Column
from medisecure.reports.models import JobFile, Schedule
from medisecure.reports.rules import month_start
from patients.interface import practitioners, unit_choices


def show(form: forms.Form, error: DomainError) -> None:
    """The refusal beside the fields that it names."""
    for field, texts in error.errors.items():
        form.add_error(field if field in form.fields else None, [str(text) for text in texts])
    if not error.errors:
        form.add_error(None, error.message)


def _uuid(value: Any) -> UUID | None:
    return UUID(str(value)) if value else None


class _ReportFields(forms.Form):
    """Which report, narrowed to what."""

    kind = forms.ChoiceField(label=_("Report"), widget=forms.RadioSelect)
    place = forms.ChoiceField(
        label=_("Place"), required=False, help_text=_("For activity, occupancy, missed visits and waiting times.")
    )
    practitioner_id = forms.TypedChoiceField(label=_("Practitioner"), required=False, coerce=_uuid, empty_value=None)
    unit_id = forms.TypedChoiceField(
        label=_("Unit"), required=False, coerce=_uuid, empty_value=None, help_text=_("For the stays of the activity.")
    )

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        everyone = [("", _("All"))]
        fields: dict[str, Any] = self.fields
        fields["kind"].choices = [(kind.value, _kind(kind)) for kind in kinds_for(actor)]
        fields["place"].choices = [*everyone, *((name, name) for name in places_open())]
        fields["practitioner_id"].choices = [*everyone, *((str(one.id), one.full_name) for one in practitioners())]
        fields["unit_id"].choices = [*everyone, *((str(id_), name) for id_, name in unit_choices(actor))]

    def add_error(self, field: str | None, error: Any) -> None:
        # The services name what people know; the fields hold ids.
        super().add_error({"practitioner": "practitioner_id", "unit": "unit_id"}.get(field or "", field), error)


def _kind(kind: Any) -> SafeString:
    return format_html('<span class="rp-kind">{}</span> <span class="rp-quiet">{}</span>', LABELS[kind], HINTS[kind])


class ReportForm(_ReportFields):
    first = forms.DateField(label=_("First day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(label=_("Last day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    field_order = ("kind", "first", "last", "place", "practitioner_id", "unit_id")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        begin = month_start(clock.today(), -1)
        self.initial = {"first": begin, "last": month_start(begin, 1) - timedelta(days=1), **self.initial}


class ScheduleForm(_ReportFields):
    every = forms.ChoiceField(label=_("When"), choices=Schedule.Every, widget=forms.RadioSelect)

    field_order = ("kind", "every", "place", "practitioner_id", "unit_id")


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[
            (JobFile.Format.CSV.value, JobFile.Format.CSV.label),
            (JobFile.Format.XLSX.value, JobFile.Format.XLSX.label),
        ],
        widget=forms.RadioSelect,
        initial=JobFile.Format.CSV,
        help_text=_("A sheet of Excel holds 1,048,576 rows at most, a CSV any number."),
    )
    columns = forms.MultipleChoiceField(label=_("Columns"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, columns: list[Column], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["columns"].choices = [(column.name, column.title) for column in columns]
        self.initial = {"columns": [column.name for column in columns], **self.initial}
