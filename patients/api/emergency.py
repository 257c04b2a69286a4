"""Break-glass through the API."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from medisecure.accounts.models import User
from patients import services
from patients.api import serializers

_PROBLEM = OpenApiResponse(description="Problem details (RFC 9457).")


class EmergencyAccess(APIView):
    """Open a record without being in charge of the patient, and close it again."""

    @extend_schema(
        operation_id="emergency_access_open",
        request=serializers.EmergencyIn,
        responses={201: serializers.EmergencyOut, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID) -> Response:
        """For doctors and nurses. The privacy officer is told at once and asks about it; the patient is told. Asked
        again while it is open, it answers the same access."""
        form = serializers.EmergencyIn(data=request.data)
        form.is_valid(raise_exception=True)
        row = services.open_emergency(actor=cast(User, request.user), patient_id=patient_id, **form.validated_data)
        return Response(serializers.EmergencyOut(row).data, status=201)

    @extend_schema(operation_id="emergency_access_end", responses={204: None, 404: _PROBLEM})
    def delete(self, request: Request, patient_id: UUID) -> Response:
        """Close it before its time."""
        services.end_emergency(actor=cast(User, request.user), patient_id=patient_id)
        return Response(status=204)
