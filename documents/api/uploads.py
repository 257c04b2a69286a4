"""Large files, in parts that go straight to the storage."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from documents import services
from documents.api import serializers
from documents.api.views import GONE, REFUSED, actor, purpose
from medisecure.browser import BrowserAuthentication

_OVER = OpenApiResponse(description="`upload-over`")


def _answer(line: services.UploadLine, code: int = status.HTTP_200_OK, **headers: str) -> Response:
    return Response(serializers.UploadOut(asdict(line)).data, status=code, headers=headers)


class _Uploads(APIView):
    """For apps, and for the pages of portal and admin, whose script asks the same questions."""

    authentication_classes = (*APIView.authentication_classes, BrowserAuthentication)


class PatientUploads(_Uploads):
    @extend_schema(
        operation_id="patient_upload_begin",
        request=serializers.BeginUploadIn,
        responses={
            201: serializers.UploadOut,
            403: REFUSED,
            404: GONE,
            409: OpenApiResponse(description="Too many unfinished ones, or `stale`."),
            413: OpenApiResponse(description="`too-large`"),
            422: OpenApiResponse(description="Problem details with the fields that are not valid."),
        },
    )
    def post(self, request: Request, patient_id: UUID) -> Response:
        """Begin to add a large file, or go on: the answer lists the parts that have arrived."""
        form = serializers.BeginUploadIn(data=request.data)
        form.is_valid(raise_exception=True)
        values: dict[str, Any] = form.validated_data
        file = services.FileFacts(
            values.pop("name"), values.pop("size"), values.pop("last_modified"), values.pop("content_type", "")
        )
        user = actor(request)
        line = services.begin_upload(
            actor=user,
            patient_id=patient_id,
            entry=services.Entry(**values),
            file=file,
            purpose=purpose(user, patient_id),
        )
        return _answer(line, status.HTTP_201_CREATED, Location=reverse("api-upload", args=[line.id], request=request))


class UploadDetail(_Uploads):
    @extend_schema(operation_id="upload", responses={200: serializers.UploadOut, 404: GONE})
    def get(self, request: Request, upload_id: UUID) -> Response:
        """How far it is: its parts, then whether it is in the record or was refused, and why."""
        return _answer(services.find_upload(actor=actor(request), upload_id=upload_id))

    @extend_schema(operation_id="upload_cancel", responses={204: None, 404: GONE, 409: _OVER})
    def delete(self, request: Request, upload_id: UUID) -> Response:
        """Give it up. What has arrived is deleted."""
        services.cancel_upload(actor=actor(request), upload_id=upload_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class UploadParts(_Uploads):
    @extend_schema(
        operation_id="upload_parts",
        request=serializers.PartsIn,
        responses={200: serializers.PartsOut, 403: REFUSED, 404: GONE, 409: _OVER},
    )
    def post(self, request: Request, upload_id: UUID) -> Response:
        """Addresses for these parts, each signed for its bytes, for 15 minutes."""
        form = serializers.PartsIn(data=request.data)
        form.is_valid(raise_exception=True)
        found = services.sign_parts(actor=actor(request), upload_id=upload_id, numbers=form.validated_data["numbers"])
        response = Response(serializers.PartsOut({"parts": [asdict(part) for part in found]}).data)
        response["Cache-Control"] = "private, no-store"
        return response


class UploadComplete(_Uploads):
    @extend_schema(
        operation_id="upload_complete",
        request=None,
        responses={
            202: serializers.UploadOut,
            403: REFUSED,
            404: GONE,
            409: OpenApiResponse(description="`upload-incomplete` with the numbers `missing`, or `upload-over`."),
            422: OpenApiResponse(description="The content is of a type that is not taken."),
        },
    )
    def post(self, request: Request, upload_id: UUID) -> Response:
        """All parts are there. The file is checked in the background: ask for the upload until it is `done`."""
        return _answer(services.complete_upload(actor=actor(request), upload_id=upload_id), status.HTTP_202_ACCEPTED)
