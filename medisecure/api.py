"""The API's addresses: each app's own, and the OpenAPI document."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

urlpatterns = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("", include("medisecure.accounts.api.urls")),
    path("", include("medisecure.notifications.api.urls")),
    path("", include("patients.api.urls")),
    path("", include("appointments.api.urls")),
    path("", include("documents.api.urls")),
    path("", include("billing.api.urls")),
]
