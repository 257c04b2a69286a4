"""The roles again, with the permissions that migrations after the first ones declare.

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
        ("ops", "0001_roles"),
        ("appointments", "0005_merges"),
        ("billing", "0003_merges"),
        ("patients", "0009_merge"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
