"""Writes of people: one use case, one transaction, its audit entry, and what it makes stale."""

from __future__ import annotations

from patients.services.accounts import choose_language, give_portal_access, invite_patient, link_account
from patients.services.checks import Contact, Identity, check_contact, check_identity
from patients.services.consents import Choice, record_consent, withdraw_consent
from patients.services.emergencies import (
    check_reason,
    end_emergency,
    find_for_emergency,
    open_emergency,
    review_emergency,
    tell_due_patients,
)
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
from patients.services.representations import (
    Representative,
    end_representation,
    record_representation,
    restrict_representation,
)
from patients.services.stays import admit, discharge, transfer

__all__ = [
    "SYSTEM",
    "Choice",
    "Contact",
    "Identity",
    "NoteConflict",
    "NoteHead",
    "NoteState",
    "Representative",
    "admit",
    "allocate_record_numbers",
    "check_contact",
    "check_identity",
    "check_reason",
    "choose_language",
    "discharge",
    "drop_amendment",
    "end_emergency",
    "end_representation",
    "find_for_emergency",
    "forget_patient",
    "give_portal_access",
    "invite_patient",
    "is_doctor",
    "link_account",
    "open_emergency",
    "record_consent",
    "record_representation",
    "register_patient",
    "register_practitioner",
    "restrict_representation",
    "review_emergency",
    "save_draft",
    "save_practitioner",
    "search_text_of",
    "sign_note",
    "tell_due_patients",
    "transfer",
    "update_contact",
    "update_identity",
    "withdraw_consent",
    "withdraw_note",
]
