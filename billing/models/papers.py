"""Who else than the patient an invoice is made out to, and the papers that are kept besides invoices."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.buyer_rules import BusinessBuyer, read
from medisecure.kernel import clock
from medisecure.kernel.append_only import AppendOnly, WrittenOnce
from medisecure.kernel.models import Model, PinnedQuerySet


class Buyer(Model):
    """The business that a draft is to be made out to. Issuing freezes it into the invoice's snapshot, and this row."""

    invoice = models.OneToOneField("billing.Invoice", on_delete=models.PROTECT, related_name="buyer")
    name = models.CharField(_("name"), max_length=200)
    registration = models.CharField(_("SIREN or SIRET"), max_length=14, blank=True)
    vat_number = models.CharField(_("VAT number"), max_length=20, blank=True)
    line1 = models.CharField(_("address"), max_length=100)
    line2 = models.CharField(_("address, second line"), max_length=100, blank=True)
    postcode = models.CharField(_("postal code"), max_length=16)
    city = models.CharField(_("town"), max_length=100)
    country = models.CharField(_("country"), max_length=2, default="FR")
    reference = models.CharField(_("buyer’s reference"), max_length=100, blank=True)

    class Meta(Model.Meta):
        db_table = "invoice_buyers"
        verbose_name = _("buyer")
        verbose_name_plural = _("buyers")

    def __str__(self) -> str:
        return str(self.id)

    def as_buyer(self) -> BusinessBuyer:
        return read({field.name: getattr(self, field.name) for field in self._meta.fields})


class PaperQuerySet(PinnedQuerySet[Any]):
    """Rows are added; only where the paper is stored is noted afterwards, once."""

    def update(self, **kwargs: Any) -> int:
        if not {"pdf_key", "pdf_sha256"}.issuperset(kwargs) or self.exclude(pdf_key="").exists():
            raise AppendOnly
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly

    delete.queryset_only = True  # type: ignore[attr-defined]


PaperManager = models.Manager.from_queryset(PaperQuerySet)


class Paper(WrittenOnce, Model):
    """A receipt, a statement, a reminder's letter: what it says, frozen, and where its PDF is. Never made again."""

    class Kind(models.TextChoices):
        RECEIPT = "receipt", _("Receipt")
        STATEMENT = "statement", _("Statement")
        REMINDER = "reminder", _("Reminder")
        BOOK = "book", _("Accounts")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    #: The same subject is the same paper: "receipt:<payment>".
    subject = models.CharField(max_length=120, unique=True)
    patient_id = models.UUIDField(_("patient"), null=True, db_index=True)
    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, null=True, related_name="papers", verbose_name=_("invoice")
    )
    number = models.CharField(_("number"), max_length=40)
    language = models.CharField(_("language"), max_length=5)
    #: What the template prints: texts that are ready.
    content = models.JSONField()
    created_at = models.DateTimeField(_("created"), default=clock.now)
    created_by = models.UUIDField(_("asked by"), null=True)
    pdf_key = models.CharField(max_length=200, blank=True)
    pdf_sha256 = models.CharField(max_length=64, blank=True)

    objects: ClassVar[PaperManager[Paper]] = PaperManager()

    class Meta(Model.Meta):
        db_table = "billing_papers"
        verbose_name = _("paper")
        verbose_name_plural = _("papers")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["kind", "created_at"], name="papers_kind")]

    def __str__(self) -> str:
        return str(self.id)
