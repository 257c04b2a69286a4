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


class ScheduledJob(Model):
    """What runs by the clock, and when. The jobs are those of `medisecure/schedule.py`; when they run is the release's
    until somebody changes it here, and theirs from then on."""

    name = models.CharField(_("job"), max_length=60, unique=True)
    enabled = models.BooleanField(_("runs"), default=True)
    #: Seconds between two runs; empty for a job that runs at fixed times, by `minute`, `hour` and `weekday`.
    every = models.PositiveIntegerField(_("every … seconds"), null=True, blank=True)
    minute = models.CharField(_("minute"), max_length=60, blank=True)
    hour = models.CharField(_("hour (UTC)"), max_length=60, blank=True)
    weekday = models.CharField(_("weekday"), max_length=30, blank=True)
    #: Somebody has chosen when it runs: a new release leaves it alone.
    edited = models.BooleanField(_("changed here"), default=False)
    last_run_at = models.DateTimeField(_("last run"), null=True)

    class Meta(Model.Meta):
        db_table = "scheduled_jobs"
        verbose_name = _("scheduled job")
        verbose_name_plural = _("scheduled jobs")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SchedulerLease(Model):
    """Which scheduler is at work, until when. The others wait for its end."""

    name = models.CharField(max_length=20, unique=True)
    holder = models.CharField(max_length=120)
    until = models.DateTimeField()

    class Meta(Model.Meta):
        db_table = "scheduler_leases"

    def __str__(self) -> str:
        return self.name
