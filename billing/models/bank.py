"""What the bank says has come in, line by line: matched to invoices, or waiting for a clerk."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.payments import Payment
from medisecure.kernel import clock
from medisecure.kernel.models import Model


class BankLine(Model):
    """One sum on the hospital's account. The same line of another file, or of the same one again, is this one."""

    class Status(models.TextChoices):
        OPEN = "open", _("Unmatched")
        MATCHED = "matched", _("Matched")
        SET_ASIDE = "aside", _("Set aside")

    class Why(models.TextChoices):
        NO_NUMBER = "no-number", _("No number of an invoice")
        UNKNOWN = "unknown", _("No such invoice")
        SEVERAL = "several", _("Several invoices")
        CLOSED = "closed", _("The invoice is settled or cancelled")
        AMOUNT = "amount", _("Another amount than is owed")
        TWICE = "twice", _("Another line has paid it")

    #: Of day, amount and texts, and which of several alike it is in its file.
    fingerprint = models.CharField(max_length=64, unique=True)
    booked_on = models.DateField(_("booked on"))
    amount_cents = models.BigIntegerField(_("amount (cents)"))
    label = models.CharField(_("wording"), max_length=300, blank=True)
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    status = models.CharField(_("state"), max_length=8, choices=Status.choices, default=Status.OPEN, db_index=True)
    why = models.CharField(_("why unmatched"), max_length=10, choices=Why.choices, blank=True)
    payment = models.OneToOneField(
        Payment, on_delete=models.PROTECT, null=True, related_name="bank_line", verbose_name=_("payment")
    )
    #: Why it was set aside.
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    imported_at = models.DateTimeField(_("imported"), default=clock.now)
    decided_by = models.UUIDField(null=True)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta(Model.Meta):
        db_table = "bank_lines"
        verbose_name = _("line of the bank")
        verbose_name_plural = _("lines of the bank")
        ordering = ["-booked_on", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="bank_line_positive"),
            models.CheckConstraint(
                condition=Q(status="matched", payment__isnull=False)
                | Q(status="open", payment=None)
                | (Q(status="aside", payment=None) & ~Q(reason="")),
                name="bank_line_state",
            ),
        ]

    def __str__(self) -> str:
        # Not its wording, which names people.
        return str(self.id)
