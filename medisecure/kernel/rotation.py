"""Encrypting what is stored anew, under the first of FIELD_KEYS, while everyone works.

Each row is changed by comparison: what somebody wrote in between was written under the first key and is left alone. A
batch is one short transaction, so what is done stays done when the command dies, and the next run takes the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models
from django.db.models import Count, QuerySet
from django.db.models.functions import Substr

from medisecure.kernel.crypto import Unreadable, keyring
from medisecure.kernel.databases import alias_for
from medisecure.kernel.sealed import SealedTextField, context_of, sealed_fields
from medisecure.kernel.transactions import atomic, transactional


@dataclass(slots=True)
class Progress:
    """`unreadable` and `clashing`: rows left as they were, as table and id."""

    seen: int = 0
    changed: int = 0
    unreadable: list[str] = field(default_factory=list)
    clashing: list[str] = field(default_factory=list)


def values_by_key() -> Counter[str]:
    """How many stored values each key has sealed, by the key's id."""
    found: Counter[str] = Counter()
    for model, column in sealed_fields():
        # "v1." and the id's eight digits: see kernel/crypto.py.
        rows = _rows(model).exclude(**{column.name: ""}).annotate(key=Substr(column.name, 4, 8)).order_by()
        for key, count in rows.values_list("key").annotate(Count("pk")):
            found[key] += count
    return found


def left() -> int:
    """Values that another key than the first has sealed."""
    return sum(_waiting(model, column).count() for model, column in sealed_fields())


def rotate(batch: int) -> Iterator[Progress]:
    """Encrypt and index anew all that is left; yields after each batch, which is then committed."""
    for model, column in sealed_fields():
        last: UUID | None = None
        while True:
            rows = _waiting(model, column).order_by("pk")
            if last is not None:
                rows = rows.filter(pk__gt=last)
            ids = list(rows.values_list("pk", flat=True)[:batch])
            if not ids:
                break
            yield transactional(alias_for(model))(_rotate_rows)(model, column, ids)
            last = ids[-1]


def _rows(model: type[models.Model]) -> QuerySet[Any]:
    return model._default_manager.using(alias_for(model))


def _waiting(model: type[models.Model], column: SealedTextField) -> QuerySet[Any]:
    rows = _rows(model).exclude(**{column.name: ""})
    return rows.exclude(**{f"{column.name}__startswith": keyring().prefix})


def _rotate_rows(model: type[models.Model], column: SealedTextField, ids: list[UUID]) -> Progress:
    ring, found = keyring(), Progress()
    for row in _waiting(model, column).filter(pk__in=ids).order_by("pk"):
        found.seen += 1
        place = f"{model._meta.db_table} {row.pk}"
        context = context_of(model._meta.db_table, column.name, row.pk)
        sealed = getattr(row, column.name)
        try:
            text = ring.open(sealed, context)
        except Unreadable:
            found.unreadable.append(place)
            continue
        values = {column.name: ring.seal(text, context)}
        if column.index_column:
            values[column.index_column] = ring.index(text, row.index_domain())
        try:
            with atomic(alias_for(model)):
                found.changed += _rows(model).filter(pk=row.pk, **{column.name: sealed}).update(**values)
        except IntegrityError:
            # Two processes entered the same number under two keys at the same instant: somebody has to look.
            found.clashing.append(place)
    return found
