"""The first page: what comes next, what is new, what is to be paid."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from appointments.interface import is_offered, my_appointments
from billing.interface import invoices_for_patient
from medisecure.notifications.interface import notices_for
from medisecure.portal.people import acting, reader, subject_of
from medisecure.portal.visits import visits

NOTICES_SHOWN = 3


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user = reader(request)
    subject = subject_of(request)
    patient_id = subject.id if subject else None
    context = {
        "area": "home",
        "linked": patient_id is not None,
        "new_notices": [line for line in notices_for(user.id, limit=20) if not line.read][:NOTICES_SHOWN],
    }
    if patient_id is not None:
        coming = sorted(
            (card for card in my_appointments(user, patient_id=patient_id) if card.upcoming),
            key=lambda card: card.start,
        )
        # What a minor keeps to themselves is not shown to who stands for them.
        cards = [] if acting(request).restricted else invoices_for_patient(actor=user, patient_id=patient_id)
        due = [card for card in cards if card.balance_cents > 0]
        context |= {
            "next": visits(coming[:1])[0] if coming else None,
            "more": max(0, len(coming) - 1),
            "offered": is_offered(user, patient_id),
            "due": due,
            "due_cents": sum(card.balance_cents for card in due),
            "overdue": any(card.overdue for card in due),
        }
    return render(request, "portal/home.html", context)
