from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from medisecure.kernel.databases import ALIASES, APPOINTMENTS, BILLING
from medisecure.ops import probes
from tests.cast import ALL_DATABASES


@pytest.mark.django_db(databases=ALL_DATABASES)
def test_every_model_change_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db(databases=ALL_DATABASES)
def test_every_migration_is_applied_in_every_database() -> None:
    call_command("migrate_all", check=True, verbosity=0)


def test_every_database_has_one_outbox_and_one_inbox() -> None:
    from medisecure.kernel.outbox import inbox, outbox

    for alias in ALIASES:
        assert outbox(alias) in apps.get_models()
        assert inbox(alias) in apps.get_models()


def test_no_foreign_key_crosses_databases() -> None:
    from medisecure.checks import cross_database_relations

    assert cross_database_relations() == []


def test_deletes_are_protected() -> None:
    """Inside one database a foreign key refuses to lose what it points to (decision 5)."""
    from django.db import models

    ours = ("patients", "appointments", "billing", "documents", "audit", "notifications", "kernel", "reports")
    for model in apps.get_models():
        if model._meta.app_label not in ours:
            continue
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey):
                assert field.remote_field.on_delete is models.PROTECT, f"{model._meta.label}.{field.name}"


@pytest.mark.django_db(databases=ALL_DATABASES)
@pytest.mark.parametrize("alias", [APPOINTMENTS, BILLING])
def test_a_database_is_given_what_lives_in_it_and_misses_nothing_else(alias: str) -> None:
    recorder = MigrationRecorder(connections[alias])
    applied = recorder.applied_migrations()
    assert {app for app, _name in applied} == {alias}
    probes._database(alias)

    recorder.record_unapplied(*max(applied))

    with pytest.raises(probes.NotWell, match="1 migrations are not applied"):
        probes._database(alias)
