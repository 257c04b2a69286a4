"""Every address of the hospital. Pages ask for a sign-in unless `tests/architecture/public_urls.txt` names them."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from medisecure.kernel.files import signed_file, signed_part
from medisecure.ops import health
from medisecure.portal.errors import not_found

urlpatterns = [
    path("", include("medisecure.portal.urls")),
    # An address is changed by the reception, where somebody looks at a document, and not by whoever sits at a screen.
    path("accounts/email/", not_found),
    path("accounts/", include("allauth.urls")),
    path("api/", include("medisecure.api")),
    path("screen/", include("appointments.urls")),
    path("imaging/", include("documents.imaging.urls")),
    path("admin/", admin.site.urls),
    path("documents/", include("documents.urls")),
    path("files/parts/<str:token>", signed_part, name="signed-part"),
    path("files/<str:token>", signed_file, name="signed-file"),
    path("health/", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", health.metrics, name="metrics"),
]

handler403 = "medisecure.portal.errors.forbidden"
handler404 = "medisecure.portal.errors.not_found"
handler500 = "medisecure.portal.errors.fault"
