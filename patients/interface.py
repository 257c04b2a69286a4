"""What other apps may ask of patients: ids and frozen dataclasses. Nothing else in this app is theirs to import."""

from __future__ import annotations

from uuid import UUID

from medisecure.accounts.models import User
from medisecure.kernel.cache import forget_on_commit, record_scope
from medisecure.kernel.databases import DEFAULT
from patients.access import (
    Sight,
    access_identity,
    access_record,
    may_read_record,
    record_right_of,
    records_by_work,
    sight,
)
from patients.addressees import Addressee, addressees_of
from patients.cards import (
    PatientCard,
    PractitionerCard,
    patient_by_record_number,
    patient_card,
    patient_cards,
    patient_for_user,
    practitioner_card,
    practitioner_cards,
    practitioner_for_user,
    practitioners,
    shown_cards,
)
from patients.choices import ChoiceLine, choices_of, make_choice, representation_words, take_back_choice
from patients.crowd import register_crowd
from patients.duplicates import worklist
from patients.erasing import (
    DecisionLine,
    letter_url,
    register_data_holder,
    request_erasure,
    requests_of,
    withdraw_erasure,
)
from patients.erasing import Holder as DataHolder
from patients.erasing import RequestLine as ErasureLine
from patients.erasing.holders import erase_rows
from patients.erasing.retention import run_retention
from patients.exporting import (
    ExportFile,
    ExportLine,
    ExportSection,
    PaperTable,
    export_url,
    exports_of,
    register_export_section,
    request_export,
    table_rows,
    write_archive,
)
from patients.exporting import Resource as ExportResource
from patients.exporting import Row as ExportRow
from patients.exporting.fhir import Digits as fhir_digits  # noqa: N813 - read as a function: digits as a number
from patients.exporting.fhir import practitioners as fhir_practitioners
from patients.framing import record_frame, staff_frame
from patients.imports import BATCH, RecordImport, Tally, UnknownReference
from patients.incoming import (
    Incoming,
    IncomingAllergy,
    IncomingCondition,
    IncomingCoverage,
    IncomingEncounter,
    IncomingIdentifier,
    IncomingImmunization,
    IncomingMedication,
    IncomingObservation,
    IncomingPatient,
    IncomingPractitioner,
    IncomingProcedure,
    IncomingRow,
    IncomingSpecialty,
    too_long,
)
from patients.merged import follow, same_patient_ids
from patients.naming import KnownNames, known_names, name_words
from patients.notes import NoteFilter, NoteLine, NoteView, note_line, notes_of, open_note
from patients.panels import Panel, register_patient_panel
from patients.parts import Count, MergePart, PartPreview, register_merge_part
from patients.record import medical_record
from patients.relations import record_care_relation
from patients.reporting import StayCount, stay_counts, unit_choices
from patients.representing import Stand, patient_side, side_of
from patients.rules import BREAK_GLASS, is_patients_side, record_number, written_unit
from patients.rules import KINDS as IDENTIFIER_KINDS
from patients.rules import OTHER as OTHER_IDENTIFIER
from patients.rules import Fault as IdentifierFault
from patients.rules import compact as compact_identifier
from patients.rules.allergies import says_none as says_no_allergy
from patients.rules.rights import Category as ErasureCategory
from patients.sections import register_record_section
from patients.selectors import audit_search, search_patients
from patients.series import plot_periods, vital_plots
from patients.services import (
    Contact,
    ContactEntry,
    Details,
    Identity,
    InsurerEntry,
    NewIdentifier,
    choose_language,
    give_portal_access,
    invite_patient,
    link_account,
    register_patient,
    register_practitioner,
    save_patient,
    update_contact,
)
from patients.sheets import InsurerInForce, Sheet, identity_sheet, insurers_in_force
from patients.stock import current_scan as current_duplicate_scan
from patients.stock import run as run_duplicate_scan
from patients.wards import work_units

__all__ = [
    "BATCH",
    "BREAK_GLASS",
    "IDENTIFIER_KINDS",
    "OTHER_IDENTIFIER",
    "Addressee",
    "ChoiceLine",
    "Contact",
    "ContactEntry",
    "Count",
    "DataHolder",
    "DecisionLine",
    "Details",
    "ErasureCategory",
    "ErasureLine",
    "ExportFile",
    "ExportLine",
    "ExportResource",
    "ExportRow",
    "ExportSection",
    "IdentifierFault",
    "Identity",
    "Incoming",
    "IncomingAllergy",
    "IncomingCondition",
    "IncomingCoverage",
    "IncomingEncounter",
    "IncomingIdentifier",
    "IncomingImmunization",
    "IncomingMedication",
    "IncomingObservation",
    "IncomingPatient",
    "IncomingPractitioner",
    "IncomingProcedure",
    "IncomingRow",
    "IncomingSpecialty",
    "InsurerEntry",
    "InsurerInForce",
    "KnownNames",
    "MergePart",
    "NewIdentifier",
    "NoteFilter",
    "NoteLine",
    "NoteView",
    "Panel",
    "PaperTable",
    "PartPreview",
    "PatientCard",
    "PractitionerCard",
    "RecordImport",
    "Sheet",
    "Sight",
    "Stand",
    "StayCount",
    "Tally",
    "UnknownReference",
    "access_identity",
    "access_record",
    "addressees_of",
    "audit_search",
    "choices_of",
    "choose_language",
    "compact_identifier",
    "current_duplicate_scan",
    "erase_rows",
    "export_url",
    "exports_of",
    "fhir_digits",
    "fhir_practitioners",
    "follow",
    "forget_record",
    "give_portal_access",
    "identity_sheet",
    "insurers_in_force",
    "invite_patient",
    "is_patients_side",
    "known_names",
    "letter_url",
    "link_account",
    "make_choice",
    "may_read_record",
    "medical_record",
    "name_words",
    "note_line",
    "notes_of",
    "open_duplicates",
    "open_note",
    "patient_by_record_number",
    "patient_card",
    "patient_cards",
    "patient_for_user",
    "patient_side",
    "plot_periods",
    "practitioner_card",
    "practitioner_cards",
    "practitioner_for_user",
    "practitioners",
    "record_care_relation",
    "record_frame",
    "record_number",
    "record_right_of",
    "records_in_care",
    "register_crowd",
    "register_data_holder",
    "register_export_section",
    "register_merge_part",
    "register_patient",
    "register_patient_panel",
    "register_practitioner",
    "register_record_section",
    "representation_words",
    "request_erasure",
    "request_export",
    "requests_of",
    "run_duplicate_scan",
    "run_retention",
    "same_patient_ids",
    "save_patient",
    "says_no_allergy",
    "search_patients",
    "shown_cards",
    "side_of",
    "staff_frame",
    "stay_counts",
    "table_rows",
    "take_back_choice",
    "too_long",
    "unit_choices",
    "update_contact",
    "visible_patients",
    "vital_plots",
    "withdraw_erasure",
    "work_units",
    "write_archive",
    "written_unit",
]


def open_duplicates() -> int:
    """How many pairs of files wait for somebody to say whether they are one person's."""
    return worklist().count()


def visible_patients(actor: User) -> Sight:
    """Narrows ids to the patients whose identity the actor may see: `visible_patients(actor).narrow(ids)`."""
    return sight(actor)


def records_in_care(actor: User) -> frozenset[UUID]:
    """The patients whose records the actor opens by their work now: for lists, which write an entry of their own."""
    return frozenset(records_by_work(actor).values_list("id", flat=True))


def forget_record(patient_id: UUID) -> None:
    """Drop the cached medical record when the transaction open on DEFAULT commits; at once when none is open."""
    forget_on_commit(DEFAULT, record_scope(patient_id))
