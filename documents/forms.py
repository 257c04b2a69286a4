from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from documents import rules, selectors
from documents.models import TITLE_LENGTH, Category
from medisecure.accounts.models import User


class UploadForm(forms.Form):
    """A document for one patient, who is named by their record number: it stands on every label and letter."""

    record_number = forms.CharField(label=_("Patient's record number"), max_length=40)
    title = forms.CharField(label=_("Title"), max_length=TITLE_LENGTH)
    category = forms.ChoiceField(label=_("Category"), choices=[("", "—"), *Category.choices])
    file = forms.FileField(
        label=_("File"),
        help_text=_("%(types)s; 100 MB at most.") % {"types": rules.ALLOWED_NAMES},
        allow_empty_file=True,
    )

    #: Set by clean_record_number.
    patient_id: UUID

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._actor = actor

    def clean_record_number(self) -> str:
        text: str = self.cleaned_data["record_number"]
        found = selectors.patient_with_record_number(self._actor, text)
        if found is None:
            raise forms.ValidationError(_("No patient in your care has this number."))
        self.patient_id = found
        return text
