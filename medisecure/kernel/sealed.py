"""Columns whose text is encrypted at rest (kernel/crypto.py), and what `rotate_keys` needs to know of them.

    class Passport(Model):
        sealed_number = SealedTextField(index="number_index")
        number_index = models.CharField(max_length=INDEX_LENGTH)
        number = Sealed("sealed_number")

`passport.number` decrypts when it is asked for and never before; setting it encrypts. The row's id is part of what is
authenticated, so the id must be there first: ours are made with the object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import models

from medisecure.kernel.crypto import keyring

#: Characters of an index: HMAC-SHA-256 in hexadecimal digits.
INDEX_LENGTH: Final = 64


class SealedTextField(models.TextField[str, str]):
    """Holds the sealed form. No form, list or search of the admin shows it.

    `index`: the column that holds the keyed index of the same text; the model then says the domain in `index_domain()`.
    """

    def __init__(self, *args: Any, index: str = "", **kwargs: Any) -> None:
        self.index_column = index
        super().__init__(*args, **{"blank": True, "default": "", "editable": False, **kwargs})


def context_of(table: str, column: str, row_id: UUID) -> str:
    return f"{table}.{column}:{row_id}"


def seal_for(table: str, column: str, row_id: UUID, text: str) -> str:
    """For writes that have no object: migrations, bulk updates."""
    return keyring().seal(text, context_of(table, column, row_id))


class Sealed(property):
    """The text of the `SealedTextField` named `column`, in clear."""

    def __init__(self, column: str) -> None:
        def read(row: models.Model) -> str:
            return keyring().open(getattr(row, column), context_of(row._meta.db_table, column, row.pk))

        def write(row: models.Model, text: str) -> None:
            setattr(row, column, seal_for(row._meta.db_table, column, row.pk, text))

        super().__init__(read, write)


def sealed_fields() -> Iterator[tuple[type[models.Model], SealedTextField]]:
    """Every encrypted column of the installation."""
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, SealedTextField):
                yield model, field
