"""Sign-in for mobile apps: short tokens, refresh once, revocation at once, limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from django.utils import timezone
from pytest_django.fixtures import Settings
from redis.exceptions import ConnectionError as RedisError
from rest_framework.test import APIClient

from medisecure.accounts.models import User
from tests.cast import PASSWORD
from tests.support import api, problem

pytestmark = pytest.mark.django_db


def sign_in(email: str, password: str = PASSWORD, **extra: str) -> Any:
    return APIClient().post("/api/token", {"email": email, "password": password, **extra}, format="json")


def me(access: str) -> Any:
    return APIClient().get("/api/me", HTTP_AUTHORIZATION=f"Bearer {access}")


def refresh(token: str) -> Any:
    return APIClient().post("/api/token/refresh", {"refresh": token}, format="json")


def test_a_person_signs_in_and_is_known(asha: User) -> None:
    answer = sign_in("Rao@Example.org")
    assert answer.status_code == 200
    assert me(answer.json()["access"]).json() == {
        "id": str(asha.id),
        "email": "rao@example.org",
        "full_name": "Asha Rao",
        "language": "fr",
        "roles": ["patient"],
    }


def test_a_wrong_password_and_an_unknown_address_read_the_same(asha: User) -> None:
    wrong, unknown = sign_in(asha.email, "not this one"), sign_in("nobody@example.org")
    assert problem(wrong, 401, "bad-credentials") == problem(unknown, 401, "bad-credentials")


def test_a_closed_account_does_not_sign_in(asha: User) -> None:
    User.objects.filter(id=asha.id).update(is_active=False)
    problem(sign_in(asha.email), 401, "bad-credentials")


def test_failed_sign_ins_are_limited_per_account(asha: User) -> None:
    for _ in range(5):
        problem(sign_in(asha.email, "not this one"), 401, "bad-credentials")
    problem(sign_in(asha.email), 429, "too-many-sign-ins")


def test_the_limit_counts_the_portals_form_and_the_api_together(asha: User, client: Any) -> None:
    for _ in range(5):
        client.post("/accounts/login/", {"login": asha.email, "password": "not this one"})
    problem(sign_in(asha.email), 429, "too-many-sign-ins")


def test_without_a_token_nothing_is_told() -> None:
    answer = APIClient().get("/api/me")
    problem(answer, 401, "not-authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_a_forged_token_is_refused(token: str) -> None:
    assert me(token).status_code == 401


def test_an_access_token_ends_after_ten_minutes(asha: User) -> None:
    access = sign_in(asha.email).json()["access"]
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        assert me(access).status_code == 401


def test_a_refresh_token_is_no_access_token(asha: User) -> None:
    assert me(sign_in(asha.email).json()["refresh"]).status_code == 401


def test_refreshing_gives_a_new_pair(asha: User) -> None:
    first = sign_in(asha.email).json()
    second = refresh(first["refresh"]).json()
    assert second["refresh"] != first["refresh"]
    assert me(second["access"]).status_code == 200


def test_a_refresh_token_used_twice_closes_the_whole_session(asha: User) -> None:
    """The second use is a thief's or the owner's: nobody can tell, so both must sign in again."""
    first = sign_in(asha.email).json()
    second = refresh(first["refresh"]).json()
    assert refresh(first["refresh"]).status_code == 401
    assert me(second["access"]).status_code == 401
    assert refresh(second["refresh"]).status_code == 401


def test_signing_out_reaches_every_token_at_once(asha: User) -> None:
    pair, other = sign_in(asha.email).json(), sign_in(asha.email).json()
    assert APIClient().post("/api/token/revoke", {"refresh": pair["refresh"]}, format="json").status_code == 204
    assert me(pair["access"]).status_code == 401
    assert refresh(pair["refresh"]).status_code == 401
    assert me(other["access"]).status_code == 200, "another device stays signed in"


def test_a_changed_password_ends_every_session(asha: User) -> None:
    pair = sign_in(asha.email).json()
    asha.set_password("another long password")
    asha.save()
    assert me(pair["access"]).status_code == 401
    assert refresh(pair["refresh"]).status_code == 401


def test_revocation_that_cannot_be_read_refuses_the_request(asha: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = api(asha)

    def away(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(cache, "get", away)
    problem(client.get("/api/me"), 503, "unavailable")


@pytest.mark.parametrize("error", [ConnectionError, OSError, RedisError])
def test_a_sign_in_that_cannot_be_counted_is_refused(
    asha: User, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise error

    for name in ("get", "set", "add", "incr"):
        monkeypatch.setattr(cache, name, away)
    answer = sign_in(asha.email)
    problem(answer, 503, "unavailable")
    assert answer["Retry-After"]


def test_a_second_factor_is_asked_where_there_is_one(asha: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(asha, secret)
    problem(sign_in(asha.email), 401, "otp-required")
    problem(sign_in(asha.email, otp="000000"), 401, "otp-required")
    code = f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06d}"
    assert sign_in(asha.email, otp=code).status_code == 200


def test_staff_without_a_second_factor_stay_outside_where_it_is_required(dr_bose: User, settings: Settings) -> None:
    settings.STAFF_MFA_REQUIRED = True
    problem(sign_in(dr_bose.email), 401, "otp-required")


def test_staff_without_a_second_factor_are_led_to_set_one_up(dr_bose: User, client: Any, settings: Settings) -> None:
    settings.STAFF_MFA_REQUIRED = True
    client.force_login(dr_bose)
    answer = client.get("/admin/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/totp/activate/")


@pytest.mark.parametrize(
    "body", [{}, {"email": "x"}, {"email": "a@b.fr"}, {"email": ["a"], "password": {}}, [], "text"]
)
def test_malformed_credentials_name_the_field(body: Any) -> None:
    answer = APIClient().post("/api/token", body, format="json")
    assert problem(answer, 422, "invalid")["errors"]


def test_broken_json_is_refused_with_a_problem() -> None:
    answer = APIClient().post("/api/token", "{", content_type="application/json")
    problem(answer, 400, "parse-error")
