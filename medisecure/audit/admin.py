"""The privacy officer's face of the log: names and words, searched by record number or address of an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from medisecure.accounts.interface import user_by_email
from medisecure.accounts.models import User
from medisecure.audit import words
from medisecure.audit.interface import record_access
from medisecure.audit.models import AccessEntry
from medisecure.audit.people import patient_called, patient_names, people


class _Words(admin.SimpleListFilter):
    """A filter by code that offers words."""

    table: words.Words = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((code, str(label)) for code, label in self.table.items()), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[AccessEntry]) -> QuerySet[AccessEntry]:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


class ActionFilter(_Words):
    title = _("action")
    parameter_name = "action"
    table = words.ACTIONS


class ResourceFilter(_Words):
    title = _("resource")
    parameter_name = "resource"
    table = words.RESOURCES


class PurposeFilter(_Words):
    title = _("purpose")
    parameter_name = "purpose"
    table = words.PURPOSES


class NamedChangeList(ChangeList):
    """Looks up the names of a whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        name_people(list(self.result_list))


def name_people(rows: Sequence[AccessEntry]) -> None:
    who = people(row.actor_id for row in rows)
    patients = patient_names(row.patient_id for row in rows)
    for row in rows:
        person = who[row.actor_id]
        row.who_words = f"{person.name} ({person.role})" if person.role else person.name  # type: ignore[attr-defined]
        row.patient_words = patients.get(row.patient_id) if row.patient_id else None  # type: ignore[attr-defined]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@admin.register(AccessEntry)
class AccessEntryAdmin(admin.ModelAdmin[AccessEntry]):
    list_display = ("at", "who", "action_words", "resource_words", "patient", "purpose_words", "right_words", "address")
    list_filter = (ActionFilter, ResourceFilter, PurposeFilter)
    # Django shows the box when there are fields; `get_search_results` does not use them.
    search_fields = ("=patient_id",)
    search_help_text = _("A record number, the email address of an account, or an identifier from the log.")
    date_hierarchy = "at"
    fields = (*list_display, "resource_id")
    readonly_fields = fields

    def name_rows(self, request: HttpRequest, rows: Sequence[AccessEntry]) -> None:
        """For exports of this list (medisecure/reports/lists.py)."""
        name_people(rows)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AccessEntry | None:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            name_people([found])
        return found

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if self.has_view_permission(request):
            # The page tells who was a patient here and who treated them: a look like any other.
            record_access(
                actor=cast(User, request.user),
                patient_id=None,
                action="list",
                resource="access-log",
                purpose="oversight",
                right="role",
            )
        return super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AccessEntry], search_term: str
    ) -> tuple[QuerySet[AccessEntry], bool]:
        """Each is a look-up by an index; no part of a name or number is searched."""
        text = search_term.strip()
        if not text:
            return queryset, False
        found = Q(pk__in=[])
        if (id_ := _uuid(text)) is not None:
            found |= Q(patient_id=id_) | Q(actor_id=id_) | Q(pk=id_)
        if (actor := user_by_email(text)) is not None:
            found |= Q(actor_id=actor)
        if patient := patient_called(text):
            found |= Q(patient_id__in=patient)
        return queryset.filter(found), False

    @admin.display(description=_("who"), ordering="actor_id")
    def who(self, entry: AccessEntry) -> str:
        return str(getattr(entry, "who_words", entry.actor_id or ""))

    @admin.display(description=_("patient"), ordering="patient_id")
    def patient(self, entry: AccessEntry) -> str:
        return str(getattr(entry, "patient_words", None) or entry.patient_id or "–")

    @admin.display(description=_("action"), ordering="action")
    def action_words(self, entry: AccessEntry) -> str:
        return words.say(words.ACTIONS, entry.action)

    @admin.display(description=_("resource"), ordering="resource")
    def resource_words(self, entry: AccessEntry) -> str:
        return words.say(words.RESOURCES, entry.resource)

    @admin.display(description=_("purpose"), ordering="purpose")
    def purpose_words(self, entry: AccessEntry) -> str:
        return words.say(words.PURPOSES, entry.purpose)

    @admin.display(description=pgettext_lazy("access log", "right"), ordering="right")
    def right_words(self, entry: AccessEntry) -> str:
        return words.say(words.RIGHTS, entry.right)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AccessEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AccessEntry | None = None) -> bool:
        return False
