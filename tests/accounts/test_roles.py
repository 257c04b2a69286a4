from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group, Permission

from medisecure.accounts.interface import Role, create_user, has_role, roles_of
from medisecure.accounts.models import User
from medisecure.accounts.roles import PERMISSIONS, sync_roles
from medisecure.kernel.errors import Invalid

pytestmark = pytest.mark.django_db


def test_migrations_make_each_role_a_group_with_its_permissions() -> None:
    for role, names in PERMISSIONS.items():
        group = Group.objects.get(name=role.value)
        held = {f"{app}.{code}" for app, code in group.permissions.values_list("content_type__app_label", "codename")}
        assert held == names, role


def test_a_permission_added_by_hand_is_taken_back_and_a_missing_one_given() -> None:
    group = Group.objects.get(name="patient")
    group.permissions.add(Permission.objects.get(codename="view_user"))
    Group.objects.get(name="doctor").permissions.clear()
    sync_roles()
    assert not group.permissions.exists()
    assert Group.objects.get(name="doctor").permissions.count() == len(PERMISSIONS[Role.DOCTOR])


def test_a_misspelt_permission_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medisecure.accounts.roles.PERMISSIONS", {Role.PATIENT: frozenset({"patients.vew_patient"})})
    with pytest.raises(LookupError, match="vew_patient"):
        sync_roles()


def test_only_staff_roles_enter_the_admin(asha: User, dr_bose: User) -> None:
    assert (asha.is_staff, dr_bose.is_staff) == (False, True)
    assert roles_of(dr_bose) == {Role.DOCTOR}
    assert has_role(dr_bose, Role.NURSE, Role.DOCTOR)


def test_a_doctor_may_not_issue_invoices_and_a_clerk_may_not_read_records(dr_bose: User, carol: User) -> None:
    assert not dr_bose.has_perm("billing.issue_invoice")
    assert carol.has_perm("billing.issue_invoice")
    assert not carol.has_perm("patients.view_record")


@pytest.mark.parametrize("email", ["", "no-at", "a@", "x" * 250 + "@example.org"])
def test_a_malformed_address_is_a_field_error(email: str) -> None:
    with pytest.raises(Invalid) as refused:
        create_user(email=email, full_name="X", role=Role.PATIENT)
    assert "email" in refused.value.errors


def test_one_address_has_one_account_whatever_its_case(asha: User) -> None:
    with pytest.raises(Invalid):
        create_user(email="RAO@example.org", full_name="X", role=Role.PATIENT)


def test_a_weak_password_is_a_field_error() -> None:
    with pytest.raises(Invalid) as refused:
        create_user(email="x@example.org", full_name="X", role=Role.PATIENT, password="short")
    assert "password" in refused.value.errors


def test_the_migration_alone_makes_the_roles() -> None:
    """Without the hook that runs after migrations, on the state that the migrations have reached: what models of later
    migrations declare is not there yet, and is all that may be missing."""
    from importlib import import_module

    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    # The newest: the first one knows only what was declared before it.
    migration = import_module("medisecure.ops.migrations.0002_roles")
    state = MigrationLoader(connection).project_state(("ops", "0002_roles"))
    Group.objects.all().delete()
    Permission.objects.all().delete()

    migration.make_roles(state.apps, SimpleNamespace(connection=connection))
    declared = {f"{app}.{code}" for app, code in Permission.objects.values_list("content_type__app_label", "codename")}
    for role, names in PERMISSIONS.items():
        group = Group.objects.get(name=role.value)
        held = {f"{app}.{code}" for app, code in group.permissions.values_list("content_type__app_label", "codename")}
        assert held == names & declared, role
    assert "patients.view_record" in declared
