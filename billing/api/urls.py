from __future__ import annotations

from django.urls import path

from billing.api import views

urlpatterns = [
    path("invoices", views.Invoices.as_view(), name="invoices-api"),
    path("invoices/<uuid:invoice_id>", views.OneInvoice.as_view(), name="invoice-api"),
    path("invoices/<uuid:invoice_id>/issue", views.Issue.as_view(), name="invoice-issue-api"),
    path("invoices/<uuid:invoice_id>/payments", views.Payments.as_view(), name="invoice-payments-api"),
    path("invoices/<uuid:invoice_id>/credit", views.Credit.as_view(), name="invoice-credit-api"),
    path("invoices/<uuid:invoice_id>/pdf", views.Paper.as_view(), name="invoice-pdf-api"),
]
