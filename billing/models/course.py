"""What the app keeps beside its own things: events, and merges of patients."""

from __future__ import annotations

from django.db import models

from medisecure.kernel.merges import MergeFields, MoveFields
from medisecure.kernel.models import Model
from medisecure.kernel.outbox import InboxFields, OutboxFields


class OutboxEvent(OutboxFields, Model):
    """Events of what changed in this database."""

    class Meta(Model.Meta):
        db_table = "outbox_events"


class InboxEntry(InboxFields, Model):
    """Events whose effect is in this database."""

    class Meta(Model.Meta):
        db_table = "inbox_entries"
        constraints = [models.UniqueConstraint(fields=["event_id", "consumer"], name="billing_inbox_once")]


class PatientMerge(MergeFields, Model):
    """A merge of two patients, as far as it has come in this database."""

    class Meta(Model.Meta):
        db_table = "billing_merges"

    def __str__(self) -> str:
        return f"merge {self.id}"


class MergeMove(MoveFields, Model):
    """What a merge changed in this database."""

    merge_id = models.UUIDField(db_index=True)

    class Meta(Model.Meta):
        db_table = "billing_merge_moves"

    def __str__(self) -> str:
        return f"{self.model} {self.row_id}"
