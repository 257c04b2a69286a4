"""Numbers, verifications, people to call; the member numbers of insurers encrypted where they stand."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
import medisecure.kernel.clock
import medisecure.kernel.ids
import medisecure.kernel.sealed
from django.conf import settings
from django.db import migrations, models
from medisecure.kernel.crypto import keyring
from medisecure.kernel.sealed import context_of

TABLE, COLUMN = "coverages", "sealed_member_number"
BATCH = 500


def seal_member_numbers(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("patients", "Coverage")._default_manager.using(schema_editor.connection.alias)
    waiting = rows.exclude(member_number="").order_by("id")
    for row in waiting.only("id", "member_number").iterator(BATCH):
        # The digest of what the source said was over the number in clear, by which it could be guessed: the next import
        # makes a keyed one.
        rows.filter(id=row.id).update(
            source_digest="",
            sealed_member_number=keyring().seal(row.member_number, context_of(TABLE, COLUMN, row.id)),
        )


def open_member_numbers(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("patients", "Coverage")._default_manager.using(schema_editor.connection.alias)
    for row in rows.exclude(sealed_member_number="").order_by("id").iterator(BATCH):
        number = keyring().open(row.sealed_member_number, context_of(TABLE, COLUMN, row.id))
        rows.filter(id=row.id).update(member_number=number)


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0006_access'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='coverage',
            name='place',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='order'),
        ),
        migrations.AddField(
            model_name='coverage',
            name='role',
            field=models.CharField(blank=True, choices=[('mandatory', 'mandatory'), ('complementary', 'complementary')], max_length=20, verbose_name='kind of cover'),
        ),
        migrations.AddField(
            model_name='coverage',
            name='sealed_member_number',
            field=medisecure.kernel.sealed.SealedTextField(blank=True, default='', editable=False),
        ),
        migrations.AddField(
            model_name='patient',
            name='birth_place',
            field=models.CharField(blank=True, max_length=200, verbose_name='birth place'),
        ),
        migrations.AddField(
            model_name='patient',
            name='birth_place_code',
            field=models.CharField(blank=True, max_length=5, verbose_name='code of the birth place'),
        ),
        migrations.AddField(
            model_name='patient',
            name='primary_practitioner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.practitioner', verbose_name='primary practitioner'),
        ),
        migrations.AddField(
            model_name='patient',
            name='registration_key',
            field=models.CharField(editable=False, max_length=64, null=True, unique=True),
        ),
        migrations.CreateModel(
            name='EmergencyContact',
            fields=[
                ('id', models.UUIDField(default=medisecure.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('place', models.PositiveSmallIntegerField(verbose_name='order')),
                ('full_name', models.CharField(max_length=200, verbose_name='name')),
                ('relation', models.CharField(choices=[('spouse', 'spouse'), ('partner', 'partner'), ('parent', 'parent'), ('child', 'son or daughter'), ('sibling', 'brother or sister'), ('relative', 'other relative'), ('friend', 'friend'), ('neighbour', 'neighbour'), ('guardian', 'guardian'), ('trusted-person', 'trusted person'), ('other', 'other')], max_length=20, verbose_name='relation')),
                ('phone', models.CharField(max_length=60, verbose_name='phone')),
                ('other_phone', models.CharField(blank=True, max_length=60, verbose_name='other phone')),
                ('may_be_told', models.BooleanField(default=False, verbose_name='may be told how the patient is')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.patient', verbose_name='patient')),
            ],
            options={
                'verbose_name': 'emergency contact',
                'verbose_name_plural': 'emergency contacts',
                'db_table': 'emergency_contacts',
                'ordering': ['patient', 'place', 'id'],
                'abstract': False,
                'indexes': [models.Index(fields=['patient', 'place'], name='contacts_of_patient')],
            },
        ),
        migrations.CreateModel(
            name='IdentityCheck',
            fields=[
                ('id', models.UUIDField(default=medisecure.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('document', models.CharField(choices=[('passport', 'passport'), ('identity-card', 'national identity card'), ('residence-permit', 'residence permit'), ('birth-certificate', 'birth certificate'), ('family-book', 'family record book'), ('other', 'other official document with a photograph')], max_length=20, verbose_name='document')),
                ('document_country', models.CharField(blank=True, max_length=2, verbose_name='issuing country')),
                ('sealed_number', medisecure.kernel.sealed.SealedTextField(blank=True, default='', editable=False)),
                ('seen_on', models.DateField(verbose_name='seen on')),
                ('checked_at', models.DateTimeField(default=medisecure.kernel.clock.now, verbose_name='checked')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended')),
                ('ended_because', models.CharField(blank=True, choices=[('traits-changed', 'name, birth or sex were changed'), ('mistake', 'verified by mistake'), ('doubt', 'doubt about the person or the document')], max_length=20, verbose_name='why it ended')),
                ('checked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='checked by')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.patient', verbose_name='patient')),
            ],
            options={
                'verbose_name': 'verification of identity',
                'verbose_name_plural': 'verifications of identity',
                'db_table': 'identity_checks',
                'ordering': ['-checked_at', '-id'],
                'abstract': False,
                'indexes': [models.Index(fields=['patient', '-checked_at'], name='checks_of_patient')],
            },
        ),
        migrations.CreateModel(
            name='PatientIdentifier',
            fields=[
                ('id', models.UUIDField(default=medisecure.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('source_system', models.CharField(blank=True, editable=False, max_length=200, verbose_name='source system')),
                ('source_id', models.CharField(blank=True, editable=False, max_length=200, verbose_name='id in the source')),
                ('source_digest', models.CharField(blank=True, editable=False, max_length=64)),
                ('created_at', models.DateTimeField(default=medisecure.kernel.clock.now, editable=False, verbose_name='created')),
                ('changed_at', models.DateTimeField(default=medisecure.kernel.clock.now, editable=False, verbose_name='changed')),
                ('kind', models.CharField(max_length=40, verbose_name='kind')),
                ('country', models.CharField(blank=True, max_length=2, verbose_name='country')),
                ('system', models.CharField(blank=True, max_length=200, verbose_name='issued by')),
                ('sealed_value', medisecure.kernel.sealed.SealedTextField(blank=True, default='', editable=False)),
                ('value_index', models.CharField(editable=False, max_length=64)),
                ('started_on', models.DateField(blank=True, null=True, verbose_name='valid from')),
                ('ended_on', models.DateField(blank=True, null=True, verbose_name='valid until')),
                ('status', models.CharField(choices=[('active', 'active'), ('old', 'ended'), ('disputed', 'another patient has it too')], default='active', max_length=20, verbose_name='status')),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.patient', verbose_name='patient')),
            ],
            options={
                'verbose_name': 'identifier',
                'verbose_name_plural': 'identifiers',
                'db_table': 'patient_identifiers',
                'ordering': ['id'],
                'permissions': [('reveal_identifier', 'Can see whole identity numbers')],
                'abstract': False,
                'indexes': [models.Index(fields=['patient'], name='identifiers_of_patient'), models.Index(fields=['value_index'], name='identifiers_by_value')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('source_id', ''), _negated=True), fields=('source_system', 'source_id'), name='patientidentifier_source_once'), models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('kind', 'country', 'system', 'value_index'), name='identifier_of_one_patient')],
            },
        ),
        migrations.RunPython(seal_member_numbers, open_member_numbers, elidable=True),
        migrations.RemoveField(
            model_name='coverage',
            name='member_number',
        ),
    ]
