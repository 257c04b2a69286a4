"""Rows that are written once: the model refuses what Django could do. What raw SQL could do, triggers refuse
(`medisecure.kernel.triggers`) where the engine has them; MongoDB has none."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from django.db import models

from medisecure.kernel.models import DocumentModel, Model, PinnedQuerySet

M = TypeVar("M", bound=models.Model, covariant=True)


class AppendOnly(RuntimeError):
    """These rows are added to and never changed."""


class AppendOnlyQuerySet(PinnedQuerySet[M]):
    """Refuses what would change or remove rows many at a time."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class WrittenOnce(models.Model):
    """Refuses to save a row again and to delete it."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class AppendOnlyModel(WrittenOnce, Model):
    """A row that is written once."""

    objects = AppendOnlyQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's, on purpose

    class Meta(Model.Meta):
        abstract = True


class AppendOnlyDocument(WrittenOnce, DocumentModel):
    """A document that is written once."""

    objects = AppendOnlyQuerySet.as_manager()  # type: ignore[misc]  # narrower than the base's, on purpose

    class Meta(DocumentModel.Meta):
        abstract = True
