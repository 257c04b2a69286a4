"""The waiting list: asking, matching free times with wishes, answering. See `waiting_rules` for who suits."""

from __future__ import annotations

from appointments.services.waiting.answering import accept, accept_by_link, decline, decline_by_link, offer_of_link
from appointments.services.waiting.asking import access_entry, ask, resume, set_priority, withdraw
from appointments.services.waiting.matching import run

__all__ = [
    "accept",
    "accept_by_link",
    "access_entry",
    "ask",
    "decline",
    "decline_by_link",
    "offer_of_link",
    "resume",
    "run",
    "set_priority",
    "withdraw",
]
