from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = _("Patients")

    def ready(self) -> None:
        from medisecure.audit.interface import PatientDirectory, register_patient_directory
        from patients.cards import names_and_numbers, patients_by_record_number
        from patients.triggers import GUARD

        register_patient_directory(PatientDirectory(names=names_and_numbers, find=patients_by_record_number))
        GUARD.connect(self)

        from medisecure.kernel.owners import register_owner
        from patients.owning import EXPORTS, LETTERS

        register_owner(EXPORTS)
        register_owner(LETTERS)
