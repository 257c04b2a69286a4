from __future__ import annotations

from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.models import update_last_login
from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from medisecure.accounts import tokens
from medisecure.accounts.errors import BadCredentials, OtpRequired, TooManySignIns
from medisecure.accounts.interface import Role, roles_of
from medisecure.accounts.models import User


class Credentials(serializers.Serializer[None]):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)
    otp = serializers.CharField(
        max_length=16, required=False, help_text="One-time code, when the account has a second factor."
    )


class TokenPair(serializers.Serializer[None]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class RefreshIn(serializers.Serializer[None]):
    refresh = serializers.CharField(max_length=4000)


class MeOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    full_name = serializers.CharField()
    language = serializers.CharField()
    roles = serializers.ListField(child=serializers.ChoiceField(choices=[role.value for role in Role]))


class _PublicView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class ObtainToken(_PublicView):
    """Sign in. Failures count per address and per account, together with those of the portal's own form."""

    @extend_schema(
        request=Credentials, responses={200: TokenPair, 401: OpenApiResponse(description="Wrong credentials")}, auth=[]
    )
    def post(self, request: Request) -> Response:
        form = Credentials(data=request.data)
        form.is_valid(raise_exception=True)
        email = form.validated_data["email"].lower()
        try:
            # The counters of failed sign-ins are in the cache: without them nobody is let in.
            user = tokens.ask_cache(
                lambda: get_adapter().authenticate(
                    request._request, email=email, password=form.validated_data["password"]
                )
            )
        except ValidationError as error:
            raise TooManySignIns from error
        if user is None or not user.is_active:
            raise BadCredentials
        # A code that was used is remembered there too.
        tokens.ask_cache(lambda: _check_second_factor(user, form.validated_data.get("otp", "")))
        update_last_login(User, user)
        refresh = tokens.open_session(user)
        return Response({"access": str(refresh.access_token), "refresh": str(refresh)})


def _check_second_factor(user: User, code: str) -> None:
    factors = [row for row in Authenticator.objects.filter(user=user) if row.type in ("totp", "recovery_codes")]
    if is_mfa_enabled(user):
        if not code or not any(row.wrap().validate_code(code) for row in factors):
            raise OtpRequired
    elif user.is_staff and settings.STAFF_MFA_REQUIRED:
        raise OtpRequired


class RefreshTokens(_PublicView):
    """Exchange a refresh token for a new pair; the one sent is used up."""

    @extend_schema(request=RefreshIn, responses={200: TokenPair}, auth=[])
    def post(self, request: Request) -> Response:
        form = RefreshIn(data=request.data)
        form.is_valid(raise_exception=True)
        refresh = tokens.rotate(form.validated_data["refresh"])
        return Response({"access": str(refresh.access_token), "refresh": str(refresh)})


class RevokeToken(_PublicView):
    """Sign out: close the session of a refresh token, on every device that has a copy of it."""

    @extend_schema(request=RefreshIn, responses={204: None}, auth=[])
    def post(self, request: Request) -> Response:
        form = RefreshIn(data=request.data)
        form.is_valid(raise_exception=True)
        tokens.revoke(form.validated_data["refresh"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class Me(APIView):
    """The account that the token belongs to."""

    @extend_schema(responses=MeOut)
    def get(self, request: Request) -> Response:
        user = cast(User, request.user)
        body = {
            "id": user.id,
            "email": user.email,
            "full_name": user.full_name,
            "language": user.language,
            "roles": sorted(roles_of(user)),
        }
        return Response(MeOut(body).data)
