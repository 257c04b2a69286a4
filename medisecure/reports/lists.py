"""The lists of the admin as their readers see them: the same door, filters, search and order, and no column more.

A list is rebuilt from its address (`ChangeList`, as Django's own page does), for the asker and with the rights that
they have now. So an export can hold nothing that the list would not show them.

What an app may add to its `ModelAdmin`, both without importing anything:
`name_rows(request, rows)`: looks up for many rows at once what the columns would look up for each (names of another
database);
`export_values`: column → function of a row, giving the value where the column shows words ("12,50 €", "mar. 3 mars").
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.contrib.messages.storage.base import BaseStorage
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import capfirst
from django.test import RequestFactory
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.kernel.errors import Invalid, NotFound, Refused

Cell = str | int | float | Decimal | date | datetime | bool | None

#: What the address of a list says besides what is in it.
_OF_THE_PAGE: Final = frozenset({"p", "all", "e", "_popup", "_to_field", "_facets", "_changelist_filters"})
MOST_QUERY: Final = 2000


class _Heard(BaseStorage):
    """Where a list puts what it wants to say to its reader: nobody reads it here."""

    def _get(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], True

    def _store(self, messages: Any, response: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return []


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    title: str


def clean_query(text: str) -> str:
    """The filters, search and order of a list's address, without pages. Raises `Invalid` when it is too long."""
    if len(text) > MOST_QUERY:
        raise Invalid({"query": [_("Too many filters. Choose fewer.")]})
    pairs = [(name, value) for name, value in parse_qsl(text, keep_blank_values=True) if name not in _OF_THE_PAGE]
    return urlencode(pairs)


class AdminList:
    """One list as one person sees it. Raises `NotFound` for what is no list, `Refused` for who may not see it, and
    `Invalid` for filters that it does not have."""

    def __init__(self, actor: User, label: str, query: str = "") -> None:
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            raise NotFound from None
        found = admin.site._registry.get(model)
        if found is None:
            raise NotFound
        self.admin: admin.ModelAdmin[Any] = found
        self.label: str = model._meta.label_lower
        self.actor = actor
        self.query = clean_query(query)
        self._request = self._asked()
        if not (actor.is_active and actor.is_staff and found.has_view_permission(self._request)):
            raise Refused

    def _asked(self) -> HttpRequest:
        request = RequestFactory().get("/", QUERY_STRING=self.query)
        request.user = self.actor
        cast(Any, request)._messages = _Heard(request)
        return request

    def columns(self) -> list[Column]:
        """Those of the list, without the ones that only lead somewhere."""
        names = [str(name) for name in self.admin.get_list_display(self._request) if name != "action_checkbox"]
        model = self.admin.model
        return [
            Column(name, str(capfirst(str(label_for_field(name, model, model_admin=self.admin))))) for name in names
        ]

    def rows(self) -> QuerySet[Any]:
        """What the list holds, on all its pages, in its order."""
        try:
            shown: ChangeList = self.admin.get_changelist_instance(self._request)
        except IncorrectLookupParameters:
            raise Invalid({"query": [_("This list has no such filter. Open it anew and try again.")]}) from None
        return cast("QuerySet[Any]", shown.queryset)

    def filters(self) -> list[tuple[str, str]]:
        """The filters and the search of the address, as they stand there: so that people see what they export."""
        return [(name, value) for name, value in parse_qsl(self.query) if value]

    def reader(self, names: Sequence[str]) -> Callable[[Sequence[Any]], list[list[Cell]]]:
        """Rows, many at a time → their cells."""
        name_rows = getattr(self.admin, "name_rows", None)
        values: dict[str, Callable[[Any], Any]] = dict(getattr(self.admin, "export_values", None) or {})

        def read(rows: Sequence[Any]) -> list[list[Cell]]:
            if name_rows is not None:
                name_rows(self._request, rows)
            return [[self._cell(name, row, values.get(name)) for name in names] for row in rows]

        return read

    def _cell(self, name: str, row: Any, value_of: Callable[[Any], Any] | None) -> Cell:
        if value_of is not None:
            return _plain(value_of(row))
        try:
            field, _attribute, value = lookup_field(name, row, self.admin)
        except ObjectDoesNotExist:
            return None
        if field is not None and getattr(field, "flatchoices", None):
            value = dict(field.flatchoices).get(value, value)
        return _plain(value)


def _plain(value: Any) -> Cell:
    """Words, a number or an instant: what a cell can hold. Instants on the hospital's clock."""
    if isinstance(value, datetime):
        return localtime(value).replace(tzinfo=None) if value.tzinfo else value
    if value is None or isinstance(value, bool | int | float | Decimal | date):
        return value
    if isinstance(value, SafeString):
        return html.unescape(strip_tags(value)).strip()
    return str(value)
