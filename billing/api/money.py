"""Money of several invoices at once, credit, refunds and write-offs."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import services
from billing.api.serializers import (
    CreditUseIn,
    InvoiceDetailOut,
    PaymentOut,
    RefundIn,
    RefundOut,
    SplitPaymentIn,
    WriteOffIn,
    WriteOffOut,
)
from billing.api.views import PROBLEM, actor_of, detail_of
from medisecure.kernel.ids import new_id

KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Your own mark, at most 100 characters: a repeat does nothing more.",
)
_ANSWERS = {**PROBLEM, 422: OpenApiResponse(description="More than there is, or the key belongs to another one.")}


def _key(request: Request) -> str:
    return request.headers.get("Idempotency-Key") or str(new_id())


class SplitPayment(APIView):
    """Record one sum that pays several invoices. What is left stays the patient's credit when `keep_rest` says so."""

    @extend_schema(parameters=[KEY], request=SplitPaymentIn, responses={201: PaymentOut, 200: PaymentOut, **_ANSWERS})
    def post(self, request: Request) -> Response:
        form = SplitPaymentIn(data=request.data)
        form.is_valid(raise_exception=True)
        values = dict(form.validated_data)
        parts = [services.Part(part["invoice_id"], part["amount_cents"]) for part in values.pop("parts")]
        recorded = services.record_split_payment(
            actor=actor_of(request), parts=parts, idempotency_key=_key(request), **values
        )
        code = status.HTTP_201_CREATED if recorded.created else status.HTTP_200_OK
        return Response(PaymentOut(recorded.payment).data, status=code)


class UseCredit(APIView):
    """Pay an invoice from its payer's credit, the oldest money first."""

    @extend_schema(parameters=[KEY], request=CreditUseIn, responses={200: InvoiceDetailOut, **_ANSWERS})
    def post(self, request: Request, invoice_id: UUID) -> Response:
        form = CreditUseIn(data=request.data)
        form.is_valid(raise_exception=True)
        invoice = services.apply_credit(
            actor=actor_of(request), invoice_id=invoice_id, idempotency_key=_key(request), **form.validated_data
        )
        return Response(detail_of(invoice))


class Refunds(APIView):
    """Give money back of a payment: what is left of it, or what it has paid of an invoice."""

    @extend_schema(parameters=[KEY], request=RefundIn, responses={201: RefundOut, **_ANSWERS})
    def post(self, request: Request, payment_id: UUID) -> Response:
        form = RefundIn(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.refund(
            actor=actor_of(request), payment_id=payment_id, idempotency_key=_key(request), **form.validated_data
        )
        return Response(RefundOut(made).data, status=status.HTTP_201_CREATED)


class WriteOffs(APIView):
    """Give up what a payer still owes, or a part of it."""

    @extend_schema(parameters=[KEY], request=WriteOffIn, responses={201: WriteOffOut, **_ANSWERS})
    def post(self, request: Request, invoice_id: UUID) -> Response:
        form = WriteOffIn(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.write_off(
            actor=actor_of(request), invoice_id=invoice_id, idempotency_key=_key(request), **form.validated_data
        )
        return Response(WriteOffOut(made).data, status=status.HTTP_201_CREATED)
