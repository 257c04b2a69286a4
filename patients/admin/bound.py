"""Every form about a patient posts the patient's id back. A tab that was left open on another patient is refused.

The address of the page says whose page it is; the hidden field says whom the page showed when it was made. Browsers put
old values back into forms (reload, back, restored sessions), so the two may differ, and then nothing may be written.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest

from medisecure.kernel.errors import WrongPatient

FIELD = "patient_id"


class BoundForm(forms.Form):
    """A form about one patient. What was typed stays on the page when it is refused; the hidden field keeps the other
    patient's id, so that sending it once more is refused too. `patient_id` is None while somebody is being registered.

    For a ModelForm: `class PatientForm(BoundForm, forms.ModelForm[Patient])`.
    """

    patient_id = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, patient_id: UUID | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bound_to = patient_id
        #: True once `is_valid` found that the page was another patient's.
        self.wrong_patient = False
        if FIELD in self.fields:  # a page that only shows has no fields
            self.fields[FIELD].initial = str(patient_id or "")

    def clean_patient_id(self) -> str:
        posted: str = self.cleaned_data[FIELD]
        if self.bound_to is not None and posted != str(self.bound_to):
            self.wrong_patient = True
            self.add_error(None, str(WrongPatient.title))
        return posted


def bound_patient(request: HttpRequest, patient_id: UUID) -> None:
    """The same for a POST that brings no form to show again. Raises `WrongPatient`."""
    if request.POST.get(FIELD) != str(patient_id):
        raise WrongPatient
