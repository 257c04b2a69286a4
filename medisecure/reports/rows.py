"""Many rows in their order, some at a time, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import Field, Q, QuerySet
from django.db.models.expressions import OrderBy

CHUNK: Final = 2000

#: A field, and whether it goes down.
Key = tuple[str, bool]


def chunks(rows: QuerySet[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """PostgreSQL and MongoDB hand out a cursor. MariaDB's driver would read everything first, and on SQLite an open
    cursor keeps its own connection from writing how far it is: there each piece begins after the last row of the one
    before, whatever the order."""
    if connections[rows.db].vendor in ("postgresql", "mongodb"):
        stream = rows.iterator(chunk_size=size)
        while piece := list(islice(stream, size)):
            yield piece
        return
    keys = plain_order(rows)
    if keys is None:
        # Ordered by something computed: a search, of which the best few are found.
        yield from _by_id(rows, size)
        return
    after = Q()
    while True:
        piece = list(rows.filter(after)[:size])
        if piece:
            yield piece
        if len(piece) < size:
            return
        after = _after(piece[-1], keys)


def plain_order(rows: QuerySet[Any]) -> list[Key] | None:
    """The order as columns of the table itself, ending with one that is unique; None when it is another one."""
    found: list[Key] = []
    for item in rows.query.order_by or rows.query.get_meta().ordering or ():
        down = False
        if isinstance(item, OrderBy):
            if item.nulls_first or item.nulls_last or not hasattr(item.expression, "name"):
                return None
            item, down = item.expression.name, item.descending
        if not isinstance(item, str):
            return None
        if item.startswith("-"):
            item, down = item[1:], not down
        field = _column(rows, item)
        if field is None:
            return None
        found.append((field.attname, down))
        if field.unique and not field.null:
            return found
    return None


def _column(rows: QuerySet[Any], name: str) -> Field[Any, Any] | None:
    meta = rows.model._meta
    if name == "pk":
        name = meta.pk.name
    if name in rows.query.annotations:
        return None
    try:
        field = meta.get_field(name)
    except FieldDoesNotExist:
        return None
    # A foreign key by its name sorts by what it points to; by its column it is one of ours.
    if not isinstance(field, Field) or not field.concrete or (field.is_relation and name != field.attname):
        return None
    return field


def _after(row: Any, keys: Sequence[Key]) -> Q:
    """Everything behind this row. These engines sort NULL before every value, and behind them when it goes down."""
    found, same = Q(pk__in=[]), Q()
    for name, down in keys:
        value = getattr(row, name)
        if value is None:
            behind = Q(pk__in=[]) if down else Q(**{f"{name}__isnull": False})
            here = Q(**{f"{name}__isnull": True})
        else:
            behind = Q(**{f"{name}__{'lt' if down else 'gt'}": value})
            if down:
                behind |= Q(**{f"{name}__isnull": True})
            here = Q(**{name: value})
        found |= same & behind
        same &= here
    return found


def _by_id(rows: QuerySet[Any], size: int) -> Iterator[list[Any]]:
    ids = list(rows.values_list("pk", flat=True))
    for start in range(0, len(ids), size):
        wanted = ids[start : start + size]
        found = {row.pk: row for row in rows.order_by().filter(pk__in=wanted)}
        yield [found[one] for one in wanted if one in found]
