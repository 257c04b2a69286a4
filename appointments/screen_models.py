"""The public screens of waiting rooms. Their own module, because they know nothing of visits."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.models import DocumentModel


class WaitingScreen(DocumentModel):
    """One screen on a wall. It shows the numbers of its place to whoever has the address, until that is revoked."""

    place = models.CharField(_("place"), max_length=120)
    zone = models.CharField(_("time zone"), max_length=64)
    #: Where it hangs, so that staff know which one to revoke.
    label = models.CharField(_("where it hangs"), max_length=120)
    #: SHA-256 of the secret part of its address, which is shown once and kept nowhere.
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("made on"), default=clock.now, editable=False)
    created_by = models.UUIDField(null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked on"), null=True, editable=False)

    class Meta(DocumentModel.Meta):
        db_table = "waiting_screens"
        verbose_name = _("waiting-room screen")
        verbose_name_plural = _("waiting-room screens")
        ordering = ["place", "id"]

    def __str__(self) -> str:
        return self.label
