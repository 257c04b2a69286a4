"""Forms of the notes' pages."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.admin.bound import BoundForm
from patients.models import ClinicalNote, Encounter
from patients.services import NoteHead
from patients.templatetags.patients_record import known_date


class EncounterField(forms.TypedChoiceField):
    """One of the patient's encounters, the newest first."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(coerce=UUID, empty_value=None, required=False, **kwargs)

    def offer(self, patient_id: UUID) -> None:
        rows = Encounter.objects.filter(patient_id=patient_id).exclude(status="entered-in-error")
        found = [
            (str(row.id), f"{known_date(row.started_at, row.started_precision)} · {row.display or row.class_display}")
            for row in rows.only("id", "display", "class_display", "started_at", "started_precision")[:100]
        ]
        self.choices = [("", "—"), *found]


class NoteForm(BoundForm):
    """The text and what it is about. The text keeps its blanks: nothing that was typed is trimmed or cut."""

    kind = forms.ChoiceField(label=_("Kind"), choices=ClinicalNote.Kind.choices, required=False)
    occurred_at = forms.DateTimeField(
        label=_("Date of care"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    encounter_id = EncounterField(label=_("Encounter"))
    text = forms.CharField(
        label=_("Text"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "true"})
    )
    reason = forms.CharField(
        label=_("Reason for the amendment"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    page_id = forms.UUIDField(widget=forms.HiddenInput, required=False)
    #: Who opened the page: at a shared computer somebody else may have signed in since.
    writer_id = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, amends: bool = False, patient_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, patient_id=patient_id, **kwargs)
        self.amends = amends
        if amends:
            for name in ("kind", "occurred_at", "encounter_id"):
                del self.fields[name]
        else:
            del self.fields["reason"]
            cast(EncounterField, self.fields["encounter_id"]).offer(patient_id)

    def head(self) -> NoteHead | None:
        """None for an amendment: what a signed note is about stays."""
        if self.amends:
            return None
        return NoteHead(
            kind=self.cleaned_data["kind"] or ClinicalNote.Kind.CONSULTATION.value,
            occurred_at=self.cleaned_data["occurred_at"],
            encounter_id=self.cleaned_data["encounter_id"],
        )


class ReasonForm(BoundForm):
    """A reason, and the version that the page showed."""

    reason = forms.CharField(label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class FilterForm(forms.Form):
    """What the list shows. What cannot be read is left out of the search and said."""

    q = forms.CharField(label=_("Words"), required=False, max_length=200)
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    author = forms.TypedChoiceField(label=_("Author"), required=False, coerce=UUID, empty_value=None)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any, authors: list[tuple[UUID, str]]) -> None:
        super().__init__(data)
        every = _("All")
        self.fields["kind"].choices = [("", every), *ClinicalNote.Kind.choices]  # type: ignore[attr-defined]
        self.fields["author"].choices = [("", every), *((str(key), name) for key, name in authors)]  # type: ignore[attr-defined]
