from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments.interface import TypeCard
from patients.interface import PractitionerCard


class LanguageForm(forms.Form):
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)


class SearchForm(forms.Form):
    """What the visit is for, and with whom: a person, anyone of a specialty or at a place, or anyone at all."""

    type = forms.ChoiceField(label=gettext_lazy("Reason for the visit"))
    who = forms.ChoiceField(label=gettext_lazy("With"))
    day = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )

    def __init__(
        self,
        *args: object,
        types: Sequence[TypeCard],
        people: Sequence[PractitionerCard],
        places: Sequence[str] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["type"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose…")),
            *(
                (kind.code, _("%(name)s (%(count)d min)") % {"name": kind.label, "count": kind.duration_minutes})
                for kind in types
            ),
        ]
        self.fields["who"].choices = [("", _("Choose…")), *_anyone(people, places), *_who(people)]  # type: ignore[attr-defined]

    def chosen(self) -> dict[str, Any]:
        """Whom to ask for free times of: the arguments of `free_slots`."""
        kind, _colon, value = str(self.cleaned_data["who"]).partition(":")
        return {
            "practitioner_ids": [UUID(value)] if kind == "person" else None,
            "specialty": value if kind == "specialty" else None,
            "place": value if kind == "place" else None,
        }


def _anyone(people: Sequence[PractitionerCard], places: Sequence[str] | None) -> list[tuple[str, str]]:
    """Offered where it is a choice, by forms that can ask for it: they say which places there are."""
    if places is None:
        return []
    found = [("anyone:", _("Any practitioner"))] if len(people) > 1 else []
    if len(places) > 1:
        found += [(f"place:{place}", _("At %(place)s") % {"place": place}) for place in places]
    return found


def _who(people: Sequence[PractitionerCard]) -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[tuple[str, str], list[PractitionerCard]] = {}
    for person in people:
        groups.setdefault((person.specialty_label, person.specialty), []).append(person)
    return [
        (
            label or _("Other"),
            [
                # One person needs no "anyone".
                *(
                    [(f"specialty:{code}", _("Anyone in %(specialty)s") % {"specialty": label})]
                    if code and len(members) > 1
                    else []
                ),
                *((f"person:{person.id}", person.full_name) for person in members),
            ],
        )
        for (label, code), members in sorted(groups.items())
    ]
