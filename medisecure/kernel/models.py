"""Base models. Each carries a UUIDv7 key and refuses to be sent to a database where it does not live."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.signals import pre_delete, pre_save

from medisecure.kernel.databases import require_alias
from medisecure.kernel.ids import new_id
from medisecure.kernel.outbox import InboxFields, OutboxFields

M = TypeVar("M", bound=models.Model, covariant=True)


class PinnedQuerySet(models.QuerySet[M]):
    """A queryset that raises `WrongDatabase` the moment it is pointed at another database than its model's."""

    def __init__(
        self, model: type[M] | None = None, query: Any = None, using: str | None = None, hints: Any = None
    ) -> None:
        if model is not None and model.__module__ != "__fake__":
            require_alias(model, using)
        super().__init__(model, query, using, hints)

    def using(self, alias: str | None) -> Self:
        require_alias(self.model, alias)
        return super().using(alias)


PinnedManager = models.Manager.from_queryset(PinnedQuerySet)


class _Pinned(models.Model):
    objects = PinnedManager()

    class Meta:
        abstract = True


class Model(_Pinned):
    """A row of PostgreSQL or MariaDB."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    class Meta(_Pinned.Meta):
        abstract = True


class DocumentModel(_Pinned):
    """A document of MongoDB (decision 4): its key must be called `_id`. On SQLite the column has the same name."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False, db_column="_id")

    class Meta(_Pinned.Meta):
        abstract = True


class OutboxEvent(OutboxFields, Model):
    """Events of what changed in the default database."""

    class Meta(Model.Meta):
        db_table = "outbox_events"


class InboxEntry(InboxFields, Model):
    """Events whose effect is in the default database."""

    class Meta(Model.Meta):
        db_table = "inbox_entries"
        constraints = [models.UniqueConstraint(fields=["event_id", "consumer"], name="inbox_once")]


def _refuse_wrong_database(sender: type[models.Model], using: str, **kwargs: Any) -> None:
    # Signals reach the models of Django and of libraries too, which know nothing of PinnedQuerySet.
    if sender.__module__ != "__fake__":
        require_alias(sender, using)


pre_save.connect(_refuse_wrong_database, dispatch_uid="medisecure.wrong-database.save")
pre_delete.connect(_refuse_wrong_database, dispatch_uid="medisecure.wrong-database.delete")
