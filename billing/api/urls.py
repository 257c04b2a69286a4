from __future__ import annotations

from django.urls import path

from billing.api import checkouts, money, views

urlpatterns = [
    path("invoices", views.Invoices.as_view(), name="invoices-api"),
    path("invoices/<uuid:invoice_id>", views.OneInvoice.as_view(), name="invoice-api"),
    path("invoices/<uuid:invoice_id>/issue", views.Issue.as_view(), name="invoice-issue-api"),
    path("invoices/<uuid:invoice_id>/payments", views.Payments.as_view(), name="invoice-payments-api"),
    path("invoices/<uuid:invoice_id>/use-credit", money.UseCredit.as_view(), name="invoice-use-credit-api"),
    path("invoices/<uuid:invoice_id>/write-offs", money.WriteOffs.as_view(), name="invoice-write-offs-api"),
    path("invoices/<uuid:invoice_id>/checkout", checkouts.Checkouts.as_view(), name="invoice-checkout-api"),
    path("payment-callbacks/<str:provider>", checkouts.ProviderCallback.as_view(), name="payment-callback-api"),
    path("payments", money.SplitPayment.as_view(), name="payments-api"),
    path("payments/<uuid:payment_id>/refunds", money.Refunds.as_view(), name="payment-refunds-api"),
    path("invoices/<uuid:invoice_id>/credit", views.Credit.as_view(), name="invoice-credit-api"),
    path("invoices/<uuid:invoice_id>/pdf", views.Paper.as_view(), name="invoice-pdf-api"),
]
