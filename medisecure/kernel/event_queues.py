"""Names of the queues, one per kind of work. Imports nothing, because Celery reads it before Django is set up."""

from __future__ import annotations

from typing import Final

QUEUES: Final = ("mail", "push", "documents", "imaging", "reports", "exports", "billing", "default")
DEAD_LETTERS: Final = "dead-letters"
#: A message that came back so often is taken for the cause of what kills its workers, and becomes a dead letter.
DELIVERY_LIMIT: Final = 10
#: Quorum queues have two levels from RabbitMQ 4 on: up to 4, and above. Before they take no notice of priorities.
NORMAL: Final = 4
URGENT: Final = 8
#: The header that says when a message was sent, in seconds since 1970.
SENT_AT: Final = "sent_at"
