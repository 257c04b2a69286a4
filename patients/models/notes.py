"""Notes that people write about a patient. What was signed is kept as it was, version by version."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.append_only import AppendOnlyModel
from medisecure.kernel.models import Model
from patients.models.clinical import Encounter
from patients.models.people import Patient


class ClinicalNote(Model):
    """A document in words (FHIR Composition). Its text is in `draft` while somebody writes, and in `NoteVersion` once
    signed: an amendment is a draft beside the signed text until it is signed too."""

    class Kind(models.TextChoices):
        """The document's type; its LOINC code is in `rules.notes`."""

        CONSULTATION = "consultation", _("consultation")
        PROGRESS = "progress", _("progress note")
        NURSING = "nursing", _("nursing note")
        ADMISSION = "admission", _("admission note")
        PROCEDURE = "procedure", _("procedure note")
        DISCHARGE = "discharge", _("discharge summary")
        LETTER = "letter", _("letter")
        OTHER = "other", _("other note")

    class Status(models.TextChoices):
        """FHIR R4 composition-status."""

        PRELIMINARY = "preliminary", _("draft")
        FINAL = "final", _("signed")
        AMENDED = "amended", _("amended")
        ENTERED_IN_ERROR = "entered-in-error", _("withdrawn")

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.CONSULTATION)
    encounter = models.ForeignKey(
        Encounter, verbose_name=_("encounter"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.PRELIMINARY)
    #: When the care was given that the note is about.
    occurred_at = models.DateTimeField(_("date of care"))
    #: None when nobody is writing. Kept character by character as it was typed.
    draft = models.TextField(_("draft"), null=True, blank=True)
    draft_saved_at = models.DateTimeField(_("draft saved"), null=True, editable=False)
    draft_saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    #: The open page that saved last: a save whose answer was lost on the way is no conflict with itself.
    draft_page = models.UUIDField(null=True, editable=False)
    #: The words of draft and signed text, without case and accents.
    search_text = models.TextField(default="", editable=False)
    #: Goes up at each save of the draft and at each signature: compare-and-set.
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)
    changed_at = models.DateTimeField(_("changed"), default=clock.now, editable=False)

    class Meta(Model.Meta):
        db_table = "clinical_notes"
        verbose_name = _("clinical note")
        verbose_name_plural = _("clinical notes")
        ordering = ["-occurred_at", "-id"]
        indexes = [models.Index(fields=["patient", "-occurred_at", "-id"], name="note_of_patient")]

    def __str__(self) -> str:
        return f"note {self.id}"


class NoteVersion(AppendOnlyModel):
    """A text as it was signed, or the withdrawal of a note with its reason. Written once."""

    note = models.ForeignKey(ClinicalNote, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    status = models.CharField(_("status"), max_length=20, choices=ClinicalNote.Status)
    text = models.TextField(_("text"))
    #: Why it was amended or withdrawn; empty for the first signature.
    reason = models.TextField(_("reason"), blank=True)
    signed_at = models.DateTimeField(_("signed"), default=clock.now)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("signed by"), on_delete=models.PROTECT, related_name="+"
    )
    #: The name as it was then: people change theirs.
    signed_name = models.CharField(max_length=300)

    class Meta(AppendOnlyModel.Meta):
        abstract = False
        db_table = "note_versions"
        verbose_name = _("version of a note")
        verbose_name_plural = _("versions of notes")
        ordering = ["note", "number"]
        constraints = [models.UniqueConstraint(fields=["note", "number"], name="note_version_once")]

    def __str__(self) -> str:
        return f"version {self.id}"


class NoteDraft(AppendOnlyModel):
    """A draft that gave way: to a colleague's text, or to a decision to drop it. No typed word is lost."""

    note = models.ForeignKey(ClinicalNote, on_delete=models.PROTECT, related_name="drafts")
    text = models.TextField(_("text"))
    saved_at = models.DateTimeField(_("saved"))
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta(AppendOnlyModel.Meta):
        abstract = False
        db_table = "note_drafts"
        verbose_name = _("earlier draft")
        verbose_name_plural = _("earlier drafts")
        ordering = ["note", "-saved_at", "-id"]

    def __str__(self) -> str:
        return f"draft {self.id}"


class ClinicalChange(AppendOnlyModel):
    """One state of a row of the clinical record, as staff left it: what it said, who wrote it, when and why.

    No foreign key to the row, which is of one of several tables; whose it is, the row itself says.
    """

    class Action(models.TextChoices):
        CREATE = "create", _("entered")
        CHANGE = "change", _("corrected")
        WITHDRAW = "withdraw", _("withdrawn")
        BEFORE = "before", _("as it was before")

    resource = models.CharField(max_length=40)
    row_id = models.UUIDField()
    version = models.PositiveIntegerField(_("version"))
    action = models.CharField(_("action"), max_length=20, choices=Action)
    at = models.DateTimeField(_("time"), default=clock.now)
    #: None for what came from an import.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    by_name = models.CharField(max_length=300, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    values = models.JSONField(default=dict)

    class Meta(AppendOnlyModel.Meta):
        abstract = False
        db_table = "clinical_changes"
        verbose_name = _("change of the record")
        verbose_name_plural = _("changes of the record")
        ordering = ["row_id", "version"]
        constraints = [models.UniqueConstraint(fields=["resource", "row_id", "version"], name="clinical_change_once")]

    def __str__(self) -> str:
        return f"change {self.id}"
