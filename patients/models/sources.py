"""Where a row came from, so that the same import twice is the same as once."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel import clock
from medisecure.kernel.models import Model


class Sourced(Model):
    """A row that may have come from another system. `source_id` is empty for what was written here."""

    source_system = models.CharField(_("source system"), max_length=200, blank=True, editable=False)
    #: The FHIR logical id is at most 64 characters (R4 §2.24.0.1); other systems' ids may be longer.
    source_id = models.CharField(_("id in the source"), max_length=200, blank=True, editable=False)
    #: SHA-256 of what the source said last: an import compares it and leaves what people changed here since alone.
    source_digest = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)
    changed_at = models.DateTimeField(_("changed"), default=clock.now, editable=False)

    class Meta(Model.Meta):
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["source_system", "source_id"],
                condition=~models.Q(source_id=""),
                name="%(class)s_source_once",
            )
        ]
