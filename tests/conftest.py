"""Fixtures for every test: the cast, and each app's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache

from medisecure.ops.translations import compile_catalogues
from tests import emptying
from tests.appointments.fixtures import *  # noqa: F403
from tests.appointments.waiting_fixtures import *  # noqa: F403
from tests.billing.fixtures import *  # noqa: F403
from tests.cast import *  # noqa: F403
from tests.documents.fixtures import *  # noqa: F403
from tests.patients.access_cast import *  # noqa: F403
from tests.patients.fixtures import *  # noqa: F403


def pytest_configure(config: pytest.Config) -> None:
    # A fresh clone has no compiled catalogue. The process that starts the workers comes here before them.
    for folder in settings.LOCALE_PATHS:
        compile_catalogues(folder)
    # Argon2 is slow by design, and every person of the cast would pay for it in every test.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What touches no database, and what reads the source, says nothing new on the servers."""
    for item in items:
        databases = item.get_closest_marker("django_db") or "db" in getattr(item, "fixturenames", ())
        if not databases or "architecture" in item.path.parts:
            item.add_marker("embedded")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        emptying.install()


@pytest.fixture(scope="session", autouse=True)
def _the_storage_has_a_clock_of_its_own() -> Iterator[None]:
    """A test that travels in time still signs its requests to S3 for the time that the server has."""
    if settings.S3 is None:
        yield
        return
    import botocore.auth

    def now(remove_tzinfo: bool = True) -> datetime:
        hatch = time_machine.escape_hatch
        real = hatch.datetime.datetime.now(UTC) if hatch.is_travelling() else datetime.now(UTC)
        return real.replace(tzinfo=None) if remove_tzinfo else real

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", now)
        yield


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """No test sees what another one left in the shared cache: counters of failed sign-ins, for one."""
    yield
    cache.clear()
