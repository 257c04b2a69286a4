from __future__ import annotations

from django.urls import path

from appointments.api import feeds, views, waiting

_ONE = "appointments/<uuid:appointment_id>"

urlpatterns = [
    path("appointment-types", views.Types.as_view(), name="api-appointment-types"),
    path("slots", views.Slots.as_view(), name="api-slots"),
    path("slots/next", views.NextSlots.as_view(), name="api-slots-next"),
    path("holds", views.Holds.as_view(), name="api-holds"),
    path("holds/<uuid:hold_id>", views.OneHold.as_view(), name="api-hold"),
    path("appointments", views.Appointments.as_view(), name="api-appointments"),
    path(_ONE, views.OneAppointment.as_view(), name="api-appointment"),
    path(f"{_ONE}/cancel", views.Cancel.as_view(), name="api-appointment-cancel"),
    path(f"{_ONE}/move", views.Move.as_view(), name="api-appointment-move"),
    path(f"{_ONE}/confirm", views.Confirm.as_view(), name="api-appointment-confirm"),
    path(f"{_ONE}/arrive", views.Arrive.as_view(), name="api-appointment-arrive"),
    path(f"{_ONE}/start", views.Start.as_view(), name="api-appointment-start"),
    path(f"{_ONE}/complete", views.Complete.as_view(), name="api-appointment-complete"),
    path(f"{_ONE}/no-show", views.NoShow.as_view(), name="api-appointment-no-show"),
    path("waiting-list", waiting.WaitingList.as_view(), name="api-waiting-list"),
    path("waiting-list/<uuid:entry_id>", waiting.OneWish.as_view(), name="api-waiting-wish"),
    path("waiting-list/<uuid:entry_id>/withdraw", waiting.Withdraw.as_view(), name="api-waiting-withdraw"),
    path("waiting-list/<uuid:entry_id>/resume", waiting.Resume.as_view(), name="api-waiting-resume"),
    path("offers/<uuid:offer_id>/accept", waiting.Accept.as_view(), name="api-offer-accept"),
    path("offers/<uuid:offer_id>/decline", waiting.Decline.as_view(), name="api-offer-decline"),
    path("calendar-feed", feeds.Feed.as_view(), name="api-calendar-feed"),
    path("calendar-feed/close", feeds.CloseFeed.as_view(), name="api-calendar-feed-close"),
]
