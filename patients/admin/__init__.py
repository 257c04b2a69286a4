"""Staff's pages for patients and practitioners."""

from __future__ import annotations

from patients.admin.patients import PatientAdmin
from patients.admin.practitioners import PractitionerAdmin

__all__ = ["PatientAdmin", "PractitionerAdmin"]
