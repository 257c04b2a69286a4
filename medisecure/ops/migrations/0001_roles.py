"""The roles as groups with their permissions (medisecure/accounts/roles.py).

It comes last, when every app's models have been made; `post_migrate` keeps the groups right after it.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from medisecure.accounts.roles import sync_roles


def make_roles(apps, schema_editor):
    # Django makes permissions after the last migration; these groups need them now.
    for config in apps.get_app_configs():
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        config.models_module = None
    # Permissions that were added since are declared by later migrations; the next one of ours gives them.
    sync_roles(apps, using=schema_editor.connection.alias, strict=False)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("accounts", "0001_initial"),
        ("audit", "0001_initial"),
        ("notifications", "0001_initial"),
        ("patients", "0001_initial"),
        ("appointments", "0001_initial"),
        ("billing", "0001_initial"),
        ("documents", "0001_initial"),
    ]

    # Reversing leaves the groups: people are in them.
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
