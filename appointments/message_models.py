"""What was promised to be told, and the calendars that may be read from outside."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.models import DocumentModel


class Reminder(DocumentModel):
    """One reminder of one visit at its present time: the unique key is what makes it one, whoever looks twice."""

    appointment_id = models.UUIDField()
    #: The appointment's own: a visit that moved is reminded of again.
    sequence = models.PositiveIntegerField()
    hours = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta(DocumentModel.Meta):
        db_table = "appointment_reminders"
        constraints = [
            models.UniqueConstraint(fields=["appointment_id", "sequence", "hours"], name="appointment_reminders_once")
        ]

    def __str__(self) -> str:
        return f"{self.appointment_id} {self.hours} h"


class CalendarFeed(DocumentModel):
    """A calendar that the calendar program of a practitioner, of a patient or of who stands for one reads by a secret
    address. Of the address only a hash is kept: who reads the database cannot read calendars with it."""

    class Owner(models.TextChoices):
        PATIENT = "patient", _("Patient")
        PRACTITIONER = "practitioner", _("Practitioner")

    owner = models.CharField(_("whose"), max_length=12, choices=Owner.choices)
    owner_id = models.UUIDField()
    #: `patient:<id>` while it is open, `behalf:<id>:<account>` for who stands for the patient, its own id once it is
    #: closed: so each has one at a time, on every engine.
    open_key = models.CharField(max_length=90, unique=True)
    token_hash = models.CharField(max_length=64, unique=True)
    #: The language in which it was asked for.
    language = models.CharField(max_length=5)
    created_at = models.DateTimeField(_("made"), default=clock.now)
    created_by = models.UUIDField()
    revoked_at = models.DateTimeField(_("closed"), null=True)
    #: To the hour: enough to see whether anybody reads it.
    read_at = models.DateTimeField(_("last read"), null=True)

    class Meta(DocumentModel.Meta):
        db_table = "calendar_feeds"
        verbose_name = _("calendar address")
        verbose_name_plural = _("calendar addresses")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.owner} {self.id}"
