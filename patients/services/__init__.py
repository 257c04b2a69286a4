"""Writes of people: one use case, one transaction, its audit entry, and what it makes stale."""

from __future__ import annotations

from patients.services.accounts import choose_language, give_portal_access, invite_patient, link_account
from patients.services.checks import Contact, Identity, check_contact, check_identity
from patients.services.notes import (
    NoteConflict,
    NoteHead,
    NoteState,
    drop_amendment,
    is_doctor,
    save_draft,
    sign_note,
    withdraw_note,
)
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
    "NoteConflict",
    "NoteHead",
    "NoteState",
    "allocate_record_numbers",
    "check_contact",
    "check_identity",
    "choose_language",
    "drop_amendment",
    "forget_patient",
    "give_portal_access",
    "invite_patient",
    "is_doctor",
    "link_account",
    "register_patient",
    "register_practitioner",
    "save_draft",
    "save_practitioner",
    "search_text_of",
    "sign_note",
    "update_contact",
    "update_identity",
    "withdraw_note",
]
