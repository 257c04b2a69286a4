from __future__ import annotations

from django.urls import path

from patients.api import clinical, emergency, views

urlpatterns = [
    path("patients", views.Patients.as_view(), name="api-patients"),
    path("patients/me", views.MyPatient.as_view(), name="api-patient-me"),
    path("patients/<uuid:patient_id>", views.PatientDetail.as_view(), name="api-patient"),
    path("patients/<uuid:patient_id>/verify", views.Verification.as_view(), name="api-patient-verify"),
    path("patients/<uuid:patient_id>/unverify", views.Withdrawal.as_view(), name="api-patient-unverify"),
    path("patients/<uuid:patient_id>/reveal", views.Reveal.as_view(), name="api-patient-reveal"),
    path("patients/<uuid:patient_id>/medical-record", views.MedicalRecord.as_view(), name="api-medical-record"),
    path(
        "patients/<uuid:patient_id>/emergency-access",
        emergency.EmergencyAccess.as_view(),
        name="api-emergency-access",
    ),
    path("patients/<uuid:patient_id>/notes", clinical.Notes.as_view(), name="api-notes"),
    path("patients/<uuid:patient_id>/notes/<uuid:note_id>", clinical.NoteDetail.as_view(), name="api-note"),
    path("patients/<uuid:patient_id>/notes/<uuid:note_id>/sign", clinical.NoteSign.as_view(), name="api-note-sign"),
    path(
        "patients/<uuid:patient_id>/notes/<uuid:note_id>/withdraw",
        clinical.NoteWithdraw.as_view(),
        name="api-note-withdraw",
    ),
    path("patients/<uuid:patient_id>/vital-signs", clinical.VitalSigns.as_view(), name="api-vital-signs"),
    path("patients/<uuid:patient_id>/entries/<slug:kind>/<uuid:entry_id>", clinical.Entry.as_view(), name="api-entry"),
    path(
        "patients/<uuid:patient_id>/entries/<slug:kind>/<uuid:entry_id>/withdraw",
        clinical.EntryWithdraw.as_view(),
        name="api-entry-withdraw",
    ),
    path("practitioners", views.Practitioners.as_view(), name="api-practitioners"),
]
