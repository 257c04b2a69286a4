"""What a worker does with a message that it cannot begin with: it becomes a dead letter and says nothing of itself.

Celery would drop one that cannot be decoded, and write the bodies of all of them into the log.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import signals
from celery.worker import consumer as _celery_consumer

log = logging.getLogger(__name__)

# The type stubs do not know that a consumer can be derived from.
_Base: Any = _celery_consumer.Consumer


class Consumer(_Base):  # type: ignore[misc]
    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._refuse(message, exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._refuse(message, None)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, exc)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, exc)

    def _refuse(self, message: Any, error: Exception | None) -> None:
        log.error("message %s is no task of ours: %s", message.delivery_tag, type(error).__name__ if error else "shape")
        message.reject_log_error(log, self.connection_errors)
        signals.task_rejected.send(sender=self, message=message, exc=error)
