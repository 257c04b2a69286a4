"""Staff's pages for patients and practitioners."""

from __future__ import annotations

from patients.admin.emergencies import EmergencyAdmin
from patients.admin.patients import PatientAdmin
from patients.admin.practitioners import PractitionerAdmin
from patients.admin.rights import ErasureRequestAdmin
from patients.admin.units import UnitAdmin

__all__ = ["EmergencyAdmin", "ErasureRequestAdmin", "PatientAdmin", "PractitionerAdmin", "UnitAdmin"]
