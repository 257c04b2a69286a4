"""The waiting list: who would like an earlier time, what they were offered, and what came of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.append_only import AppendOnlyDocument
from medisecure.kernel.models import DocumentModel


class WaitingEntry(DocumentModel):
    """A wish for an earlier time: for a visit that is booked, or for a first one with a practitioner or a specialty."""

    class Priority(models.IntegerChoices):
        NORMAL = 0, _("Normal")
        SOON = 1, _("Soon")
        URGENT = 2, _("Urgent")

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        #: Several offers went unanswered or were declined: the patient is asked no more until they say so.
        PAUSED = "paused", _("Paused")
        FULFILLED = "fulfilled", _("Fulfilled")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        LAPSED = "lapsed", _("Lapsed")

    patient_id = models.UUIDField(_("patient"))
    #: The visit that is to be earlier; none when this is for a first one.
    appointment_id = models.UUIDField(_("appointment"), null=True, db_index=True)
    type_code = models.CharField(_("type"), max_length=40)
    #: One of the two when there is no visit yet; with one, its practitioner.
    practitioner_id = models.UUIDField(_("practitioner"), null=True)
    specialty = models.CharField(_("specialty"), max_length=80, blank=True)
    first = models.DateField(_("from"))
    last = models.DateField(_("until"))
    #: [{"weekday": 0–6, "start": "08:00", "end": "12:00"}]: when the patient can come; none: at any time
    windows = models.JSONField(_("days and times"), default=list, blank=True)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority.choices, default=Priority.NORMAL)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.WAITING)
    #: What is waited for while it is, its own id afterwards: so nobody stands in line twice for the same.
    open_key = models.CharField(max_length=180, unique=True)
    #: Offers in a row that brought no answer or a no.
    missed = models.PositiveSmallIntegerField(default=0)
    by_staff = models.BooleanField(default=False)
    asked_by = models.UUIDField(_("asked by"))
    note = models.CharField(_("note for staff"), max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(_("asked"), default=clock.now)

    class Meta(DocumentModel.Meta):
        db_table = "waiting_entries"
        verbose_name = _("waiting list entry")
        verbose_name_plural = _("waiting list")
        ordering = ["-priority", "created_at", "id"]
        indexes = [
            models.Index(fields=["status", "-priority", "created_at"], name="waiting_entries_line"),
            models.Index(fields=["patient_id", "-created_at"], name="waiting_entries_patient"),
        ]
        permissions = [("manage_waiting", _("Can put patients on the waiting list"))]

    def __str__(self) -> str:
        return f"{self.type_code} {self.created_at:%Y-%m-%d}"


class WaitingOffer(DocumentModel):
    """One free time kept for one entry until it is answered or its time is out."""

    class Status(models.TextChoices):
        OPEN = "open", _("Waits for an answer")
        ACCEPTED = "accepted", _("Accepted")
        DECLINED = "declined", _("Declined")
        EXPIRED = "expired", _("Not answered in time")
        VOID = "void", _("Taken back")

    entry_id = models.UUIDField()
    patient_id = models.UUIDField(_("patient"))
    practitioner_id = models.UUIDField(_("practitioner"))
    calendar_id = models.UUIDField()
    type_code = models.CharField(_("type"), max_length=40)
    start = models.DateTimeField(_("start"))
    end = models.DateTimeField(_("end"))
    busy_start = models.DateTimeField()
    busy_end = models.DateTimeField()
    zone = models.CharField(max_length=64)
    place = models.CharField(_("place"), max_length=120)
    #: Ids of the rooms and devices that are kept with it.
    resource_ids = models.JSONField(default=list)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.OPEN)
    #: The entry while it is open, its own id afterwards: an entry has one open offer at a time.
    open_key = models.CharField(max_length=60, unique=True)
    expires = models.DateTimeField(_("answer until"))
    created_at = models.DateTimeField(_("offered"), default=clock.now)
    answered_at = models.DateTimeField(_("answered"), null=True)

    class Meta(DocumentModel.Meta):
        db_table = "waiting_offers"
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["status", "expires"], name="waiting_offers_due"),
            models.Index(fields=["patient_id", "status"], name="waiting_offers_patient"),
        ]
        constraints = [
            # Nobody is offered the same time twice.
            models.UniqueConstraint(fields=["entry_id", "practitioner_id", "start"], name="waiting_offers_once")
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} UTC"


class WaitingStep(AppendOnlyDocument):
    """The journal of an entry: who did what, when. Append-only."""

    entry_id = models.UUIDField()
    offer_id = models.UUIDField(null=True)
    action = models.CharField(_("step"), max_length=12)
    actor_id = models.UUIDField(_("who"), null=True)
    at = models.DateTimeField(_("when"), default=clock.now)
    #: By what right somebody without an account acted, or why.
    reason = models.CharField(_("why"), max_length=40, blank=True)

    class Meta(AppendOnlyDocument.Meta):
        db_table = "waiting_steps"
        ordering = ["id"]
        indexes = [models.Index(fields=["entry_id", "id"], name="waiting_steps_of")]

    def __str__(self) -> str:
        return f"{self.action} {self.at:%Y-%m-%d %H:%M} UTC"
