"""Patients, those who treat them, and the clinical record. All of it lives in the default database."""

from __future__ import annotations

from patients.models.access import Consent, EmergencyAccess, Representation, Unit, UnitMember, UnitStay
from patients.models.clinical import (
    CLINICAL_MODELS,
    Allergy,
    ClinicalRow,
    Condition,
    Coverage,
    Encounter,
    Immunization,
    Medication,
    Observation,
    Procedure,
)
from patients.models.identity import EmergencyContact, IdentityCheck, PatientIdentifier, identifier_domain
from patients.models.merging import DuplicatePair, DuplicateScan, Merge, MergeMove, MergeStep
from patients.models.notes import ClinicalChange, ClinicalNote, NoteDraft, NoteVersion
from patients.models.people import Patient, Practitioner, RecordNumberCounter
from patients.models.record import CareRelation, MedicalRecord
from patients.models.rights import DataProtection, ErasureDecision, ErasureRequest, RecordExport

__all__ = [
    "CLINICAL_MODELS",
    "Allergy",
    "CareRelation",
    "ClinicalChange",
    "ClinicalNote",
    "ClinicalRow",
    "Condition",
    "Consent",
    "Coverage",
    "DataProtection",
    "DuplicatePair",
    "DuplicateScan",
    "EmergencyAccess",
    "EmergencyContact",
    "Encounter",
    "ErasureDecision",
    "ErasureRequest",
    "IdentityCheck",
    "Immunization",
    "MedicalRecord",
    "Medication",
    "Merge",
    "MergeMove",
    "MergeStep",
    "NoteDraft",
    "NoteVersion",
    "Observation",
    "Patient",
    "PatientIdentifier",
    "Practitioner",
    "Procedure",
    "RecordExport",
    "RecordNumberCounter",
    "Representation",
    "Unit",
    "UnitMember",
    "UnitStay",
    "identifier_domain",
]
