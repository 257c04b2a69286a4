"""Before a new patient is saved: whoever is like them is shown beside them, and a person decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.errors import PossibleDuplicate
from patients import duplicates, services
from patients.admin.common import actor_of
from patients.admin.duplicates import Comparison, compare_with


class DuplicateCheck(forms.Form):
    """A form of a new patient. It is not valid until those who are alike were shown and the box was ticked; what was
    typed stays. A likely patient who appears in between is shown before anything is saved."""

    confirm_new = forms.BooleanField(label=_("This is another person: register them"), required=False)
    #: The patients that the page has shown.
    compared = forms.CharField(widget=forms.HiddenInput, required=False)

    asked: Any = None
    found: list[duplicates.Candidate]

    def shown_before(self) -> set[UUID]:
        ids = set()
        for text in str(self.cleaned_data.get("compared") or "").split(","):
            try:
                ids.add(UUID(text))
            except ValueError:
                continue
        return ids

    def check_duplicates(
        self,
        identity: services.Identity,
        contact: services.Contact,
        identifiers: Sequence[services.NewIdentifier] = (),
    ) -> None:
        """For `clean`, once the fields are valid."""
        self.asked = duplicates.person(identity, contact, identifiers)
        self.found = duplicates.candidates(self.asked, identifiers)
        new = {one.id for one in self.found[: duplicates.MOST_SHOWN]} - self.shown_before()
        if self.found and (new or not self.cleaned_data.get("confirm_new")):
            self.add_error(None, str(PossibleDuplicate.title))

    def comparisons(self, request: HttpRequest) -> list[Comparison]:
        """What to show; empty when nobody is alike. Passes the door of each."""
        found = getattr(self, "found", None)
        return compare_with(actor=actor_of(request), asked=self.asked, found=found) if found else []
