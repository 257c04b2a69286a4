"""What operations keep: messages that nobody could handle."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.models import Model


class DeadLetter(Model):
    """A message that was taken from the broker after its last try. It is kept whole, to be sent again, and shown by ids
    and codes only."""

    #: The same death is kept once, however often it is read.
    mark = models.CharField(max_length=64, unique=True)
    queue = models.CharField(_("queue"), max_length=30)
    task = models.CharField(_("task"), max_length=100, blank=True)
    task_id = models.CharField(_("task number"), max_length=64, blank=True)
    #: Who was to handle which event: names of functions and ids.
    subject = models.CharField(_("for"), max_length=300, blank=True)
    reason = models.CharField(_("why"), max_length=30, blank=True)
    error = models.CharField(_("error"), max_length=100, blank=True)
    died_at = models.DateTimeField(_("since"), default=clock.now, db_index=True)
    content_type = models.CharField(max_length=60)
    content_encoding = models.CharField(max_length=30)
    headers = models.JSONField(default=dict)
    body = models.TextField()

    class Meta(Model.Meta):
        db_table = "dead_letters"
        verbose_name = _("message that failed")
        verbose_name_plural = _("messages that failed")
        ordering = ["-id"]
        permissions = [("manage_deadletter", "Can retry and drop messages that failed")]

    def __str__(self) -> str:
        return f"{self.task or self.queue} {self.id}"
