"""The three databases by name, and which app lives in which.

Every part of the project that names a database uses these constants; nothing else decides where a model lives.
"""

from __future__ import annotations

from typing import Final

from django.db import models

DEFAULT: Final = "default"
APPOINTMENTS: Final = "appointments"
BILLING: Final = "billing"
ALIASES: Final = (DEFAULT, APPOINTMENTS, BILLING)

#: App label → alias. Every label that is not here (Django's own apps included) lives in DEFAULT.
_APP_ALIAS: Final = {"appointments": APPOINTMENTS, "billing": BILLING}


def alias_for_app(app_label: str) -> str:
    return _APP_ALIAS.get(app_label, DEFAULT)


def alias_for(model: type[models.Model] | models.Model) -> str:
    return alias_for_app(model._meta.app_label)


class WrongDatabase(RuntimeError):
    """A read or write was sent to a database where the model does not live: a programming error."""

    def __init__(self, model: type[models.Model] | models.Model, alias: str) -> None:
        super().__init__(f"{model._meta.label} lives in {alias_for(model)!r}; it was asked of {alias!r}")


def require_alias(model: type[models.Model] | models.Model, alias: str | None) -> None:
    """Raise `WrongDatabase` unless `alias` (None: let the router choose) is where `model` lives."""
    if model._meta.app_label == "migrations":
        return  # each database keeps the list of migrations that were applied to it
    if alias is not None and alias != alias_for(model):
        raise WrongDatabase(model, alias)
