"""A query whose SQL is made once. Making it takes Django longer than the database takes to answer, where one statement
holds many subqueries; what is asked at every door cannot afford that each time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connections, models

#: Marks of each kind. What differs between a statement made with some and one made with others is where a value goes.
_MARKS: Final[dict[type[models.Field[Any, Any]], Callable[[int], Any]]] = {
    models.UUIDField: lambda number: UUID(int=number),
    models.DateTimeField: lambda number: datetime(1800, 1, 1, tzinfo=UTC) + timedelta(days=number),
    models.DateField: lambda number: date(1700, 1, 1) + timedelta(days=number),
}


class Prepared:
    """`build(**values)` gives a queryset that ends in `.values(…)`; calling this with the same names gives its rows.

    Each value must reach the statement as it is: one that decides its shape, or is computed with on the way, is refused
    with `ValueError` when the statement is made. `fields` says for each value how it is written to the database.
    """

    def __init__(self, build: Callable[..., Any], **fields: models.Field[Any, Any]) -> None:
        self._build = build
        self._fields = fields
        self._made: dict[str, tuple[Any, str, list[Any], list[str], dict[int, str]]] = {}
        self._lock = threading.Lock()

    def rows(self, alias: str, **values: Any) -> list[dict[str, Any]]:
        connection: Any = connections[alias]
        with self._lock:
            if connection.vendor not in self._made:
                self._made[connection.vendor] = self._make(alias)
        compiler, sql, params, names, places = self._made[connection.vendor]
        written = {name: self._write(name, value, connection) for name, value in values.items()}
        filled = [written[places[index]] if index in places else param for index, param in enumerate(params)]
        with connection.cursor() as cursor:
            cursor.execute(sql, filled)
            found = cursor.fetchall()
        return [dict(zip(names, row, strict=True)) for row in compiler.results_iter(results=[found])]

    def _make(self, alias: str) -> tuple[Any, str, list[Any], list[str], dict[int, str]]:
        first, second = self._marked(0), self._marked(len(self._fields))
        query = self._build(**first).query
        compiler = query.get_compiler(using=alias)
        sql, params = compiler.as_sql()
        other_sql, others = self._build(**second).query.get_compiler(using=alias).as_sql()
        if sql != other_sql:
            raise ValueError("a value decides the shape of the statement")
        connection = connections[alias]
        marks = {self._key(self._write(name, value, connection)): name for name, value in first.items()}
        places = {}
        for index, (one, other) in enumerate(zip(params, others, strict=True)):
            if one != other:
                if self._key(one) not in marks:
                    raise ValueError("a value is computed with on its way into the statement")
                places[index] = marks[self._key(one)]
        if missing := set(self._fields) - set(places.values()):
            raise ValueError(f"not in the statement: {', '.join(sorted(missing))}")
        return compiler, sql, list(params), list(query.selected), places

    def _marked(self, start: int) -> Mapping[str, Any]:
        return {
            name: next(mark for kind, mark in _MARKS.items() if isinstance(field, kind))(start + number)
            for number, (name, field) in enumerate(self._fields.items(), start=1)
        }

    def _write(self, name: str, value: Any, connection: Any) -> Any:
        return self._fields[name].get_db_prep_value(value, connection=connection, prepared=False)

    @staticmethod
    def _key(value: Any) -> str:
        return f"{type(value).__name__}:{value}"
