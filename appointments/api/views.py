from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from appointments import access, selectors, services
from appointments.api import serializers
from appointments.models import Appointment
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.paging import Pages

_INVALID = OpenApiResponse(description="Problem details with the fields that are not valid.")
_GONE = OpenApiResponse(description="Not there, or out of your sight.")
_NOBODY = OpenApiResponse(description="You can book for nobody.")
_CONFLICT = OpenApiResponse(description="`slot-taken`, `patient-busy`, `stale`, `too-late` or `conflict`.")


def _actor(request: Request) -> User:
    # IsAuthenticated stands before every view.
    return cast(User, request.user)


def _read(form: Any) -> dict[str, Any]:
    form.is_valid(raise_exception=True)
    values: dict[str, Any] = form.validated_data
    return values


class Types(APIView):
    """The types of appointment that you may book."""

    @extend_schema(operation_id="appointment_types", responses=serializers.TypeOut(many=True))
    def get(self, request: Request) -> Response:
        kinds: Any = selectors.types_for(_actor(request))
        return Response(serializers.TypeOut(kinds, many=True).data)


_WHO = [
    OpenApiParameter("practitioner", OpenApiTypes.UUID, many=True, description="May be repeated."),
    OpenApiParameter("specialty", str, description="A specialty's code, in the place of practitioners."),
    OpenApiParameter("place", str, description="Only at this place."),
    OpenApiParameter("type", str, required=True, description="A code of `GET /api/appointment-types`."),
]


def _who(asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "type_code": asked["type"],
        "practitioner_ids": asked.get("practitioner"),
        "specialty": asked.get("specialty"),
        "place": asked.get("place"),
    }


class Slots(APIView):
    """Free slots by practitioner, specialty, place or type alone, by start."""

    @extend_schema(
        operation_id="slots",
        parameters=[
            *_WHO,
            OpenApiParameter("from", OpenApiTypes.DATE, required=True, description="First local day."),
            OpenApiParameter("to", OpenApiTypes.DATE, required=True, description="Last local day; 62 days at most."),
            OpenApiParameter("limit", int, description="Slots in the answer, at most; 1000 unless told."),
        ],
        responses={200: serializers.SlotsOut, 422: _INVALID},
    )
    def get(self, request: Request) -> Response:
        asked = _read(serializers.SlotQuery(data=request.query_params))
        found = selectors.free_slots(actor=_actor(request), first=asked["from"], last=asked["to"], **_who(asked))
        return Response(serializers.SlotsOut({"count": len(found), "results": found[: asked["limit"]]}).data)


class NextSlots(APIView):
    """The first free slot of each practitioner, by start: the first of all is the next that is available. Looks as far
    ahead as calendars are open."""

    @extend_schema(
        operation_id="slots_next",
        parameters=[*_WHO, OpenApiParameter("from", OpenApiTypes.DATE, description="First local day; today's.")],
        responses={200: serializers.NextOut, 422: _INVALID},
    )
    def get(self, request: Request) -> Response:
        asked = _read(serializers.NextQuery(data=request.query_params))
        found = selectors.next_free(actor=_actor(request), first=asked.get("from"), **_who(asked))
        return Response(serializers.NextOut({"results": found}).data)


class Holds(APIView):
    @extend_schema(
        operation_id="holds_keep",
        request=serializers.HoldIn,
        responses={201: serializers.HoldOut, 403: _NOBODY, 409: _CONFLICT, 422: _INVALID},
    )
    def post(self, request: Request) -> Response:
        """Keep a time while you fill in the form. It ends by itself at `expires`, and when you book. One at a time:
        what you held before is given back."""
        asked = _read(serializers.HoldIn(data=request.data))
        kept = services.hold(
            actor=_actor(request),
            practitioner_id=asked["practitioner_id"],
            type_code=asked["type"],
            start=asked["start"],
        )
        return Response(serializers.HoldOut(kept).data, status=status.HTTP_201_CREATED)


class OneHold(APIView):
    """A time that you hold."""

    @extend_schema(operation_id="holds_release", responses={204: None, 404: _GONE})
    def delete(self, request: Request, hold_id: UUID) -> Response:
        """Give it back."""
        services.release_hold(actor=_actor(request), hold_id=hold_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Appointments(APIView):
    @extend_schema(
        operation_id="appointments_list",
        parameters=[
            OpenApiParameter("day", OpenApiTypes.DATE, description="Staff: the agenda of this local day."),
            OpenApiParameter("practitioner", OpenApiTypes.UUID, description="Staff: of one practitioner."),
            OpenApiParameter("patient_id", OpenApiTypes.UUID, description="Of whom you stand for, or your own."),
            OpenApiParameter("page", int),
            OpenApiParameter("page_size", int),
        ],
        responses={
            200: serializers.PagedAppointments,
            404: _GONE,
            403: OpenApiResponse(description="No agenda for your role."),
        },
    )
    def get(self, request: Request) -> Response:
        """Your own appointments, the newest first, or with `patient_id` those of somebody you stand for. Staff: the
        agenda of `day`, today's when none is named."""
        actor = _actor(request)
        asked = _read(serializers.AgendaQuery(data=request.query_params))
        rows: QuerySet[Appointment]
        if "patient_id" in asked:
            rows = selectors.appointments_of_actor(actor, asked["patient_id"])
        elif asked or actor.has_perm(access.VIEW):
            day = asked.get("day") or clock.today()
            # The day is checked before the entry is written: what cannot be shown was not looked at.
            rows = selectors.agenda(actor=actor, day=day, practitioner_id=asked.get("practitioner"))
            access.access_agenda(actor=actor, day=day)
        else:
            rows = selectors.appointments_of_actor(actor)
        pages = Pages()
        page: Any = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(
            serializers.AppointmentOut(page, many=True, context={"request": request}).data
        )

    @extend_schema(
        operation_id="appointments_book",
        request=serializers.BookIn,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                location=OpenApiParameter.HEADER,
                description="1 to 100 characters of your choice, kept for a day: the same request again is answered "
                "with the same appointment, another one with the key is refused.",
            )
        ],
        responses={
            200: serializers.AppointmentOut,
            201: serializers.AppointmentOut,
            404: _GONE,
            409: _CONFLICT,
            422: _INVALID,
        },
    )
    def post(self, request: Request) -> Response:
        """Book a visit, for yourself or, with the right, for `patient_id`. One of several tries for a slot wins; the
        others get 409 `slot-taken`, and so does the winner who asks again without the same `Idempotency-Key`. A time
        that you hold yourself (`POST /api/holds`) becomes the appointment's."""
        asked = _read(serializers.BookIn(data=request.data))
        appointment = services.book(
            actor=_actor(request),
            practitioner_id=asked["practitioner_id"],
            type_code=asked["type"],
            start=asked["start"],
            patient_id=asked.get("patient_id"),
            overbook_reason=asked["overbook_reason"],
            note=asked["note"],
            idempotency_key=request.headers.get("Idempotency-Key", ""),
        )
        response = _one(request, appointment, status.HTTP_200_OK if appointment.repeated else status.HTTP_201_CREATED)
        response["Location"] = f"/api/appointments/{appointment.id}"
        return response


def _one(request: Request, appointment: Appointment, code: int = status.HTTP_200_OK) -> Response:
    return Response(serializers.AppointmentOut(appointment, context={"request": request}).data, status=code)


class OneAppointment(APIView):
    """One appointment: yours, or one that your work lets you see."""

    @extend_schema(operation_id="appointments_get", responses={200: serializers.AppointmentOut, 404: _GONE})
    def get(self, request: Request, appointment_id: UUID) -> Response:
        return _one(request, access.access_appointment(actor=_actor(request), appointment_id=appointment_id))


class Cancel(APIView):
    """Cancel, and give the time back. Patients: within the place's notice."""

    @extend_schema(
        operation_id="appointments_cancel",
        request=serializers.CancelIn,
        responses={200: serializers.AppointmentOut, 404: _GONE, 409: _CONFLICT, 422: _INVALID},
    )
    def post(self, request: Request, appointment_id: UUID) -> Response:
        asked = _read(serializers.CancelIn(data=request.data))
        return _one(request, services.cancel(actor=_actor(request), appointment_id=appointment_id, **asked))


class Move(APIView):
    """Move to another time. The new time is won before the old one is given back."""

    @extend_schema(
        operation_id="appointments_move",
        request=serializers.MoveIn,
        responses={200: serializers.AppointmentOut, 404: _GONE, 409: _CONFLICT, 422: _INVALID},
    )
    def post(self, request: Request, appointment_id: UUID) -> Response:
        asked = _read(serializers.MoveIn(data=request.data))
        return _one(request, services.move(actor=_actor(request), appointment_id=appointment_id, **asked))


class _Step(APIView):
    """A step in the course of a visit."""

    step: Callable[..., Appointment]

    def post(self, request: Request, appointment_id: UUID) -> Response:
        asked = _read(serializers.VersionIn(data=request.data))
        step = type(self).step
        return _one(request, step(actor=_actor(request), appointment_id=appointment_id, **asked))


def _step_view(name: str, step: Callable[..., Appointment], text: str) -> type[_Step]:
    described = extend_schema(
        operation_id=f"appointments_{name}",
        description=text,
        request=serializers.VersionIn,
        responses={
            200: serializers.AppointmentOut,
            403: OpenApiResponse(description="Not a step for your role."),
            404: _GONE,
            409: _CONFLICT,
        },
    )
    made = type(f"Step_{name}", (_Step,), {"step": staticmethod(step), "__doc__": text})
    view: type[_Step] = extend_schema_view(post=described)(made)
    return view


Confirm = _step_view("confirm", services.confirm, "You will come; or staff: the patient said so.")
Arrive = _step_view("arrive", services.arrive, "Staff: the patient is here.")
Start = _step_view("start", services.start, "Staff: the visit begins.")
Complete = _step_view("complete", services.complete, "Staff: the visit is over.")
NoShow = _step_view("no_show", services.no_show, "Staff: nobody came. Only once the visit should have begun.")
