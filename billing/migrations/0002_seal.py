from django.db import migrations, models

from billing import seals


def seal_what_was_issued(apps, schema_editor):
    """In the order of the numbers, as issuing does it from now on."""
    invoice_model = apps.get_model("billing", "Invoice")
    rows = invoice_model.objects.using(schema_editor.connection.alias)
    chain = {}
    issued = rows.exclude(sequence=None).order_by("series", "year", "sequence").prefetch_related("items")
    for invoice in issued.iterator(chunk_size=500):
        key = (invoice.series, invoice.year)
        before = chain.get(key, seals.first(*key))
        chain[key] = seals.seal(before, invoice, invoice.items.all())
        rows.filter(id=invoice.id, seal="").update(seal=chain[key])


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="seal",
            field=models.CharField(blank=True, default="", editable=False, max_length=64, verbose_name="seal"),
        ),
        migrations.RunPython(seal_what_was_issued, migrations.RunPython.noop),
    ]
