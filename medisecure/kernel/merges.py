"""What each database keeps of a merge of two patients: that it took place there, and what was moved.

Both are written in the transaction that moves, so that a merge that is asked for twice moves nothing twice, and can be
taken back row by row. The tables are concrete in each database, like the outbox.
"""

from __future__ import annotations

from django.db import models

from medisecure.kernel import clock


class MergeFields(models.Model):
    """A merge as one database sees it; its key is that of the merge."""

    survivor_id = models.UUIDField()
    loser_id = models.UUIDField()
    #: Taken back here: a late order to merge is passed over.
    undone = models.BooleanField(default=False)
    #: Every order writes here, so that two at the same time conflict and one comes after the other.
    orders = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        abstract = True


class MoveFields(models.Model):
    """One value that a merge changed: of which row, what it was and what it became."""

    #: Which kind of row: the model's label.
    model = models.CharField(max_length=80)
    row_id = models.UUIDField()
    field = models.CharField(max_length=80)
    old = models.TextField(blank=True)
    new = models.TextField(blank=True)
    #: Set when the merge was taken back and the row was not as the merge had left it, so it stayed.
    kept = models.BooleanField(default=False)

    class Meta:
        abstract = True
