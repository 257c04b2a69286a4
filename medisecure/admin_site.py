"""The staff's face: Django's admin under our name, with the hospital's own sign-in."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class MediSecureAdminSite(admin.AdminSite):
    site_title = _("MediSecure")
    site_header = _("MediSecure")
    index_title = _("Today")
    enable_nav_sidebar = True


# Sign-in has one door, with its limits and second factor: allauth's.
MediSecureAdminSite.login = secure_admin_login(MediSecureAdminSite.login)  # type: ignore[method-assign]
