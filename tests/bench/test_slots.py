"""The benchmark of free times: it fills what it says and counts what it asks."""

from __future__ import annotations

import pytest

from medisecure.ops.bench import slots
from tests.cast import ALL_DATABASES


@pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)
def test_cold_and_warm_find_the_same_and_warm_asks_less() -> None:
    hospital = slots.fill(practitioners=2, days=2, visits=3)
    assert 0 < hospital.visits <= 12
    found = slots.measure(hospital, days=2, rounds=2)
    # 2 × 2 days of 30 starts, of which three visits a day take away some.
    assert 0 < found["cold"].slots == found["warm"].slots < 120
    assert found["cold"].queries == found["warm"].queries + 2
    assert len(found["warm"].cpu) == len(found["warm"].wall) == 2
    lines, p95 = slots.table(found)
    assert [line.split()[0] for line in lines.splitlines()] == ["rounds", "cold", "warm"]
    assert p95 == max(found["warm"].cpu)
