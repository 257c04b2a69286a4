from __future__ import annotations

from django.urls import path

from appointments import views

urlpatterns = [
    path("<str:token>/", views.screen, name="waiting-screen"),
    path("<str:token>/now/", views.screen_now, name="waiting-screen-now"),
]
