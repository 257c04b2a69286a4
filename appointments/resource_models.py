"""Rooms and equipment, and which visit takes which."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from medisecure.kernel.models import DocumentModel

CODE = RegexValidator(r"^[a-z0-9][a-z0-9-]*\Z", _("Lower-case letters, digits and hyphens only."))


class Resource(DocumentModel):
    """A room or a piece of equipment that visits take. Several that do the same share a code, by which types ask."""

    class Kind(models.TextChoices):
        ROOM = "room", _("Room")
        EQUIPMENT = "equipment", _("Equipment")

    code = models.CharField(
        _("code"),
        max_length=40,
        validators=[CODE],
        help_text=_("What types of appointment ask for. Rooms or devices that do the same have the same code."),
    )
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.ROOM)
    place = models.CharField(_("place"), max_length=120, help_text=_("As calendars name it."))
    active = models.BooleanField(_("active"), default=True)

    class Meta(DocumentModel.Meta):
        db_table = "resources"
        verbose_name = _("room or equipment")
        verbose_name_plural = _("rooms and equipment")
        ordering = ["place", "code", "name", "id"]
        indexes = [models.Index(fields=["place", "code", "active"], name="resources_of_place")]

    def __str__(self) -> str:
        return self.name


class ResourceUse(DocumentModel):
    """A room or device that a visit takes, with the visit's buffers. Written and deleted with its cells."""

    appointment_id = models.UUIDField(db_index=True)
    resource_id = models.UUIDField()
    start = models.DateTimeField()
    end = models.DateTimeField()

    class Meta(DocumentModel.Meta):
        db_table = "resource_uses"
        indexes = [models.Index(fields=["resource_id", "start"], name="resource_uses_of")]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} UTC"
