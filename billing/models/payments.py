"""Money that came in."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing import rules
from billing.models.invoices import PAYERS, Invoice
from billing.querysets import PaymentQuerySet
from medisecure.kernel import clock
from medisecure.kernel.errors import InvoiceIssued
from medisecure.kernel.models import Model

PaymentManager = models.Manager.from_queryset(PaymentQuerySet)


class Payment(Model):
    """Money that came in. Added and never changed."""

    class Method(models.TextChoices):
        CARD = "card", _("Card")
        CASH = "cash", _("Cash")
        CHEQUE = "cheque", _("Cheque")
        TRANSFER = "transfer", _("Bank transfer")
        INSURER = "insurer", _("Insurer")

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments", verbose_name=_("invoice"))
    payer = models.CharField(_("payer"), max_length=13, choices=PAYERS, default=rules.Payer.PATIENT.value)
    amount_cents = models.BigIntegerField(_("amount (cents)"))
    method = models.CharField(_("method"), max_length=10, choices=Method.choices)
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    received_at = models.DateTimeField(_("received"), default=clock.now)
    taken_by = models.UUIDField(_("taken by"), null=True)
    #: The caller's own mark of this payment: the same mark again is the same payment and not a second one.
    idempotency_key = models.CharField(max_length=100, unique=True)

    objects: ClassVar[PaymentManager[Payment]] = PaymentManager()  # type: ignore[assignment]

    class Meta(Model.Meta):
        db_table = "payments"
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["received_at", "id"]
        permissions = [("take_payment", _("May take payments"))]
        constraints = [models.CheckConstraint(condition=Q(amount_cents__gt=0), name="payment_positive")]

    def __str__(self) -> str:
        return str(self.id)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise InvoiceIssued
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise InvoiceIssued
