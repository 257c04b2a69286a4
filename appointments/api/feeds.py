"""The secret address by which a calendar program reads one's appointments."""

from __future__ import annotations

from datetime import UTC
from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from appointments.models import CalendarFeed
from appointments.services import feeds
from medisecure.accounts.models import User

_GONE = OpenApiResponse(description="You stand for no such patient.")
_REFUSED = OpenApiResponse(description="You are no patient, or no practitioner.")


class OwnerIn(serializers.Serializer[None]):
    owner = serializers.ChoiceField(
        choices=CalendarFeed.Owner.choices, default=CalendarFeed.Owner.PATIENT, help_text="As what you read it."
    )
    patient_id = serializers.UUIDField(required=False, help_text="Of whom you stand for; yourself unless told.")


class FeedOut(serializers.Serializer[CalendarFeed]):
    owner = serializers.ChoiceField(choices=CalendarFeed.Owner.choices)
    owner_id = serializers.UUIDField(help_text="The patient's or practitioner's id.")
    created_at = serializers.DateTimeField(default_timezone=UTC)
    read_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True, help_text="To the hour.")


class MadeFeedOut(FeedOut):
    url = serializers.URLField(help_text="The address: told this once.")


def _actor(request: Request) -> User:
    # IsAuthenticated stands before every view.
    return cast(User, request.user)


def _whose(values: object) -> dict[str, Any]:
    form = OwnerIn(data=values)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


class Feed(APIView):
    @extend_schema(
        operation_id="calendar_feed",
        parameters=[
            OpenApiParameter("owner", str, enum=CalendarFeed.Owner.values),
            OpenApiParameter("patient_id", OpenApiTypes.UUID, description="Of whom you stand for, or your own."),
        ],
        responses={200: FeedOut, 204: OpenApiResponse(description="There is none."), 403: _REFUSED, 404: _GONE},
    )
    def get(self, request: Request) -> Response:
        """Your calendar's address, or that of somebody's you stand for: when it was made and last read, and not the
        address itself."""
        row = feeds.feed_of(_actor(request), **_whose(request.query_params))
        return Response(FeedOut(row).data) if row else Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="calendar_feed_make", request=OwnerIn, responses={201: MadeFeedOut, 403: _REFUSED, 404: _GONE}
    )
    def post(self, request: Request) -> Response:
        """Make an address; the one before it stops working. It is told this once."""
        row, url = feeds.make_feed(actor=_actor(request), **_whose(request.data))
        response = Response({**FeedOut(row).data, "url": url}, status=status.HTTP_201_CREATED)
        response["Cache-Control"] = "no-store"
        return response


class CloseFeed(APIView):
    """The address stops working at once."""

    @extend_schema(
        operation_id="calendar_feed_close", request=OwnerIn, responses={204: None, 403: _REFUSED, 404: _GONE}
    )
    def post(self, request: Request) -> Response:
        feeds.close_feed(actor=_actor(request), **_whose(request.data))
        return Response(status=status.HTTP_204_NO_CONTENT)
