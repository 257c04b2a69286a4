"""Invoices, their lines, who pays which part of them, and the counters that number them."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing import rules
from billing.models.prices import EXEMPTIONS, insurers_within_whole, vat_is_explained
from billing.querysets import OPEN_COLUMNS, OPEN_SHARE_COLUMNS, InvoiceQuerySet, ItemQuerySet, ShareQuerySet
from medisecure.kernel import clock
from medisecure.kernel.errors import InvoiceIssued
from medisecure.kernel.models import Model

InvoiceManager = models.Manager.from_queryset(InvoiceQuerySet)
ItemManager = models.Manager.from_queryset(ItemQuerySet)
ShareManager = models.Manager.from_queryset(ShareQuerySet)

PAYERS = [
    (rules.Payer.MANDATORY.value, _("Mandatory insurer")),
    (rules.Payer.COMPLEMENTARY.value, _("Complementary insurer")),
    (rules.Payer.PATIENT.value, _("Patient")),
]


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
    written_off_cents = models.BigIntegerField(_("written off (cents)"), default=0)
    paid_at = models.DateTimeField(_("paid on"), null=True, blank=True)

    #: What the paper says besides lines and amounts, as it was when it was issued: see `billing.snapshot`.
    snapshot = models.JSONField(null=True, blank=True)
    #: Over this invoice and the one before it: see `billing.seals`. Empty on a draft.
    seal = models.CharField(_("seal"), max_length=64, blank=True, default="", editable=False)
    #: When it went to the patient: by mail at once, else when somebody has posted it.
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
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
                condition=Q(paid_cents__gte=0, written_off_cents__gte=0)
                & Q(paid_cents__lte=F("total_cents") - F("written_off_cents")),
                name="invoice_not_overpaid",
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
                    written_off_cents=0,
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
                condition=~Q(status="paid") | Q(paid_cents=F("total_cents") - F("written_off_cents")),
                name="paid_means_paid",
            ),
        ]

    def __str__(self) -> str:
        # Stands in the admin's own log: never a person's name.
        return self.number or str(_("draft"))

    @property
    def is_open(self) -> bool:
        """Something may be owed on it: not a draft, not a credit note, not an invoice that one cancels."""
        return self.kind == self.Kind.INVOICE and self.status in (self.Status.ISSUED, self.Status.PAID)

    def owed_cents(self, *payers: rules.Payer) -> int:
        """What these payers still owe together. In a list, read the invoices with `prefetch_related("shares")`."""
        if not self.is_open:
            return 0
        return sum(share.balance_cents for share in self.shares.all() if share.payer in payers)

    @property
    def balance_cents(self) -> int:
        """What the patient still owes, and nobody else."""
        return self.owed_cents(rules.Payer.PATIENT)

    @property
    def insurers_balance_cents(self) -> int:
        """What the insurers still owe, which is no debt of the patient's."""
        return self.owed_cents(*rules.INSURERS)

    @property
    def is_issued(self) -> bool:
        return rules.Status(self.status) not in rules.UNNUMBERED

    def is_overdue(self, today: date) -> bool:
        """Whether the patient is late. What insurers owe late: `insurers_overdue`."""
        return rules.is_overdue(self.balance_cents, self.due_date, today)

    def insurers_overdue(self, today: date) -> bool:
        return rules.is_overdue(self.insurers_balance_cents, self.due_date, today)

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
    """One line. `net_cents` is quantity × unit price less the discount; `vat_cents` is its part of its rate's VAT; the
    insurers bear their rates of `total_cents` (billing.rules)."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="items", verbose_name=_("invoice"))
    position = models.PositiveIntegerField(default=0)
    code = models.CharField(_("code"), max_length=40, blank=True)
    label = models.CharField(_("label"), max_length=200)
    quantity = models.DecimalField(_("quantity"), max_digits=9, decimal_places=rules.QUANTITY_PLACES, default=1)
    unit_price_cents = models.BigIntegerField(_("unit price before VAT (cents)"))
    vat_rate = models.PositiveIntegerField(_("VAT rate (basis points)"), default=0)
    exemption = models.CharField(_("VAT exemption"), max_length=20, choices=EXEMPTIONS, blank=True, default="care")
    #: Of the amount before VAT. With a rate, `discount_cents` is what it comes to.
    discount_rate = models.PositiveIntegerField(_("discount (basis points)"), default=0)
    discount_cents = models.BigIntegerField(_("discount (cents)"), default=0)
    mandatory_rate = models.PositiveIntegerField(_("mandatory insurer (basis points)"), default=0)
    complementary_rate = models.PositiveIntegerField(_("complementary insurer (basis points)"), default=0)
    #: What the price list said when the line was written (`services.lines.mark`): a draft whose price has changed since
    #: is not issued unseen.
    listed = models.CharField(max_length=60, blank=True, default="", editable=False)
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
            vat_is_explained("item_vat"),
            insurers_within_whole("item_insurers"),
            models.CheckConstraint(
                condition=Q(discount_rate__gte=0, discount_rate__lte=rules.WHOLE, discount_cents__gte=0),
                name="item_discount",
            ),
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


class InvoiceShare(Model):
    """What one payer owes of an invoice. The amounts of an invoice's shares add up to its total, always."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="shares", verbose_name=_("invoice"))
    payer = models.CharField(_("payer"), max_length=13, choices=PAYERS)
    position = models.PositiveSmallIntegerField(default=0)
    #: The insurer's name as it was, and the row of the patient's that it came from. Empty for the patient.
    insurer = models.CharField(_("insurer"), max_length=200, blank=True, default="")
    coverage_id = models.UUIDField(null=True, blank=True)
    #: The insurer pays the hospital itself (tiers payant). Else the patient does, and is paid back by the insurer.
    third_party = models.BooleanField(_("pays the hospital itself"), default=False)
    covered_cents = models.BigIntegerField(_("borne (cents)"), default=0)
    amount_cents = models.BigIntegerField(_("to pay (cents)"), default=0)
    paid_cents = models.BigIntegerField(_("paid (cents)"), default=0)
    written_off_cents = models.BigIntegerField(_("written off (cents)"), default=0)

    objects: ClassVar[ShareManager[InvoiceShare]] = ShareManager()  # type: ignore[assignment]

    class Meta(Model.Meta):
        db_table = "invoice_shares"
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "payer"], name="share_once_a_payer"),
            models.CheckConstraint(condition=Q(covered_cents__gte=0, amount_cents__gte=0), name="share_not_negative"),
            models.CheckConstraint(
                condition=Q(paid_cents__gte=0, written_off_cents__gte=0)
                & Q(paid_cents__lte=F("amount_cents") - F("written_off_cents")),
                name="share_not_overpaid",
            ),
            models.CheckConstraint(
                condition=Q(payer="patient", third_party=False, insurer="", amount_cents__gte=F("covered_cents"))
                | Q(payer__in=["mandatory", "complementary"], third_party=True, amount_cents=F("covered_cents"))
                | Q(payer__in=["mandatory", "complementary"], third_party=False, amount_cents=0),
                name="share_third_party",
            ),
        ]

    def __str__(self) -> str:
        return self.payer

    @property
    def balance_cents(self) -> int:
        return self.amount_cents - self.paid_cents - self.written_off_cents

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        frozen = fields is None or not OPEN_SHARE_COLUMNS.issuperset(fields)
        if frozen and Invoice.objects.filter(pk=self.invoice_id).issued().exists():
            raise InvoiceIssued
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        if Invoice.objects.filter(pk=self.invoice_id).issued().exists():
            raise InvoiceIssued
        return super().delete(*args, **kwargs)
