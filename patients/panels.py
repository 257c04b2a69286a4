"""What other apps add to a patient's page in the admin. They are above this one, so they register themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from medisecure.accounts.models import User


@dataclass(frozen=True, slots=True)
class Panel:
    """A heading, a few lines in the active language, and where to go on: (text, address)."""

    title: str
    lines: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()


Provider = Callable[[User, UUID], Panel | None]

_providers: dict[str, Provider] = {}


def register_patient_panel(name: str, provider: Provider) -> None:
    """Show what `provider(actor, patient_id)` returns on every patient's page, for those whom it returns something for.

    Called from AppConfig.ready(). The door to the patient's identity has been passed when the provider is called; what
    it shows beyond that is its own question. Raises ValueError for a name that is taken.
    """
    if _providers.get(name, provider) is not provider:
        raise ValueError(f"patient panel {name!r} is registered already")
    _providers[name] = provider


def panels(actor: User, patient_id: UUID) -> list[Panel]:
    return [panel for provider in _providers.values() if (panel := provider(actor, patient_id)) is not None]
