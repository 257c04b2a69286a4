"""Appointments in MongoDB (or the second SQLite file): calendars, visits, and the cells that make one winner per slot.

Portable fields only (decision 4). Patients and practitioners live in another database and are kept as ids.
"""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from appointments import rules
from appointments.hold_models import BookingKey, Hold
from appointments.message_models import CalendarFeed, Reminder
from appointments.resource_models import CODE, Resource, ResourceUse
from appointments.screen_models import WaitingScreen
from appointments.waiting_models import WaitingEntry, WaitingOffer, WaitingStep
from medisecure.kernel import clock
from medisecure.kernel.append_only import AppendOnlyDocument
from medisecure.kernel.merges import MergeFields, MoveFields
from medisecure.kernel.models import DocumentModel
from medisecure.kernel.outbox import InboxFields, OutboxFields

#: Django finds an app's models in this module.
__all__ = [
    "CODE",
    "Appointment",
    "AppointmentHistory",
    "AppointmentType",
    "BookingKey",
    "Calendar",
    "CalendarFeed",
    "Hold",
    "InboxEntry",
    "Leave",
    "OccupancyCell",
    "OutboxEvent",
    "Reminder",
    "Resource",
    "ResourceUse",
    "WaitingEntry",
    "WaitingOffer",
    "WaitingScreen",
    "WaitingStep",
]


class OutboxEvent(OutboxFields, DocumentModel):
    """Events of what changed in this database."""

    class Meta(DocumentModel.Meta):
        db_table = "outbox_events"


class InboxEntry(InboxFields, DocumentModel):
    """Events whose effect is in this database."""

    class Meta(DocumentModel.Meta):
        db_table = "inbox_entries"
        constraints = [models.UniqueConstraint(fields=["event_id", "consumer"], name="appointments_inbox_once")]


class PatientMerge(MergeFields, DocumentModel):
    """A merge of two patients, as far as it has come in this database."""

    class Meta(DocumentModel.Meta):
        db_table = "appointment_merges"

    def __str__(self) -> str:
        return f"merge {self.id}"


class MergeMove(MoveFields, DocumentModel):
    """What a merge changed in this database."""

    merge_id = models.UUIDField()

    class Meta(DocumentModel.Meta):
        db_table = "appointment_merge_moves"
        indexes = [models.Index(fields=["merge_id"], name="appointment_moves_of")]

    def __str__(self) -> str:
        return f"{self.model} {self.row_id}"


class AppointmentType(DocumentModel):
    """What a visit can be for: how long it takes, where, what it needs and is charged as, who may book it and when."""

    class Mode(models.TextChoices):
        ON_SITE = "on-site", _("On site")
        VIDEO = "video", _("By video")

    code = models.CharField(_("code"), max_length=40, unique=True, validators=[CODE])
    label_fr = models.CharField(_("name in French"), max_length=120)
    label_en = models.CharField(_("name in English"), max_length=120)
    duration_minutes = models.PositiveSmallIntegerField(
        _("duration (minutes)"), validators=[MinValueValidator(5), MaxValueValidator(480)]
    )
    buffer_before = models.PositiveSmallIntegerField(
        _("minutes kept free before"), default=0, validators=[MaxValueValidator(120)]
    )
    buffer_after = models.PositiveSmallIntegerField(
        _("minutes kept free after"), default=0, validators=[MaxValueValidator(120)]
    )
    price_code = models.CharField(_("price code"), max_length=40, blank=True)
    mode = models.CharField(_("mode"), max_length=10, choices=Mode.choices, default=Mode.ON_SITE)
    #: Codes of `Resource`: of each, one that is free is taken with the visit.
    needs = models.JSONField(_("rooms and equipment"), default=list, blank=True)
    bookable_by_patient = models.BooleanField(_("patients may book it"), default=True)
    lead_minutes = models.PositiveIntegerField(
        _("patients book it at least … minutes ahead"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(60 * 24 * 60)],
        help_text=_("When this is longer than what the calendar asks."),
    )
    horizon_days = models.PositiveSmallIntegerField(
        _("open for so many days ahead"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(730)],
        help_text=_("When this is shorter than what the calendar allows."),
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta(DocumentModel.Meta):
        db_table = "appointment_types"
        verbose_name = _("appointment type")
        verbose_name_plural = _("appointment types")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name in the active language."""
        return self.label_en if (get_language() or "fr").startswith("en") else self.label_fr


class Calendar(DocumentModel):
    """When one practitioner receives patients at one place, in that place's local time."""

    practitioner_id = models.UUIDField(_("practitioner"))
    place = models.CharField(_("place"), max_length=120)
    zone = models.CharField(_("time zone"), max_length=64, default="Europe/Paris")
    grid_minutes = models.PositiveSmallIntegerField(
        _("a slot starts every … minutes"), default=15, validators=[MinValueValidator(5), MaxValueValidator(240)]
    )
    #: [{"weekday": 0–6 (Monday is 0), "start": "08:30", "end": "12:00"}]
    weekly_rules = models.JSONField(_("weekly hours"), default=list)
    #: [{"date": "2026-05-01", "hours": [{"start": "09:00", "end": "11:00"}]}]; no hours: closed
    exceptions = models.JSONField(_("exceptions"), default=list, blank=True)
    type_codes = models.JSONField(_("appointment types"), default=list)
    close_on_holidays = models.BooleanField(
        _("closed on public holidays"), default=True, help_text=_("An exception opens one of them.")
    )
    holiday_country = models.CharField(
        _("country of the public holidays"), max_length=2, default="FR", help_text=_("ISO 3166 code, as in FR.")
    )
    holiday_subdivision = models.CharField(
        _("region of the public holidays"),
        max_length=10,
        blank=True,
        help_text=_(
            "Where a region has days of its own, its code: 57 for Moselle, 6AE for Alsace, 974 for La Réunion."
        ),
    )
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    lead_minutes = models.PositiveIntegerField(
        _("patients book at least … minutes ahead"), default=60, validators=[MaxValueValidator(60 * 24 * 60)]
    )
    horizon_days = models.PositiveSmallIntegerField(
        _("open for so many days ahead"), default=90, validators=[MinValueValidator(1), MaxValueValidator(730)]
    )
    cancel_notice_hours = models.PositiveSmallIntegerField(
        _("patients cancel at least … hours ahead"), default=24, validators=[MaxValueValidator(24 * 30)]
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta(DocumentModel.Meta):
        db_table = "calendars"
        verbose_name = _("calendar")
        verbose_name_plural = _("calendars")
        ordering = ["place", "id"]
        indexes = [models.Index(fields=["practitioner_id", "active"], name="calendars_practitioner")]

    def __str__(self) -> str:
        return self.place


class Leave(DocumentModel):
    """A time in which the practitioner receives nobody, wherever."""

    class Reason(models.TextChoices):
        HOLIDAY = "holiday", _("Holiday")
        TRAINING = "training", _("Training")
        DUTY = "duty", _("On duty elsewhere")
        OTHER = "other", _("Other")

    practitioner_id = models.UUIDField(_("practitioner"))
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices, default=Reason.HOLIDAY)

    class Meta(DocumentModel.Meta):
        db_table = "leaves"
        verbose_name = _("leave")
        verbose_name_plural = pgettext_lazy("plural", "leave")
        ordering = ["-start"]
        indexes = [models.Index(fields=["practitioner_id", "end"], name="leaves_practitioner")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.start:%Y-%m-%d}"


class Appointment(DocumentModel):
    """One visit. Its times are instants in UTC; `zone` and `place` say where, as they were when it was booked."""

    class Status(models.TextChoices):
        BOOKED = rules.Status.BOOKED.value, _("Booked")
        CONFIRMED = rules.Status.CONFIRMED.value, _("Confirmed")
        ARRIVED = rules.Status.ARRIVED.value, _("Arrived")
        IN_PROGRESS = rules.Status.IN_PROGRESS.value, _("In progress")
        COMPLETED = rules.Status.COMPLETED.value, _("Completed")
        NO_SHOW = rules.Status.NO_SHOW.value, _("Did not come")
        CANCELLED = rules.Status.CANCELLED.value, _("Cancelled")

    class CancelReason(models.TextChoices):
        PATIENT = "patient", _("At the patient's request")
        HOSPITAL = "hospital", _("By the hospital")
        DUPLICATE = "duplicate", _("Booked twice")
        OTHER = "other", _("Other")

    patient_id = models.UUIDField(_("patient"))
    practitioner_id = models.UUIDField(_("practitioner"))
    calendar_id = models.UUIDField(_("calendar"))
    type_code = models.CharField(_("type"), max_length=40)
    start = models.DateTimeField(_("start"))
    end = models.DateTimeField(_("end"))
    #: The practitioner's time with the buffers, as the type had them when this was booked.
    busy_start = models.DateTimeField()
    busy_end = models.DateTimeField()
    zone = models.CharField(_("time zone"), max_length=64)
    place = models.CharField(_("place"), max_length=120)
    mode = models.CharField(
        _("mode"), max_length=10, choices=AppointmentType.Mode.choices, default=AppointmentType.Mode.ON_SITE
    )
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.BOOKED)
    #: iCalendar's SEQUENCE: grows when the time changes or the visit is cancelled, and only then.
    sequence = models.PositiveIntegerField(default=0)
    #: Grows with every change; each change compares it first.
    version = models.PositiveIntegerField(default=1)
    booked_by = models.UUIDField(_("booked by"), null=True)
    cancel_reason = models.CharField(
        _("reason of cancellation"), max_length=20, choices=CancelReason.choices, blank=True
    )
    #: For staff only; no patient and no mail ever sees it.
    staff_note = models.CharField(_("note for staff"), max_length=200, blank=True)
    overbooked = models.BooleanField(_("overbooked"), default=False)
    overbook_reason = models.CharField(_("why it is overbooked"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("booked on"), default=clock.now, editable=False)
    changed_at = models.DateTimeField(default=clock.now, editable=False)
    #: The patient missed so many visits that this one counts only once they say they will come.
    needs_confirmation = models.BooleanField(_("needs confirmation"), default=False)
    #: The status to which the last step can be taken back; empty after anything that cannot.
    undo_status = models.CharField(max_length=20, blank=True, default="")
    arrived_at = models.DateTimeField(_("arrived at"), null=True)
    #: The number that the waiting room calls: one series a place and day. 0: none.
    ticket = models.PositiveSmallIntegerField(_("ticket"), default=0)
    ticket_day = models.DateField(null=True)
    called_at = models.DateTimeField(_("called at"), null=True)
    #: Where the patient was called to.
    door = models.CharField(_("door"), max_length=40, blank=True, default="")

    class Meta(DocumentModel.Meta):
        db_table = "appointments"
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        ordering = ["-start", "id"]
        indexes = [
            models.Index(fields=["start", "id"], name="appointments_start"),
            models.Index(fields=["practitioner_id", "start"], name="appointments_agenda"),
            models.Index(fields=["practitioner_id", "busy_start"], name="appointments_busy"),
            models.Index(fields=["patient_id", "start"], name="appointments_patient"),
            models.Index(fields=["calendar_id", "start"], name="appointments_calendar"),
            models.Index(fields=["booked_by", "start"], name="appointments_booked_by"),
        ]
        constraints = [
            # Greater than, because MongoDB's partial indexes know no "not".
            models.UniqueConstraint(
                fields=["place", "ticket_day", "ticket"],
                condition=models.Q(ticket__gt=0),
                name="appointments_ticket_once",
            )
        ]
        permissions = [
            ("book_for_others", _("Can book for other people")),
            ("manage_course", _("Can register arrival, start, end and absence")),
            ("overbook", _("Can book a time that is taken")),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} UTC"

    #: Not kept: set on what a repeated request finds (`Idempotency-Key`).
    repeated = False

    @property
    def awaits_confirmation(self) -> bool:
        return self.needs_confirmation and self.status == rules.Status.BOOKED

    @property
    def undoable(self) -> bool:
        return rules.may_undo(self.undo_status, self.changed_at, clock.now())


class OccupancyCell(DocumentModel):
    """Five minutes of somebody or something, held by one appointment or one `Hold`. The unique key is what makes one
    winner (decision 6).

    `key` is `practitioner:<id>:<cell>`, `patient:<id>:<cell>` or `resource:<id>:<cell>`, the cell's start in UTC as
    20260303T1330Z.
    """

    key = models.CharField(max_length=80, unique=True)
    appointment_id = models.UUIDField(db_index=True)
    #: A cell that is only held for a while ends here; a booked one has no end.
    expires = models.DateTimeField(null=True)
    #: How often somebody was overbooked onto this cell. The write is the point: an overbooking and the release of the
    #: cell conflict, so that the cell never ends up free under a visit.
    shared = models.PositiveSmallIntegerField(default=0)

    class Meta(DocumentModel.Meta):
        db_table = "occupancy_cells"

    def __str__(self) -> str:
        return self.key


class AppointmentHistory(AppendOnlyDocument):
    """What happened to an appointment: who, when, why. Append-only."""

    appointment_id = models.UUIDField()
    action = models.CharField(_("step"), max_length=20)
    from_status = models.CharField(_("before"), max_length=20, choices=Appointment.Status.choices, blank=True)
    to_status = models.CharField(_("after"), max_length=20, choices=Appointment.Status.choices)
    #: The appointment's start after this step.
    start = models.DateTimeField(_("start"))
    actor_id = models.UUIDField(_("who"), null=True)
    at = models.DateTimeField(_("when"), default=clock.now)
    reason = models.CharField(_("why"), max_length=200, blank=True)

    class Meta(AppendOnlyDocument.Meta):
        db_table = "appointment_history"
        verbose_name = _("step")
        verbose_name_plural = _("history of appointments")
        ordering = ["id"]
        indexes = [models.Index(fields=["appointment_id", "id"], name="appointment_history_of")]

    def __str__(self) -> str:
        return f"{self.action} {self.at:%Y-%m-%d %H:%M} UTC"
