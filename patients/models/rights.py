"""What people ask of their data (GDPR): a copy of all of it, its erasure, and what holds it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.models import Model
from patients.models.people import Patient
from patients.rules import rights


class RecordExport(Model):
    """One copy of everything, asked for by one person. A worker makes it; the file is deleted when it expires."""

    class Status(models.TextChoices):
        ASKED = "asked", _("Waiting")
        RUNNING = "running", _("In the making")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Expired")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("asked by"), on_delete=models.PROTECT, related_name="+"
    )
    language = models.CharField(_("language"), max_length=5)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.ASKED)
    progress = models.PositiveSmallIntegerField(_("progress in percent"), default=0)
    asked_at = models.DateTimeField(_("asked"), default=clock.now)
    #: A worker's claim ends here: what is running and past it, belongs to a worker that died.
    claimed_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    ready_at = models.DateTimeField(_("ready"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)
    key = models.CharField(max_length=200, blank=True, editable=False)
    size = models.PositiveBigIntegerField(_("size"), default=0)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)

    class Meta(Model.Meta):
        db_table = "record_exports"
        verbose_name = _("copy of a record")
        verbose_name_plural = _("copies of records")
        ordering = ["-asked_at", "-id"]
        indexes = [models.Index(fields=["status", "asked_at"], name="record_exports_due")]
        constraints = [
            # Two clicks at once are one copy.
            models.UniqueConstraint(
                fields=["patient", "asked_by"],
                condition=models.Q(status__in=["asked", "running"]),
                name="record_export_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"export {self.id}"


class DataProtection(Model):
    """What stands over a patient's data: hidden from everyday work, or held for a court or a dispute."""

    patient = models.OneToOneField(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="data_protection"
    )
    restricted_at = models.DateTimeField(_("restricted since"), null=True, blank=True)
    #: While it holds nothing of this patient is erased, whatever is due.
    legal_hold = models.BooleanField(_("legal hold"), default=False)
    hold_reason = models.CharField(_("why it is held"), max_length=300, blank=True)
    hold_at = models.DateTimeField(_("held since"), null=True, blank=True)

    class Meta(Model.Meta):
        db_table = "data_protection"
        verbose_name = _("data protection")
        verbose_name_plural = _("data protection")
        indexes = [
            models.Index(
                fields=["patient"], condition=models.Q(restricted_at__isnull=False), name="data_protection_restricted"
            )
        ]

    def __str__(self) -> str:
        return f"data protection {self.id}"


class ErasureRequest(Model):
    """Somebody asked to have their data erased. The privacy officer decides for each category."""

    class Status(models.TextChoices):
        OPEN = "open", _("To decide")
        DECIDED = "decided", _("Being carried out")
        DONE = "done", _("Carried out")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("entered by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(_("asked"), default=clock.now)
    #: GDPR art. 12(3): one month.
    due_on = models.DateField(_("to answer by"))
    words = models.TextField(_("what the person wrote"), blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("decided by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    done_at = models.DateTimeField(_("carried out"), null=True)
    letter_key = models.CharField(max_length=200, blank=True, editable=False)
    language = models.CharField(_("language"), max_length=5, default="fr")

    class Meta(Model.Meta):
        db_table = "erasure_requests"
        verbose_name = _("request for erasure")
        verbose_name_plural = _("requests for erasure")
        ordering = ["-asked_at", "-id"]
        permissions = [("decide_erasure", "Can decide on the erasure of personal data")]
        constraints = [
            models.UniqueConstraint(
                fields=["patient"], condition=models.Q(status__in=["open", "decided"]), name="erasure_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"erasure {self.id}"


class ErasureDecision(Model):
    """One category of one request: what was decided, on which ground, and what was done. The job's journal."""

    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="decisions")
    #: The same patient as the request's: an export finds every row by its link to the patient.
    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    category = models.CharField(_("category"), max_length=20, choices=[(c.value, c.value) for c in rights.Category])
    decision = models.CharField(_("decision"), max_length=10, choices=[(d.value, d.value) for d in rights.Decision])
    ground = models.CharField(_("legal ground"), max_length=40)
    #: The last day on which it is kept, where it is kept.
    until = models.DateField(_("kept until"), null=True)
    reason = models.TextField(_("reason"), blank=True)
    done_at = models.DateTimeField(_("carried out"), null=True)
    rows = models.PositiveIntegerField(_("rows erased"), default=0)

    class Meta(Model.Meta):
        db_table = "erasure_decisions"
        verbose_name = _("decision on a category")
        verbose_name_plural = _("decisions by category")
        ordering = ["request", "category"]
        constraints = [models.UniqueConstraint(fields=["request", "category"], name="erasure_decision_once")]

    def __str__(self) -> str:
        return f"{self.category} {self.decision}"
