"""The embedded broker: a kombu transport on one SQLite file, for the hospital that runs on one machine.

What it keeps of RabbitMQ's promises: a message is on disk before `publish` returns, and one that no queue would take is
refused; a consumer that dies, however it dies, gives back what it had not acknowledged; a rejected message becomes a
dead letter, and so does one that keeps killing its consumers. Consumers are told apart by a lock file that the
operating system frees when the process ends, so there is no lease to tune and none to outlive.

kombu's own file transports forget messages that a killed consumer held, which is why this one exists.
"""

from __future__ import annotations

import contextlib
import sqlite3
import weakref
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.exceptions import OperationalError
from kombu.transport import virtual as _kombu_virtual

from medisecure.kernel.local_broker.store import store_in

# The type stubs know kombu's public face only; a transport is made of the other one.
virtual: Any = _kombu_virtual


class _QoS(virtual.QoS):  # type: ignore[misc]
    """Acknowledgements reach the file; nothing is put back by re-publishing."""

    channel: Channel

    def ack(self, delivery_tag: str) -> None:
        self.channel.store.ack(delivery_tag)
        self._settled(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if requeue:
            self.channel.store.release(delivery_tag, lost=True)
        else:
            self.channel.store.bury(delivery_tag)
        self._settled(delivery_tag)

    def _settled(self, delivery_tag: str) -> None:
        self._quick_ack(delivery_tag)
        if self.channel.connection is not None:
            self.channel.connection.room_made()

    def restore_unacked(self) -> list[Any]:
        self._flush()
        for tag in list(self._delivered):
            self.channel.store.release(tag)
        self._delivered.clear()
        return []

    def restore_unacked_once(self, stderr: Any = None) -> None:
        self._on_collect.cancel()
        self.restore_unacked()


class Channel(virtual.Channel):  # type: ignore[misc]
    QoS = _QoS
    supports_fanout = False

    def __init__(self, connection: Transport, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        # Kept here, because a closing channel gives messages back after it lost its connection.
        self.store = connection.store
        self._nothing_at: tuple[int, int] | None = None

    def queue_bind(
        self, queue: str, exchange: str | None = None, routing_key: str = "", arguments: Any = None, **kwargs: Any
    ) -> None:
        super().queue_bind(queue, exchange, routing_key, arguments, **kwargs)
        exchange = exchange or "amq.direct"
        self.store.bind(exchange, self.state.exchanges[exchange]["type"], routing_key or "", queue)

    def _lookup(self, exchange: str, routing_key: str, default: str | None = None) -> list[str]:
        """The queues that take the message. Bindings are durable as on a server: a process that retries a task knows
        the exchange and the key it came by, and has declared nothing. Raises OperationalError when no queue does."""
        found: list[str] = list(super()._lookup(exchange, routing_key, default))
        if not found:
            for kind, key, queue in self.store.bindings(exchange):
                super().exchange_declare(exchange, kind, durable=True)
                super().queue_bind(queue, exchange, key)
            found = list(super()._lookup(exchange, routing_key, default))
        if not found:
            raise OperationalError(f"no queue takes {routing_key!r} from exchange {exchange!r}")
        return found

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        # One message to several queues carries one tag; the table wants them apart.
        message = {**message, "properties": {**message["properties"], "delivery_tag": uuid4().hex}}
        self.store.put(queue, message, self._get_message_priority(message))

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        return self.store.get(queue)

    def _poll(self, cycle: Any, callback: Any, timeout: float | None = None) -> Any:
        """Look into each queue in turn, but only when the file has changed since the last look found nothing."""
        self.store.recover()
        state = self.store.state()
        if state == self._nothing_at:
            raise Empty
        try:
            return cycle.get(callback)
        except Empty:
            self._nothing_at = state
            raise

    def _reset_cycle(self) -> None:
        super()._reset_cycle()
        self._nothing_at = None

    def _size(self, queue: str) -> int:
        return self.store.size(queue)

    def _purge(self, queue: str) -> int:
        return self.store.purge(queue)

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        """Queues are durable: nobody deletes one by going away."""


class Transport(virtual.Transport):  # type: ignore[misc]
    Channel = Channel
    driver_type = "local"
    driver_name = "sqlite"
    default_port = 0
    polling_interval = 0.1
    #: Deliveries in one turn of a worker's event loop.
    burst = 100

    # With the event loop a worker acknowledges at once, the way it works on RabbitMQ; kombu's blocking loop holds
    # acknowledgements back until a message arrives, and a full prefetch window would wait for two seconds.
    implements = virtual.Transport.implements.extend(asynchronous=True)
    connection_errors = (*virtual.Transport.connection_errors, sqlite3.Error)

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.store = store_in(client.transport_options["folder"])
        self._loop: Any = None
        self._pump_asked = False

    def driver_version(self) -> str:
        return sqlite3.sqlite_version

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        self._loop = loop
        # The timer must not keep a connection alive that the worker has replaced.
        pump = weakref.WeakMethod(self._pump)

        def tick() -> None:
            if (found := pump()) is not None:
                found()

        loop.call_repeatedly(self.polling_interval, tick)

    def room_made(self) -> None:
        """A message was settled: in an event loop, look for the next one now."""
        if self._loop is not None and not self._pump_asked:
            self._pump_asked = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_asked = False
        with contextlib.suppress(Empty):
            for _turn in range(self.burst):
                self.cycle.get(self._deliver)

    def close_connection(self, connection: Any) -> None:
        self._loop = None
        super().close_connection(connection)
