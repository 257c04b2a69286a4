"""Forms of the pages about who may open a record."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.errors import DomainError
from patients import services
from patients.admin.bound import BoundForm
from patients.models import Consent, EmergencyAccess, Practitioner, Representation, Unit


def day_field(label: Any, *, help_text: Any = "", required: bool = False) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=required,
        help_text=help_text,
        # The browser's own, which writes days the same way in every language.
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


def show(form: forms.Form, error: DomainError, renamed: dict[str, str] | None = None) -> None:
    """The refusal beside the fields that it names; what was typed stays."""
    for field, texts in error.errors.items():
        name = (renamed or {}).get(field, field)
        form.add_error(name if name in form.fields else None, [str(text) for text in texts])
    if not error.errors:
        form.add_error(None, error.message)


class RepresentationForm(BoundForm):
    email = forms.EmailField(
        label=_("Representative’s email address"), help_text=_("Their account; one is made when there is none.")
    )
    full_name = forms.CharField(
        label=_("Full name"), required=False, max_length=200, help_text=_("Only for a new account.")
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=Representation.Kind.choices)
    scope = forms.ChoiceField(label=_("Reaches"), choices=Representation.Scope.choices)
    evidence = forms.CharField(
        label=_("Document seen"), max_length=300, help_text=_("Family record book, judgment with its date, mandate …")
    )
    ends_on = day_field(_("Last day"), help_text=_("As the judgment says. A parent’s right ends by itself."))
    restricted = forms.BooleanField(
        label=_("Withhold the record"),
        required=False,
        help_text=_("The minor asked that the care stays unknown to the parents (L1111-5)."),
    )

    def entry(self) -> services.Representative:
        names = ("email", "full_name", "kind", "scope", "evidence", "ends_on", "restricted")
        return services.Representative(**{name: self.cleaned_data[name] for name in names})


class ConsentForm(BoundForm):
    category = forms.ChoiceField(label=_("About"), choices=Consent.Category.choices)
    provision = forms.ChoiceField(label=_("Answer"), choices=Consent.Provision.choices)
    practitioner = forms.ModelChoiceField(
        label=_("Practitioner"), required=False, queryset=Practitioner.objects.filter(active=True)
    )
    unit = forms.ModelChoiceField(label=_("Unit"), required=False, queryset=Unit.objects.filter(active=True))
    source = forms.ChoiceField(
        label=_("How the patient said it"),
        choices=[choice for choice in Consent.Source.choices if choice[0] != Consent.Source.PORTAL],
    )
    evidence = forms.CharField(
        label=_("Document"), required=False, max_length=300, help_text=_("Where the signed paper or the letter is.")
    )
    until = day_field(_("Last day"), help_text=_("Empty: until it is withdrawn."))

    def choice(self) -> services.Choice:
        values = self.cleaned_data
        return services.Choice(
            category=values["category"],
            provision=values["provision"],
            practitioner_id=values["practitioner"].id if values["practitioner"] else None,
            unit_id=values["unit"].id if values["unit"] else None,
            source=values["source"],
            evidence=values["evidence"],
            until=values["until"],
        )


class EmergencyForm(forms.Form):
    birth_date = day_field(_("Birth date"), help_text=_("Empty only when nobody knows it."))
    record_number = forms.CharField(
        label=_("Record number"), required=False, max_length=40, help_text=_("On the wristband. Or both names below.")
    )
    family_name = forms.CharField(label=_("Family name"), required=False, max_length=200)
    given_name = forms.CharField(label=_("First given name"), required=False, max_length=200)
    reason_code = forms.ChoiceField(label=_("Reason"), choices=[("", _("Choose…")), *EmergencyAccess.Reason.choices])
    reason = forms.CharField(
        label=_("In your words"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("A sentence: what happened, and why you need the record now."),
    )


class ReviewForm(forms.Form):
    verdict = forms.ChoiceField(
        label=_("Verdict"),
        widget=forms.RadioSelect,
        choices=[choice for choice in EmergencyAccess.Review.choices if choice[0] != EmergencyAccess.Review.OPEN],
    )
    comment = forms.CharField(
        label=_("Comment"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Needed when it was not justified."),
    )


class AdmitForm(forms.Form):
    record_number = forms.CharField(label=_("Record number"), max_length=40)
    bed = forms.CharField(label=_("Bed"), required=False, max_length=40)


class TransferForm(BoundForm):
    version = forms.IntegerField(widget=forms.HiddenInput)
    unit = forms.ModelChoiceField(label=_("To the unit"), queryset=Unit.objects.filter(active=True))
    bed = forms.CharField(label=_("Bed"), required=False, max_length=40)
