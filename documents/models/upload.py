"""A large file on its way in: it arrives in parts, waits in quarantine, and becomes a document or is refused."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from documents.models.document import FILENAME_LENGTH, TITLE_LENGTH, Audience, Category, Document
from medisecure.kernel import clock
from medisecure.kernel.models import Model


class Upload(Model):
    class State(models.TextChoices):
        OPEN = "open", _("arriving")
        RECEIVED = "received", _("being checked")
        DONE = "done", _("in the record")
        REFUSED = "refused", _("refused")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")

    class Reason(models.TextChoices):
        """Why it was refused."""

        TYPE = "type", _("The content of this file is of a type that is not taken.")
        DAMAGED = "damaged", _("This file is damaged or cut off.")
        INFECTED = "infected", _("The malware scanner found something in this file. It was removed.")
        NO_ACCESS = "no-access", _("You no longer have access to this record.")
        STALE = "stale", _("Somebody else has added a newer version of this document in the meantime.")

    patient = models.ForeignKey(
        "patients.Patient", verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+"
    )
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("added by"), on_delete=models.PROTECT, related_name="+"
    )
    purpose = models.CharField(max_length=40)
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    category = models.CharField(_("category"), max_length=20, choices=Category)
    audience = models.CharField(_("who may read it"), max_length=10, choices=Audience, default=Audience.TREATING)
    unit = models.ForeignKey("patients.Unit", null=True, on_delete=models.PROTECT, related_name="+")
    withheld_until = models.DateField(null=True)
    replaces = models.ForeignKey(Document, null=True, on_delete=models.PROTECT, related_name="+")
    # The file as its sender names it: by these it is known again when it is chosen a second time.
    filename = models.CharField(_("name of the file"), max_length=FILENAME_LENGTH)
    size = models.PositiveBigIntegerField(_("size"))
    #: Milliseconds since 1970, as browsers say it; 0 when it is not known.
    last_modified = models.PositiveBigIntegerField(default=0)
    #: What the sender says it is. It proves nothing.
    declared_type = models.CharField(max_length=100, blank=True)
    part_size = models.PositiveIntegerField()
    #: The storage's own name of this upload; S3 servers promise no length.
    storage_id = models.CharField(max_length=1024)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason, blank=True)
    document = models.OneToOneField(Document, null=True, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(_("begun"), default=clock.now)
    expires_at = models.DateTimeField(_("kept until"))
    #: When a worker looks at it next: at once, after a pause, or when the worker that has it must have died.
    due_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)

    class Meta(Model.Meta):
        db_table = "uploads"
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        ordering = ["-started_at", "-id"]
        indexes = [
            models.Index(fields=["uploader", "state"], name="uploads_of_user"),
            models.Index(fields=["state", "due_at"], name="uploads_due"),
        ]

    def __str__(self) -> str:
        return f"upload {self.id}"
