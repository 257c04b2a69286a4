from __future__ import annotations

from typing import Any
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
from patients.models import Patient, Practitioner
from patients.record import medical_record

_PROBLEM = OpenApiResponse(description="Problem details (RFC 9457).")
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
        request=serializers.PatientIn,
        responses={201: serializers.PatientOut, 403: _PROBLEM, 422: _PROBLEM},
    )
    def post(self, request: Request) -> Response:
        form = serializers.PatientIn(data=request.data)
        form.is_valid(raise_exception=True)
        values = dict(form.validated_data)
        identity = {name: values.pop(name) for name in ("family_name", "given_names", "used_name", "birth_date", "sex")}
        card = services.register_patient(
            actor=_actor(request), identity=services.Identity(**identity), contact=services.Contact(**values)
        )
        body = serializers.PatientOut(Patient.objects.get(id=card.id)).data
        return Response(body, status=201, headers={"Location": f"/api/patients/{card.id}"})


class PatientDetail(_Private):
    """Who a patient is and how to reach them."""

    @extend_schema(
        operation_id="patients_identity", parameters=[_PURPOSE], responses={200: serializers.PatientOut, 404: _PROBLEM}
    )
    def get(self, request: Request, patient_id: UUID) -> Response:
        patient = selectors.patient_identity(
            actor=_actor(request), patient_id=patient_id, purpose=_purpose(request, default="identity")
        )
        return Response(serializers.PatientOut(patient).data)


class MyPatient(_Private):
    """The patient that I am."""

    @extend_schema(operation_id="patients_me", responses={200: serializers.PatientOut, 404: _PROBLEM})
    def get(self, request: Request) -> Response:
        actor = _actor(request)
        patient_id = cards.patient_for_user(actor.id)
        if patient_id is None:
            raise NotFound
        patient = selectors.patient_identity(actor=actor, patient_id=patient_id, purpose="self")
        return Response(serializers.PatientOut(patient).data)


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
        responses={200: serializers.MedicalRecordOut, 403: _PROBLEM, 404: _PROBLEM},
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
