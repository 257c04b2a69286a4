"""Putting a patient on the waiting list at the counter or on the phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments import selectors
from appointments.models import WaitingEntry
from medisecure.accounts.models import User
from medisecure.kernel.forms import RefusedForm, day_field, weekday_choices
from patients import interface as patients


class WaitingForm(RefusedForm):
    """For a visit that is booked, who, what and whom are known; else they are asked."""

    renamed: ClassVar[Mapping[str, str | None]] = {
        "patient_id": "record_number",
        "appointment_id": None,
        "practitioner_id": "whom",
        "specialty": "whom",
        "windows": "weekdays",
    }

    record_number = forms.CharField(label=gettext_lazy("Record number"), max_length=20)
    type = forms.ChoiceField(label=gettext_lazy("Appointment type"))
    whom = forms.ChoiceField(label=gettext_lazy("With"))
    first = day_field(gettext_lazy("From"))
    last = day_field(gettext_lazy("Until"))
    weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("Days on which they can come"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: any day."),
    )
    start = forms.TimeField(
        label=gettext_lazy("Not before"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    end = forms.TimeField(
        label=gettext_lazy("Over by"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    priority = forms.TypedChoiceField(
        label=gettext_lazy("Priority"), choices=WaitingEntry.Priority.choices, coerce=int, initial=0
    )
    note = forms.CharField(label=gettext_lazy("Note for staff"), max_length=200, required=False)

    def __init__(self, *args: Any, actor: User, for_visit: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["weekdays"].choices = weekday_choices()  # type: ignore[attr-defined]
        if for_visit:
            for name in ("record_number", "type", "whom"):
                del self.fields[name]
            return
        self.fields["type"].choices = [  # type: ignore[attr-defined]
            ("", "---------"),
            *((kind.code, kind.label) for kind in selectors.types_for(actor)),
        ]
        people = patients.practitioners()
        specialties = {card.specialty: card.specialty_label or card.specialty for card in people if card.specialty}
        self.fields["whom"].choices = [  # type: ignore[attr-defined]
            ("", "---------"),
            (_("Anyone in"), [(f"specialty:{code}", label) for code, label in sorted(specialties.items())]),
            (_("Practitioner"), [(f"person:{card.id}", card.full_name) for card in people]),
        ]

    def clean_record_number(self) -> str:
        text: str = self.cleaned_data["record_number"]
        self.patient_id = patients.patient_by_record_number(text)
        if self.patient_id is None:
            raise forms.ValidationError(_("There is no patient with this record number."))
        return text

    def wish(self) -> dict[str, Any]:
        """What `services.waiting.ask` takes."""
        values = self.cleaned_data
        found: dict[str, Any] = {name: values[name] for name in ("first", "last", "priority", "note")}
        found["windows"] = self._windows()
        if "whom" in self.fields:
            kind, _colon, value = str(values["whom"]).partition(":")
            found |= {
                "patient_id": self.patient_id,
                "type_code": values["type"],
                "practitioner_id": UUID(value) if kind == "person" else None,
                "specialty": value if kind == "specialty" else "",
            }
        return found

    def _windows(self) -> list[dict[str, object]]:
        values = self.cleaned_data
        if not (values["weekdays"] or values["start"] or values["end"]):
            return []
        start = f"{values['start']:%H:%M}" if values["start"] else "00:00"
        end = f"{values['end']:%H:%M}" if values["end"] else "24:00"
        days = values["weekdays"] or [str(day) for day in range(7)]
        return [{"weekday": int(day), "start": start, "end": end} for day in days]
