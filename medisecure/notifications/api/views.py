"""One's own devices and choices, for mobile apps."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from medisecure.accounts.models import User
from medisecure.notifications import push
from medisecure.notifications.choices import choices_of, choose
from medisecure.notifications.kinds import TOPICS
from medisecure.notifications.models import Channel, Device


class KeysIn(serializers.Serializer[None]):
    p256dh = serializers.CharField(max_length=120)
    auth = serializers.CharField(max_length=40)


class DeviceIn(serializers.Serializer[None]):
    platform = serializers.ChoiceField(choices=Device.Platform.values)
    address = serializers.CharField(
        max_length=4096, help_text="The token of the platform; of a browser the address of its push service."
    )
    keys = KeysIn(required=False, help_text="Of a browser: the keys of its subscription.")


class DeviceOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    platform = serializers.ChoiceField(choices=Device.Platform.values)
    created_at = serializers.DateTimeField()


class ChannelOut(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=Channel.values)
    label = serializers.CharField()  # type: ignore[assignment]
    wanted = serializers.BooleanField()
    always = serializers.BooleanField(help_text="It comes anyway: it cannot be switched off.")


class TopicOut(serializers.Serializer[Any]):
    topic = serializers.ChoiceField(choices=list(TOPICS))
    label = serializers.CharField()  # type: ignore[assignment]
    channels = ChannelOut(many=True)


class WantedIn(serializers.Serializer[None]):
    topic = serializers.ChoiceField(choices=list(TOPICS))
    channel = serializers.ChoiceField(choices=Channel.values)


class ChoicesIn(serializers.Serializer[None]):
    wanted = WantedIn(many=True)


def _user(request: Request) -> User:
    return cast(User, request.user)


class Devices(APIView):
    @extend_schema(operation_id="devices_list", responses={200: DeviceOut(many=True)})
    def get(self, request: Request) -> Response:
        """The devices on which you are told, twenty at most: the newest first."""
        return Response(DeviceOut(push.devices_of(_user(request).id), many=True).data)

    @extend_schema(request=DeviceIn, responses={201: DeviceOut, 422: OpenApiResponse(description="Not such a device")})
    def post(self, request: Request) -> Response:
        """Tell me on this device. Sent again it changes nothing; a device that was another person's becomes yours."""
        data = DeviceIn(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        keys = values.get("keys") or {}
        device_id = push.register(
            user_id=_user(request).id, platform=values["platform"], address=values["address"], **keys
        )
        return Response(DeviceOut(Device.objects.get(id=device_id)).data, status=status.HTTP_201_CREATED)


class OneDevice(APIView):
    @extend_schema(responses={204: None, 404: OpenApiResponse(description="Not one of yours")})
    def delete(self, request: Request, device_id: UUID) -> Response:
        """Do not tell me on this device any more."""
        push.unregister(user_id=_user(request).id, device_id=device_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Choices(APIView):
    @extend_schema(operation_id="message_choices", responses={200: TopicOut(many=True)})
    def get(self, request: Request) -> Response:
        """What you are told of, and by which channels."""
        return Response(TopicOut(choices_of(_user(request).id), many=True).data)

    @extend_schema(request=ChoicesIn, responses={200: TopicOut(many=True)})
    def put(self, request: Request) -> Response:
        """Name all that you want; what is not named is not wanted, but for what comes anyway."""
        data = ChoicesIn(data=request.data)
        data.is_valid(raise_exception=True)
        user = _user(request)
        choose(user_id=user.id, wanted={(row["topic"], row["channel"]) for row in data.validated_data["wanted"]})
        return Response(TopicOut(choices_of(user.id), many=True).data)
