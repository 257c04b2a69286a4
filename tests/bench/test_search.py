"""The benchmark of the search: figures that are right, queries that find people."""

from __future__ import annotations

import random

import pytest
from django.core.management import call_command

from medisecure.accounts.models import User
from medisecure.ops.bench import search
from medisecure.ops.demo.crowd import crowd
from patients.interface import search_patients
from patients.rules import record_number
from tests.cast import ALL_DATABASES


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5.0], 0.95, 5.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([float(n) for n in range(1, 101)], 0.95, 95.0),
        ([3.0, 1.0], 1.0, 3.0),
    ],
)
def test_quantiles_are_values_that_were_measured(values: list[float], share: float, expected: float) -> None:
    assert search.quantile(values, share) == expected


def test_the_table_has_a_line_for_each_kind_and_all() -> None:
    lines, p95 = search.table({"phone": [1.0, 2.0], "birth date": [9.0]})
    assert [line.split("  ")[0] for line in lines.splitlines()[1:]] == ["phone", "birth date", "all"]
    assert p95 == 9.0


@pytest.mark.django_db(databases=ALL_DATABASES)
def test_what_is_asked_finds_those_it_was_made_from(rita: User) -> None:
    call_command("generate_patients", 40, verbosity=0)
    dice = random.Random(1)
    people = [(identity, phone, record_number(place)) for place, (identity, phone) in enumerate(crowd(40, 1), start=1)]
    for person in people[:10]:
        for kind, write in search.MIX.items():
            if kind != "misspelt":
                query = write(dice, person)
                assert person[2] in [row.record_number for row in search_patients(rita, query)], kind


@pytest.mark.django_db(databases=ALL_DATABASES)
def test_every_kind_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "WARM_UP", 7)
    call_command("generate_patients", 20, verbosity=0)
    taken = search.measure(patients=20, seconds=1.0, seed=1)
    assert all(taken[kind] for kind in search.MIX)
