"""Writes of people: one use case, one transaction, its audit entry, and what it makes stale."""

from __future__ import annotations

from patients.services.accounts import choose_language, give_portal_access, invite_patient, link_account
from patients.services.checks import Contact, Identity, check_contact, check_identity
from patients.services.consents import Choice, record_consent, withdraw_consent
from patients.services.details import ContactEntry, Details, InsurerEntry, NewIdentifier, check_details
from patients.services.emergencies import (
    check_reason,
    end_emergency,
    find_for_emergency,
    open_emergency,
    review_emergency,
    tell_due_patients,
)
from patients.services.entries import EntryConflict, assert_no_known_allergy, record_entry, withdraw_entry
from patients.services.forgetting import forget_patient
from patients.services.identity import (
    collected,
    reveal_identifier,
    reveal_member_number,
    save_patient,
    verify_identity,
    withdraw_verification,
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
    has_registered,
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
from patients.services.vitals import Unusual, record_vitals

__all__ = [
    "SYSTEM",
    "Choice",
    "Contact",
    "ContactEntry",
    "Details",
    "EntryConflict",
    "Identity",
    "InsurerEntry",
    "NewIdentifier",
    "NoteConflict",
    "NoteHead",
    "NoteState",
    "Representative",
    "Unusual",
    "admit",
    "allocate_record_numbers",
    "assert_no_known_allergy",
    "check_contact",
    "check_details",
    "check_identity",
    "check_reason",
    "choose_language",
    "collected",
    "discharge",
    "drop_amendment",
    "end_emergency",
    "end_representation",
    "find_for_emergency",
    "forget_patient",
    "give_portal_access",
    "has_registered",
    "invite_patient",
    "is_doctor",
    "link_account",
    "open_emergency",
    "record_consent",
    "record_entry",
    "record_representation",
    "record_vitals",
    "register_patient",
    "register_practitioner",
    "restrict_representation",
    "reveal_identifier",
    "reveal_member_number",
    "review_emergency",
    "save_draft",
    "save_patient",
    "save_practitioner",
    "search_text_of",
    "sign_note",
    "tell_due_patients",
    "transfer",
    "update_contact",
    "update_identity",
    "verify_identity",
    "withdraw_consent",
    "withdraw_entry",
    "withdraw_note",
    "withdraw_verification",
]
