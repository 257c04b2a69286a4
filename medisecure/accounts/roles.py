"""Roles are groups, and this table is what each may do. Django's permission is `app.codename`.

What a role may do says nothing about whose data: that is the door's question (`patients.interface.access_record`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from django.utils.translation import gettext_lazy as _


class Role(StrEnum):
    PATIENT = "patient"
    DOCTOR = "doctor"
    NURSE = "nurse"
    RECEPTIONIST = "receptionist"
    BILLING_CLERK = "billing_clerk"
    ADMINISTRATOR = "administrator"
    PRIVACY_OFFICER = "privacy_officer"


LABELS: Final = {
    Role.PATIENT: _("Patient"),
    Role.DOCTOR: _("Doctor"),
    Role.NURSE: _("Nurse"),
    Role.RECEPTIONIST: _("Receptionist"),
    Role.BILLING_CLERK: _("Billing clerk"),
    Role.ADMINISTRATOR: _("Administrator"),
    Role.PRIVACY_OFFICER: _("Privacy officer"),
}

#: Roles that work in the admin.
STAFF: Final = frozenset(Role) - {Role.PATIENT}

_CLINICAL = {
    "patients.view_patient",
    "patients.search_patient",
    "patients.view_record",
    "patients.reveal_identifier",
    "patients.view_practitioner",
    "appointments.view_appointment",
    "appointments.view_calendar",
    "appointments.manage_course",
    "appointments.manage_waiting",
    "documents.view_document",
    "documents.upload_document",
    "patients.view_unit",
    "patients.manage_stay",
    "patients.manage_consent",
    "patients.break_glass",
}

PERMISSIONS: Final[Mapping[Role, frozenset[str]]] = {
    Role.PATIENT: frozenset(),
    Role.DOCTOR: frozenset(
        _CLINICAL
        | {
            "patients.write_record",
            "appointments.book_for_others",
            "appointments.overbook",
            "documents.hold_document",
            "documents.view_imaginginstance",
            "documents.review_imaging",
            "documents.deidentify_imaging",
        }
    ),
    Role.NURSE: frozenset(_CLINICAL | {"patients.write_record"}),
    Role.RECEPTIONIST: frozenset(
        {
            "patients.view_patient",
            "patients.search_patient",
            "patients.add_patient",
            "patients.change_patient",
            "patients.reveal_identifier",
            "patients.merge_patient",
            "patients.view_practitioner",
            "appointments.view_appointment",
            "appointments.view_calendar",
            "appointments.book_for_others",
            "appointments.manage_course",
            "appointments.manage_waiting",
            "patients.view_unit",
            "patients.manage_stay",
            "patients.manage_consent",
            "patients.manage_representation",
        }
    ),
    Role.BILLING_CLERK: frozenset(
        {
            "patients.view_patient",
            "patients.search_patient",
            "patients.reveal_identifier",
            "billing.view_invoice",
            "billing.add_invoice",
            "billing.change_invoice",
            "billing.view_payment",
            "billing.view_price",
            "billing.issue_invoice",
            "billing.take_payment",
            "billing.refund_payment",
            "billing.keep_till",
            "billing.view_books",
            "billing.view_till",
            "billing.view_tillday",
            "billing.manage_dunning",
            "billing.view_reminder",
            "reports.export_list",
        }
    ),
    Role.ADMINISTRATOR: frozenset(
        {
            "accounts.view_user",
            "accounts.add_user",
            "accounts.change_user",
            "auth.view_group",
            "patients.view_practitioner",
            "patients.add_practitioner",
            "patients.change_practitioner",
            "patients.view_patient",
            "patients.search_patient",
            "patients.merge_patient",
            "appointments.view_appointment",
            "appointments.view_calendar",
            "appointments.add_calendar",
            "appointments.change_calendar",
            "billing.view_invoice",
            "billing.view_payment",
            "billing.write_off",
            "billing.view_price",
            "billing.add_price",
            "billing.view_books",
            "billing.export_books",
            "billing.view_till",
            "billing.add_till",
            "billing.change_till",
            "billing.view_tillday",
            "billing.view_reminder",
            "notifications.view_message",
            "ops.view_deadletter",
            "ops.manage_deadletter",
            "ops.view_scheduledjob",
            "ops.change_scheduledjob",
            "patients.view_unit",
            "patients.add_unit",
            "patients.change_unit",
            "reports.ask_report",
            "reports.ask_audit_report",
            "reports.export_list",
        }
    ),
    Role.PRIVACY_OFFICER: frozenset(
        {
            "audit.view_accessentry",
            "patients.view_patient",
            "patients.search_patient",
            "patients.view_emergencyaccess",
            "patients.review_emergency",
            "patients.manage_consent",
            "patients.decide_erasure",
            "patients.view_erasurerequest",
            "reports.ask_audit_report",
            "reports.export_list",
        }
    ),
}


def sync_roles(apps: Any = None, using: str = "default", *, strict: bool = True) -> None:
    """Make each group hold exactly the permissions of the table. Idempotent.

    Raises LookupError naming a permission that no model declares: a typing error here must not pass for a rule. Not
    `strict`, it leaves such a one out: in the middle of the migrations a later one may declare it.
    """
    if apps is None:
        from django.apps import apps as real_apps

        apps = real_apps
    group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    known = {
        f"{row.content_type.app_label}.{row.codename}": row
        for row in permission_model.objects.using(using).select_related("content_type")
    }
    for role, names in PERMISSIONS.items():
        if strict and (missing := names - known.keys()):
            raise LookupError(f"role {role}: no such permission: {', '.join(sorted(missing))}")
        group, _created = group_model.objects.using(using).get_or_create(name=role.value)
        wanted = {known[name].pk for name in names if name in known}
        if wanted != set(group.permissions.values_list("pk", flat=True)):
            group.permissions.set(wanted)
