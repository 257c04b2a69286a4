"""What was asked of the workers: reports and exports of lists, the files they made, and reports that come again."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from medisecure.kernel import clock
from medisecure.kernel.models import Model
from medisecure.reports import rules


class Schedule(Model):
    """A report that one person gets each week or month, of the week or month that is over."""

    class Every(models.TextChoices):
        WEEK = rules.Every.WEEK.value, _("Every Monday, of the week before")
        MONTH = rules.Every.MONTH.value, _("On the first of each month, of the month before")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("asked by"), on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(_("report"), max_length=20)
    #: place, unit, practitioner: as in `Job.parameters`.
    parameters = models.JSONField(default=dict)
    every = models.CharField(_("when"), max_length=10, choices=Every)
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("asked"), default=clock.now)

    class Meta(Model.Meta):
        db_table = "report_schedules"
        default_permissions = ()
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner", "active"], name="report_schedules_of")]

    def __str__(self) -> str:
        return f"{self.kind} {self.every}"


class Job(Model):
    """One thing that a worker makes for one person. Taken by comparison and for a while only (`claimed_until`), so that
    nothing is in the making for ever."""

    class What(models.TextChoices):
        REPORT = "report", pgettext_lazy("what was asked", "Report")
        EXPORT = "export", pgettext_lazy("what was asked", "Export of a list")

    class Status(models.TextChoices):
        ASKED = "asked", pgettext_lazy("report or export", "Waiting")
        RUNNING = "running", pgettext_lazy("report or export", "In the making")
        READY = "ready", pgettext_lazy("report or export", "Ready")
        FAILED = "failed", pgettext_lazy("report or export", "Failed")
        CANCELLED = "cancelled", pgettext_lazy("report or export", "Cancelled")
        EXPIRED = "expired", pgettext_lazy("report or export", "Expired")

    what = models.CharField(max_length=10, choices=What)
    #: The kind of report, or the list as "app.model".
    subject = models.CharField(max_length=80)
    #: Of a report: first, last, place, unit, practitioner. Of an export: format, columns, and `query`, the list's
    #: address after the question mark; it may hold a name that was searched for, and goes with the files.
    parameters = models.JSONField(default=dict)
    language = models.CharField(_("language"), max_length=5)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("asked by"), on_delete=models.PROTECT, related_name="+"
    )
    schedule = models.ForeignKey(Schedule, null=True, on_delete=models.PROTECT, related_name="+")
    #: Of a scheduled one the days it is about, "2026-03-02/2026-03-08": made once, however often one looks.
    period = models.CharField(max_length=30, blank=True, default="")

    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.ASKED)
    progress = models.PositiveSmallIntegerField(_("progress in percent"), default=0)
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    claimed_until = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(_("asked"), default=clock.now)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)
    #: Why it failed: a code of our errors, or the type of another's. Never its text.
    error = models.CharField(max_length=80, blank=True, default="")

    class Meta(Model.Meta):
        db_table = "report_jobs"
        verbose_name = _("report or export")
        verbose_name_plural = _("my reports and exports")
        default_permissions = ()
        permissions = [
            ("ask_report", "Can ask for reports on the hospital’s work"),
            ("ask_audit_report", "Can ask for the report on the access log"),
            ("export_list", "Can export the lists they see"),
        ]
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["requested_by", "-id"], name="report_jobs_of"),
            models.Index(fields=["status", "claimed_until"], name="report_jobs_waiting"),
        ]
        constraints = [models.UniqueConstraint(fields=["schedule", "period"], name="report_job_once_a_period")]

    def __str__(self) -> str:
        return f"{self.what} {self.id}"

    @property
    def pending(self) -> bool:
        return self.status in (self.Status.ASKED, self.Status.RUNNING)


class JobFile(Model):
    """One file that a job made. The key says nothing about anyone."""

    class Format(models.TextChoices):
        PDF = "pdf", "PDF"
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel (XLSX)"

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="files")
    format = models.CharField(max_length=10, choices=Format)
    key = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField("SHA-256", max_length=64)

    class Meta(Model.Meta):
        db_table = "report_files"
        default_permissions = ()
        # pdf before csv: what people read first.
        ordering = ["-format"]
        constraints = [models.UniqueConstraint(fields=["job", "format"], name="report_file_once")]

    def __str__(self) -> str:
        return f"{self.format} {self.id}"
