from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.models import Model
from patients.models.people import Patient, Practitioner


class MedicalRecord(Model):
    """One row for each patient. Its version goes up at any clinical change: it tells whether a copy is current."""

    patient = models.OneToOneField(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="medical_record"
    )
    version = models.PositiveBigIntegerField(_("version"), default=1)
    changed_at = models.DateTimeField(_("changed"), default=clock.now)

    class Meta(Model.Meta):
        db_table = "medical_records"
        verbose_name = _("medical record")
        verbose_name_plural = _("medical records")

    def __str__(self) -> str:
        return f"record {self.id}"


class CareRelation(Model):
    """A practitioner treats a patient: by an appointment or an encounter. The door opens around it (rules.CARE_*)."""

    class Kind(models.TextChoices):
        APPOINTMENT = "appointment", _("appointment")
        ENCOUNTER = "encounter", _("encounter")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    practitioner = models.ForeignKey(
        Practitioner, verbose_name=_("practitioner"), on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    #: The appointment's or the encounter's id. Appointments live in another database.
    reference = models.UUIDField(_("reference"))
    starts_at = models.DateTimeField(_("start"))
    ends_at = models.DateTimeField(_("end"))
    active = models.BooleanField(_("active"), default=True)
    #: The sequence number of the last event that was applied; an older one that comes later changes nothing.
    sequence = models.IntegerField(default=0)

    class Meta(Model.Meta):
        db_table = "care_relations"
        verbose_name = _("care relation")
        verbose_name_plural = _("care relations")
        constraints = [models.UniqueConstraint(fields=["kind", "reference"], name="care_relation_once")]
        indexes = [
            models.Index(fields=["practitioner", "patient", "ends_at"], name="care_relation_window"),
            models.Index(fields=["practitioner", "ends_at"], name="care_relation_current"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"
