from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from medisecure.accounts.models import User
from medisecure.kernel.errors import Invalid, NotFound
from patients import cards, rules, selectors, services
from patients.api import serializers
from patients.api.incoming import DETAILS, changed, chosen, details_of
from patients.listing import BoundedPages
from patients.models import Patient, Practitioner
from patients.record import medical_record
from patients.sheets import sheet_of

LONGEST_KEY: Final = 200
_PROBLEM = OpenApiResponse(description="Problem details (RFC 9457).")
_MERGED = OpenApiResponse(description="The file was merged: `Location`, and `merged_into` in the body.")
#: Why a record is read. It goes into the access log; a reader who gives none reads for care.
_PURPOSES = ("care", "identity", "billing", "self", "operations")
_PURPOSE = OpenApiParameter("purpose", str, enum=_PURPOSES, description="Why: goes into the access log.")


def _actor(request: Request) -> User:
    user = request.user
    if not isinstance(user, User):  # every view here asks for a sign-in
        raise NotFound
    return user


def _purpose(request: Request, *, default: str = "care") -> str:
    asked = request.query_params.get("purpose", default)
    if asked not in _PURPOSES:
        raise Invalid({"purpose": [_("Choose one of: %(choices)s.") % {"choices": ", ".join(_PURPOSES)}]})
    return asked


def _key(request: Request) -> str:
    key = str(request.headers.get("Idempotency-Key", ""))
    if len(key) > LONGEST_KEY:
        raise Invalid({"Idempotency-Key": [_("At most %(count)d characters.") % {"count": LONGEST_KEY}]})
    return key


def _sheet(patient_id: UUID) -> dict[str, Any]:
    """The whole answer about a patient. The door was passed."""
    patient: Any = Patient.objects.select_related("primary_practitioner").get(id=patient_id)
    patient.sheet = sheet_of(patient)
    return dict(serializers.PatientSheetOut(patient).data)


class _Private(APIView):
    """Answers about a person are kept by no cache on the way."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        add_never_cache_headers(response)
        return response


class Patients(_Private, GenericAPIView[Patient]):
    """Search patients, or register one."""

    queryset = Patient.objects.none()
    serializer_class = serializers.PatientLine
    pagination_class = BoundedPages

    @extend_schema(
        operation_id="patients_search",
        parameters=[
            OpenApiParameter(
                "q",
                str,
                description=(
                    "Beginnings of names in any order, without case and accents; a birth date; the beginning of a "
                    f"phone number; a record number. {rules.SHORTEST_SEARCH} to {rules.LONGEST_SEARCH} characters; the "
                    f"best {rules.MOST_FOUND} at most. All patients in sight when empty."
                ),
            )
        ],
        responses={200: serializers.PatientLine(many=True), 403: _PROBLEM, 422: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        actor = _actor(request)
        rows = selectors.search_patients(actor, request.query_params.get("q", ""))
        page: list[Patient] = self.paginate_queryset(rows) or []
        found: int = self.paginator.page.paginator.count  # type: ignore[union-attr]
        selectors.audit_search(actor, found=found)
        return self.get_paginated_response(serializers.PatientLine(page, many=True).data)

    @extend_schema(
        operation_id="patients_register",
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                description="Of your own making: the same one with the same person registers once.",
            )
        ],
        request=serializers.PatientIn,
        responses={201: serializers.PatientSheetOut, 403: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request) -> Response:
        form = serializers.PatientIn(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        card = services.register_patient(
            actor=_actor(request),
            identity=services.Identity(**chosen(values, services.Identity)),
            contact=services.Contact(**chosen(values, services.Contact)),
            details=details_of(values),
            key=_key(request),
            confirm_new=values["confirm_new"],
        )
        return Response(_sheet(card.id), status=201, headers={"Location": f"/api/patients/{card.id}"})


class PatientDetail(_Private):
    """Who a patient is, how to reach them, and what belongs to their identity."""

    @extend_schema(
        operation_id="patients_identity",
        parameters=[_PURPOSE],
        responses={200: serializers.PatientSheetOut, 301: _MERGED, 404: _PROBLEM},
    )
    def get(self, request: Request, patient_id: UUID) -> Response:
        selectors.patient_identity(
            actor=_actor(request), patient_id=patient_id, purpose=_purpose(request, default="identity")
        )
        return Response(_sheet(patient_id))

    @extend_schema(
        operation_id="patients_change",
        request=serializers.PatientChangeIn,
        responses={200: serializers.PatientSheetOut, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def patch(self, request: Request, patient_id: UUID) -> Response:
        actor = _actor(request)
        form = serializers.PatientChangeIn(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        # What is not sent is what is there: read behind the door, and written only if it is still there then.
        patient = selectors.patient_identity(actor=actor, patient_id=patient_id, purpose="identity")
        identity, contact = (changed(patient, values, kind) for kind in (services.Identity, services.Contact))
        services.save_patient(
            actor=actor,
            patient_id=patient_id,
            version=values["version"],
            identity=services.Identity(**identity) if identity else None,
            contact=services.Contact(**contact) if contact else None,
            details=details_of(values) if values.keys() & DETAILS else None,
        )
        return Response(_sheet(patient_id))


class Verification(_Private):
    """A document was seen that says who the patient is."""

    @extend_schema(
        operation_id="patients_verify",
        request=serializers.VerifyIn,
        responses={200: serializers.PatientSheetOut, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID) -> Response:
        form = serializers.VerifyIn(data=request.data)
        form.is_valid(raise_exception=True)
        services.verify_identity(actor=_actor(request), patient_id=patient_id, **form.validated_data)
        return Response(_sheet(patient_id))


class Withdrawal(_Private):
    """The identity is provisional again."""

    @extend_schema(
        operation_id="patients_withdraw_verification",
        request=serializers.UnverifyIn,
        responses={200: serializers.PatientSheetOut, 403: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID) -> Response:
        form = serializers.UnverifyIn(data=request.data)
        form.is_valid(raise_exception=True)
        services.withdraw_verification(actor=_actor(request), patient_id=patient_id, **form.validated_data)
        return Response(_sheet(patient_id))


class Reveal(_Private):
    """A whole number, after an entry in the access log. By POST: no address, log or cache on the way keeps it."""

    @extend_schema(
        operation_id="patients_reveal",
        request=serializers.RevealIn,
        responses={200: serializers.RevealOut, 403: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID) -> Response:
        form = serializers.RevealIn(data=request.data)
        form.is_valid(raise_exception=True)
        values, actor = form.validated_data, _actor(request)
        if len(values) != 1:
            raise Invalid({"identifier_id": [_("Send either identifier_id or insurer_id.")]})
        if "identifier_id" in values:
            value = services.reveal_identifier(actor=actor, patient_id=patient_id, **values)
        else:
            value = services.reveal_member_number(actor=actor, patient_id=patient_id, coverage_id=values["insurer_id"])
        return Response({"value": value})


class MyPatient(_Private):
    """The patient that I am."""

    @extend_schema(operation_id="patients_me", responses={200: serializers.PatientSheetOut, 404: _PROBLEM})
    def get(self, request: Request) -> Response:
        actor = _actor(request)
        patient_id = cards.patient_for_user(actor.id)
        if patient_id is None:
            raise NotFound
        selectors.patient_identity(actor=actor, patient_id=patient_id, purpose="self")
        return Response(_sheet(patient_id))


class MedicalRecord(_Private):
    """The whole record: for the patient, and for those who treat them now."""

    @extend_schema(
        operation_id="patients_medical_record",
        parameters=[
            _PURPOSE,
            OpenApiParameter(
                "X-Cache",
                str,
                OpenApiParameter.HEADER,
                enum=("hit", "miss"),
                response=[200],
                description="Whether the answer was kept since an earlier reading.",
            ),
        ],
        responses={200: serializers.MedicalRecordOut, 301: _MERGED, 403: _PROBLEM, 404: _PROBLEM},
    )
    def get(self, request: Request, patient_id: UUID) -> Response:
        record, kept = medical_record(actor=_actor(request), patient_id=patient_id, purpose=_purpose(request))
        return Response(record, headers={"X-Cache": "hit" if kept else "miss"})


class Practitioners(GenericAPIView[Practitioner]):
    """Those who practise here, by name."""

    queryset = Practitioner.objects.filter(active=True)
    serializer_class = serializers.PractitionerOut

    def get_queryset(self) -> QuerySet[Practitioner]:
        rows = super().get_queryset()
        specialty = self.request.query_params.get("specialty", "")
        return rows.filter(specialty=specialty) if specialty else rows

    @extend_schema(
        operation_id="practitioners_list",
        parameters=[OpenApiParameter("specialty", str, description="Code of a specialty.")],
        responses={200: serializers.PractitionerOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        page: list[Practitioner] = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(serializers.PractitionerOut(page, many=True).data)
