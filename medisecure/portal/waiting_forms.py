"""What patients ask of the waiting list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments.interface import TypeCard
from medisecure.kernel import clock
from medisecure.kernel.forms import RefusedForm, day_field, weekday_choices
from medisecure.portal.forms import SearchForm
from patients.interface import PractitionerCard


class WhenForm(RefusedForm):
    """On which days and at what times the patient can come."""

    renamed: ClassVar[Mapping[str, str | None]] = {"practitioner_id": "who", "specialty": "who", "windows": "weekdays"}

    first = day_field(gettext_lazy("From"))
    last = day_field(gettext_lazy("Until"))
    weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("Days on which you can come"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: any day."),
    )
    part = forms.ChoiceField(
        label=gettext_lazy("Time of day"),
        choices=[
            ("", gettext_lazy("Any time")),
            ("00:00-12:30", gettext_lazy("Morning, until 12:30")),
            ("12:00-24:00", gettext_lazy("Afternoon, from 12:00")),
        ],
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["weekdays"].choices = weekday_choices()  # type: ignore[attr-defined]

    def windows(self) -> list[dict[str, object]]:
        """As the service takes them; none when any time will do."""
        weekdays, part = self.cleaned_data["weekdays"], self.cleaned_data["part"]
        if not weekdays and not part:
            return []
        start, _dash, end = (part or "00:00-24:00").partition("-")
        return [{"weekday": int(day), "start": start, "end": end} for day in (weekdays or map(str, range(7)))]


class EarlierForm(WhenForm):
    """An earlier time for a visit that is on the day `last` now."""

    def __init__(self, *args: Any, last: date, **kwargs: Any) -> None:
        super().__init__(*args, initial={"first": clock.today(), "last": last}, **kwargs)


class WishForm(WhenForm, SearchForm):
    """A first visit: what for and with whom, and when the patient can come."""

    field_order = ("type", "who", "first", "last", "weekdays", "part")
    # What the search calls a day is `first` here.
    day = None  # type: ignore[assignment]

    def __init__(
        self, *args: Any, types: Sequence[TypeCard], people: Sequence[PractitionerCard], **kwargs: Any
    ) -> None:
        super().__init__(*args, types=types, people=people, **kwargs)
        self.fields["first"].initial = clock.today()
        self.fields["last"].help_text = _("Empty: three months.")

    def wanted(self) -> dict[str, Any]:
        """What is waited for, as the service takes it."""
        who = self.chosen()
        return {
            "type_code": self.cleaned_data["type"],
            "practitioner_id": who["practitioner_ids"][0] if who["practitioner_ids"] else None,
            "specialty": who["specialty"] or "",
        }
