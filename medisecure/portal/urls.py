from __future__ import annotations

from django.urls import path

from medisecure.portal.views import (
    access,
    account,
    appointments,
    behalf,
    booking,
    calendar,
    home,
    invoices,
    links,
    record,
    waiting,
)

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
    path("appointments/<uuid:appointment_id>/earlier/", waiting.earlier, name="waiting-earlier"),
    path("waiting/", waiting.listing, name="waiting"),
    path("waiting/new/", waiting.ask, name="waiting-ask"),
    path("waiting/<uuid:entry_id>/", waiting.change, name="waiting-change"),
    path("waiting/offers/<uuid:offer_id>/", waiting.answer, name="waiting-answer"),
    path("calendar/", calendar.address, name="calendar-address"),
    path("calendar/<str:token>.ics", calendar.file, name="calendar-file"),
    path("offer/<str:token>/", links.offer, name="mail-offer"),
    path("visit/<str:token>/", links.visit, name="mail-visit"),
    path("record/", record.record, name="record"),
    path("record/documents/<uuid:document_id>/", record.document, name="document"),
    path("access/", access.listing, name="access"),
    path("invoices/", invoices.listing, name="invoices"),
    path("invoices/<uuid:invoice_id>/", invoices.detail, name="invoice"),
    path("invoices/<uuid:invoice_id>/pdf/", invoices.paper, name="invoice-pdf"),
    path("notices/", account.notices, name="notices"),
    path("for-whom/", behalf.for_whom, name="for-whom"),
    path("choices/", behalf.choices, name="choices"),
    path("profile/", account.profile, name="profile"),
    path("language/", account.set_language, name="set-language"),
]
