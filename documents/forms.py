from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from documents import rules, selectors
from documents.models import TITLE_LENGTH, Audience, Category
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError


class EntryForm(forms.Form):
    """A document and what is said of it. Whom it is about, the page knows."""

    title = forms.CharField(label=_("Title"), max_length=TITLE_LENGTH)
    category = forms.ChoiceField(label=_("Category"), choices=[("", "—"), *Category.choices])
    audience = forms.ChoiceField(label=_("Who may read it"), choices=Audience.choices, initial=Audience.TREATING)
    withheld_until = forms.DateField(
        label=_("The patient reads it from"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        help_text=_("Empty: at once. A day when it is to be explained first: at most 30 days from now."),
    )
    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
    )

    def __init__(self, *args: Any, side: bool = False, units: bool = True, **kwargs: Any) -> None:
        """`side`: for the patient's side. `units`: whether who adds it works in one."""
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = self.limits()
        audience, category = self.fields["audience"], self.fields["category"]
        if side:
            del self.fields["withheld_until"]
            allowed = [
                ("", "—"),
                *((code, name) for code, name in Category.choices if code in rules.PATIENT_CATEGORIES),
            ]
            category.choices = allowed  # type: ignore[attr-defined]
        else:
            today = clock.today()
            self.fields["withheld_until"].widget.attrs |= {"max": rules.last_release(today).isoformat()}
        if side or not units:
            audience.choices = [one for one in Audience.choices if one[0] != Audience.UNIT]  # type: ignore[attr-defined]

    def limits(self) -> str:
        values = {"types": rules.ALLOWED_NAMES, "limit": filesizeformat(settings.UPLOAD_MAX_BYTES)}
        return gettext("%(types)s; %(limit)s at most, without scripts 100 MB.") % values

    def entry(self) -> dict[str, Any]:
        """The arguments of `upload_document`, without the file."""
        names = ("title", "category", "audience", "withheld_until")
        return {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}

    def show(self, error: DomainError) -> None:
        """The refusal beside the fields that it names."""
        for field, texts in error.errors.items():
            self.add_error(field if field in self.fields else None, [str(text) for text in texts])
        if not error.errors:
            self.add_error(None, error.message)


class UploadForm(EntryForm):
    """A document for one patient, who is named by their record number: it stands on every label and letter."""

    record_number = forms.CharField(label=_("Patient's record number"), max_length=40)
    field_order = ("record_number", "title", "category", "audience", "withheld_until", "file")

    #: Set by clean_record_number.
    patient_id: UUID

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._actor = actor

    def limits(self) -> str:
        return gettext("%(types)s; 100 MB at most.") % {"types": rules.ALLOWED_NAMES}

    def clean_record_number(self) -> str:
        text: str = self.cleaned_data["record_number"]
        found = selectors.patient_with_record_number(self._actor, text)
        if found is None:
            raise forms.ValidationError(_("No patient in your care has this number."))
        self.patient_id = found
        return text


class HoldForm(forms.Form):
    held = forms.BooleanField(label=_("Under legal hold"), required=False)
    reason = forms.CharField(label=_("Why it is held"), required=False, max_length=300)
    keep_until = forms.DateField(
        label=_("Keep at least until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        help_text=_("Empty: as long as the record it belongs to."),
    )
