"""Payments that are being made with a payment provider, and what the provider has told us."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.invoices import Invoice
from billing.models.payments import Added, Payment
from medisecure.kernel import clock
from medisecure.kernel.models import Model


class Checkout(Model):
    """Somebody was sent to the provider to pay so much of an invoice. Nothing is paid until the provider says so."""

    class Status(models.TextChoices):
        OPEN = "open", _("Waiting for the bank")
        PAID = "paid", _("Paid")
        FAILED = "failed", _("Not paid")

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="checkouts", verbose_name=_("invoice"))
    patient_id = models.UUIDField(_("patient"), db_index=True)
    amount_cents = models.BigIntegerField(_("amount (cents)"))
    provider = models.CharField(_("provider"), max_length=20)
    status = models.CharField(_("state"), max_length=6, choices=Status.choices, default=Status.OPEN)
    created_by = models.UUIDField()
    created_at = models.DateTimeField(_("created"), default=clock.now)
    #: The provider's page takes no payment after it.
    expires_at = models.DateTimeField()
    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, null=True, related_name="checkout")

    class Meta(Model.Meta):
        db_table = "checkouts"
        verbose_name = _("online payment")
        verbose_name_plural = _("online payments")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_cents__gt=0), name="checkout_positive"),
            models.CheckConstraint(
                condition=Q(status="paid", payment__isnull=False) | (~Q(status="paid") & Q(payment=None)),
                name="checkout_paid_has_payment",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ProviderEvent(Added):
    """A callback that was signed and new. Its id is the provider's: the same one again does nothing."""

    provider = models.CharField(max_length=20)
    event_id = models.CharField(max_length=64)
    checkout = models.ForeignKey(Checkout, on_delete=models.PROTECT, related_name="events")
    outcome = models.CharField(max_length=10)
    received_at = models.DateTimeField(default=clock.now)

    class Meta(Added.Meta):
        abstract = False
        db_table = "provider_events"
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="provider_event_once")]
