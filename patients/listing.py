"""Lists of patients without counting what nobody leafs through: of a million, the pages of ten thousand."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from medisecure.paging import Pages
from patients import rules


class BoundedPaginator(Paginator[Any]):
    """Counts no further than `rules.MOST_LISTED`; `more` says that there are others."""

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        # Without the order, which the count would otherwise sort by.
        return rows.order_by()[: rules.MOST_LISTED + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._found, rules.MOST_LISTED)

    @property
    def more(self) -> bool:
        return self._found > rules.MOST_LISTED


class BoundedPages(Pages):
    """`count` is at most `rules.MOST_LISTED`; `more` says that there are others."""

    django_paginator_class = BoundedPaginator

    def get_paginated_response(self, data: Any) -> Any:
        response = super().get_paginated_response(data)
        response.data["more"] = self.page.paginator.more  # type: ignore[union-attr]
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        found = super().get_paginated_response_schema(schema)
        found["properties"]["more"] = {"type": "boolean", "description": "There are more than `count`: narrow it down."}
        found["required"] = [*found.get("required", []), "more"]
        return found
