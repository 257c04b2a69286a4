"""My data and my rights: a copy of everything, and its erasure."""

from __future__ import annotations

from uuid import UUID

from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError, NotFound
from medisecure.portal.people import crumbs, for_patient, reader
from patients.interface import (
    export_url,
    exports_of,
    letter_url,
    request_erasure,
    request_export,
    requests_of,
    withdraw_erasure,
)


class PasswordForm(forms.Form):
    """The password once more: a copy of everything is not for whoever finds the screen open."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=gettext_lazy("Asked for once more, because the copy holds everything."),
    )


class ErasureForm(forms.Form):
    words = forms.CharField(
        label=gettext_lazy("What you want to have erased, and why"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("You need not give a reason."),
    )
    sure = forms.BooleanField(label=gettext_lazy("I ask the hospital to erase my data as far as the law allows."))


def _page(
    request: HttpRequest,
    patient_id: UUID,
    *,
    password: PasswordForm | None = None,
    erasure: ErasureForm | None = None,
) -> HttpResponse:
    exports = exports_of(actor=reader(request), patient_id=patient_id)
    requests = requests_of(patient_id)
    refused = bool((password and password.errors) or (erasure and erasure.errors))
    context = {
        "crumbs": crumbs((_("My data and my rights"), "")),
        "area": "profile",
        "exports": exports,
        "pending": any(line.pending for line in exports),
        "requests": requests,
        "asked": any(line.status in ("open", "decided") for line in requests),
        "password_form": password or PasswordForm(auto_id="copy_%s"),
        "erasure_form": erasure or ErasureForm(auto_id="erasure_%s"),
    }
    return render(request, "portal/privacy.html", context, status=422 if refused else 200)


@require_safe
@for_patient
def overview(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    return _page(request, patient_id)


@require_POST
@for_patient
def ask_copy(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    form, user = PasswordForm(request.POST, auto_id="copy_%s"), reader(request)
    if not (form.is_valid() and _is_password(request, user, form)):
        return _page(request, patient_id, password=form)
    try:
        request_export(actor=user, patient_id=patient_id, language=get_language() or user.language)
    except DomainError as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, _("Your copy is being made. You will be told when it is ready."))
    return redirect("privacy")


def _is_password(request: HttpRequest, user: User, form: PasswordForm) -> bool:
    # As often as for a sign-in and no more: whoever sits at an open screen must not guess here.
    if not ratelimit.consume(request, action="reauthenticate", user=user):
        form.add_error("password", _("Too many tries. Please wait a minute."))
    elif not user.check_password(form.cleaned_data["password"]):
        form.add_error("password", _("This is not your password."))
    return form.is_valid()


@require_safe
@for_patient
def copy(request: HttpRequest, patient_id: UUID, export_id: UUID) -> HttpResponse:
    """The ZIP, by an address that expires; each download is written down."""
    return HttpResponseRedirect(export_url(actor=reader(request), export_id=export_id))


@require_POST
@for_patient
def ask_erasure(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    form = ErasureForm(request.POST, auto_id="erasure_%s")
    if not form.is_valid():
        return _page(request, patient_id, erasure=form)
    try:
        request_erasure(actor=reader(request), patient_id=patient_id, words=form.cleaned_data["words"])
    except DomainError as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, _("Your request has been sent. You get an answer within a month."))
    return redirect("privacy")


@require_POST
@for_patient
def withdraw(request: HttpRequest, patient_id: UUID, request_id: UUID) -> HttpResponse:
    try:
        withdraw_erasure(actor=reader(request), request_id=request_id)
    except NotFound:
        raise
    except DomainError as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, _("Your request is withdrawn. Nothing was erased."))
    return redirect("privacy")


@require_safe
@for_patient
def letter(request: HttpRequest, patient_id: UUID, request_id: UUID) -> HttpResponse:
    return HttpResponseRedirect(letter_url(actor=reader(request), request_id=request_id))
