"""Duplicates that were found or decided on, merges of two patients, and the journal by which a merge is taken back."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.merges import MoveFields
from medisecure.kernel.models import Model
from patients.models.people import Patient

REASON_LENGTH = 200


class DuplicatePair(Model):
    """Two patients who may be one person, or of whom somebody has said that they are not."""

    class State(models.TextChoices):
        OPEN = "open", _("to decide")
        DISTINCT = "distinct", _("two people")

    #: The smaller id, so that a pair is one row.
    first = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    score = models.FloatField(_("likeness"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    found_at = models.DateTimeField(_("found"), default=clock.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta(Model.Meta):
        db_table = "duplicate_pairs"
        verbose_name = _("possible duplicate")
        verbose_name_plural = _("possible duplicates")
        ordering = ["-score", "id"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="duplicate_pair_once"),
            models.CheckConstraint(condition=models.Q(first__lt=models.F("second")), name="duplicate_pair_ordered"),
        ]
        indexes = [models.Index(fields=["state", "-score", "id"], name="duplicate_worklist")]

    def __str__(self) -> str:
        return f"pair {self.id}"


class DuplicateScan(Model):
    """How far a search of the whole register has come, so that one that was stopped goes on."""

    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)
    #: The pass it is in, and the last value that this pass has dealt with.
    stage = models.CharField(max_length=20, blank=True)
    position = models.TextField(blank=True)
    compared = models.PositiveBigIntegerField(default=0)
    found = models.PositiveBigIntegerField(default=0)

    class Meta(Model.Meta):
        db_table = "duplicate_scans"
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"scan {self.id}"


class Merge(Model):
    """Two files of one person become one: the survivor's. The loser's stays, empty, and leads to it for ever."""

    class Status(models.TextChoices):
        RUNNING = "running", _("merging")
        DONE = "done", _("merged")
        UNDOING = "undoing", _("taking back")
        UNDONE = "undone", _("taken back")

    class Account(models.TextChoices):
        """Which account of the portal the person keeps; another one is closed."""

        SURVIVOR = "survivor", _("the one of the file that stays")
        LOSER = "loser", _("the one of the file that is merged")
        NONE = "none", _("none: close them")

    survivor = models.ForeignKey(Patient, verbose_name=_("file that stays"), on_delete=models.PROTECT, related_name="+")
    loser = models.ForeignKey(
        Patient, verbose_name=_("file that is merged"), on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(_("state"), max_length=10, choices=Status, default=Status.RUNNING)
    reason = models.CharField(_("reason"), max_length=REASON_LENGTH)
    #: Names of the fields that the survivor takes over from the loser.
    taken = models.JSONField(default=list)
    account = models.CharField(_("account of the portal"), max_length=10, choices=Account, default=Account.SURVIVOR)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("merged by"), on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField(_("merged"), default=clock.now)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("taken back by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    undone_at = models.DateTimeField(_("taken back"), null=True, blank=True)
    undo_reason = models.CharField(_("reason"), max_length=REASON_LENGTH, blank=True)
    #: When the databases were last told what to do; they are told again when no answer comes.
    ordered_at = models.DateTimeField(default=clock.now)
    #: A second look picks up what was being written while the merge began.
    looked_again = models.BooleanField(default=False)

    class Meta(Model.Meta):
        db_table = "merges"
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(survivor=models.F("loser")), name="merge_of_two"),
            models.UniqueConstraint(
                fields=["loser"], condition=~models.Q(status="undone"), name="merged_into_one_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["survivor", "status"], name="merges_of_survivor"),
            models.Index(fields=["status", "ordered_at"], name="merges_waiting"),
        ]

    def __str__(self) -> str:
        return f"merge {self.id}"


class MergeStep(Model):
    """What one part of the system has to do for a merge, or for taking it back."""

    merge = models.ForeignKey(Merge, on_delete=models.PROTECT, related_name="steps")
    part = models.CharField(max_length=20)
    undo = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True)
    moved = models.PositiveIntegerField(default=0)
    #: Rows that could not be moved, or not be moved back.
    kept = models.PositiveIntegerField(default=0)

    class Meta(Model.Meta):
        db_table = "merge_steps"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["merge", "part", "undo"], name="merge_step_once")]

    def __str__(self) -> str:
        return f"{self.part} of {self.merge_id}"


class MergeMove(MoveFields, Model):
    """What a merge changed in this database."""

    merge = models.ForeignKey(Merge, on_delete=models.PROTECT, related_name="moves")

    class Meta(Model.Meta):
        db_table = "merge_moves"
        ordering = ["id"]
        indexes = [models.Index(fields=["model", "row_id"], name="merge_moves_of_row")]

    def __str__(self) -> str:
        return f"{self.model} {self.row_id}"
