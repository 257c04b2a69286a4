"""What the balancer asks, and what people see when a server is away."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from medisecure.accounts.models import User
from medisecure.ops import health
from tests.cast import ALL_DATABASES
from tests.support import api, problem

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def away(monkeypatch: pytest.MonkeyPatch, *gone: str) -> None:
    def ask(alias: str) -> None:
        if alias in gone:
            raise OperationalError("no")

    monkeypatch.setattr(health, "ping", ask)


def test_a_web_server_is_ready_when_its_databases_answer(client: Client) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize("alias", ["appointments", "billing"])
def test_one_database_away_does_not_close_the_hospital(
    alias: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(monkeypatch, alias)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["databases"][alias] is False


def test_without_the_database_of_people_a_web_server_serves_nobody(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    away(monkeypatch, "default")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


def test_liveness_asks_no_server(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    away(monkeypatch, "default", "appointments", "billing")
    assert client.get("/health/").status_code == 200


@pytest.mark.parametrize("error", [OperationalError("secret text"), ConnectionRefusedError("secret text")])
def test_a_page_whose_server_is_away_says_try_again(
    error: Exception, asha: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(asha)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr("medisecure.portal.context.unread_count", fail)
    answer = client.get("/notices/")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert b"secret text" not in answer.content


def test_an_endpoint_whose_server_is_away_answers_a_problem(asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = api(asha)
    client.raise_request_exception = False

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("secret text")

    monkeypatch.setattr("medisecure.accounts.api.views.roles_of", fail)
    body = problem(client.get("/api/me"), 503, "unavailable")
    assert "secret" not in str(body)


def test_a_fault_of_the_code_stays_a_500(asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = api(asha)
    client.raise_request_exception = False

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("medisecure.accounts.api.views.roles_of", fail)
    problem(client.get("/api/me"), 500, "fault")


def test_sign_in_without_the_cache_says_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(raise_request_exception=False)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ConnectionRefusedError

    for name in ("get", "set", "add", "get_or_set"):
        monkeypatch.setattr(cache, name, fail)
    answer = client.post("/accounts/login/", {"login": "a@example.org", "password": "x"})
    assert answer.status_code == 503


def test_metrics_are_for_this_machine_or_for_the_holder_of_the_token(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.5").status_code == 403
    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="203.0.113.5").status_code == 403
    settings.METRICS_TOKEN = "a token"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer a token", REMOTE_ADDR="203.0.113.5").status_code == 200
