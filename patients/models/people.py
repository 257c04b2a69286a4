from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.models import Model
from patients.models.sources import Sourced

#: Longest name part. A name that does not fit is refused with a field error, never cut.
NAME_LENGTH = 200


class Sex(models.TextChoices):
    """FHIR R4 administrative gender."""

    FEMALE = "female", _("female")
    MALE = "male", _("male")
    OTHER = "other", _("other")
    UNKNOWN = "unknown", _("unknown")


class IdentityStatus(models.TextChoices):
    PROVISIONAL = "provisional", _("provisional")
    VERIFIED = "verified", _("verified")


class Precision(models.TextChoices):
    """How much of a date is known (FHIR R4 `date` and `dateTime` may stop at the year or the month)."""

    YEAR = "year", _("year")
    MONTH = "month", _("month")
    DAY = "day", _("day")
    INSTANT = "instant", _("exact time")


class Patient(Sourced):
    """A person who is or was treated here. Never deleted: merged or deactivated (decision 5)."""

    record_number = models.CharField(_("record number"), max_length=20, unique=True, editable=False)
    family_name = models.CharField(_("birth name"), max_length=NAME_LENGTH)
    given_names = models.CharField(_("given names"), max_length=NAME_LENGTH, blank=True)
    used_name = models.CharField(
        _("used name"), max_length=NAME_LENGTH, blank=True, help_text=_("When it is not the birth name.")
    )
    birth_date = models.DateField(_("birth date"), null=True, blank=True, db_index=True)
    birth_precision = models.CharField(
        _("what is known of the birth date"), max_length=10, choices=Precision, default=Precision.DAY
    )
    deceased_at = models.DateTimeField(_("died"), null=True, blank=True)
    #: True when a source says that the person has died without saying when.
    deceased = models.BooleanField(_("deceased"), default=False)
    sex = models.CharField(_("sex"), max_length=10, choices=Sex, default=Sex.UNKNOWN)
    birth_place = models.CharField(_("birth place"), max_length=200, blank=True)
    #: INSEE's code of the town, or of the country for who was born abroad (99…).
    birth_place_code = models.CharField(_("code of the birth place"), max_length=5, blank=True)
    phone = models.CharField(_("phone"), max_length=60, blank=True)
    #: The digits of `phone`, to look it up by (rules.phone_key).
    phone_key = models.CharField(max_length=15, blank=True, default="", editable=False, db_index=True)
    email = models.EmailField(_("email address"), max_length=254, blank=True)
    address_line = models.CharField(_("address"), max_length=500, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=200, blank=True)
    region = models.CharField(_("region"), max_length=200, blank=True)
    country = models.CharField(_("country"), max_length=100, blank=True)
    #: BCP 47. May be one that the interface does not speak: `interface.PatientCard.language` is one that it does.
    language = models.CharField(_("language"), max_length=35, default="fr")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("account"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    identity_status = models.CharField(
        _("identity"), max_length=20, choices=IdentityStatus, default=IdentityStatus.PROVISIONAL
    )
    #: The general practitioner or who follows the patient here (FHIR Patient.generalPractitioner).
    primary_practitioner = models.ForeignKey(
        "patients.Practitioner",
        verbose_name=_("primary practitioner"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    active = models.BooleanField(_("active"), default=True)
    #: SHA-256 of who registered and the key that the form or client made: the same one again is the same patient.
    registration_key = models.CharField(max_length=64, null=True, unique=True, editable=False)
    #: The file that this one was merged into: it leads there for ever. Never the first of two steps: when that file is
    #: merged in its turn, this one is pointed on.
    merged_into = models.ForeignKey(
        "self",
        verbose_name=_("merged into"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    #: The words of all names, without case and accents, each after a space (rules.search_text).
    search_text = models.TextField(editable=False, default="")
    #: Goes up at each change of identity or contact, so that a stale form is refused.
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta(Sourced.Meta):
        abstract = False
        db_table = "patients"
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        ordering = ["family_name", "given_names", "id"]
        indexes = [
            models.Index(fields=["family_name", "given_names", "id"], name="patients_by_name"),
            models.Index(Upper("email"), name="patients_by_email", condition=~models.Q(email="")),
        ]
        permissions = [
            ("merge_patient", "Can merge two patients and take it back"),
            ("search_patient", "Can search patients"),
            ("view_record", "Can read the clinical record"),
            ("write_record", "Can write the clinical record"),
        ]

    def __str__(self) -> str:
        # A patient's name does not belong in logs and error texts, where str() ends up.
        return self.record_number

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.given_names, self.used_name or self.family_name) if part)


class Practitioner(Sourced):
    """A person who treats patients here, or did in a record that was imported."""

    full_name = models.CharField(_("full name"), max_length=NAME_LENGTH)
    #: RPPS in France, NPI in the United States …: the number and who gives it.
    identifier = models.CharField(_("professional number"), max_length=64, blank=True, db_index=True)
    identifier_system = models.CharField(_("issuer of the number"), max_length=200, blank=True)
    specialty = models.CharField(_("specialty code"), max_length=80, blank=True, db_index=True)
    specialty_label = models.CharField(_("specialty"), max_length=200, blank=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("account"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    active = models.BooleanField(_("active"), default=True)
    #: The PractitionerRole that gave the specialty, a resource of its own in FHIR, and its SHA-256.
    role_source_id = models.CharField(max_length=200, blank=True, editable=False)
    role_digest = models.CharField(max_length=64, blank=True, editable=False)

    class Meta(Sourced.Meta):
        abstract = False
        db_table = "practitioners"
        verbose_name = _("practitioner")
        verbose_name_plural = _("practitioners")
        ordering = ["full_name", "id"]

    def __str__(self) -> str:
        return self.full_name


class RecordNumberCounter(Model):
    """The last record number given, in one row that a registration locks."""

    name = models.CharField(max_length=20, unique=True)
    value = models.PositiveBigIntegerField(default=0)

    class Meta(Model.Meta):
        db_table = "record_number_counters"

    def __str__(self) -> str:
        return self.name
