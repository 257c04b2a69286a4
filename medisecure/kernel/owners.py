"""Whose object is it: each app says which keys of the storage its rows name, so that both sides can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Named:
    """An object that a row names. `size` is None where the row does not say."""

    bucket: str
    key: str
    row_id: str
    size: int | None = None


def _nobodys(bucket: str, key: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Owner:
    """`rows`: every object that the app's rows name now, in any order, with few in memory. `disposable`: whether an
    object of this key, which no row names, is certainly a leftover of this app's and may be deleted."""

    name: str
    rows: Callable[[], Iterator[Named]]
    disposable: Callable[[str, str], bool] = _nobodys


_owners: dict[str, Owner] = {}
_rowless: set[str] = set()


def register_owner(owner: Owner) -> None:
    """Called from AppConfig.ready(). Raises ValueError for a name that is taken."""
    if _owners.get(owner.name, owner) is not owner:
        raise ValueError(f"owner {owner.name!r} is registered already")
    _owners[owner.name] = owner


def register_rowless(folder: str) -> None:
    """Objects below this folder stand for themselves: no row names them."""
    _rowless.add(folder)


def owners() -> list[Owner]:
    return list(_owners.values())


def is_rowless(key: str) -> bool:
    return any(key.startswith(folder) for folder in _rowless)


def by_id(rows: QuerySet[Any], *fields: str) -> Iterator[tuple[Any, ...]]:
    """(id, *fields) of every row, a thousand at a time on every engine."""
    last: UUID | None = None
    while True:
        page = rows.order_by("id") if last is None else rows.filter(id__gt=last).order_by("id")
        found = list(page.values_list("id", *fields)[:_CHUNK])
        yield from found
        if len(found) < _CHUNK:
            return
        last = found[-1][0]
