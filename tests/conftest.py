"""Fixtures for every test: the cast, and each app's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.cast import *  # noqa: F403


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """No test sees what another one left in the shared cache: counters of failed sign-ins, for one."""
    yield
    cache.clear()
