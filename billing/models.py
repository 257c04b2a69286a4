"""Invoices, their lines, the payments, the counters that number them, and the price list.

A draft may change; an issued invoice may not (`billing.querysets`, and the triggers of migration 0002). Patients,
practitioners, appointments and accounts live in other databases: their ids are kept, and what an invoice prints of
them is frozen in `snapshot` when it is issued.
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing import rules
from billing.querysets import OPEN_COLUMNS, InvoiceQuerySet, ItemQuerySet, PaymentQuerySet
from medisecure.kernel import clock
from medisecure.kernel.errors import InvoiceIssued
from medisecure.kernel.merges import MergeFields, MoveFields
from medisecure.kernel.models import Model
from medisecure.kernel.outbox import InboxFields, OutboxFields

EXEMPTIONS = [(rules.Exemption.CARE.value, _("Care to a person"))]

InvoiceManager = models.Manager.from_queryset(InvoiceQuerySet)
ItemManager = models.Manager.from_queryset(ItemQuerySet)
PaymentManager = models.Manager.from_queryset(PaymentQuerySet)


def _vat_is_explained(name: str) -> models.CheckConstraint:
    """A rate, or a reason why there is none; never both and never neither."""
    return models.CheckConstraint(
        condition=Q(vat_rate__gt=0, vat_rate__lte=rules.MAX_VAT_RATE, exemption="")
        | (Q(vat_rate=0) & ~Q(exemption="")),
        name=name,
    )


class Price(Model):
    """What an act or a product costs, from one day to another."""

    code = models.CharField(_("code"), max_length=40)
    label_fr = models.CharField(_("label in French"), max_length=200)
    label_en = models.CharField(_("label in English"), max_length=200)
    price_cents = models.BigIntegerField(_("price before VAT (cents)"))
    vat_rate = models.PositiveIntegerField(_("VAT rate (basis points)"), default=0)
    exemption = models.CharField(_("VAT exemption"), max_length=20, choices=EXEMPTIONS, blank=True, default="care")
    #: A completed appointment of this type is charged with this price.
    appointment_type = models.CharField(_("type of appointment"), max_length=40, blank=True, db_index=True)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True, help_text=_("The last day, included."))

    class Meta(Model.Meta):
        db_table = "price_list"
        verbose_name = _("price")
        verbose_name_plural = _("price list")
        ordering = ["code", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], name="price_once_a_day"),
            models.CheckConstraint(
                condition=Q(price_cents__gte=0, price_cents__lte=rules.MAX_UNIT_PRICE_CENTS), name="price_in_bounds"
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="price_dates"
            ),
            _vat_is_explained("price_vat"),
        ]

    def __str__(self) -> str:
        return self.code

    def label(self, language: str) -> str:
        return self.label_en if language == "en" else self.label_fr


class InvoiceCounter(Model):
    """The last number given in a series and year. Locked while a number is taken, so that none is lost or doubled."""

    series = models.CharField(max_length=4)
    year = models.PositiveIntegerField()
    last = models.PositiveIntegerField(default=0)
    #: Numbers and dates go up together, even when a server's clock is set back.
    last_issued_at = models.DateTimeField(null=True)

    class Meta(Model.Meta):
        db_table = "invoice_counters"
        constraints = [models.UniqueConstraint(fields=["series", "year"], name="counter_once")]

    def __str__(self) -> str:
        return f"{self.series}{self.year}"


class Invoice(Model):
    """A draft, an invoice or a credit note. Amounts are whole cents; a credit note's are positive (EN 16931, 381)."""

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("Invoice")
        CREDIT_NOTE = "credit_note", _("Credit note")

    class Status(models.TextChoices):
        DRAFT = "draft", _("To issue")
        DISCARDED = "discarded", _("Discarded")
        ISSUED = "issued", _("Issued")
        PAID = "paid", _("Paid")
        CREDITED = "credited", _("Cancelled by credit note")

    patient_id = models.UUIDField(_("patient"), db_index=True)
    appointment_id = models.UUIDField(_("appointment"), null=True, blank=True, unique=True)
    practitioner_id = models.UUIDField(_("practitioner"), null=True, blank=True)
    service_date = models.DateField(_("date of care"), null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices, default=Kind.INVOICE)
    status = models.CharField(_("state"), max_length=10, choices=Status.choices, default=Status.DRAFT)
    #: The invoice that this credit note cancels.
    credits = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="credit_note", verbose_name=_("cancels")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    series = models.CharField(_("series"), max_length=4, blank=True)
    year = models.PositiveIntegerField(_("year"), null=True, blank=True)
    sequence = models.PositiveIntegerField(_("sequence"), null=True, blank=True)
    number = models.CharField(_("number"), max_length=32, null=True, blank=True, unique=True)  # NULL: unique when set
    issued_at = models.DateTimeField(_("issued"), null=True, blank=True)
    issued_by = models.UUIDField(_("issued by"), null=True, blank=True)
    due_date = models.DateField(_("to pay by"), null=True, blank=True)

    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    net_cents = models.BigIntegerField(_("total before VAT (cents)"), default=0)
    vat_cents = models.BigIntegerField(_("VAT (cents)"), default=0)
    total_cents = models.BigIntegerField(_("total (cents)"), default=0)
    paid_cents = models.BigIntegerField(_("paid (cents)"), default=0)
    paid_at = models.DateTimeField(_("paid on"), null=True, blank=True)

    #: What the paper says besides lines and amounts, as it was when it was issued: see `billing.snapshot`.
    snapshot = models.JSONField(null=True, blank=True)
    #: Over this invoice and the one before it: see `billing.seals`. Empty on a draft.
    seal = models.CharField(_("seal"), max_length=64, blank=True, default="", editable=False)
    pdf_key = models.CharField(max_length=200, blank=True)
    pdf_sha256 = models.CharField(max_length=64, blank=True)

    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)
    changed_at = models.DateTimeField(_("changed"), default=clock.now, editable=False)

    objects: ClassVar[InvoiceManager[Invoice]] = InvoiceManager()  # type: ignore[assignment]

    class Meta(Model.Meta):
        db_table = "invoices"
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["-created_at", "-id"]
        permissions = [("issue_invoice", _("May issue and cancel invoices"))]
        indexes = [
            models.Index(fields=["status", "due_date"], name="invoices_worklist"),
            models.Index(fields=["patient_id", "issued_at"], name="invoices_patient"),
            models.Index(fields=["created_at"], name="invoices_created"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["series", "year", "sequence"], name="invoice_number_once"),
            models.CheckConstraint(
                condition=Q(net_cents__gte=0, vat_cents__gte=0, total_cents=F("net_cents") + F("vat_cents")),
                name="invoice_total_is_sum",
            ),
            models.CheckConstraint(
                condition=Q(paid_cents__gte=0, paid_cents__lte=F("total_cents")), name="invoice_not_overpaid"
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=["draft", "discarded"],
                    series="",
                    year=None,
                    sequence=None,
                    number=None,
                    issued_at=None,
                    due_date=None,
                    paid_cents=0,
                )
                | (
                    Q(
                        status__in=["issued", "paid", "credited"],
                        sequence__gte=1,
                        year__gte=2000,
                        number__isnull=False,
                        issued_at__isnull=False,
                        due_date__isnull=False,
                        snapshot__isnull=False,
                    )
                    & ~Q(series="")
                ),
                name="invoice_numbered_when_issued",
            ),
            models.CheckConstraint(
                condition=Q(kind="invoice", credits=None)
                | Q(kind="credit_note", credits__isnull=False, status__in=["draft", "issued"]),
                name="credit_note_names_invoice",
            ),
            models.CheckConstraint(
                condition=~Q(status="paid") | Q(paid_cents=F("total_cents")), name="paid_means_paid"
            ),
        ]

    def __str__(self) -> str:
        # Stands in the admin's own log: never a person's name.
        return self.number or str(_("draft"))

    @property
    def balance_cents(self) -> int:
        """What the patient still owes: nothing on a draft, on a credit note, and on an invoice that one cancels."""
        if self.kind != self.Kind.INVOICE or self.status not in (self.Status.ISSUED, self.Status.PAID):
            return 0
        return rules.balance(self.total_cents, self.paid_cents)

    @property
    def is_issued(self) -> bool:
        return rules.Status(self.status) not in rules.UNNUMBERED

    def is_overdue(self, today: date) -> bool:
        return self.kind == self.Kind.INVOICE and rules.is_overdue(rules.Status(self.status), self.due_date, today)

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        frozen = fields is None or not OPEN_COLUMNS.issuperset(fields)
        # Asked of the table and not of this copy: somebody else may have issued it since it was read.
        if not self._state.adding and frozen and Invoice.objects.filter(pk=self.pk).issued().exists():
            raise InvoiceIssued
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        if Invoice.objects.filter(pk=self.pk).issued().exists():
            raise InvoiceIssued
        return super().delete(*args, **kwargs)


class InvoiceItem(Model):
    """One line. `net_cents` is quantity × unit price; `vat_cents` is its share of its rate's VAT (billing.rules)."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="items", verbose_name=_("invoice"))
    position = models.PositiveIntegerField(default=0)
    code = models.CharField(_("code"), max_length=40, blank=True)
    label = models.CharField(_("label"), max_length=200)
    quantity = models.DecimalField(_("quantity"), max_digits=9, decimal_places=rules.QUANTITY_PLACES, default=1)
    unit_price_cents = models.BigIntegerField(_("unit price before VAT (cents)"))
    vat_rate = models.PositiveIntegerField(_("VAT rate (basis points)"), default=0)
    exemption = models.CharField(_("VAT exemption"), max_length=20, choices=EXEMPTIONS, blank=True, default="care")
    net_cents = models.BigIntegerField(_("before VAT (cents)"))
    vat_cents = models.BigIntegerField(_("VAT (cents)"))
    total_cents = models.BigIntegerField(_("total (cents)"))

    objects: ClassVar[ItemManager[InvoiceItem]] = ItemManager()  # type: ignore[assignment]

    class Meta(Model.Meta):
        db_table = "billing_items"
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="item_quantity_positive"),
            models.CheckConstraint(
                condition=Q(unit_price_cents__gte=0, unit_price_cents__lte=rules.MAX_UNIT_PRICE_CENTS),
                name="item_price_in_bounds",
            ),
            models.CheckConstraint(
                condition=Q(net_cents__gte=0, vat_cents__gte=0, total_cents=F("net_cents") + F("vat_cents")),
                name="item_total_is_sum",
            ),
            _vat_is_explained("item_vat"),
        ]

    def __str__(self) -> str:
        return self.code or str(self.position)

    def _refuse_issued(self) -> None:
        if Invoice.objects.filter(pk=self.invoice_id).issued().exists():
            raise InvoiceIssued

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._refuse_issued()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._refuse_issued()
        return super().delete(*args, **kwargs)


class Payment(Model):
    """Money that came in. Added and never changed."""

    class Method(models.TextChoices):
        CARD = "card", _("Card")
        CASH = "cash", _("Cash")
        CHEQUE = "cheque", _("Cheque")
        TRANSFER = "transfer", _("Bank transfer")
        INSURER = "insurer", _("Insurer")

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments", verbose_name=_("invoice"))
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


class OutboxEvent(OutboxFields, Model):
    """Events of what changed in this database."""

    class Meta(Model.Meta):
        db_table = "outbox_events"


class InboxEntry(InboxFields, Model):
    """Events whose effect is in this database."""

    class Meta(Model.Meta):
        db_table = "inbox_entries"
        constraints = [models.UniqueConstraint(fields=["event_id", "consumer"], name="billing_inbox_once")]


class PatientMerge(MergeFields, Model):
    """A merge of two patients, as far as it has come in this database."""

    class Meta(Model.Meta):
        db_table = "billing_merges"

    def __str__(self) -> str:
        return f"merge {self.id}"


class MergeMove(MoveFields, Model):
    """What a merge changed in this database."""

    merge_id = models.UUIDField(db_index=True)

    class Meta(Model.Meta):
        db_table = "billing_merge_moves"

    def __str__(self) -> str:
        return f"{self.model} {self.row_id}"
