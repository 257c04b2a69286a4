"""Forms of the entries' and the vital signs' pages."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any, Final, cast
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from patients.admin.bound import BoundForm
from patients.admin.note_forms import EncounterField
from patients.models import ClinicalRow
from patients.rules.codes import SYSTEMS
from patients.rules.units import written_unit
from patients.rules.vitals import SIGNS
from patients.services.entries import COMMON, KINDS
from patients.services.vitals import LABELS
from patients.templatetags.patients_record import in_words

#: What each kind of entry is called, in the singular.
TITLES: Final = {
    "encounter": _("encounter"),
    "condition": _("condition"),
    "allergy": _("allergy"),
    "medication": _("medication"),
    "immunization": _("immunization"),
    "procedure": _("procedure"),
    "observation": _("measurement"),
}
WORDS: Final = {
    "AMB": _("outpatient"),
    "IMP": _("inpatient"),
    "EMER": _("emergency"),
    "HH": _("at home"),
    "VR": _("remote"),
    "medication": pgettext_lazy("allergy", "medicine"),
    "food": pgettext_lazy("allergy", "food"),
    "environment": pgettext_lazy("allergy", "environment"),
    "biologic": pgettext_lazy("allergy", "biologic"),
    "low": pgettext_lazy("risk", "low"),
    "high": pgettext_lazy("risk", "high"),
    "unable-to-assess": pgettext_lazy("risk", "cannot be said"),
    "mild": pgettext_lazy("severity", "mild"),
    "moderate": pgettext_lazy("severity", "moderate"),
    "severe": pgettext_lazy("severity", "severe"),
}
DAY: Final = {"type": "date"}
MOMENT: Final = {"type": "datetime-local"}


def _choices(codes: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [("", "—"), *((code, WORDS[code]) for code in codes)]


class EntryForm(BoundForm):
    """One entry; fields that its kind does not have are left out. Lengths and sense are the service's to check."""

    display = forms.CharField(label=_("Name"), required=False)
    code_system = forms.ChoiceField(
        label=_("Code system"),
        required=False,
        choices=[("", "—"), *((url, found.name) for url, found in SYSTEMS.items())],
    )
    code = forms.CharField(label=_("Code"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False)
    class_code = forms.ChoiceField(label=_("Kind"), required=False)
    category = forms.ChoiceField(label=_("Category"), required=False)
    criticality = forms.ChoiceField(label=_("Risk"), required=False)
    severity = forms.ChoiceField(label=_("Severity"), required=False)
    reactions = forms.CharField(
        label=_("Reactions, one a line"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    dosage = forms.CharField(label=_("Dosage"), required=False)
    reason = forms.CharField(label=_("Indication"), required=False)
    lot_number = forms.CharField(label=_("Lot"), required=False)
    place = forms.CharField(label=_("Place"), required=False)
    started_at = forms.CharField(label=_("From"), required=False)
    ended_at = forms.CharField(label=_("Until"), required=False)
    encounter_id = EncounterField(label=_("Encounter"))
    note = forms.CharField(label=_("Remark"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    why = forms.CharField(label=_("Reason for the correction"), required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, kind: str, corrects: bool, patient_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, patient_id=patient_id, **kwargs)
        self.kind = kind
        own, states = KINDS[kind][1], KINDS[kind][2]
        keep = {*COMMON, *own, "version", "patient_id"} - ({"encounter_id"} if kind == "encounter" else set())
        for name in [name for name in self.fields if name not in keep and not (corrects and name == "why")]:
            del self.fields[name]
        for name, codes in (
            ("class_code", ("AMB", "IMP", "EMER", "HH", "VR")),
            ("category", ("medication", "food", "environment", "biologic")),
            ("criticality", ("low", "high", "unable-to-assess")),
            ("severity", ("mild", "moderate", "severe")),
        ):
            if name in self.fields:
                self.fields[name].choices = _choices(codes)  # type: ignore[attr-defined]
        shown = {str(state): str(in_words(state)) for state in states}
        current = str(self.initial.get("status") or "")
        if current and current not in shown:
            shown[current] = str(in_words(current))  # an import's own
        self.fields["status"].choices = list(shown.items())  # type: ignore[attr-defined]
        moments = kind == "encounter"
        for name in ("started_at", "ended_at"):
            field: Any = forms.DateTimeField if moments else forms.DateField
            widget: Any = forms.DateTimeInput if moments else forms.DateInput
            form = "%Y-%m-%dT%H:%M" if moments else "%Y-%m-%d"
            label = self.fields[name].label if kind != "immunization" or name == "ended_at" else _("Date")
            self.fields[name] = field(
                label=label, required=False, widget=widget(attrs=MOMENT if moments else DAY, format=form)
            )
        if kind == "immunization":
            del self.fields["ended_at"]
        if "encounter_id" in self.fields:
            cast(EncounterField, self.fields["encounter_id"]).offer(patient_id)

    def values(self) -> dict[str, Any]:
        found = {
            name: value for name, value in self.cleaned_data.items() if name not in ("version", "patient_id", "why")
        }
        for name in ("started_at", "ended_at"):
            at = found.get(name)
            if isinstance(at, date) and not isinstance(at, datetime):
                # A day of a calendar is the same day everywhere: it is kept as its midnight in UTC.
                found[name] = datetime.combine(at, time.min, tzinfo=UTC)
        return found


def initial_of(kind: str, row: ClinicalRow) -> dict[str, Any]:
    """What a form shows of an entry that is there."""
    own = KINDS[kind][1]
    found: dict[str, Any] = {name: getattr(row, name) for name in ("display", "code_system", "code", "status", "note")}
    found |= {name: getattr(row, name) for name in own if name != "reactions"}
    if "reactions" in own:
        found["reactions"] = "\n".join(item.get("display", "") for item in getattr(row, "reactions", []))
    for name in ("started_at", "ended_at"):
        at = getattr(row, name)
        exact = getattr(row, f"{name.removesuffix('_at')}_precision") == "instant"
        found[name] = at and (timezone.localtime(at) if exact else at.astimezone(UTC))
    found["encounter_id"] = getattr(row, "encounter_id", None)
    found["version"] = row.version
    return found


class VitalsForm(BoundForm):
    """What is measured at one time. Commas and points are both decimal signs."""

    taken_at = forms.DateTimeField(label=_("Taken"), widget=forms.DateTimeInput(attrs=MOMENT, format="%Y-%m-%dT%H:%M"))
    encounter_id = EncounterField(label=_("Encounter"))
    note = forms.CharField(label=_("Remark"), required=False)
    confirmed = forms.BooleanField(label=_("I have checked the unusual values: they are right."), required=False)
    form_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, patient_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, patient_id=patient_id, **kwargs)
        for key, sign in SIGNS.items():
            unit = written_unit(sign.unit)
            self.fields[key] = forms.CharField(
                label=f"{LABELS[key]} ({unit})" if unit else LABELS[key],
                required=False,
                max_length=20,
                widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "size": "7"}),
            )
        cast(EncounterField, self.fields["encounter_id"]).offer(patient_id)

    def signs(self) -> list[forms.BoundField]:
        return [self[key] for key in SIGNS]

    def values(self) -> dict[str, str]:
        return {key: self.cleaned_data[key] for key in SIGNS}
