"""Events that one app tells the others: their catalogue, and who listens.

An event carries ids, instants and codes, never a name and never clinical text: it crosses the broker, its logs and its
backups. `CATALOGUE` is the whole list of what may be sent, and `emit` refuses anything else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.utils.module_loading import autodiscover_modules

from medisecure.kernel.event_queues import QUEUES

Value = str | int | bool | None

_APPOINTMENT: Final = frozenset(
    {"appointment_id", "patient_id", "practitioner_id", "start", "end", "type_code", "sequence"}
)

_MERGE: Final = frozenset({"merge_id", "survivor_id", "loser_id"})

#: Event name → the keys its payload has, all of them, always.
CATALOGUE: Final[Mapping[str, frozenset[str]]] = {
    "appointment.booked": _APPOINTMENT,
    "appointment.moved": _APPOINTMENT,
    "appointment.cancelled": _APPOINTMENT,
    "appointment.completed": _APPOINTMENT,
    "appointment.reopened": _APPOINTMENT,
    "appointment.reminder_due": _APPOINTMENT | {"hours"},
    "waiting.offered": frozenset({"offer_id", "entry_id", "patient_id"}),
    "document.added": frozenset({"document_id", "patient_id", "category"}),
    "document.released": frozenset({"document_id", "patient_id"}),
    "imaging.flagged": frozenset({"document_id", "patient_id"}),
    "imaging.copy_ended": frozenset({"copy_id", "patient_id", "status"}),
    "invoice.issued": frozenset({"invoice_id", "patient_id"}),
    "invoice.written_off": frozenset({"invoice_id", "patient_id"}),
    "invoice.reminded": frozenset({"reminder_id", "invoice_id", "patient_id", "step"}),
    "invoice.paid": frozenset({"invoice_id", "patient_id"}),
    "patient.merge_started": _MERGE,
    "patient.merge_moved": frozenset({"merge_id", "part", "undo", "moved", "kept"}),
    "patient.merged": _MERGE,
    "patient.unmerge_started": _MERGE,
    "patient.unmerged": _MERGE,
    "payment.recorded": frozenset({"payment_id", "invoice_id", "patient_id"}),
    "payment.refunded": frozenset({"refund_id", "payment_id", "patient_id"}),
}


#: What somebody may stand before a closed door for. Brokers that know priorities let them pass the others.
URGENT_EVENTS: Final = frozenset({"appointment.moved", "appointment.cancelled", "waiting.offered"})


@dataclass(frozen=True, slots=True)
class Event:
    id: UUID
    name: str
    payload: Mapping[str, Value]

    @property
    def emitted_at(self) -> datetime:
        """When it was emitted, to the millisecond: its id is a UUID version 7 (RFC 9562 §5.7)."""
        return datetime.fromtimestamp((self.id.int >> 80) / 1000, UTC)

    def uuid(self, key: str) -> UUID:
        return UUID(str(self.payload[key]))

    def text(self, key: str) -> str:
        return str(self.payload[key])

    def integer(self, key: str) -> int:
        return int(str(self.payload[key]))


Handler = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A function that reacts to an event, inside one transaction on `database` with the inbox row (decision 9)."""

    name: str
    event: str
    database: str
    queue: str
    handle: Handler


_consumers: dict[str, Consumer] = {}


def consumer(event: str, *, database: str, queue: str = "default") -> Callable[[Handler], Handler]:
    """Subscribe a function to `event`. Its writes go to `database` only; a repeat of the event does not reach it."""
    if event not in CATALOGUE:
        raise ValueError(f"unknown event {event!r}; add it to CATALOGUE")
    if queue not in QUEUES:
        raise ValueError(f"unknown queue {queue!r}; one of {', '.join(QUEUES)}")

    def register(handle: Handler) -> Handler:
        # The name is kept in inbox rows: it names the function and the event, so that one function may take several.
        name = f"{handle.__module__}.{handle.__qualname__}:{event}"
        _consumers[name] = Consumer(name, event, database, queue, handle)
        return handle

    return register


def consumers_of(event: str) -> list[Consumer]:
    _load()
    return [found for found in _consumers.values() if found.event == event]


def consumer_named(name: str) -> Consumer:
    """Raises KeyError for a consumer that this release no longer has."""
    _load()
    return _consumers[name]


@functools.cache
def _load() -> None:
    # Publishers run in web processes too, where Celery does not import the tasks modules by itself.
    autodiscover_modules("tasks")


def check_payload(name: str, payload: Mapping[str, Value]) -> None:
    """Raise ValueError unless `payload` has exactly the keys and kinds of value that the catalogue allows."""
    expected = CATALOGUE.get(name)
    if expected is None:
        raise ValueError(f"unknown event {name!r}; add it to CATALOGUE")
    if set(payload) != expected:
        raise ValueError(f"{name}: payload keys must be {sorted(expected)}, not {sorted(payload)}")
    for key, value in payload.items():
        if not (value is None or isinstance(value, str | int | bool)):
            raise ValueError(f"{name}: {key} must be text, a whole number, a truth value or nothing")
        if isinstance(value, str) and len(value) > 64:
            raise ValueError(f"{name}: {key} is longer than an id, an instant or a code")
