"""Erasure of what a patient asked to have erased, category by category (GDPR art. 17 and 18)."""

from __future__ import annotations

from patients.erasing.holders import Holder, register_data_holder
from patients.erasing.jobs import pending_erasures, run_erasure
from patients.erasing.letters import letter_url
from patients.erasing.protection import lift_restriction, set_legal_hold
from patients.erasing.requests import (
    Answer,
    DecisionLine,
    RequestLine,
    decide_erasure,
    propose,
    request_erasure,
    requests_of,
    withdraw_erasure,
)

__all__ = [
    "Answer",
    "DecisionLine",
    "Holder",
    "RequestLine",
    "decide_erasure",
    "letter_url",
    "lift_restriction",
    "pending_erasures",
    "propose",
    "register_data_holder",
    "request_erasure",
    "requests_of",
    "run_erasure",
    "set_legal_hold",
    "withdraw_erasure",
]
