from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from documents import rules, selectors, services, store
from documents.api import serializers
from medisecure.accounts.models import User
from medisecure.kernel import clock, objects
from medisecure.paging import Pages
from patients.interface import side_of

GONE = OpenApiResponse(description="Not there, or out of your sight.")
REFUSED = OpenApiResponse(description="You may know who the patient is, but not open or add to their record.")
#: What the fields and boundaries of a form may add to the file.
_FORM_BYTES: Final = 64 * 1024


def actor(request: Request) -> User:
    # IsAuthenticated stands before every view.
    return cast(User, request.user)


def purpose(user: User, patient_id: UUID) -> str:
    """What the log says it was for: oneself, somebody one stands for, or care."""
    stand = side_of(user, patient_id)
    return stand.purpose if stand else "care"


class PatientDocuments(APIView):
    """A patient's documents."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        operation_id="patient_documents",
        parameters=[OpenApiParameter("page", int), OpenApiParameter("page_size", int)],
        responses={200: serializers.PagedDocuments, 403: REFUSED, 404: GONE},
    )
    def get(self, request: Request, patient_id: UUID) -> Response:
        """The documents of a patient, newest first, without their bytes."""
        rows = selectors.list_documents(actor=actor(request), patient_id=patient_id)
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response(
            serializers.DocumentOut([asdict(selectors.line(row)) for row in page], many=True).data
        )

    @extend_schema(
        operation_id="patient_document_add",
        request={"multipart/form-data": serializers.UploadIn},
        responses={
            201: serializers.DocumentOut,
            403: REFUSED,
            404: GONE,
            409: OpenApiResponse(description="`stale`: what it replaces has a newer version."),
            413: OpenApiResponse(description="`too-large`"),
            422: OpenApiResponse(description="Problem details with the fields that are not valid."),
        },
    )
    def post(self, request: Request, patient_id: UUID) -> Response:
        """Add a document to a patient's record, of up to 100 MB: larger ones go by `uploads`. The patient is told,
        without a word about what it is."""
        # Before the body is read: request.data stores it.
        if int(request.META.get("CONTENT_LENGTH") or 0) > rules.MAX_BYTES + _FORM_BYTES:
            raise store.too_large()
        form = serializers.UploadIn(data=request.data)
        form.is_valid(raise_exception=True)
        values: dict[str, Any] = form.validated_data
        row = services.upload_document(
            actor=actor(request), patient_id=patient_id, purpose=purpose(actor(request), patient_id), **values
        )
        return Response(
            serializers.DocumentOut(asdict(selectors.line(row))).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("api-document", args=[row.id], request=request)},
        )


class DocumentDetail(APIView):
    @extend_schema(
        operation_id="document",
        responses={
            200: serializers.DocumentWithUrlOut,
            403: REFUSED,
            404: GONE,
            409: OpenApiResponse(description="`quarantined`: the malware scanner has not looked at it yet."),
        },
    )
    def get(self, request: Request, document_id: UUID) -> Response:
        """One document, with an address that serves its bytes for five minutes. Counts as a download in the log."""
        row = selectors.open_document(actor=actor(request), document_id=document_id)
        body = asdict(selectors.line(row)) | {
            "url": selectors.signed_url(row),
            "url_expires_at": clock.now() + timedelta(seconds=objects.SIGNED_SECONDS),
        }
        response = Response(serializers.DocumentWithUrlOut(body).data)
        response["Cache-Control"] = "private, no-store"
        return response
