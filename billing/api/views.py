from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import papers, selectors, services
from billing.api.serializers import (
    CreditIn,
    InvoiceDetailOut,
    InvoiceOut,
    InvoiceQuery,
    PaymentIn,
    PaymentOut,
)
from billing.models import Invoice
from medisecure.accounts.models import User
from medisecure.kernel.errors import PdfNotReady
from medisecure.kernel.ids import new_id
from medisecure.paging import Pages

#: Seconds after which asking again for a paper in the making is worth it.
RETRY_AFTER = 2

PROBLEM = {
    404: OpenApiResponse(description="No such invoice, or out of your sight."),
    403: OpenApiResponse(description="Your role does not allow it."),
    409: OpenApiResponse(description="The invoice's state does not allow it."),
}


def actor_of(request: Request) -> User:
    return cast(User, request.user)


def detail_of(invoice: Invoice) -> dict[str, Any]:
    found = Invoice.objects.prefetch_related("items", "shares", "allocations__payment").get(id=invoice.id)
    return dict(InvoiceDetailOut(found).data)


class Invoices(APIView):
    """Invoices and credit notes, newest first: a patient's own, or everyone's for billing."""

    @extend_schema(
        operation_id="invoices_list",
        parameters=[
            InvoiceQuery,
            OpenApiParameter("page", int, description="From 1."),
            OpenApiParameter("page_size", int, description="At most 200."),
        ],
        responses=InvoiceOut(many=True),
    )
    def get(self, request: Request) -> Response:
        # A plain mapping, because an empty `?patient=` of a form would pass for no filter at all.
        asked = request.query_params
        query = InvoiceQuery(data={name: asked.getlist(name) if name == "status" else asked[name] for name in asked})
        query.is_valid(raise_exception=True)
        rows = selectors.open_list(
            actor=actor_of(request),
            patient_id=query.validated_data.get("patient"),
            statuses=tuple(sorted(query.validated_data.get("status", ()))),
        )
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(InvoiceOut(page, many=True).data)


class OneInvoice(APIView):
    """One invoice with its lines and payments."""

    @extend_schema(operation_id="invoices_retrieve", responses={200: InvoiceDetailOut, 404: PROBLEM[404]})
    def get(self, request: Request, invoice_id: UUID) -> Response:
        return Response(detail_of(selectors.open_invoice(actor=actor_of(request), invoice_id=invoice_id)))


class Issue(APIView):
    """Give a draft its number and freeze it. It gets its PDF in the background."""

    @extend_schema(
        request=None,
        responses={200: InvoiceDetailOut, **PROBLEM, 422: OpenApiResponse(description="It has no line.")},
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        return Response(detail_of(services.issue_invoice(actor=actor_of(request), invoice_id=invoice_id)))


class Payments(APIView):
    """Record money received. With an `Idempotency-Key` a repeat answers 200 with the same payment."""

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="Your own mark of this payment, at most 100 characters.",
            )
        ],
        request=PaymentIn,
        responses={
            201: PaymentOut,
            200: PaymentOut,
            **PROBLEM,
            422: OpenApiResponse(description="More than is owed, or the key belongs to another payment."),
        },
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        form = PaymentIn(data=request.data)
        form.is_valid(raise_exception=True)
        recorded = services.record_payment(
            actor=actor_of(request),
            invoice_id=invoice_id,
            idempotency_key=request.headers.get("Idempotency-Key") or str(new_id()),
            **form.validated_data,
        )
        code = status.HTTP_201_CREATED if recorded.created else status.HTTP_200_OK
        return Response(PaymentOut(recorded.payment).data, status=code)


class Credit(APIView):
    """Cancel an issued invoice by a credit note over its whole amount; answers with the credit note."""

    @extend_schema(request=CreditIn, responses={201: InvoiceDetailOut, **PROBLEM})
    def post(self, request: Request, invoice_id: UUID) -> Response:
        form = CreditIn(data=request.data)
        form.is_valid(raise_exception=True)
        note = services.credit(actor=actor_of(request), invoice_id=invoice_id, reason=form.validated_data["reason"])
        return Response(detail_of(note), status=status.HTTP_201_CREATED)


class Paper(APIView):
    """The PDF: leads to an address that serves it for five minutes."""

    @extend_schema(
        responses={
            302: OpenApiResponse(description="`Location` is the PDF's address, valid for 300 seconds."),
            404: PROBLEM[404],
            409: OpenApiResponse(description="`pdf-not-ready`: ask again after `Retry-After` seconds."),
        }
    )
    def get(self, request: Request, invoice_id: UUID) -> Response:
        url = papers.pdf_url(actor=actor_of(request), invoice_id=invoice_id)
        return Response(status=status.HTTP_302_FOUND, headers={"Location": url})

    def handle_exception(self, exc: Exception) -> Response:
        response: Response = super().handle_exception(exc)
        if isinstance(exc, PdfNotReady):
            response["Retry-After"] = str(RETRY_AFTER)
        return response
