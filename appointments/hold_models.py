"""What lasts only while somebody books: the time they keep, and the key of their request."""

from __future__ import annotations

from django.db import models

from medisecure.kernel import clock
from medisecure.kernel.models import DocumentModel


class Hold(DocumentModel):
    """A time that somebody keeps while they fill in the form. Its cells name it as their holder and end when it does,
    so that the index stays the judge; what has expired blocks nobody, swept or not."""

    owner_id = models.UUIDField(db_index=True)
    practitioner_id = models.UUIDField()
    type_code = models.CharField(max_length=40)
    zone = models.CharField(max_length=64)
    place = models.CharField(max_length=120)
    start = models.DateTimeField()
    busy_start = models.DateTimeField()
    busy_end = models.DateTimeField()
    #: Ids of the rooms and devices that it keeps.
    resource_ids = models.JSONField(default=list)
    expires = models.DateTimeField(db_index=True)

    class Meta(DocumentModel.Meta):
        db_table = "holds"

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} UTC"


class BookingKey(DocumentModel):
    """The `Idempotency-Key` of a booking, for a day: the same request again is the same appointment."""

    actor_id = models.UUIDField()
    key = models.CharField(max_length=100)
    #: SHA-256 of what was asked for.
    digest = models.CharField(max_length=64)
    appointment_id = models.UUIDField()
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta(DocumentModel.Meta):
        db_table = "booking_keys"
        constraints = [models.UniqueConstraint(fields=["actor_id", "key"], name="booking_keys_once")]

    def __str__(self) -> str:
        return str(self.id)
