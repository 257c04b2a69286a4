"""What belongs to a patient's identity besides their own row: numbers, verifications, people to call."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.crypto import keyring
from medisecure.kernel.models import Model
from medisecure.kernel.sealed import INDEX_LENGTH, Sealed, SealedTextField
from patients.models.people import NAME_LENGTH, Patient
from patients.models.sources import Sourced

KIND_LENGTH: Final = 40


class PatientIdentifier(Sourced):
    """A number by which others know the patient (FHIR Identifier): encrypted, and found by a keyed index."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        #: Ended, or replaced by another one (FHIR use "old").
        OLD = "old", _("ended")
        #: A source brought it while another patient has it: one of the two is wrong, or they are one person.
        DISPUTED = "disputed", _("another patient has it too")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    #: A key of rules.KINDS.
    kind = models.CharField(_("kind"), max_length=KIND_LENGTH)
    country = models.CharField(_("country"), max_length=2, blank=True)
    #: Who gives numbers of this kind, where the kind does not say it: FHIR Identifier.system.
    system = models.CharField(_("issued by"), max_length=200, blank=True)
    sealed_value = SealedTextField(index="value_index")
    value_index = models.CharField(max_length=INDEX_LENGTH, editable=False)
    started_on = models.DateField(_("valid from"), null=True, blank=True)
    ended_on = models.DateField(_("valid until"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.ACTIVE)

    value = Sealed("sealed_value")

    class Meta(Sourced.Meta):
        abstract = False
        db_table = "patient_identifiers"
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")
        ordering = ["id"]
        constraints = [
            *Sourced.Meta.constraints,
            models.UniqueConstraint(
                fields=["kind", "country", "system", "value_index"],
                condition=models.Q(status="active"),
                name="identifier_of_one_patient",
            ),
        ]
        indexes = [
            models.Index(fields=["patient"], name="identifiers_of_patient"),
            models.Index(fields=["value_index"], name="identifiers_by_value"),
        ]
        permissions = [("reveal_identifier", "Can see whole identity numbers")]

    def __str__(self) -> str:
        return f"identifier {self.id}"

    def index_domain(self) -> str:
        return identifier_domain(self.kind)

    def set_value(self, value: str) -> None:
        """Seal it and index it; `value` as the kind's rule writes it."""
        self.value = value
        self.value_index = keyring().index(value, self.index_domain())


def identifier_domain(kind: str) -> str:
    """What separates the index of one kind of number from that of the same digits as another."""
    return f"patient identifier {kind}"


class EmergencyContact(Model):
    """Somebody to call (FHIR Patient.contact). The order is that in which they are called."""

    class Relation(models.TextChoices):
        SPOUSE = "spouse", _("spouse")
        PARTNER = "partner", _("partner")
        PARENT = "parent", _("parent")
        CHILD = "child", _("son or daughter")
        SIBLING = "sibling", _("brother or sister")
        RELATIVE = "relative", _("other relative")
        FRIEND = "friend", _("friend")
        NEIGHBOUR = "neighbour", _("neighbour")
        GUARDIAN = "guardian", _("guardian")
        #: Code de la santé publique art. L1111-6.
        TRUSTED = "trusted-person", _("trusted person")
        OTHER = "other", _("other")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField(_("order"))
    full_name = models.CharField(_("name"), max_length=NAME_LENGTH)
    relation = models.CharField(_("relation"), max_length=20, choices=Relation)
    phone = models.CharField(_("phone"), max_length=60)
    other_phone = models.CharField(_("other phone"), max_length=60, blank=True)
    may_be_told = models.BooleanField(_("may be told how the patient is"), default=False)

    class Meta(Model.Meta):
        db_table = "emergency_contacts"
        verbose_name = _("emergency contact")
        verbose_name_plural = _("emergency contacts")
        ordering = ["patient", "place", "id"]
        indexes = [models.Index(fields=["patient", "place"], name="contacts_of_patient")]

    def __str__(self) -> str:
        return f"emergency contact {self.id}"


class IdentityCheck(Model):
    """A document that was seen and that says who the patient is. `ended_at`: the identity is provisional again."""

    class Document(models.TextChoices):
        PASSPORT = "passport", _("passport")
        IDENTITY_CARD = "identity-card", _("national identity card")
        RESIDENCE_PERMIT = "residence-permit", _("residence permit")
        BIRTH_CERTIFICATE = "birth-certificate", _("birth certificate")
        FAMILY_BOOK = "family-book", _("family record book")
        OTHER = "other", _("other official document with a photograph")

    class Ended(models.TextChoices):
        TRAITS_CHANGED = "traits-changed", _("name, birth or sex were changed")
        MISTAKE = "mistake", _("verified by mistake")
        DOUBT = "doubt", _("doubt about the person or the document")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    document = models.CharField(_("document"), max_length=20, choices=Document)
    document_country = models.CharField(_("issuing country"), max_length=2, blank=True)
    sealed_number = SealedTextField()
    seen_on = models.DateField(_("seen on"))
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("checked by"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    checked_at = models.DateTimeField(_("checked"), default=clock.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_because = models.CharField(_("why it ended"), max_length=20, choices=Ended, blank=True)

    number = Sealed("sealed_number")

    class Meta(Model.Meta):
        db_table = "identity_checks"
        verbose_name = _("verification of identity")
        verbose_name_plural = _("verifications of identity")
        ordering = ["-checked_at", "-id"]
        indexes = [models.Index(fields=["patient", "-checked_at"], name="checks_of_patient")]

    def __str__(self) -> str:
        return f"verification {self.id}"
