from __future__ import annotations

from django.urls import path

from documents.imaging import views

urlpatterns = [
    path("<str:token>/", views.manifest, name="imaging-manifest"),
    path("<str:token>/<uuid:instance_id>/preview/", views.preview, name="imaging-preview"),
    path("<str:token>/<uuid:instance_id>/<int:number>/", views.frame, name="imaging-frame"),
]
