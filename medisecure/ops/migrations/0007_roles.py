"""The roles again, with who may change the schedule.

A permission that a later migration brings: add that migration to the dependencies of a new one like this.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from medisecure.accounts.roles import sync_roles


def make_roles(apps, schema_editor):
    for config in apps.get_app_configs():
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        config.models_module = None
    sync_roles(apps, using=schema_editor.connection.alias, strict=False)


class Migration(migrations.Migration):
    dependencies = [
        ("ops", "0006_scheduled_jobs"),
        ("billing", "0012_reminders"),
        ("documents", "0003_imaging"),
        ("notifications", "0003_push_and_choices"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
