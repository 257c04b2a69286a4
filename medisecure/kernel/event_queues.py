"""Names of the queues, one per kind of work. Imports nothing, because Celery reads it before Django is set up."""

from __future__ import annotations

from typing import Final

QUEUES: Final = ("mail", "push", "documents", "imaging", "reports", "exports", "billing", "default")
DEAD_LETTERS: Final = "dead-letters"
