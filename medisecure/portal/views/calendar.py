"""A calendar of one's visits, or of those of somebody one stands for: the file that calendar programs read by a secret
address, and the page where that is made."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers, get_conditional_response
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from appointments import interface as appointments
from medisecure.audit.interface import current_address
from medisecure.kernel.errors import DomainError
from medisecure.kernel.limits import limit
from medisecure.portal.people import crumbs, for_patient, reader

#: Readings of one address within the time: services that read for many people share one.
MOST, SECONDS = 300, 300


@login_not_required  # the address is the key: calendar programs cannot sign in
@require_safe
def file(request: HttpRequest, token: str) -> HttpResponseBase:
    """The calendar behind a secret address; 404 once it was closed. A reader that has the present text gets 304."""
    limit("calendar-file", current_address.get(), most=MOST, seconds=SECONDS)
    text = appointments.feed_text(token)
    whole = HttpResponse(text.content, content_type="text/calendar; charset=utf-8")
    # 304 to who has it already, else the whole.
    response: HttpResponseBase = (
        get_conditional_response(request, text.etag, int(text.changed.timestamp()), whole) or whole
    )
    response["ETag"] = text.etag
    response["Last-Modified"] = http_date(text.changed.timestamp())
    # Nobody between us and the reader may keep it; the reader asks again each time.
    response["Cache-Control"] = "private, no-cache"
    response["Content-Disposition"] = 'attachment; filename="medisecure.ics"'
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    if response.status_code == 200:
        appointments.note_feed_reading(token)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@for_patient
def address(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Make, renew and close the address. It is shown once, in the answer to the button that made it."""
    actor = reader(request)
    url = ""
    if request.method == "POST":
        try:
            if request.POST.get("do") == "make":
                url = appointments.make_my_feed(actor=actor, patient_id=patient_id)
            elif request.POST.get("do") == "close":
                appointments.close_my_feed(actor=actor, patient_id=patient_id)
                messages.success(request, _("The address no longer works."))
                return redirect("calendar-address")
            else:
                messages.error(request, _("This form was not complete. Please try again."))
                return redirect("calendar-address")
        except DomainError as error:
            messages.error(request, " ".join(error.lines()))
            return redirect("calendar-address")
    context = {
        "crumbs": crumbs((_("My appointments"), reverse("appointments")), (_("In my own calendar"), "")),
        "area": "appointments",
        "url": url,
        "feed": appointments.my_feed(actor, patient_id),
    }
    response = render(request, "portal/calendar.html", context)
    if url:
        # The page holds a key.
        add_never_cache_headers(response)
    return response
