"""Forms of staff's pages."""

from __future__ import annotations

from typing import Any

from django import forms

from medisecure.kernel.errors import Invalid, Stale
from patients import services
from patients.admin.bound import BoundForm
from patients.models import Patient

IDENTITY = ("family_name", "given_names", "used_name", "birth_date", "sex")
CONTACT = ("phone", "email", "address_line", "postal_code", "city", "region", "country", "language")


class PatientForm(BoundForm, forms.ModelForm[Patient]):
    #: What the page was made from: a form that somebody else overtook is refused.
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Patient
        fields = (*IDENTITY, *CONTACT)
        # The browser's own: "today" and the server's clock mean nothing for a date of birth.
        widgets = {"birth_date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance: Patient | None = kwargs.get("instance")
        super().__init__(*args, patient_id=instance.id if instance else None, **kwargs)
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version
        for name in ("given_names", "birth_date"):
            if name in self.fields:
                self.fields[name].required = True

    def identity(self) -> services.Identity:
        return services.Identity(**{name: self.cleaned_data[name] for name in IDENTITY})

    def contact(self) -> services.Contact:
        return services.Contact(**{name: self.cleaned_data[name] or "" for name in CONTACT})

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.instance._state.adding and self.cleaned_data.get("seen_version") != self.instance.version:
            # What was typed stays on the page, to be compared with what is there now.
            self.add_error(None, str(Stale.title))
        if not self.errors:
            try:
                services.check_identity(self.identity())
                services.check_contact(self.contact())
            except Invalid as error:
                for field, texts in error.errors.items():
                    self.add_error(field, [str(text) for text in texts])
        return cleaned
