"""What one wants to be told of, how, and on which devices."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from medisecure.kernel.errors import DomainError
from medisecure.notifications.interface import choices_of, choose, devices_of, public_key, register, unregister
from medisecure.portal.people import crumbs, reader


@require_http_methods(["GET", "HEAD", "POST"])
def choices(request: HttpRequest) -> HttpResponse:
    """One box for each topic and channel; what comes anyway is said, and cannot be chosen."""
    user = reader(request)
    if request.method == "POST":
        pairs = (value.partition(":") for value in request.POST.getlist("wanted"))
        choose(user_id=user.id, wanted={(topic, channel) for topic, _colon, channel in pairs})
        messages.success(request, _("Your choices are saved."))
        return redirect("notice-choices")
    context = {
        "crumbs": crumbs((_("Notices"), "notices"), (_("What you are told of"), "")),
        "area": "notices",
        "topics": choices_of(user.id),
        "devices": len(devices_of(user.id)),
        "public_key": public_key(),
    }
    return render(request, "portal/notice_choices.html", context)


@require_POST
def device(request: HttpRequest) -> HttpResponse:
    """Asked by the page's script: this browser wants messages, or no more. What is wrong is said as plain text."""
    user, sent = reader(request), request.POST
    address = sent.get("address", "")
    try:
        if sent.get("wanted") == "yes":
            register(
                user_id=user.id,
                platform="web",
                address=address,
                p256dh=sent.get("p256dh", ""),
                auth=sent.get("auth", ""),
            )
        else:
            unregister(user_id=user.id, address=address)
    except DomainError as error:
        return JsonResponse({"problem": " ".join(error.lines())}, status=error.status)
    return JsonResponse({})


@login_not_required  # a program without secrets, which the browser fetches without a session
@require_safe
@cache_control(max_age=3600)
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker stands at the root, because it may act only below the address that it comes from."""
    text = (Path(settings.BASE_DIR) / "static" / "js" / "push-worker.js").read_text(encoding="utf-8")
    return HttpResponse(text, content_type="text/javascript; charset=utf-8")
