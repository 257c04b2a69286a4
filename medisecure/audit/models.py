"""The access log: one row for each read or write of a record, written before anything is disclosed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from medisecure.kernel import clock
from medisecure.kernel.append_only import AppendOnlyModel


class AccessEntry(AppendOnlyModel):
    """Who did what to whose data, when, why, from where and with which right. Ids only."""

    at = models.DateTimeField(_("time"), default=clock.now, editable=False)
    actor_id = models.UUIDField(_("who"), null=True, help_text=_("Empty for the system itself."))
    patient_id = models.UUIDField(_("patient"), null=True)
    action = models.CharField(_("action"), max_length=40)
    resource = models.CharField(_("resource"), max_length=60)
    resource_id = models.CharField(_("item"), max_length=64, blank=True)
    purpose = models.CharField(_("purpose"), max_length=60)
    right = models.CharField(_("right"), max_length=60)
    address = models.GenericIPAddressField(pgettext_lazy("network address", "from"), null=True)

    class Meta(AppendOnlyModel.Meta):
        db_table = "access_entries"
        verbose_name = _("access entry")
        verbose_name_plural = _("access log")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["patient_id", "-at"], name="access_patient"),
            models.Index(fields=["actor_id", "-at"], name="access_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


class AccessSeal(AppendOnlyModel):
    """One link of the chain over the log (`medisecure.audit.seals`)."""

    id = None  # type: ignore[assignment]  # the sequence is the key
    sequence = models.PositiveBigIntegerField(primary_key=True, help_text=_("Starts at 1 and has no gap."))
    #: No foreign key: a seal outlives its entry, to say which one is gone.
    entry_id = models.UUIDField(_("access entry"), unique=True)
    entry_hash = models.CharField(max_length=64)
    chain_hash = models.CharField(max_length=64)

    class Meta(AppendOnlyModel.Meta):
        db_table = "access_seals"
        verbose_name = _("seal")
        verbose_name_plural = _("seals of the access log")
        ordering = ["sequence"]

    def __str__(self) -> str:
        return str(self.sequence)
