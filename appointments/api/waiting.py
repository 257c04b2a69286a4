"""The waiting list for apps: wishes, and the offers that they bring."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from appointments import access, waiting_cards
from appointments.api.serializers import AppointmentOut
from appointments.models import WaitingEntry
from appointments.services import waiting
from appointments.waiting_cards import OfferCard, WaitingCard
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.errors import Refused
from medisecure.paging import Pages
from patients import interface as patients

_INVALID = OpenApiResponse(description="Problem details with the fields that are not valid.")
_GONE = OpenApiResponse(description="Not there, or out of your sight.")
_CONFLICT = OpenApiResponse(description="`offer-over`, `patient-busy`, `too-late`, `stale` or `conflict`.")
_STAFF = OpenApiResponse(description="Not for your role.")


class WindowField(serializers.Serializer[None]):
    weekday = serializers.IntegerField(min_value=0, max_value=6, help_text="Monday is 0.")
    start = serializers.RegexField(r"^\d\d:\d\d\Z", help_text="08:00")
    end = serializers.RegexField(r"^\d\d:\d\d\Z", help_text="12:00; 24:00 for midnight.")


class AskIn(serializers.Serializer[None]):
    appointment_id = serializers.UUIDField(required=False, help_text="The visit that is to be earlier.")
    type = serializers.CharField(max_length=40, required=False, default="", help_text="Without a visit: for what.")
    practitioner_id = serializers.UUIDField(required=False, help_text="Without a visit: with whom, or `specialty`.")
    specialty = serializers.CharField(max_length=80, required=False, default="")
    patient_id = serializers.UUIDField(
        required=False, help_text="Whom you stand for; anybody in sight for who manages the waiting list."
    )
    first = serializers.DateField(required=False, help_text="First local day; today unless told.")
    last = serializers.DateField(required=False, help_text="Last local day; that of the visit, or in three months.")
    windows = WindowField(many=True, required=False, help_text="When the patient can come; none: at any time.")
    priority = serializers.ChoiceField(choices=WaitingEntry.Priority.choices, required=False, default=0)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="", help_text="For staff.")


class QueryIn(serializers.Serializer[None]):
    status = serializers.ChoiceField(choices=WaitingEntry.Status.choices, default=WaitingEntry.Status.WAITING)
    patient_id = serializers.UUIDField(required=False)


class OfferOut(serializers.Serializer[OfferCard]):
    id = serializers.UUIDField()
    practitioner_id = serializers.UUIDField()
    type = serializers.CharField(source="type_code")
    start = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")
    end = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")
    local_start = serializers.SerializerMethodField(help_text="On the place's clock, with its offset.")
    zone = serializers.CharField(help_text="IANA name.")
    place = serializers.CharField()
    expires = serializers.DateTimeField(default_timezone=UTC, help_text="Until when it is kept. UTC.")

    def get_local_start(self, card: OfferCard) -> datetime:
        return clock.local(card.start, card.zone)


class WindowOut(serializers.Serializer[Any]):
    weekday = serializers.IntegerField()
    start = serializers.CharField()
    end = serializers.CharField()


class WishOut(serializers.Serializer[WaitingCard]):
    id = serializers.UUIDField()
    patient_id = serializers.UUIDField()
    appointment_id = serializers.UUIDField(allow_null=True)
    type = serializers.CharField(source="type_code")
    practitioner_id = serializers.UUIDField(allow_null=True)
    specialty = serializers.CharField()
    first = serializers.DateField()
    last = serializers.DateField()
    windows = WindowOut(many=True)
    priority = serializers.ChoiceField(choices=WaitingEntry.Priority.choices)
    status = serializers.ChoiceField(choices=WaitingEntry.Status.choices)
    created_at = serializers.DateTimeField(default_timezone=UTC)
    offer = OfferOut(allow_null=True, help_text="What is kept for the patient now.")


class PagedWishes(serializers.Serializer[None]):
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = WishOut(many=True)


def _actor(request: Request) -> User:
    # IsAuthenticated stands before every view.
    return cast(User, request.user)


def _one(entry: WaitingEntry, code: int = status.HTTP_200_OK) -> Response:
    return Response(WishOut(waiting_cards.cards([entry])[0]).data, status=code)


class WaitingList(APIView):
    @extend_schema(
        operation_id="waiting_list",
        parameters=[
            OpenApiParameter("status", str, enum=list(WaitingEntry.Status.values), description="Staff: of one state."),
            OpenApiParameter("patient_id", OpenApiTypes.UUID, description="Of whom you stand for, or your own."),
            OpenApiParameter("page", OpenApiTypes.INT),
            OpenApiParameter("page_size", OpenApiTypes.INT),
        ],
        responses={200: PagedWishes, 403: _STAFF, 404: _GONE, 422: _INVALID},
    )
    def get(self, request: Request) -> Response:
        """Your own wishes, the newest first, or with `patient_id` those of somebody you stand for. Staff: the line that
        they see, in its order; `waiting` unless told."""
        actor = _actor(request)
        asked = QueryIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        patient_id = asked.validated_data.get("patient_id")
        rows = access.waiting_visible(actor)
        if patient_id is not None:
            rows = waiting_cards.wishes_of_actor(actor, patient_id)
        elif actor.has_perm(access.VIEW):
            rows = rows.filter(status=asked.validated_data["status"])
            record_access(
                actor=actor,
                patient_id=None,
                action="list",
                resource="waiting-list",
                purpose="appointments",
                right="role",
            )
        elif not patients.patient_side(actor):
            raise Refused
        else:
            rows = waiting_cards.wishes_of_actor(actor)
        pages = Pages()
        page: Any = pages.paginate_queryset(rows, request, view=self)
        cards: Any = waiting_cards.cards(page)
        return pages.get_paginated_response(WishOut(cards, many=True).data)

    @extend_schema(
        operation_id="waiting_list_ask",
        request=AskIn,
        responses={201: WishOut, 403: _STAFF, 404: _GONE, 409: _CONFLICT, 422: _INVALID},
    )
    def post(self, request: Request) -> Response:
        """Ask for an earlier time of a visit, or for a first one of a type with a practitioner or a specialty."""
        form = AskIn(data=request.data)
        form.is_valid(raise_exception=True)
        asked: dict[str, Any] = dict(form.validated_data)
        asked["type_code"] = asked.pop("type")
        response = _one(waiting.ask(actor=_actor(request), **asked), status.HTTP_201_CREATED)
        response["Location"] = f"/api/waiting-list/{response.data['id']}"
        return response


class OneWish(APIView):
    """One wish: yours, of somebody you stand for, or one that your work lets you see."""

    @extend_schema(operation_id="waiting_list_get", responses={200: WishOut, 404: _GONE})
    def get(self, request: Request, entry_id: UUID) -> Response:
        return _one(waiting.access_entry(actor=_actor(request), entry_id=entry_id))


class Withdraw(APIView):
    """Take the wish back; what was offered goes to the next in line."""

    @extend_schema(
        operation_id="waiting_list_withdraw", request=None, responses={200: WishOut, 403: _STAFF, 404: _GONE}
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        return _one(waiting.withdraw(actor=_actor(request), entry_id=entry_id))


class Resume(APIView):
    """Go on with a wish that was paused after several offers without a yes."""

    @extend_schema(
        operation_id="waiting_list_resume",
        request=None,
        responses={200: WishOut, 403: _STAFF, 404: _GONE, 409: _CONFLICT},
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        return _one(waiting.resume(actor=_actor(request), entry_id=entry_id))


class Accept(APIView):
    """Take the offered time: the visit moves there, or a new one is booked."""

    @extend_schema(
        operation_id="offers_accept",
        request=None,
        responses={200: AppointmentOut, 403: _STAFF, 404: _GONE, 409: _CONFLICT},
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        row = waiting.accept(actor=_actor(request), offer_id=offer_id)
        return Response(AppointmentOut(row, context={"request": request}).data)


class Decline(APIView):
    """Leave the offered time to the next in line; the wish stays."""

    @extend_schema(
        operation_id="offers_decline", request=None, responses={204: None, 403: _STAFF, 404: _GONE, 409: _CONFLICT}
    )
    def post(self, request: Request, offer_id: UUID) -> Response:
        waiting.decline(actor=_actor(request), offer_id=offer_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
