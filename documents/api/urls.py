from __future__ import annotations

from django.urls import path

from documents.api import views

urlpatterns = [
    path("patients/<uuid:patient_id>/documents", views.PatientDocuments.as_view(), name="api-patient-documents"),
    path("documents/<uuid:document_id>", views.DocumentDetail.as_view(), name="api-document"),
]
