"""What forms of several apps share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.dates import WEEKDAYS

from medisecure.kernel.errors import DomainError


def day_field(label: Any) -> forms.DateField:
    """A day that need not be named, by the browser's own calendar."""
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )


def weekday_choices() -> list[tuple[str, str]]:
    return [(str(number), name.capitalize()) for number, name in WEEKDAYS.items()]


class RefusedForm(forms.Form):
    """Shows a refusal of the service at the field that it names, with everything that was typed still there."""

    #: Field of the service → field of this form, where they differ; None: above the form.
    renamed: ClassVar[Mapping[str, str | None]] = {}

    def take(self, error: DomainError) -> None:
        for name, texts in error.errors.items():
            field = self.renamed.get(name, name)
            for text in texts:
                self.add_error(field if field in self.fields else None, str(text))
        if not error.errors:
            self.add_error(None, error.message)
