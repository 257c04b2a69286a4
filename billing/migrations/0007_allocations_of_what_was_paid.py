from django.db import migrations

from medisecure.kernel.ids import new_id

BATCH = 500


def allocate(apps, schema_editor):
    """Until now a payment paid one invoice, with all of it."""
    alias = schema_editor.connection.alias
    payments = apps.get_model("billing", "Payment").objects.using(alias)
    allocations = apps.get_model("billing", "Allocation").objects.using(alias)
    shares = apps.get_model("billing", "InvoiceShare").objects.using(alias)
    done = set(allocations.values_list("payment_id", flat=True))
    rows, owners = [], {}
    for payment in payments.exclude(invoice=None).select_related("invoice").order_by("id").iterator(chunk_size=BATCH):
        if payment.patient_id is None:
            owners.setdefault(payment.invoice.patient_id, []).append(payment.id)
        if payment.id not in done:
            rows.append((payment.id, payment.invoice_id, payment.amount_cents, payment.received_at, payment.taken_by))
    for patient_id, ids in owners.items():
        for start in range(0, len(ids), BATCH):
            payments.filter(id__in=ids[start : start + BATCH]).update(patient_id=patient_id)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        found = shares.filter(invoice_id__in=[row[1] for row in part], payer="patient")
        share_of = dict(found.values_list("invoice_id", "id"))
        allocations.bulk_create(
            allocations.model(
                id=new_id(),
                payment_id=payment_id,
                invoice_id=invoice_id,
                share_id=share_of[invoice_id],
                kind="paid",
                amount_cents=amount,
                made_at=made_at,
                made_by=made_by,
            )
            for payment_id, invoice_id, amount, made_at, made_by in part
        )


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_payments_in_parts"),
    ]

    operations = [
        migrations.RunPython(allocate, migrations.RunPython.noop),
    ]
