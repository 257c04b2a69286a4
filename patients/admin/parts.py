"""The lists of the identity's page: numbers, people to call, insurers. Rows come and go without a script too.

Blank rows are passed over. What the service finds wrong is put back at the field of the row that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from patients import rules
from patients.models import Coverage, EmergencyContact
from patients.services import ContactEntry, InsurerEntry, NewIdentifier
from patients.sheets import ContactLine, InsurerLine
from patients.wording import kind_choices

#: Name of the button that asks for one more row; its value is the part.
ADD_ROW: Final = "add_row"
#: More are refused by the services with a sentence; this bounds what one request may ask us to build.
_MOST_ROWS: Final = 30


def _day() -> forms.DateField:
    return forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))


class NumberForm(forms.Form):
    """One more number. The kinds' own rules say what is wrong with it, so the fields take any text."""

    kind = forms.ChoiceField(label=_("Kind"), initial=rules.NIR)
    value = forms.CharField(label=_("Number"), required=False, strip=True)
    country = forms.CharField(
        label=_("Country (passport)"), required=False, widget=forms.TextInput(attrs={"placeholder": "FR", "size": 3})
    )
    system = forms.CharField(label=_("Given by (other number)"), required=False)
    confirmed = forms.BooleanField(label=_("It is theirs all the same: I have checked"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = kind_choices()  # type: ignore[attr-defined]
        self.fields["value"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    @property
    def asks(self) -> bool:
        """Whether the box that confirms is shown: once there is something to confirm."""
        return "confirmed" in self.errors or bool(self.data.get(self.add_prefix("confirmed")))


class ContactForm(forms.Form):
    id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    full_name = forms.CharField(label=_("Name"), required=False)
    relation = forms.ChoiceField(
        label=_("Relation"), required=False, choices=[("", "—"), *EmergencyContact.Relation.choices]
    )
    phone = forms.CharField(label=_("Phone"), required=False)
    other_phone = forms.CharField(label=_("Other phone"), required=False)
    may_be_told = forms.BooleanField(label=_("May be told how the patient is"), required=False)


class InsurerForm(forms.Form):
    id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    role = forms.ChoiceField(
        label=_("Kind of cover"), choices=Coverage.Role.choices, initial=Coverage.Role.MANDATORY, required=False
    )
    payer = forms.CharField(label=_("Insurer"), required=False)
    member_number = forms.CharField(label=_("Member number"), required=False)
    starts_on = _day()
    ends_on = _day()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["starts_on"].label, self.fields["ends_on"].label = _("From"), _("Until")
        self.fields["member_number"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
        if known := self.initial.get("masked"):
            # The whole number is not in the page: what stays empty stays as it is.
            self.fields["member_number"].widget.attrs["placeholder"] = known


class Parts:
    """The three lists of one page, bound to what was posted or to what is stored."""

    NAMES: Final = ("identifiers", "contacts", "insurers")

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        contacts: Sequence[ContactLine],
        insurers: Sequence[InsurerLine],
        *,
        fresh: bool,
    ) -> None:
        self.adding = str((data or {}).get(ADD_ROW, ""))
        if data is not None and self.adding in self.NAMES:
            data = _one_more(data, self.adding)
        rows: dict[str, tuple[type[forms.Form], list[dict[str, Any]], int]] = {
            "identifiers": (NumberForm, [], 1 if fresh else 0),
            "contacts": (ContactForm, [_initial(line, ContactForm) for line in contacts], 0),
            "insurers": (InsurerForm, [_initial(line, InsurerForm) for line in insurers], 0),
        }
        self.sets: dict[str, BaseFormSet[Any]] = {}
        for name, (form, initial, extra) in rows.items():
            made = formset_factory(form, extra=extra, can_delete=True, max_num=_MOST_ROWS, absolute_max=_MOST_ROWS)
            # A request that does not bring a list says nothing about it: it stays as it is.
            brought = data is not None and f"{name}-TOTAL_FORMS" in data
            self.sets[name] = made(data if brought else None, prefix=name, initial=initial or None)

    def is_valid(self) -> bool:
        faulty = [formset for formset in self.sets.values() if formset.is_bound and not formset.is_valid()]
        return not faulty

    def used(self, name: str) -> list[Any]:
        """The rows that say something and were not taken out, in their order."""
        formset = self.sets[name]
        if not formset.is_bound:
            return []
        kept = []
        for place, form in enumerate(formset.forms):
            stored = place < formset.initial_form_count()
            values = form.cleaned_data if hasattr(form, "cleaned_data") else {}
            if not values.get("DELETE") and (stored or form.has_changed()):
                kept.append(form)
        return kept

    def changed(self, name: str) -> bool:
        formset = self.sets[name]
        return formset.is_bound and any(form.has_changed() for form in formset.forms)

    def new_identifiers(self) -> list[NewIdentifier]:
        return [
            NewIdentifier(**{key: value for key, value in form.cleaned_data.items() if key != "DELETE"})
            for form in self.used("identifiers")
        ]

    def contacts(self) -> list[ContactEntry]:
        return [
            ContactEntry(**{key: value for key, value in form.cleaned_data.items() if key != "DELETE"})
            for form in self.used("contacts")
        ]

    def insurers(self) -> list[InsurerEntry]:
        found = []
        for form in self.used("insurers"):
            values = {key: value for key, value in form.cleaned_data.items() if key != "DELETE"}
            if values["id"] and not values["member_number"]:
                values["member_number"] = None
            found.append(InsurerEntry(**values))
        return found

    def show_faults(self, errors: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
        """Put the service's faults at their rows; returns those that belong to no row of these lists."""
        rest: dict[str, list[str]] = {}
        for key, texts in errors.items():
            name, _dot, place = key.partition(".")
            row, _dot, field = place.partition(".")
            lines = [str(text) for text in texts]
            if name not in self.sets:
                rest[key] = lines
            elif row.isdecimal() and int(row) < len(used := self.used(name)):
                used[int(row)].add_error(field if field in used[int(row)].fields else None, lines)
            else:
                self.sets[name].non_form_errors().extend(lines)
        return rest


def _initial(line: Any, form: type[forms.Form]) -> dict[str, Any]:
    names = {*form.base_fields, "masked"} - {"member_number"}
    return {name: getattr(line, name) for name in names if hasattr(line, name)}


def _one_more(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    copy: QueryDict = data.copy()  # type: ignore[attr-defined]
    total = str(copy.get(f"{name}-TOTAL_FORMS", "0"))
    copy[f"{name}-TOTAL_FORMS"] = str(min(int(total) + 1 if total.isdecimal() else 1, _MOST_ROWS))
    return copy


def ids(texts: Sequence[str]) -> list[UUID]:
    """Raises ValueError for one that is none."""
    return [UUID(text) for text in texts]
