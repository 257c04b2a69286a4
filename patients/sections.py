"""What other apps add to a medical record. They are above this one, so they register themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

Provider = Callable[[UUID], list[dict[str, Any]]]

_providers: dict[str, Provider] = {}


def register_record_section(name: str, provider: Provider) -> None:
    """Add the list that `provider(patient_id)` returns to every medical record, under `name`.

    Called from AppConfig.ready(). The door has been passed when the provider is called, and its answer is cached with
    the record: signed addresses in it must live RECORD_URL_SECONDS. Raises ValueError for a name that is taken.
    """
    if _providers.get(name, provider) is not provider:
        raise ValueError(f"record section {name!r} is registered already")
    _providers[name] = provider


def sections() -> Mapping[str, Provider]:
    return _providers
