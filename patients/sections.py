"""What other apps add to a medical record. They are above this one, so they register themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from medisecure.accounts.models import User

Rows = list[dict[str, Any]]
Provider = Callable[[UUID], Rows]
#: (actor, patient, rows) → the rows that this actor may see. It changes nothing of what it is given: others share it.
Narrow = Callable[[User, UUID, Rows], Rows]

_providers: dict[str, Provider] = {}
_narrow: dict[str, Narrow] = {}


def register_record_section(name: str, provider: Provider, narrow: Narrow | None = None) -> None:
    """Add the list that `provider(patient_id)` returns to every medical record, under `name`; each reader gets of it
    what `narrow` leaves, because the cached record is the same for all who may open it.

    Called from AppConfig.ready(). The door has been passed when the provider is called, and its answer is cached with
    the record: signed addresses in it must live RECORD_URL_SECONDS. Raises ValueError for a name that is taken.
    """
    if _providers.get(name, provider) is not provider:
        raise ValueError(f"record section {name!r} is registered already")
    _providers[name] = provider
    if narrow is not None:
        _narrow[name] = narrow


def narrowed(record: dict[str, Any], actor: User, patient_id: UUID) -> dict[str, Any]:
    """A record as this reader gets it."""
    return record | {
        name: narrow(actor, patient_id, record[name]) for name, narrow in _narrow.items() if name in record
    }


def sections() -> Mapping[str, Provider]:
    return _providers
