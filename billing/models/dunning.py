"""Reminders of what a patient owes, and what holds them back."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.dunning_rules import STEPS
from medisecure.kernel import clock
from medisecure.kernel.append_only import AppendOnly, AppendOnlyModel, WrittenOnce
from medisecure.kernel.models import Model, PinnedQuerySet


class ReminderQuerySet(PinnedQuerySet[Any]):
    """Added; only its letter and when that was printed are noted afterwards, each once."""

    def update(self, **kwargs: Any) -> int:
        once = {"paper_id": "paper", "printed_at": "printed_at", "printed_by": "printed_at"}
        if not once.keys() >= kwargs.keys() or any(
            self.filter(**{f"{once[name]}__isnull": False}).exists() for name in kwargs
        ):
            raise AppendOnly
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly

    delete.queryset_only = True  # type: ignore[attr-defined]


ReminderManager = models.Manager.from_queryset(ReminderQuerySet)


class Reminder(WrittenOnce, Model):
    """One step of an invoice's dunning. There is one of each step, however often the look is repeated."""

    class Step(models.IntegerChoices):
        FIRST = 1, _("First reminder")
        SECOND = 2, _("Second reminder")
        LAST = 3, _("Formal notice")

    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="reminders", verbose_name=_("invoice")
    )
    patient_id = models.UUIDField(_("patient"), db_index=True)
    step = models.PositiveSmallIntegerField(_("step"), choices=Step.choices)
    made_at = models.DateTimeField(_("made"), default=clock.now)
    #: What the patient owed then, of their own.
    owed_cents = models.BigIntegerField(_("owed then (cents)"))
    paper = models.ForeignKey("billing.Paper", on_delete=models.PROTECT, null=True, related_name="+")
    printed_at = models.DateTimeField(_("posted"), null=True)
    printed_by = models.UUIDField(null=True)

    objects: ClassVar[ReminderManager[Reminder]] = ReminderManager()

    class Meta(Model.Meta):
        db_table = "reminders"
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ["-made_at", "-id"]
        permissions = [("manage_dunning", _("May hold reminders back and post their letters"))]
        indexes = [models.Index(fields=["printed_at", "made_at"], name="reminders_to_print")]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "step"], name="reminder_once_a_step"),
            models.CheckConstraint(
                condition=Q(step__gte=1, step__lte=STEPS, owed_cents__gt=0), name="reminder_of_something"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class DunningHold(Model):
    """Why an invoice is not dunned for a time: the patient disputes it, or pays it by a plan."""

    class Kind(models.TextChoices):
        DISPUTE = "dispute", _("Disputed")
        PLAN = "plan", _("Payment plan")

    class End(models.TextChoices):
        RESUMED = "resumed", _("Taken up again")
        BROKEN = "broken", _("Plan not kept")
        SETTLED = "settled", _("Settled")

    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="holds", verbose_name=_("invoice")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    reason = models.CharField(_("reason"), max_length=200)
    #: What the patient owed when it began.
    owed_cents = models.BigIntegerField(_("owed then (cents)"))
    started_at = models.DateTimeField(_("since"), default=clock.now)
    started_by = models.UUIDField(_("by"))
    ended_at = models.DateTimeField(_("until"), null=True)
    ended_by = models.UUIDField(null=True)
    ended = models.CharField(_("ended"), max_length=10, choices=End.choices, blank=True)
    end_reason = models.CharField(_("reason of the end"), max_length=200, blank=True)
    #: The invoice while this holds, so that one holds at a time. NULL once ended.
    holds = models.UUIDField(null=True, unique=True)

    class Meta(Model.Meta):
        db_table = "dunning_holds"
        verbose_name = _("hold of reminders")
        verbose_name_plural = _("holds of reminders")
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at=None, ended="", holds=F("invoice"))
                | (Q(ended_at__isnull=False, holds=None) & ~Q(ended="")),
                name="hold_ended_whole",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly


class Instalment(AppendOnlyModel):
    """One part of a payment plan. A plan that changes is another plan."""

    hold = models.ForeignKey(DunningHold, on_delete=models.PROTECT, related_name="instalments")
    due_on = models.DateField(_("due"))
    amount_cents = models.BigIntegerField(_("amount (cents)"))

    class Meta(AppendOnlyModel.Meta):
        db_table = "instalments"
        verbose_name = _("instalment")
        verbose_name_plural = _("instalments")
        ordering = ["due_on"]
        constraints = [
            models.UniqueConstraint(fields=["hold", "due_on"], name="instalment_once_a_day"),
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="instalment_positive"),
        ]

    def __str__(self) -> str:
        return str(self.id)
