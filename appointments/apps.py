from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AppointmentsConfig(AppConfig):
    name = "appointments"
    verbose_name = _("Appointments")

    def ready(self) -> None:
        from appointments.messages import true_offer_claims, true_visit_claims
        from appointments.panel import attendance, booking
        from appointments.triggers import GUARD
        from medisecure.notifications.interface import register_claim
        from patients.interface import register_patient_panel

        GUARD.connect(self)
        register_patient_panel("booking", booking)
        register_patient_panel("attendance", attendance)
        register_claim("appointment", true_visit_claims)
        register_claim("offer", true_offer_claims)

        from appointments.erasing import HOLDER
        from appointments.exporting import SECTION
        from patients.interface import register_data_holder, register_export_section

        register_export_section("appointments", SECTION)
        register_data_holder("appointments", HOLDER)
        from appointments.services.merging import MERGE_PART
        from patients.interface import register_merge_part

        register_merge_part(MERGE_PART)
