"""Writes of people: one use case, one transaction, its audit entry, and what it makes stale."""

from __future__ import annotations

from patients.services.accounts import choose_language, give_portal_access, invite_patient, link_account
from patients.services.checks import Contact, Identity, check_contact, check_identity
from patients.services.practitioners import register_practitioner, save_practitioner
from patients.services.registering import (
    SYSTEM,
    allocate_record_numbers,
    forget_patient,
    register_patient,
    search_text_of,
    update_contact,
    update_identity,
)

__all__ = [
    "SYSTEM",
    "Contact",
    "Identity",
    "allocate_record_numbers",
    "check_contact",
    "check_identity",
    "choose_language",
    "forget_patient",
    "give_portal_access",
    "invite_patient",
    "link_account",
    "register_patient",
    "register_practitioner",
    "save_practitioner",
    "search_text_of",
    "update_contact",
    "update_identity",
]
