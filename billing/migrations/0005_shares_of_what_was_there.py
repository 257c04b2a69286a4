from django.db import migrations

from medisecure.kernel.ids import new_id

BATCH = 500


def give_all_to_the_patient(apps, schema_editor):
    """Until now the patient owed the whole of every invoice."""
    alias = schema_editor.connection.alias
    shares = apps.get_model("billing", "InvoiceShare").objects.using(alias)
    invoices = apps.get_model("billing", "Invoice").objects.using(alias)
    rows = []
    values = ("id", "total_cents", "paid_cents")
    done = set(shares.values_list("invoice_id", flat=True))
    for invoice_id, total, paid in invoices.order_by("id").values_list(*values).iterator(chunk_size=BATCH):
        if invoice_id not in done:
            rows.append(
                shares.model(
                    id=new_id(),
                    invoice_id=invoice_id,
                    payer="patient",
                    position=1,
                    covered_cents=total,
                    amount_cents=total,
                    paid_cents=paid,
                )
            )
    shares.bulk_create(rows, batch_size=BATCH)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0004_split"),
    ]

    operations = [
        migrations.RunPython(give_all_to_the_patient, migrations.RunPython.noop),
    ]
