"""Fill `phone_key` for the patients there are."""

from django.db import migrations

from patients.rules import phone_key

BATCH = 1000


def fill(apps, schema_editor):
    patients = apps.get_model("patients", "Patient").objects.using(schema_editor.connection.alias)
    batch = []
    for row in patients.exclude(phone="").only("id", "phone").iterator(chunk_size=BATCH):
        row.phone_key = phone_key(row.phone)
        batch.append(row)
        if len(batch) == BATCH:
            patients.bulk_update(batch, ["phone_key"])
            batch.clear()
    patients.bulk_update(batch, ["phone_key"])


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0002_search'),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
