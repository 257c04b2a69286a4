"""`manage.py rotate_keys`: while people work, killed and run again, with nothing lost and nothing found twice."""

from __future__ import annotations

import base64
import io
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

from medisecure.accounts.models import User
from medisecure.kernel.crypto import Unreadable, key_id_of, keyring
from medisecure.kernel.errors import Invalid
from patients.identifiers import same_identifier
from patients.interface import NewIdentifier, PatientCard
from patients.models import IdentityCheck, Patient, PatientIdentifier
from patients.services import Details, save_patient
from tests.cast import ALL_DATABASES
from tests.support import on_test_databases

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)


@pytest.fixture
def old_key(settings: Any) -> Any:
    settings.FIELD_KEYS = [OLD]
    return settings


def fill(card: PatientCard, count: int) -> list[PatientIdentifier]:
    rows = []
    for number in range(count):
        row = PatientIdentifier(patient_id=card.id, kind="other", system="test")
        row.set_value(f"NUMBER{number:05}")
        rows.append(row)
    return list(PatientIdentifier.objects.bulk_create(rows))


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("rotate_keys", *arguments, verbosity=0, stdout=out, stderr=out)
    return out.getvalue()


def under(key: str) -> int:
    return sum(key_id_of(sealed) == key for sealed in PatientIdentifier.objects.values_list("sealed_value", flat=True))


def test_everything_is_under_the_new_key_and_found(old_key: Any, asha_card: PatientCard) -> None:
    fill(asha_card, 25)
    check = IdentityCheck(patient_id=asha_card.id, document="passport", seen_on=date(2026, 1, 5))
    check.number = "12AB34567"
    check.save()
    old_key.FIELD_KEYS = [NEW, OLD]
    assert "26 values would be encrypted anew" in run("--dry-run")
    assert under(keyring().first_id) == 0
    assert same_identifier(kind="other", value="number00003", system="test") == [asha_card.id]
    text = run("--batch", "10")
    assert "26 values encrypted anew" in text
    assert "it may be dropped" in text
    old_key.FIELD_KEYS = [NEW]
    assert [row.value for row in PatientIdentifier.objects.order_by("id")] == [f"NUMBER{n:05}" for n in range(25)]
    assert IdentityCheck.objects.get().number == "12AB34567"
    assert same_identifier(kind="other", value="NUMBER00003", system="test") == [asha_card.id]
    assert "0 values encrypted anew" in run()


def test_the_same_number_is_refused_while_only_one_of_them_is_under_the_new_key(
    old_key: Any, rita: User, asha_card: PatientCard, dan_card: PatientCard
) -> None:
    fill(asha_card, 1)
    old_key.FIELD_KEYS = [NEW, OLD]
    taken = Details(new_identifiers=[NewIdentifier(kind="other", value="NUMBER 00000", system="test")])
    with pytest.raises(Invalid) as caught:
        save_patient(actor=rita, patient_id=dan_card.id, version=1, details=taken)
    assert list(caught.value.errors) == ["identifiers.0.value"]


def test_what_no_key_opens_is_named_and_the_rest_is_done(old_key: Any, asha_card: PatientCard) -> None:
    rows = fill(asha_card, 3)
    lost = sorted(rows, key=lambda row: row.id)[1]
    old_key.FIELD_KEYS = [secrets.token_bytes(32)]
    lost.value = "X"
    lost.save()
    old_key.FIELD_KEYS = [NEW, OLD]
    err = io.StringIO()
    with pytest.raises(CommandError, match="1 values are not under the first key"):
        call_command("rotate_keys", verbosity=0, stdout=io.StringIO(), stderr=err)
    assert str(lost.id) in err.getvalue()
    assert under(keyring().first_id) == 2
    with pytest.raises(Unreadable):
        _ = PatientIdentifier.objects.get(id=lost.id).value


@pytest.mark.long
def test_people_read_and_write_while_it_runs(old_key: Any, rita: User, asha_card: PatientCard) -> None:
    rows = fill(asha_card, 300)
    old_key.FIELD_KEYS = [NEW, OLD]
    stop = threading.Event()
    faults: list[str] = []
    written: list[tuple[UUID, str]] = []

    def work(job: Any) -> None:
        try:
            while not stop.is_set():
                job()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says it
            faults.append(repr(error))
        finally:
            connections.close_all()

    def write() -> None:
        # A correction that the rotation must not undo, and a number that is new.
        row = PatientIdentifier.objects.get(id=secrets.choice(rows).id)
        if row.value.startswith("NUMBER") and len(written) < 40:
            before, number = row.sealed_value, f"{row.value}X{len(written)}"
            row.set_value(number)
            done = PatientIdentifier.objects.filter(id=row.id, sealed_value=before).update(
                sealed_value=row.sealed_value, value_index=row.value_index, system="corrected"
            )
            if done:
                written.append((row.id, number))
        time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(job,)) for job in (reading(rows), write)]
    for thread in threads:
        thread.start()
    while not written and not faults:
        time.sleep(0.002)
    run("--batch", "15")
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    run()
    old_key.FIELD_KEYS = [NEW]
    for row_id, number in dict(written).items():
        assert PatientIdentifier.objects.get(id=row_id).value == number
    assert under(keyring().first_id) == 300


def reading(rows: list[PatientIdentifier]) -> Any:
    """A look-up by number and one by row: what is there is found, under whichever key it is."""

    def job() -> None:
        row = PatientIdentifier.objects.get(id=secrets.choice(rows).id)
        found = PatientIdentifier.objects.filter(value_index__in=keyring().indexes(str(row.value), row.index_domain()))
        again = PatientIdentifier.objects.get(id=row.id)
        assert found.filter(id=row.id).exists() or again.value != row.value

    return job


@pytest.mark.long
def test_killed_in_the_middle_it_goes_on_where_it_was(old_key: Any, asha_card: PatientCard) -> None:
    fill(asha_card, 1500)
    old_key.FIELD_KEYS = [NEW, OLD]
    keys = ",".join(base64.b64encode(key).decode() for key in (NEW, OLD))
    program = on_test_databases(
        "from django.core.management import call_command\ncall_command('rotate_keys', '--batch', '5', verbosity=0)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env={**os.environ, "FIELD_KEYS": keys, "DJANGO_SETTINGS_MODULE": "medisecure.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while under(keyring().first_id) < 20 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = under(keyring().first_id)
    assert 20 <= done < 1500
    assert f"{1500 - done} values encrypted anew" in run("--batch", "500")
    old_key.FIELD_KEYS = [NEW]
    assert {row.value for row in PatientIdentifier.objects.all()} == {f"NUMBER{number:05}" for number in range(1500)}
    assert Patient.objects.get(id=asha_card.id).version == 1
