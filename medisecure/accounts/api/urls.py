from __future__ import annotations

from django.urls import path

from medisecure.accounts.api import views

urlpatterns = [
    path("token", views.ObtainToken.as_view(), name="token"),
    path("token/refresh", views.RefreshTokens.as_view(), name="token-refresh"),
    path("token/revoke", views.RevokeToken.as_view(), name="token-revoke"),
    path("me", views.Me.as_view(), name="me"),
]
