"""A merge on the real servers, with the worker killed in the middle of it: it goes on by itself, and is taken back."""

from __future__ import annotations

import json
import time

import pytest

from tests.live.conftest import Hospital

pytestmark = pytest.mark.live

_SET_UP = """
from datetime import date
from medisecure.accounts.interface import Role, create_user
from billing.models import Invoice
from patients.interface import Identity, register_patient
from patients.models import Condition
from patients.services.merging import merge_patients
clerk = create_user(email="merge@example.invalid", full_name="Merge", role=Role.RECEPTIONIST, password=None)
cards = [
    register_patient(actor=None, identity=Identity(family_name=name, given_names="Ana", birth_date=date(1970, 1, 9)))
    for name in ("Blanc", "Blanck")
]
Condition.objects.bulk_create([Condition(patient_id=cards[1].id, display="x") for _ in range(2000)])
Invoice.objects.bulk_create([Invoice(patient_id=cards[1].id) for _ in range(500)])
merge = merge_patients(actor=clerk, survivor_id=cards[0].id, loser_id=cards[1].id, reason="twice")
print(json.dumps([str(merge.id), str(cards[0].id), str(cards[1].id)]))
"""
_LOOK = """
from billing.models import Invoice
from patients.models import Condition, Merge
m = Merge.objects.get(id="{0}")
counts = [[model.objects.filter(patient_id=one).count() for one in ("{1}", "{2}")] for model in (Condition, Invoice)]
print(json.dumps([m.status, counts]))
"""
_BACK = """
from medisecure.accounts.models import User
from patients.services.merging import unmerge_patients
unmerge_patients(actor=User.objects.get(email="merge@example.invalid"), merge_id="{0}", reason="two people")
print("[]")
"""


def run(hospital: Hospital, code: str) -> list[object]:
    done = hospital.manage("shell", "--no-imports", "-c", f"import json\n{code}")
    found: list[object] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def wait_for(hospital: Hospital, look: str, status: str, counts: list[list[int]]) -> None:
    deadline = time.monotonic() + 240
    while (seen := run(hospital, look)) != [status, counts]:
        assert time.monotonic() < deadline, seen
        time.sleep(1)


def test_a_worker_that_is_killed_in_a_merge_loses_nothing(hospital: Hospital) -> None:
    worker = hospital.programs["worker"]
    ids = [str(one) for one in run(hospital, _SET_UP)]
    worker.signal(9, group=True)
    look = _LOOK.format(*ids)
    hospital.start_worker()
    wait_for(hospital, look, "done", [[2000, 0], [500, 0]])
    run(hospital, _BACK.format(*ids))
    hospital.programs["worker"].signal(9, group=True)
    hospital.start_worker()
    wait_for(hospital, look, "undone", [[0, 2000], [0, 500]])
