"""What is to be told to whom. A row is written with the change it tells of; a worker sends it afterwards."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.models import Model


class Channel(models.TextChoices):
    MAIL = "mail", _("Mail")
    PUSH = "push", _("Push")
    IN_APP = "in-app", _("In the portal")


class Message(Model):
    """One mail to one address, or one push to one device. Content is dropped once it is sent or refused for good:
    what remains is when."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Refused for good")
        DROPPED = "dropped", _("No longer true, not sent")

    #: The same fact never makes two mails: the event's id and the recipient, usually.
    dedupe_key = models.CharField(max_length=200, unique=True)
    channel = models.CharField(_("channel"), max_length=6, choices=Channel.choices[:2], default=Channel.MAIL)
    user_id = models.UUIDField(_("account"), null=True, db_index=True)
    #: Of a push: where it goes. The device may be gone since.
    device_id = models.UUIDField(null=True)
    #: Mails about one thing leave in the order in which they were promised: "appointment:<id>"; empty: no order.
    thread = models.CharField(max_length=80, blank=True)
    #: What must still be true when it leaves, asked of whoever registered for the word before the first colon.
    claim = models.CharField(max_length=120, blank=True)
    to_email = models.EmailField(_("address"), max_length=254, blank=True)
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
        verbose_name = _("message sent")
        verbose_name_plural = _("messages sent")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["channel", "status", "due_at"], name="messages_due_of_channel"),
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


class Device(Model):
    """A browser or a phone that somebody wants to be told on."""

    class Platform(models.TextChoices):
        WEB = "web", _("Browser")
        ANDROID = "android", "Android"
        IOS = "ios", "iOS"

    user_id = models.UUIDField(db_index=True)
    platform = models.CharField(max_length=10, choices=Platform.choices)
    #: SHA-256 of the address or token: one device is one row, whoever signs in on it.
    fingerprint = models.CharField(max_length=64, unique=True)
    #: Of a browser the address at its push service, of a phone the token of its platform.
    address = models.TextField()
    p256dh = models.CharField(max_length=120, blank=True)
    auth = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta(Model.Meta):
        db_table = "devices"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.platform} {self.id}"


class Choice(Model):
    """What somebody does not want to be told of, or not this way. What has no row is wanted."""

    user_id = models.UUIDField()
    topic = models.CharField(max_length=20)
    channel = models.CharField(max_length=6, choices=Channel.choices)

    class Meta(Model.Meta):
        db_table = "message_choices"
        constraints = [
            models.UniqueConstraint(fields=["user_id", "topic", "channel"], name="message_choices_once"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.channel} {self.id}"
