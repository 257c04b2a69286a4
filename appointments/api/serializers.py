from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from appointments import access
from appointments.api.fields import InstantField
from appointments.models import Appointment, AppointmentType, Hold
from appointments.places import Slot
from medisecure.kernel import clock
from patients import interface as patients

_DAY_MESSAGES: dict[str, str | Any] = {"invalid": _("Write the day as in 2026-03-03.")}


class NextQuery(serializers.Serializer[None]):
    """Who is asked for: practitioners, or those of a specialty, at a place, or everyone who offers the type."""

    practitioner = serializers.ListField(child=serializers.UUIDField(), required=False, help_text="May be repeated.")
    specialty = serializers.CharField(max_length=80, required=False, help_text="A specialty's code.")
    place = serializers.CharField(max_length=120, required=False, help_text="A place, as calendars name it.")
    type = serializers.CharField(max_length=40, help_text="A code of `GET /api/appointment-types`.")

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        # `from` is a word of Python's, so it cannot be written as an attribute.
        fields["from"] = serializers.DateField(
            required=False, error_messages=_DAY_MESSAGES, help_text="First local day, 2026-03-03; today unless told."
        )
        return fields


class SlotQuery(NextQuery):
    limit = serializers.IntegerField(
        min_value=1, max_value=5000, default=1000, help_text="Slots in the answer, at most."
    )

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["from"] = serializers.DateField(error_messages=_DAY_MESSAGES, help_text="First local day, 2026-03-03.")
        fields["to"] = serializers.DateField(
            error_messages=_DAY_MESSAGES, help_text="Last local day, at most 62 days in all."
        )
        return fields


class SlotOut(serializers.Serializer[Slot]):
    practitioner_id = serializers.UUIDField()
    calendar_id = serializers.UUIDField()
    type = serializers.CharField(source="type_code")
    start = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")
    end = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")
    local_start = serializers.SerializerMethodField(help_text="On the place's clock, with its offset.")
    zone = serializers.CharField(help_text="IANA name.")
    place = serializers.CharField()

    def get_local_start(self, slot: Slot) -> datetime:
        return clock.local(slot.start, slot.zone)


class SlotsOut(serializers.Serializer[dict[str, Any]]):
    count = serializers.IntegerField(help_text="All free slots found, also those beyond `limit`.")
    results = SlotOut(many=True)


class NextOut(serializers.Serializer[dict[str, Any]]):
    results = SlotOut(many=True)


class TypeOut(serializers.Serializer[AppointmentType]):
    code = serializers.CharField()
    label: Any = serializers.CharField(help_text="In the language asked for.")
    duration_minutes = serializers.IntegerField()
    mode = serializers.ChoiceField(choices=AppointmentType.Mode.choices)
    bookable_by_patient = serializers.BooleanField()


class BookIn(serializers.Serializer[None]):
    practitioner_id = serializers.UUIDField()
    type = serializers.CharField(max_length=40)
    start = InstantField(help_text="With its offset, 2026-03-03T14:30:00+01:00.")
    patient_id = serializers.UUIDField(
        required=False, help_text="Whom you stand for; anybody in sight for who may book for others."
    )
    overbook_reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="", help_text="For staff.")


class HoldIn(serializers.Serializer[None]):
    practitioner_id = serializers.UUIDField()
    type = serializers.CharField(max_length=40)
    start = InstantField(help_text="With its offset, 2026-03-03T14:30:00+01:00.")


class HoldOut(serializers.Serializer[Hold]):
    id = serializers.UUIDField()
    practitioner_id = serializers.UUIDField()
    type = serializers.CharField(source="type_code")
    start = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")
    expires = serializers.DateTimeField(default_timezone=UTC, help_text="UTC. Afterwards anybody may book it.")


class VersionIn(serializers.Serializer[None]):
    version = serializers.IntegerField(
        min_value=1,
        required=False,
        help_text="The one you looked at: refused as `stale` when it is no longer that one.",
    )


class CancelIn(VersionIn):
    reason = serializers.ChoiceField(choices=Appointment.CancelReason.choices, required=False)


class MoveIn(VersionIn):
    start = InstantField(help_text="With its offset, 2026-03-03T14:30:00+01:00.")
    practitioner_id = serializers.UUIDField(required=False)
    overbook_reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class AgendaQuery(serializers.Serializer[None]):
    day = serializers.DateField(required=False, error_messages=_DAY_MESSAGES)
    practitioner = serializers.UUIDField(required=False)
    patient_id = serializers.UUIDField(required=False)


class AppointmentOut(serializers.Serializer[Appointment]):
    id = serializers.UUIDField()
    patient_id = serializers.UUIDField()
    practitioner_id = serializers.UUIDField()
    type = serializers.CharField(source="type_code")
    start = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")
    end = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")
    local_start = serializers.SerializerMethodField(help_text="On the place's clock, with its offset.")
    zone = serializers.CharField(help_text="IANA name.")
    place = serializers.CharField()
    mode = serializers.ChoiceField(choices=AppointmentType.Mode.choices)
    status = serializers.ChoiceField(choices=Appointment.Status.choices)
    sequence = serializers.IntegerField(help_text="Grows when the time changes.")
    version = serializers.IntegerField(help_text="Grows with every change.")
    awaits_confirmation = serializers.BooleanField(help_text="The patient must still confirm it.")
    ticket = serializers.IntegerField(help_text="The number that the waiting room calls; 0 before the arrival.")
    staff = serializers.SerializerMethodField(help_text="What only staff see; null for everyone else.")

    def get_local_start(self, row: Appointment) -> datetime:
        return clock.local(row.start, row.zone)

    @extend_schema_field(
        {
            "type": "object",
            "nullable": True,
            "properties": {
                "booked_by": {"type": "string", "format": "uuid", "nullable": True},
                "note": {"type": "string"},
                "overbooked": {"type": "boolean"},
                "overbook_reason": {"type": "string"},
                "cancel_reason": {"type": "string"},
            },
        }
    )
    def get_staff(self, row: Appointment) -> dict[str, Any] | None:
        actor = self.context["request"].user
        if not actor.has_perm(access.VIEW):
            return None
        context = cast("dict[str, Any]", self.context)
        if "sides" not in context:
            # Once for a page of rows.
            context["sides"] = patients.patient_side(actor)
        if row.patient_id in context["sides"] and not access.sees_all(actor):
            # A doctor who comes as a patient reads what patients read.
            return None
        return {
            "booked_by": str(row.booked_by) if row.booked_by else None,
            "note": row.staff_note,
            "overbooked": row.overbooked,
            "overbook_reason": row.overbook_reason,
            "cancel_reason": row.cancel_reason,
        }


class PagedAppointments(serializers.Serializer[None]):
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = AppointmentOut(many=True)
