"""Visits that patients did not come to: how many, and whether the next one must be confirmed."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db.models import Count
from django.utils.translation import ngettext

from appointments import rules
from appointments.models import Appointment
from medisecure.kernel import clock


def no_shows(patient_ids: Collection[UUID]) -> dict[UUID, int]:
    """Patient → visits missed in the last NO_SHOW_MONTHS; those without any are left out. One query for any number."""
    if not patient_ids:
        return {}
    now = clock.now()
    rows = (
        Appointment.objects.filter(
            patient_id__in=list(patient_ids),
            start__gte=rules.months_before(now, settings.NO_SHOW_MONTHS),
            start__lte=now,
            status=rules.Status.NO_SHOW.value,
        )
        .order_by()
        .values("patient_id")
        .annotate(missed=Count("id"))
    )
    return {row["patient_id"]: row["missed"] for row in rows}


def said(count: int) -> str:
    """As in “2 visits missed in 12 months”."""
    return ngettext(
        "%(count)d visit missed in %(months)d months", "%(count)d visits missed in %(months)d months", count
    ) % {"count": count, "months": settings.NO_SHOW_MONTHS}


def must_confirm(patient_id: UUID) -> bool:
    """Whether a visit that is booked now for this patient counts only once they have confirmed it."""
    return rules.asks_confirmation(no_shows([patient_id]).get(patient_id, 0), settings.NO_SHOW_LIMIT)
