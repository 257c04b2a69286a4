"""The images in the record: studies, series and instances as DICOM has them, named as FHIR's ImagingStudy names them.

Whose an image is, the document says that it came in: these rows have no patient of their own, so that they follow it
when two files are merged. A study belongs to one patient everywhere in the world; when two claim it, a person decides.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from documents.models.document import Document
from medisecure.kernel import clock
from medisecure.kernel.models import Model

UID_LENGTH = 64
CODE_LENGTH = 16
TEXT_LENGTH = 64
KEY_LENGTH = 200
REASON_LENGTH = 200


class ImagingStudy(Model):
    uid = models.CharField("StudyInstanceUID", max_length=UID_LENGTH, unique=True)
    #: As the scanner's clock said.
    started = models.DateTimeField(_("started"), null=True, blank=True)
    description = models.CharField(_("description"), max_length=TEXT_LENGTH, blank=True)

    class Meta(Model.Meta):
        db_table = "imaging_studies"
        verbose_name = _("imaging study")
        verbose_name_plural = _("imaging studies")

    def __str__(self) -> str:
        return f"study {self.id}"


class ImagingSeries(Model):
    study = models.ForeignKey(ImagingStudy, verbose_name=_("study"), on_delete=models.PROTECT, related_name="series")
    uid = models.CharField("SeriesInstanceUID", max_length=UID_LENGTH)
    number = models.IntegerField(_("number"), null=True, blank=True)
    modality = models.CharField(_("modality"), max_length=CODE_LENGTH, blank=True)
    body_part = models.CharField(_("body part"), max_length=CODE_LENGTH, blank=True)
    laterality = models.CharField(_("side"), max_length=CODE_LENGTH, blank=True)
    description = models.CharField(_("description"), max_length=TEXT_LENGTH, blank=True)
    started = models.DateTimeField(_("started"), null=True, blank=True)

    class Meta(Model.Meta):
        db_table = "imaging_series"
        verbose_name = _("series")
        verbose_name_plural = _("series")
        constraints = [models.UniqueConstraint(fields=["study", "uid"], name="imaging_series_once")]

    def __str__(self) -> str:
        return f"series {self.id}"


class ImagingInstance(Model):
    class State(models.TextChoices):
        WAITING = "waiting", _("being prepared")
        SHOWN = "shown", _("can be shown")
        NOT_SHOWN = "not_shown", _("cannot be shown")

    class Review(models.TextChoices):
        """Whether it is this patient's, as far as anybody could tell."""

        UNCHECKED = "unchecked", _("not compared yet")
        CLEAR = "clear", _("nothing speaks against it")
        PENDING = "pending", _("somebody must look")
        BELONGS = "belongs", _("this patient's, as somebody decided")
        FOREIGN = "foreign", _("not this patient's, as somebody decided")

    class Packing(models.TextChoices):
        """What became of the try to store it smaller."""

        NONE = "", _("not tried")
        DONE = "done", _("stored smaller, without loss")
        KEPT = "kept", _("stored as it came")

    document = models.OneToOneField(
        Document, verbose_name=_("document"), on_delete=models.PROTECT, related_name="imaging"
    )
    #: None while it waits, and for what does not say to which series it belongs.
    series = models.ForeignKey(
        ImagingSeries,
        verbose_name=_("series"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="instances",
    )
    uid = models.CharField("SOPInstanceUID", max_length=UID_LENGTH, blank=True, db_index=True)
    sop_class = models.CharField("SOPClassUID", max_length=UID_LENGTH, blank=True)
    number = models.IntegerField(_("number"), null=True, blank=True)
    #: Millimetres along the axis of the stack.
    place = models.FloatField(null=True, blank=True)
    frames = models.PositiveIntegerField(_("frames"), default=0)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    columns = models.PositiveIntegerField(_("columns"), default=0)
    photometric = models.CharField(_("photometric interpretation"), max_length=CODE_LENGTH, blank=True)
    transfer_syntax = models.CharField(_("transfer syntax"), max_length=UID_LENGTH, blank=True)
    spacing = models.JSONField(null=True, blank=True)
    edges = models.JSONField(default=dict)
    #: Codes of `rules.burned_in_risks`.
    risks = models.JSONField(default=list)

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    #: A code of `rules.Reason`.
    reason = models.CharField(_("reason"), max_length=20, blank=True)
    review = models.CharField(_("whose it is"), max_length=10, choices=Review, default=Review.UNCHECKED)
    #: Codes of `rules.Concern`.
    concerns = models.JSONField(default=list)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)

    #: How kept values become grey, and how they are written (`pixels.py`).
    display = models.JSONField(default=dict)
    format = models.CharField(max_length=4, blank=True)
    preview_key = models.CharField(max_length=KEY_LENGTH, blank=True)
    frames_key = models.CharField(max_length=KEY_LENGTH, blank=True)
    #: Where each frame begins in its object, and where the last one ends: 64 bit, little endian.
    offsets = models.BinaryField(default=b"")

    packing = models.CharField(_("stored"), max_length=10, choices=Packing, default=Packing.NONE, blank=True)
    original_sha256 = models.CharField(_("SHA-256 as it came"), max_length=64, blank=True)
    original_size = models.PositiveBigIntegerField(_("size as it came"), null=True, blank=True)
    original_syntax = models.CharField(_("transfer syntax as it came"), max_length=UID_LENGTH, blank=True)
    #: The object that another one took the place of, until its time is over: addresses of it are still about.
    old_key = models.CharField(max_length=KEY_LENGTH, blank=True)
    old_until = models.DateTimeField(null=True, blank=True)

    #: The bytes that all this was read from: other ones are read anew.
    examined_sha256 = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: When a worker looks at it next: at once, or when the worker that has it must have died.
    due_at = models.DateTimeField(null=True, blank=True, default=clock.now)

    class Meta(Model.Meta):
        db_table = "imaging_instances"
        # As the admin lists them; all others are reached from their patient.
        verbose_name = _("image to check")
        verbose_name_plural = _("images to check")
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="imaging_due"),
            models.Index(fields=["old_until"], condition=models.Q(old_until__isnull=False), name="imaging_old"),
            models.Index(fields=["review"], condition=models.Q(review="pending"), name="imaging_to_review"),
        ]
        permissions = [("review_imaging", "Can decide whose an image is")]

    def __str__(self) -> str:
        return f"image {self.id}"


class ImagingCopy(Model):
    """A de-identified copy of a study, asked for by somebody and made by a worker."""

    class Status(models.TextChoices):
        ASKED = "asked", pgettext_lazy("de-identified copy", "asked for")
        RUNNING = "running", pgettext_lazy("de-identified copy", "being made")
        #: Its pixels may name somebody: a person looks before anybody gets it.
        DOUBTFUL = "doubtful", pgettext_lazy("de-identified copy", "to be looked at")
        READY = "ready", pgettext_lazy("de-identified copy", "ready")
        REFUSED = "refused", pgettext_lazy("de-identified copy", "thrown away")
        FAILED = "failed", pgettext_lazy("de-identified copy", "could not be made")
        EXPIRED = "expired", pgettext_lazy("de-identified copy", "expired")

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, related_name="+")
    study = models.ForeignKey(ImagingStudy, verbose_name=_("study"), on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("asked by"), on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=REASON_LENGTH)
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.ASKED)
    images = models.PositiveIntegerField(_("images"), default=0)
    left_out = models.PositiveIntegerField(_("left out"), default=0)
    #: Of each image to be looked at: its id and the codes of `rules.burned_in_risks`.
    doubts = models.JSONField(default=list)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    key = models.CharField(max_length=KEY_LENGTH, blank=True)
    size = models.PositiveBigIntegerField(_("size"), default=0)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    asked_at = models.DateTimeField(_("asked"), default=clock.now)
    ended_at = models.DateTimeField(_("made"), null=True, blank=True)
    expires_at = models.DateTimeField(_("kept until"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, default=clock.now)

    class Meta(Model.Meta):
        db_table = "imaging_copies"
        verbose_name = _("de-identified copy")
        verbose_name_plural = _("de-identified copies")
        ordering = ["-asked_at", "-id"]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="imaging_copies_due"),
        ]
        permissions = [("deidentify_imaging", "Can ask for de-identified copies of images")]

    def __str__(self) -> str:
        return f"copy {self.id}"
