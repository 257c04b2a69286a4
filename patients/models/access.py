"""By what a record opens besides an appointment: units and stays, representation, consent, emergencies."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from medisecure.kernel import clock
from medisecure.kernel.models import Model
from patients.models.people import Patient, Practitioner
from patients.rules import consent, representation


class Unit(Model):
    """A ward or department: those who work there see those who lie there."""

    code = models.SlugField(_("code"), max_length=40, unique=True, help_text=_("Short and lasting: cardio-2"))
    name = models.CharField(_("name"), max_length=200)
    site = models.CharField(_("site"), max_length=200, blank=True)
    active = models.BooleanField(_("active"), default=True)

    class Meta(Model.Meta):
        db_table = "units"
        verbose_name = _("unit")
        verbose_name_plural = _("units")
        ordering = ["name", "id"]
        permissions = [("manage_stay", "Can admit, transfer and discharge")]

    def __str__(self) -> str:
        return self.name


class UnitMember(Model):
    """A practitioner works in a unit, from a day to a day."""

    unit = models.ForeignKey(Unit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="members")
    practitioner = models.ForeignKey(
        Practitioner, verbose_name=_("practitioner"), on_delete=models.PROTECT, related_name="+"
    )
    starts_on = models.DateField(_("first day"), default=clock.today)
    ends_on = models.DateField(_("last day"), null=True, blank=True)

    class Meta(Model.Meta):
        db_table = "unit_members"
        verbose_name = _("member of the unit")
        verbose_name_plural = _("members of the unit")
        ordering = ["practitioner__full_name", "starts_on", "id"]
        indexes = [models.Index(fields=["practitioner", "unit"], name="unit_members_of")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on=None) | models.Q(ends_on__gte=models.F("starts_on")),
                name="unit_member_days",
                violation_error_message=_("The last day is before the first."),
            )
        ]

    def __str__(self) -> str:
        return f"member {self.id}"


class UnitStay(Model):
    """A patient lies in a unit. A transfer ends one stay and begins the next at the same instant."""

    class Ending(models.TextChoices):
        TRANSFER = "transfer", _("transferred")
        DISCHARGE = "discharge", _("discharged")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    unit = models.ForeignKey(Unit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="+")
    bed = models.CharField(_("bed"), max_length=40, blank=True)
    starts_at = models.DateTimeField(_("admitted"))
    ends_at = models.DateTimeField(_("left"), null=True, blank=True)
    ending = models.CharField(_("how it ended"), max_length=20, choices=Ending, blank=True)
    #: Goes up at each change, so that a stale page is refused.
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta(Model.Meta):
        db_table = "unit_stays"
        verbose_name = _("stay")
        verbose_name_plural = _("stays")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["patient"], condition=models.Q(ends_at=None), name="one_open_stay"),
            models.CheckConstraint(
                condition=models.Q(ends_at=None) | models.Q(ends_at__gte=models.F("starts_at")), name="stay_in_order"
            ),
        ]
        indexes = [
            models.Index(fields=["unit", "ends_at"], name="unit_stays_here"),
            models.Index(fields=["patient", "-starts_at"], name="unit_stays_of"),
        ]

    def __str__(self) -> str:
        return f"stay {self.id}"


class Representation(Model):
    """Somebody stands for a patient (FHIR RelatedPerson): a parent for a child, a guardian for a ward."""

    class Kind(models.TextChoices):
        PARENT = representation.PARENT, _("parent")
        GUARDIAN = representation.GUARDIAN, _("guardian")
        CURATOR = representation.CURATOR, _("curator")
        ATTORNEY = representation.ATTORNEY, _("holder of a mandate")

    class Scope(models.TextChoices):
        EVERYTHING = representation.EVERYTHING, _("everything, the record included")
        ADMINISTRATIVE = representation.ADMINISTRATIVE, _("appointments and invoices only")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("representative"), on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    scope = models.CharField(_("reaches"), max_length=20, choices=Scope, default=Scope.EVERYTHING)
    #: Code de la santé publique, L1111-5: a minor may ask that the care stays unknown to the parents.
    restricted = models.BooleanField(_("record withheld"), default=False)
    starts_on = models.DateField(_("first day"), default=clock.today)
    ends_on = models.DateField(_("last day"), null=True, blank=True)
    evidence = models.CharField(_("document seen"), max_length=300)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("recorded by"), on_delete=models.PROTECT, related_name="+"
    )
    recorded_at = models.DateTimeField(_("recorded"), default=clock.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("ended by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta(Model.Meta):
        db_table = "representations"
        verbose_name = _("representation")
        verbose_name_plural = _("representations")
        ordering = ["-recorded_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "user"], condition=models.Q(ended_at=None), name="one_representation_each"
            )
        ]
        indexes = [models.Index(fields=["patient", "-recorded_at"], name="representations_of")]
        permissions = [("manage_representation", "Can record who stands for a patient")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Consent(Model):
    """What a patient allows or forbids (FHIR Consent). A new answer to the same question ends the one before."""

    class Category(models.TextChoices):
        SHARING = consent.SHARING, _("access to the record")
        RESEARCH = consent.RESEARCH, _("research")
        MAIL = consent.MAIL, _("mails about appointments, documents and invoices")

    class Provision(models.TextChoices):
        PERMIT = consent.PERMIT, pgettext_lazy("consent", "allowed")
        DENY = consent.DENY, pgettext_lazy("consent", "refused")

    class Source(models.TextChoices):
        PORTAL = "portal", _("on the portal")
        SPOKEN = "spoken", _("spoken, at the hospital")
        WRITTEN = "written", _("signed on paper")
        LETTER = "letter", _("by letter or mail")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    category = models.CharField(_("about"), max_length=20, choices=Category)
    provision = models.CharField(_("answer"), max_length=10, choices=Provision)
    practitioner = models.ForeignKey(
        Practitioner,
        verbose_name=_("practitioner"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    unit = models.ForeignKey(
        Unit, verbose_name=_("unit"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(_("how it was said"), max_length=20, choices=Source)
    evidence = models.CharField(_("document"), max_length=300, blank=True)
    until = models.DateField(_("last day"), null=True, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("recorded by"), on_delete=models.PROTECT, related_name="+"
    )
    recorded_at = models.DateTimeField(_("recorded"), default=clock.now)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("withdrawn by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta(Model.Meta):
        db_table = "consents"
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-recorded_at", "-id"]
        indexes = [
            models.Index(fields=["patient", "category"], name="consents_of"),
            models.Index(fields=["practitioner", "patient"], name="consents_practitioner"),
            models.Index(fields=["unit", "patient"], name="consents_unit"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    models.Q(category=consent.SHARING, practitioner__isnull=False, unit=None)
                    | models.Q(category=consent.SHARING, practitioner=None, unit__isnull=False)
                    | (~models.Q(category=consent.SHARING) & models.Q(practitioner=None, unit=None))
                ),
                name="consent_names_one",
            )
        ]
        permissions = [("manage_consent", "Can record what a patient allows")]

    def __str__(self) -> str:
        return f"{self.category} {self.id}"


class EmergencyAccess(Model):
    """Somebody opened a record without being in charge of the patient, said why, and is asked about it."""

    class Reason(models.TextChoices):
        LIFE = "life-threatening", _("life-threatening emergency")
        TREATMENT = "urgent-treatment", _("urgent treatment of a patient who cannot be asked")
        COVER = "cover", _("standing in for a colleague")
        ADVICE = "advice", _("urgent advice to a colleague")

    class Review(models.TextChoices):
        OPEN = "open", _("to be reviewed")
        JUSTIFIED = "justified", _("justified")
        UNJUSTIFIED = "unjustified", _("not justified")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), on_delete=models.PROTECT, related_name="+"
    )
    reason_code = models.CharField(_("reason"), max_length=30, choices=Reason)
    reason = models.TextField(_("in their words"))
    opened_at = models.DateTimeField(_("opened"), default=clock.now)
    ends_at = models.DateTimeField(_("closes"))
    ended_at = models.DateTimeField(_("closed early"), null=True, blank=True)
    #: More on this day by the same person than the hospital expects.
    over_alert = models.BooleanField(_("unusually many that day"), default=False)
    patient_told_at = models.DateTimeField(_("patient told"), null=True, blank=True)
    review = models.CharField(_("review"), max_length=20, choices=Review, default=Review.OPEN)
    review_due_at = models.DateTimeField(_("review due"))
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("reviewed by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, blank=True)
    review_comment = models.TextField(_("comment"), blank=True)

    class Meta(Model.Meta):
        db_table = "emergency_accesses"
        verbose_name = _("emergency access")
        verbose_name_plural = _("emergency accesses")
        ordering = ["-opened_at", "-id"]
        indexes = [
            models.Index(fields=["user", "patient", "ends_at"], name="emergency_open"),
            models.Index(fields=["review", "review_due_at"], name="emergency_queue"),
            models.Index(fields=["patient", "-opened_at"], name="emergency_of_patient"),
        ]
        permissions = [
            ("break_glass", "Can open a record in an emergency"),
            ("review_emergency", "Can review emergency accesses"),
        ]

    def __str__(self) -> str:
        return f"emergency access {self.id}"
