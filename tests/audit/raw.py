"""Raw SQL against the access log, as somebody with the database's password would."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connections

from medisecure.audit.interface import record_access
from medisecure.audit.triggers import GUARD
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import atomic


def raw(statement: str, *values: Any) -> None:
    with atomic(DEFAULT), connections[DEFAULT].cursor() as cursor:
        cursor.execute(statement, [as_stored(value) for value in values])


def tamper(statement: str, *values: Any) -> None:
    """With the triggers out of the way first."""
    GUARD.remove()
    raw(statement, *values)


def as_stored(value: Any) -> Any:
    return value.hex if isinstance(value, UUID) and connections[DEFAULT].vendor == "sqlite" else value


def write(count: int = 1) -> list[UUID]:
    """Entries of the system about nobody in particular, oldest first."""
    return [
        record_access(
            actor=None, patient_id=new_id(), action="view", resource="record", purpose="care", right="care-relation"
        )
        for _number in range(count)
    ]
