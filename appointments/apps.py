from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AppointmentsConfig(AppConfig):
    name = "appointments"
    verbose_name = _("Appointments")

    def ready(self) -> None:
        from appointments.panel import attendance
        from appointments.triggers import GUARD
        from patients.interface import register_patient_panel

        GUARD.connect(self)
        register_patient_panel("attendance", attendance)

        from appointments.messages import visit_claim_holds
        from medisecure.notifications.interface import register_claim

        register_claim("appointment", visit_claim_holds)
