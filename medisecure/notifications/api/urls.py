from __future__ import annotations

from django.urls import path

from medisecure.notifications.api import views

urlpatterns = [
    path("devices", views.Devices.as_view(), name="api-devices"),
    path("devices/<uuid:device_id>", views.OneDevice.as_view(), name="api-device"),
    path("message-choices", views.Choices.as_view(), name="api-message-choices"),
]
