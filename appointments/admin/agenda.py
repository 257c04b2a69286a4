"""The day's agenda as a list: who comes when, who is here, and a button for the next step."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from appointments import access, selectors
from appointments.admin import agenda_question, agenda_rows


@require_safe
def agenda(request: HttpRequest) -> HttpResponse:
    actor = agenda_question.actor_of(request)
    question = agenda_question.asked(request)
    access.access_agenda(actor=actor, day=question.day)
    found = list(
        selectors.agenda(actor=actor, day=question.day, practitioner_id=question.practitioner_id, place=question.place)
    )
    context = agenda_question.common(request, actor, question, "list") | {
        "rows": agenda_rows.rows(found, actor=actor),
        "previous": question.on(question.day - timedelta(days=1)),
        "next": question.on(question.day + timedelta(days=1)),
        "counts": agenda_rows.counts(found),
    }
    return TemplateResponse(request, "admin/appointments/appointment/agenda.html", context)
