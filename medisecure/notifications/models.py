"""What is to be told to whom. A row is written with the change it tells of; a worker sends it afterwards."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.models import Model


class Message(Model):
    """One mail to one address. Content is dropped once it is sent or refused for good: what remains is when."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Refused by the mail server")
        DROPPED = "dropped", _("No longer true, not sent")

    #: The same fact never makes two mails: the event's id and the recipient, usually.
    dedupe_key = models.CharField(max_length=200, unique=True)
    user_id = models.UUIDField(_("account"), null=True, db_index=True)
    #: Mails about one thing leave in the order in which they were promised: "appointment:<id>"; empty: no order.
    thread = models.CharField(max_length=80, blank=True)
    #: What must still be true when it leaves, asked of whoever registered for the word before the first colon.
    claim = models.CharField(max_length=120, blank=True)
    to_email = models.EmailField(_("address"), max_length=254)
    language = models.CharField(_("language"), max_length=5)
    template = models.CharField(_("kind"), max_length=60)
    subject = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    #: [{"name": "…", "type": "text/calendar; …", "content": "…"}], text only
    attachments = models.JSONField(default=list)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    created_at = models.DateTimeField(_("asked"), default=clock.now)
    due_at = models.DateTimeField(_("due"), default=clock.now)
    sent_at = models.DateTimeField(_("sent"), null=True)
    last_error = models.CharField(_("last error"), max_length=100, blank=True)

    class Meta(Model.Meta):
        db_table = "messages"
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "due_at"], name="messages_due"),
            models.Index(fields=["thread", "status"], name="messages_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.id}"


class Notice(Model):
    """One line in a person's in-app inbox. The text is made from `kind` when it is shown, in the reader's language."""

    dedupe_key = models.CharField(max_length=200, unique=True)
    user_id = models.UUIDField()
    kind = models.CharField(max_length=60)
    url = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    read_at = models.DateTimeField(null=True)

    class Meta(Model.Meta):
        db_table = "notices"
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        indexes = [models.Index(fields=["user_id", "-created_at"], name="notices_inbox")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
