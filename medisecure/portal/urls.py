from __future__ import annotations

from django.urls import path

from medisecure.portal.views import access, account, appointments, booking, home, invoices, links, record

urlpatterns = [
    path("", home.home, name="home"),
    path("book/", booking.choose, name="book"),
    path("book/confirm/", booking.confirm, name="book-confirm"),
    path("book/done/<uuid:appointment_id>/", booking.booked, name="booked"),
    path("appointments/", appointments.listing, name="appointments"),
    path("appointments/<uuid:appointment_id>/", appointments.detail, name="appointment"),
    path("appointments/<uuid:appointment_id>/confirm/", appointments.confirm, name="appointment-confirm"),
    path("appointments/<uuid:appointment_id>/cancel/", appointments.cancel, name="appointment-cancel"),
    path("appointments/<uuid:appointment_id>/calendar.ics", appointments.calendar_file, name="appointment-ics"),
    path("visit/<str:token>/", links.visit, name="mail-visit"),
    path("record/", record.record, name="record"),
    path("record/documents/<uuid:document_id>/", record.document, name="document"),
    path("access/", access.listing, name="access"),
    path("invoices/", invoices.listing, name="invoices"),
    path("invoices/<uuid:invoice_id>/", invoices.detail, name="invoice"),
    path("invoices/<uuid:invoice_id>/pdf/", invoices.paper, name="invoice-pdf"),
    path("notices/", account.notices, name="notices"),
    path("profile/", account.profile, name="profile"),
    path("language/", account.set_language, name="set-language"),
]
