"""Tills: who has which, what cash went through it, and what was counted at the end of the day."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.append_only import AppendOnly, AppendOnlyModel
from medisecure.kernel.models import Model, PinnedQuerySet


class Till(Model):
    """A cash drawer and where it stands."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    active = models.BooleanField(_("in use"), default=True)

    class Meta(Model.Meta):
        db_table = "tills"
        verbose_name = _("till")
        verbose_name_plural = _("tills")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TillDayQuerySet(PinnedQuerySet[Any]):
    """A day that is closed stays as it is."""

    def update(self, **kwargs: Any) -> int:
        if self.exclude(closed_at=None).exists():
            raise AppendOnly
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly

    delete.queryset_only = True  # type: ignore[attr-defined]


TillDayManager = models.Manager.from_queryset(TillDayQuerySet)


class TillDay(Model):
    """One till in one person's hands, from counting the float to counting the drawer."""

    till = models.ForeignKey(Till, on_delete=models.PROTECT, related_name="days", verbose_name=_("till"))
    day = models.DateField(_("day"))
    opened_at = models.DateTimeField(_("opened"), default=clock.now)
    opened_by = models.UUIDField(_("opened by"))
    float_cents = models.BigIntegerField(_("float (cents)"))
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.UUIDField(_("closed by"), null=True)
    expected_cents = models.BigIntegerField(_("expected (cents)"), null=True)
    counted_cents = models.BigIntegerField(_("counted (cents)"), null=True)
    reason = models.CharField(_("why they differ"), max_length=200, blank=True)
    #: While it is open: nobody else has the till, and this person has no other. NULL once closed.
    open_till = models.UUIDField(null=True, unique=True)
    open_holder = models.UUIDField(null=True, unique=True)

    objects: ClassVar[TillDayManager[TillDay]] = TillDayManager()

    class Meta(Model.Meta):
        db_table = "till_days"
        verbose_name = _("day of a till")
        verbose_name_plural = _("days of tills")
        ordering = ["-opened_at", "-id"]
        permissions = [
            ("keep_till", _("May open and close a till")),
            ("view_books", _("May see the books")),
            ("export_books", _("May export the books")),
        ]
        indexes = [models.Index(fields=["day"], name="till_days_day")]
        constraints = [
            models.CheckConstraint(
                condition=Q(float_cents__gte=0) & (Q(counted_cents=None) | Q(counted_cents__gte=0)),
                name="till_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None, expected_cents=None, counted_cents=None, reason="")
                & Q(open_till=F("till"), open_holder=F("opened_by"))
                | Q(
                    closed_at__isnull=False,
                    closed_by__isnull=False,
                    expected_cents__isnull=False,
                    counted_cents__isnull=False,
                    open_till=None,
                    open_holder=None,
                ),
                name="till_closed_whole",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(counted_cents=F("expected_cents")) | ~Q(reason=""),
                name="till_difference_explained",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def difference_cents(self) -> int:
        """What was counted beyond what was expected; below zero: what is missing."""
        return (self.counted_cents or 0) - (self.expected_cents or 0)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly


class TillEntry(AppendOnlyModel):
    """Cash that went into a till, below zero out of it."""

    class Kind(models.TextChoices):
        PAYMENT = "payment", _("Payment")
        REFUND = "refund", _("Refund")
        DEPOSIT = "deposit", _("Taken to the bank")
        CHANGE = "change", _("Change brought")

    till_day = models.ForeignKey(TillDay, on_delete=models.PROTECT, related_name="entries")
    at = models.DateTimeField(_("time"), default=clock.now)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    amount_cents = models.BigIntegerField(_("amount (cents)"))
    #: The payment or refund that it is the cash of; NULL for what is moved by hand.
    source_id = models.UUIDField(null=True, unique=True)
    #: The invoice's number, or what was said of it.
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    by = models.UUIDField(_("by"))

    class Meta(AppendOnlyModel.Meta):
        db_table = "till_entries"
        verbose_name = _("cash movement")
        verbose_name_plural = _("cash movements")
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["payment", "change"], amount_cents__gt=0)
                | Q(kind__in=["refund", "deposit"], amount_cents__lt=0),
                name="till_entry_sign",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["payment", "refund"], source_id__isnull=False)
                | Q(kind__in=["deposit", "change"], source_id=None),
                name="till_entry_source",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
