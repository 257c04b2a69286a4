from __future__ import annotations

from appointments.admin.appointments import AppointmentAdmin
from appointments.admin.calendars import AppointmentTypeAdmin, CalendarAdmin, LeaveAdmin, ResourceAdmin
from appointments.admin.screens import WaitingScreenAdmin

__all__ = [
    "AppointmentAdmin",
    "AppointmentTypeAdmin",
    "CalendarAdmin",
    "LeaveAdmin",
    "ResourceAdmin",
    "WaitingScreenAdmin",
]
