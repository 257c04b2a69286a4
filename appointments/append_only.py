"""Documents that are written once. MongoDB has no triggers, so the model refuses what it can see; on SQLite the
database refuses raw SQL too (`appointments.triggers`)."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from django.db import models

from medisecure.kernel.models import DocumentModel, PinnedQuerySet

M = TypeVar("M", bound=models.Model, covariant=True)


class AppendOnly(RuntimeError):
    """History is added to and never changed."""


class AppendOnlyQuerySet(PinnedQuerySet[M]):
    """Refuses what would change or remove documents many at a time."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class AppendOnlyDocument(DocumentModel):
    """A document that is written once."""

    objects = AppendOnlyQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's, on purpose

    class Meta(DocumentModel.Meta):
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly
