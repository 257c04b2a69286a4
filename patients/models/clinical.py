"""The clinical record. Every row keeps its code with the system, as the source gave them, and how exact its dates are.

Text that has no natural bound is TextField: clinical text is never cut. Codes have a length; a longer one is refused.
"""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.sealed import Sealed, SealedTextField
from patients.models.people import Patient, Practitioner, Precision
from patients.models.sources import Sourced

CODE_LENGTH: Final = 200
SYSTEM_LENGTH: Final = 500
STATUS_LENGTH: Final = 60


class ClinicalRow(Sourced):
    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    code = models.CharField(_("code"), max_length=CODE_LENGTH, blank=True)
    code_system = models.CharField(_("code system"), max_length=SYSTEM_LENGTH, blank=True)
    display = models.TextField(_("name"), blank=True)
    #: The same meaning in other systems: [{"code", "system", "display"}]
    other_codings = models.JSONField(_("other codes"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=STATUS_LENGTH, blank=True)
    category = models.CharField(_("category"), max_length=CODE_LENGTH, blank=True)
    started_at = models.DateTimeField(_("date"), null=True, blank=True)
    started_precision = models.CharField(max_length=10, choices=Precision, default=Precision.INSTANT)
    ended_at = models.DateTimeField(_("end"), null=True, blank=True)
    ended_precision = models.CharField(max_length=10, choices=Precision, default=Precision.INSTANT)
    note = models.TextField(_("note"), blank=True)
    #: Goes up at each change, so that a stale form is refused.
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta(Sourced.Meta):
        abstract = True
        ordering = ["-started_at", "-id"]
        indexes = [models.Index(fields=["patient", "-started_at", "-id"], name="%(class)s_of_patient")]

    def __str__(self) -> str:
        return f"{self._meta.model_name} {self.id}"


class Encounter(ClinicalRow):
    """A visit, a stay, a consultation. `code` is its type, `class_code` ambulatory, emergency, inpatient …"""

    class_code = models.CharField(_("kind code"), max_length=CODE_LENGTH, blank=True)
    class_display = models.CharField(_("kind"), max_length=SYSTEM_LENGTH, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    practitioner = models.ForeignKey(
        Practitioner,
        verbose_name=_("practitioner"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    place = models.TextField(_("place"), blank=True)

    class Meta(ClinicalRow.Meta):
        abstract = False
        db_table = "encounters"
        verbose_name = _("encounter")
        verbose_name_plural = _("encounters")


class EncounterRow(ClinicalRow):
    """A clinical row that may belong to an encounter."""

    encounter = models.ForeignKey(
        Encounter, verbose_name=_("encounter"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(ClinicalRow.Meta):
        abstract = True


class Condition(EncounterRow):
    """A problem or diagnosis; `started_at` is its onset, `ended_at` its abatement, `status` the clinical status."""

    verification = models.CharField(_("verification"), max_length=STATUS_LENGTH, blank=True)
    severity = models.CharField(_("severity"), max_length=CODE_LENGTH, blank=True)

    class Meta(EncounterRow.Meta):
        abstract = False
        db_table = "conditions"
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")


class Allergy(EncounterRow):
    """An allergy or intolerance; `category` is food, medication, environment or biologic."""

    kind = models.CharField(_("kind"), max_length=STATUS_LENGTH, blank=True)
    criticality = models.CharField(_("criticality"), max_length=STATUS_LENGTH, blank=True)
    verification = models.CharField(_("verification"), max_length=STATUS_LENGTH, blank=True)
    #: [{"display": "…", "severity": "mild|moderate|severe"}]
    reactions = models.JSONField(_("reactions"), default=list, blank=True)

    class Meta(EncounterRow.Meta):
        abstract = False
        db_table = "allergies"
        verbose_name = _("allergy")
        verbose_name_plural = _("allergies")


class Medication(EncounterRow):
    """A prescription (FHIR MedicationRequest); `started_at` is when it was written."""

    intent = models.CharField(_("intent"), max_length=STATUS_LENGTH, blank=True)
    dosage = models.TextField(_("dosage"), blank=True)
    reason = models.TextField(_("reason"), blank=True)
    practitioner = models.ForeignKey(
        Practitioner,
        verbose_name=_("prescriber"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta(EncounterRow.Meta):
        abstract = False
        db_table = "medications"
        verbose_name = _("medication")
        verbose_name_plural = _("medications")


class Immunization(EncounterRow):
    lot_number = models.CharField(_("lot"), max_length=CODE_LENGTH, blank=True)

    class Meta(EncounterRow.Meta):
        abstract = False
        db_table = "immunizations"
        verbose_name = _("immunization")
        verbose_name_plural = _("immunizations")


class Observation(EncounterRow):
    """A measure, an answer, a finding. At most one value: a quantity, a code or a text; a panel has components."""

    #: The digits as sent ("7.10" is not "7.1": FHIR R4 §2.24.0.1, decimal), which a SQLite column would not keep.
    quantity = models.CharField(_("quantity"), max_length=64, blank=True)
    #: The same as a number, for plots and comparison.
    number = models.FloatField(null=True, blank=True, editable=False)
    comparator = models.CharField(_("comparator"), max_length=2, blank=True)
    unit = models.CharField(_("unit"), max_length=CODE_LENGTH, blank=True)
    value_code = models.CharField(_("coded value"), max_length=CODE_LENGTH, blank=True)
    value_system = models.CharField(_("system of the value"), max_length=SYSTEM_LENGTH, blank=True)
    value_text = models.TextField(_("value"), blank=True)
    interpretation = models.CharField(_("interpretation"), max_length=CODE_LENGTH, blank=True)
    reference_range = models.TextField(_("reference range"), blank=True)
    #: [{"code", "system", "display", "quantity", "comparator", "unit", "value_code", "value_system", "value_text"}]
    components = models.JSONField(_("components"), default=list, blank=True)

    class Meta(EncounterRow.Meta):
        abstract = False
        db_table = "observations"
        verbose_name = _("observation")
        verbose_name_plural = _("observations")
        indexes = [
            *ClinicalRow.Meta.indexes,
            models.Index(fields=["patient", "code", "-started_at"], name="observation_series"),
        ]


class Procedure(EncounterRow):
    reason = models.TextField(_("reason"), blank=True)
    practitioner = models.ForeignKey(
        Practitioner,
        verbose_name=_("practitioner"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta(EncounterRow.Meta):
        abstract = False
        db_table = "procedures"
        verbose_name = _("procedure")
        verbose_name_plural = _("procedures")


class Coverage(ClinicalRow):
    """An insurance: `code` is its type, `display` the plan, `started_at` … `ended_at` the period covered.

    In France the member number is the NIR of the insured person, so it is encrypted like the patient's own.
    """

    class Role(models.TextChoices):
        MANDATORY = "mandatory", _("mandatory")
        COMPLEMENTARY = "complementary", _("complementary")

    #: Empty for what a source brought without saying it.
    role = models.CharField(_("kind of cover"), max_length=20, choices=Role, blank=True)
    #: FHIR Coverage.order: who is asked to pay first.
    place = models.PositiveSmallIntegerField(_("order"), default=0)
    payer = models.TextField(_("insurer"), blank=True)
    sealed_member_number = SealedTextField()
    member_number = Sealed("sealed_member_number")
    plan_code = models.CharField(_("plan code"), max_length=CODE_LENGTH, blank=True)

    class Meta(ClinicalRow.Meta):
        abstract = False
        db_table = "coverages"
        verbose_name = _("coverage")
        verbose_name_plural = _("coverages")


#: In the order in which they can be written: an encounter before what refers to it.
CLINICAL_MODELS: Final[tuple[type[ClinicalRow], ...]] = (
    Encounter,
    Condition,
    Allergy,
    Medication,
    Immunization,
    Observation,
    Procedure,
    Coverage,
)
