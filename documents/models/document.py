"""What is known of a stored document. The bytes are in object storage, under a key that says nothing about anyone."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from documents import rules
from medisecure.kernel import clock, objects
from medisecure.kernel.models import Model

TITLE_LENGTH = 200
FILENAME_LENGTH = 255


class Category(models.TextChoices):
    REPORT = "report", _("report")
    LETTER = "letter", _("letter")
    PRESCRIPTION = "prescription", _("prescription")
    IMAGING = "imaging", _("imaging")
    LAB = "lab", _("laboratory")
    IDENTITY = "identity", _("identity")
    OTHER = "other", _("other")


class BucketName(models.TextChoices):
    DOCUMENTS = objects.DOCUMENTS, _("documents")
    IMAGES = objects.IMAGES, _("images")


class ScanState(models.TextChoices):
    """Whether the bytes were looked at for malware. Nothing says "clean" that no scanner has seen."""

    NOT_SCANNED = "not_scanned", _("not scanned")
    QUARANTINE = "quarantine", _("being checked")
    CLEAN = "clean", _("clean")
    #: The row stays, the bytes are gone.
    INFECTED = "infected", _("infected, removed")


class Audience(models.TextChoices):
    """Who of those who may open the record may open this document of it."""

    TREATING = rules.TREATING, _("all who treat the patient")
    DOCTORS = rules.DOCTORS, _("doctors who treat the patient")
    UNIT = rules.UNIT, _("the unit that added it")


class Document(Model):
    patient = models.ForeignKey(
        "patients.Patient", verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+"
    )
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    category = models.CharField(_("category"), max_length=20, choices=Category)
    #: Told from the content, never from the name that was sent.
    content_type = models.CharField(_("type"), max_length=100)
    filename = models.CharField(_("name of the file"), max_length=FILENAME_LENGTH, blank=True)
    size = models.PositiveBigIntegerField(_("size"))
    sha256 = models.CharField("SHA-256", max_length=64)
    bucket = models.CharField(_("bucket"), max_length=20, choices=BucketName)
    key = models.CharField(_("key"), max_length=200, unique=True)
    scan_state = models.CharField(_("malware scan"), max_length=20, choices=ScanState, default=ScanState.NOT_SCANNED)
    #: While it is in quarantine: when the scanner is asked next, and how often it was.
    scan_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    scan_tries = models.PositiveSmallIntegerField(default=0, editable=False)
    #: What the scanner calls what it found.
    scan_finding = models.CharField(_("finding of the scan"), max_length=100, blank=True)
    audience = models.CharField(_("who may read it"), max_length=10, choices=Audience, default=Audience.TREATING)
    unit = models.ForeignKey(
        "patients.Unit", verbose_name=_("unit"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    #: The patient does not see it before this day: somebody explains it to them first.
    withheld_until = models.DateField(_("withheld from the patient until"), null=True, blank=True)
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    #: The first version of it; empty for the first one itself.
    first = models.ForeignKey(
        "self", verbose_name=_("first version"), null=True, blank=True, on_delete=models.PROTECT, related_name="later"
    )
    #: False once another version has taken its place.
    current = models.BooleanField(_("current"), default=True)
    #: While one of these holds, nothing erases it.
    hold_reason = models.CharField(_("legal hold"), max_length=300, blank=True)
    hold_at = models.DateTimeField(_("held since"), null=True, blank=True)
    keep_until = models.DateField(_("keep at least until"), null=True, blank=True)
    author = models.ForeignKey(
        "patients.Practitioner",
        verbose_name=_("author"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    #: Empty for what was imported.
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("added by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    #: Where an imported document came from, so that a second import finds it.
    source = models.CharField(_("source"), max_length=200, null=True, blank=True, unique=True)
    #: Of images, what the file has of: study_uid, series_uid, instance_uid, modality, study_date (ISO), rows, columns.
    dicom = models.JSONField("DICOM", null=True, blank=True)
    #: When the document was written; of an upload, when it came in.
    created_at = models.DateTimeField(_("date"), default=clock.now)
    added_at = models.DateTimeField(_("added"), default=clock.now, editable=False)

    class Meta(Model.Meta):
        db_table = "documents"
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["patient", "-created_at", "-id"], name="documents_of_patient"),
            models.Index(fields=["scan_due_at"], condition=models.Q(scan_state="quarantine"), name="documents_to_scan"),
            models.Index(
                fields=["withheld_until"], condition=models.Q(withheld_until__isnull=False), name="documents_withheld"
            ),
        ]
        constraints = [models.UniqueConstraint(fields=["first", "version"], name="document_version_once")]
        permissions = [
            ("upload_document", "Can add a document to a record"),
            ("hold_document", "Can put a document under legal hold"),
        ]

    def __str__(self) -> str:
        # A title may say what ails someone, and str() ends up in logs.
        return f"{self.category} {self.id}"
