from __future__ import annotations

from django.urls import path

from documents.api import uploads, views

urlpatterns = [
    path("patients/<uuid:patient_id>/documents", views.PatientDocuments.as_view(), name="api-patient-documents"),
    path("patients/<uuid:patient_id>/uploads", uploads.PatientUploads.as_view(), name="api-patient-uploads"),
    path("uploads/<uuid:upload_id>", uploads.UploadDetail.as_view(), name="api-upload"),
    path("uploads/<uuid:upload_id>/parts", uploads.UploadParts.as_view(), name="api-upload-parts"),
    path("uploads/<uuid:upload_id>/complete", uploads.UploadComplete.as_view(), name="api-upload-complete"),
    path("documents/<uuid:document_id>", views.DocumentDetail.as_view(), name="api-document"),
]
