from __future__ import annotations

from django.urls import path

from documents import views

urlpatterns = [path("pages/<str:token>", views.page, name="document-page")]
