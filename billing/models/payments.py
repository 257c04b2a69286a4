"""Money that came in, what it paid, what was given back, what was given up. All of it is added and never changed."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing import rules
from billing.models.invoices import PAYERS, Invoice, InvoiceShare
from billing.querysets import PaymentQuerySet
from medisecure.kernel import clock
from medisecure.kernel.errors import InvoiceIssued
from medisecure.kernel.models import Model

PaymentManager = models.Manager.from_queryset(PaymentQuerySet)


class Added(Model):
    """A row that is written once. Its mark is the caller's own: the same mark again is the same row, not a second."""

    objects: ClassVar[PaymentManager[Any]] = PaymentManager()  # type: ignore[assignment]

    class Meta(Model.Meta):
        abstract = True

    def __str__(self) -> str:
        return str(self.id)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise InvoiceIssued
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise InvoiceIssued


class Payment(Added):
    """Money that came in, once. What it pays is in its allocations; what is left of it is its payer's credit."""

    class Method(models.TextChoices):
        CARD = "card", _("Card")
        CASH = "cash", _("Cash")
        CHEQUE = "cheque", _("Cheque")
        TRANSFER = "transfer", _("Bank transfer")
        INSURER = "insurer", _("Insurer")

    #: The one that it was taken for; none when it was split over several, or is credit from the start.
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="payments", verbose_name=_("invoice"), null=True, blank=True
    )
    #: None for an insurer's money over several patients' invoices.
    patient_id = models.UUIDField(_("patient"), null=True, blank=True, db_index=True)
    payer = models.CharField(_("payer"), max_length=13, choices=PAYERS, default=rules.Payer.PATIENT.value)
    amount_cents = models.BigIntegerField(_("amount (cents)"))
    method = models.CharField(_("method"), max_length=10, choices=Method.choices)
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    received_at = models.DateTimeField(_("received"), default=clock.now)
    taken_by = models.UUIDField(_("taken by"), null=True)
    #: The caller's own mark of this payment: the same mark again is the same payment and not a second one.
    idempotency_key = models.CharField(max_length=100, unique=True)

    class Meta(Added.Meta):
        abstract = False
        db_table = "payments"
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["received_at", "id"]
        permissions = [
            ("take_payment", _("May take payments")),
            ("refund_payment", _("May give money back")),
            ("write_off", _("May write off what is owed")),
        ]
        constraints = [models.CheckConstraint(condition=Q(amount_cents__gt=0), name="payment_positive")]


class Allocation(Added):
    """So much of a payment pays a share of an invoice; less than zero takes it back from there, as credit."""

    class Kind(models.TextChoices):
        PAID = "paid", _("Payment")
        CREDIT = "credit", _("From credit")
        RELEASED = "released", _("Taken back")

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="allocations")
    share = models.ForeignKey(InvoiceShare, on_delete=models.PROTECT, related_name="allocations")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.PAID)
    amount_cents = models.BigIntegerField(_("amount (cents)"))
    made_at = models.DateTimeField(_("on"), default=clock.now)
    made_by = models.UUIDField(_("by"), null=True)
    #: Of credit that was used; what a payment paid at once has its payment's.
    idempotency_key = models.CharField(max_length=110, unique=True, null=True)

    class Meta(Added.Meta):
        abstract = False
        db_table = "payment_allocations"
        verbose_name = _("use of a payment")
        verbose_name_plural = _("uses of payments")
        ordering = ["made_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["paid", "credit"], amount_cents__gt=0) | Q(kind="released", amount_cents__lt=0),
                name="allocation_sign",
            )
        ]


class Refund(Added):
    """Money that was given back, of the payment that it came in with."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    #: The one from which it was taken back for that; none when it was credit already.
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("invoice"), null=True, blank=True
    )
    amount_cents = models.BigIntegerField(_("amount (cents)"))
    method = models.CharField(_("method"), max_length=10, choices=Payment.Method.choices)
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    made_at = models.DateTimeField(_("given back"), default=clock.now)
    made_by = models.UUIDField(_("by"), null=True)
    idempotency_key = models.CharField(max_length=100, unique=True)

    class Meta(Added.Meta):
        abstract = False
        db_table = "refunds"
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["made_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_cents__gt=0) & ~Q(reason=""), name="refund_positive_with_reason")
        ]


class WriteOff(Added):
    """What the hospital gives up of a share, with who decided it and why."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="write_offs")
    share = models.ForeignKey(InvoiceShare, on_delete=models.PROTECT, related_name="write_offs")
    amount_cents = models.BigIntegerField(_("amount (cents)"))
    reason = models.CharField(_("reason"), max_length=200)
    made_at = models.DateTimeField(_("written off"), default=clock.now)
    made_by = models.UUIDField(_("by"), null=True)
    idempotency_key = models.CharField(max_length=100, unique=True)

    class Meta(Added.Meta):
        abstract = False
        db_table = "write_offs"
        verbose_name = _("write-off")
        verbose_name_plural = _("write-offs")
        ordering = ["made_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_cents__gt=0) & ~Q(reason=""), name="write_off_positive_with_reason"
            )
        ]
