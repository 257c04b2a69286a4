from __future__ import annotations

from appointments.admin.appointments import AppointmentAdmin
from appointments.admin.calendars import AppointmentTypeAdmin, CalendarAdmin, LeaveAdmin, ResourceAdmin
from appointments.admin.feeds import CalendarFeedAdmin
from appointments.admin.screens import WaitingScreenAdmin
from appointments.admin.waiting_list import WaitingEntryAdmin

__all__ = [
    "AppointmentAdmin",
    "AppointmentTypeAdmin",
    "CalendarAdmin",
    "CalendarFeedAdmin",
    "LeaveAdmin",
    "ResourceAdmin",
    "WaitingEntryAdmin",
    "WaitingScreenAdmin",
]
