"""Paying online: the address to go to, and the provider's callback."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api.views import PROBLEM, actor_of
from billing.providers import NoProvider
from billing.services.checkouts import start_checkout, take_callback
from medisecure.kernel.errors import NotFound


class CheckoutOut(serializers.Serializer[Any]):
    checkout_id = serializers.UUIDField()
    url = serializers.CharField(help_text="The provider's page: send the payer there.")
    expires_at = serializers.DateTimeField(help_text="UTC.")


class Checkouts(APIView):
    """Begin to pay online what the patient owes. It is paid when the provider has called back, and not before."""

    @extend_schema(request=None, responses={201: CheckoutOut, **PROBLEM})
    def post(self, request: Request, invoice_id: UUID) -> Response:
        started = start_checkout(actor=actor_of(request), invoice_id=invoice_id)
        return Response(CheckoutOut(started).data, status=status.HTTP_201_CREATED)


class ProviderCallback(APIView):
    """Where the payment provider tells what became of a payment. Signed, with a time; a repeat does nothing."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        request=OpenApiTypes.BINARY,
        responses={
            204: OpenApiResponse(description="Heard, now or before."),
            400: OpenApiResponse(description="`bad-callback`: not signed, not of these minutes, or not understood."),
            404: OpenApiResponse(description="No such provider here."),
        },
    )
    def post(self, request: Request, provider: str) -> Response:
        django = request._request
        try:
            take_callback(name=provider, headers=dict(django.headers), body=django.body)
        except NoProvider:
            raise NotFound from None
        return Response(status=status.HTTP_204_NO_CONTENT)
