"""Which rooms and devices visits take, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from appointments.models import Resource, ResourceUse


def rooms_of(appointment_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Visit → the names of what it takes, in order; visits that take nothing are left out. Two queries at most."""
    uses = list(
        ResourceUse.objects.filter(appointment_id__in=list(appointment_ids))
        .order_by()
        .values_list("appointment_id", "resource_id")
    )
    if not uses:
        return {}
    names = dict(Resource.objects.filter(id__in=list({one for _visit, one in uses})).values_list("id", "name"))
    found: dict[UUID, list[str]] = defaultdict(list)
    for appointment_id, resource_id in uses:
        found[appointment_id].append(names.get(resource_id, "—"))
    return {appointment_id: sorted(rooms) for appointment_id, rooms in found.items()}
