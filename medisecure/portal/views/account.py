"""Notices, one's own details, the language."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from medisecure.accounts.models import User
from medisecure.notifications.interface import mark_read, notices_for
from medisecure.portal.forms import LanguageForm
from medisecure.portal.people import crumbs, reader
from patients.interface import access_identity, choose_language, identity_sheet, patient_for_user

NOTICES_KEPT = 500
NOTICES_A_PAGE = 20


@require_http_methods(["GET", "HEAD", "POST"])
def notices(request: HttpRequest) -> HttpResponse:
    """The in-app inbox. Looking changes nothing: a button marks all as read."""
    user = reader(request)
    if request.method == "POST":
        mark_read(user.id)
        return redirect("notices")
    lines = notices_for(user.id, limit=NOTICES_KEPT)
    context = {
        "crumbs": crumbs((_("Notices"), "")),
        "area": "notices",
        "page": Paginator(lines, NOTICES_A_PAGE).get_page(request.GET.get("page")),
        "unread": any(not line.read for line in lines),
    }
    return render(request, "portal/notices.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """The account, its language, and the contact details that the hospital holds."""
    user = reader(request)
    form = LanguageForm(request.POST or None, initial={"language": user.language})
    if request.method == "POST" and form.is_valid():
        choose_language(user=user, language=form.cleaned_data["language"])
        translation.activate(user.language)
        messages.success(request, _("Your language is saved. Mails come in it too."))
        return _without_browser_language(redirect("profile"))
    patient_id = patient_for_user(user.id)
    patient = access_identity(actor=user, patient_id=patient_id, purpose="own profile") if patient_id else None
    context = {"crumbs": crumbs((_("My details"), "")), "area": "profile", "form": form, "patient": patient}
    context["sheet"] = identity_sheet(patient_id) if patient_id else None
    return render(request, "portal/profile.html", context)


@login_not_required  # the sign-in page has the switch too
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Remember the language: with the account of somebody who has signed in, else in this browser."""
    address = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        address = "/"
    response = HttpResponseRedirect(address)
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES):
        return response
    if isinstance(request.user, User):
        choose_language(user=request.user, language=language)
        return _without_browser_language(response)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _without_browser_language(response: HttpResponse) -> HttpResponse:
    # The choice is kept with the account; the browser's own, on a shared computer somebody else's, must not win.
    response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    return response
