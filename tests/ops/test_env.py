"""A wrong variable stops the start with its name and what is accepted, and never prints its value."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from billing import chart
from medisecure.backends import mariadb, mongodb, postgresql
from medisecure.book_settings import ACCOUNTS, dunning_days, own_accounts
from medisecure.document_limits import document_limits
from medisecure.env import Env, SettingsError


def problems(env: Env) -> str:
    with pytest.raises(SettingsError) as refused:
        env.check()
    return str(refused.value)


def test_nothing_set_gives_the_defaults() -> None:
    env = Env({})
    assert env.text("A", "x") == "x"
    assert env.boolean("B", True) is True
    assert env.integer("C", 3, low=0, high=5) == 3
    assert env.url("D", ("redis",)) is None
    env.check()


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("TRUE", True), ("off", False), ("no", False)])
def test_truth_values(value: str, expected: bool) -> None:
    assert Env({"A": value}).boolean("A", not expected) is expected


@pytest.mark.parametrize("value", ["maybe", "2", " "])
def test_what_is_no_truth_value_is_refused_by_name(value: str) -> None:
    env = Env({"DEBUG": value})
    env.boolean("DEBUG", False)
    assert problems(env).startswith("DEBUG: must be one of 1, true")


@pytest.mark.parametrize("value", ["x", "-1", "6", "1.5"])
def test_numbers_have_bounds(value: str) -> None:
    env = Env({"PROXIES": value})
    env.integer("PROXIES", 0, low=0, high=5)
    assert problems(env) == "PROXIES: must be a whole number from 0 to 5"


def test_lists_of_numbers_are_in_order_and_each_once() -> None:
    def hours(value: str) -> list[int]:
        env = Env({"REMINDER_HOURS": value})
        found = env.numbers("REMINDER_HOURS", (48, 2), low=1, high=240, most=5)
        env.check()
        return found

    assert hours("48, 2,2") == [2, 48]
    assert hours("none") == []
    assert Env({}).numbers("REMINDER_HOURS", (48, 2), low=1, high=240, most=5) == [2, 48]


@pytest.mark.parametrize("value", ["x", "8", "20-8", "8-8", "8-25", "-1-3", "8-20-22"])
def test_a_part_of_the_day_is_two_hours(value: str) -> None:
    assert Env({"WAITING_OFFER_HOURS": "0-24"}).hours("WAITING_OFFER_HOURS", (8, 20)) == (0, 24)
    env = Env({"WAITING_OFFER_HOURS": value})
    assert env.hours("WAITING_OFFER_HOURS", (8, 20)) == (8, 20)
    assert problems(env).startswith("WAITING_OFFER_HOURS: must be two hours of the day such as 8-20")


@pytest.mark.parametrize("value", ["x", "8,30", "30,8,60", "0,8,30", "8,30,366", "8,30,60,90", "8,,60"])
def test_steps_rise_and_are_as_many_as_they_must_be(value: str) -> None:
    assert dunning_days(Env({"DUNNING_DAYS": "5, 20,40"})) == (5, 20, 40)
    env = Env({"DUNNING_DAYS": value})
    assert dunning_days(env) == (8, 30, 60)
    assert problems(env) == "DUNNING_DAYS: must be 3 rising whole numbers from 1 to 365"


@pytest.mark.parametrize("value", ["x", "[]", '{"patients": "41"}', '{"patients": 4111}', '{"lions": "4111"}'])
def test_accounts_are_known_names_and_numbers(value: str) -> None:
    assert own_accounts(Env({"BILLING_ACCOUNTS": '{"patients": "411000"}'})) == {"patients": "411000"}
    env = Env({"BILLING_ACCOUNTS": value})
    assert own_accounts(env) is None
    assert problems(env).startswith('BILLING_ACCOUNTS: must be a JSON object such as {"patients": "4111"}')


def test_every_name_of_an_account_has_its_number() -> None:
    assert set(chart.NAMES) == set(ACCOUNTS)


@pytest.mark.parametrize("value", ["x", "0", "241", "1,,2", "1,2,3,4,5,6", "1.5", "-2"])
def test_lists_of_numbers_have_bounds(value: str) -> None:
    env = Env({"REMINDER_HOURS": value})
    assert env.numbers("REMINDER_HOURS", (48, 2), low=1, high=240, most=5) == [2, 48]
    assert problems(env) == "REMINDER_HOURS: must be up to 5 whole numbers from 1 to 240, or none"


@pytest.mark.parametrize(
    "value",
    [
        "postgres",
        "http://db/x",
        "postgresql:///x",
        "postgresql://db",
        "postgresql://db:port/x",
        "postgresql://db:99999/x",
    ],
)
def test_an_address_has_its_shape(value: str) -> None:
    env = Env({"DATABASE_URL": value})
    env.url("DATABASE_URL", ("postgresql",), path=True)
    assert problems(env) == "DATABASE_URL: must be postgresql://host[:port]/name"


def test_every_problem_is_told_at_once_and_no_value_is_shown() -> None:
    env = Env({"A": "s3cret", "B": "s3cret"})
    env.boolean("A", False)
    env.integer("B", 0, low=0, high=1)
    text = problems(env)
    assert text.count("\n") == 1
    assert "s3cret" not in text


def test_a_value_may_come_from_a_mounted_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from the file\n")
    assert Env({"A_FILE": str(path)}).text("A") == "from the file"


def test_a_file_that_is_not_there_and_a_value_given_twice_are_refused(tmp_path: Path) -> None:
    env = Env({"A_FILE": str(tmp_path / "none"), "B": "x", "B_FILE": str(tmp_path / "none")})
    env.text("A")
    env.text("B")
    text = problems(env)
    assert "A_FILE: must be a readable UTF-8 file" in text
    assert "B: set B or B_FILE, not both" in text


def test_credentials_are_unquoted_and_options_kept() -> None:
    url = Env({"A": "postgresql://u%40x:p%2Fw@db:5433/name?sslmode=require"}).url("A", ("postgresql",), path=True)
    assert url
    values = postgresql(url)
    assert (values["USER"], values["PASSWORD"], values["HOST"], values["PORT"]) == ("u@x", "p/w", "db", "5433")
    assert values["OPTIONS"]["sslmode"] == "require"


def test_several_hosts_reach_the_driver() -> None:
    url = Env({"A": "postgresql://u:p@a:5432,b:5433/name"}).url("A", ("postgresql",), path=True)
    assert url
    values = postgresql(url)
    assert (values["HOST"], values["PORT"]) == ("a,b", "5432,5433")


def test_mongodb_writes_with_majority_concern_unless_told_otherwise() -> None:
    url = Env({"A": "mongodb://a:27017,b:27018/medisecure?replicaSet=rs"}).url("A", ("mongodb",), path=True)
    assert url
    assert mongodb(url)["OPTIONS"]["w"] == "majority"
    assert mongodb(url)["NAME"] == "medisecure"


def test_mariadb_is_strict() -> None:
    url = Env({"A": "mysql://u:p@db/name"}).url("A", ("mysql",), path=True)
    assert url
    assert "STRICT_ALL_TABLES" in mariadb(url)["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL: must be"),
        ({"DEBUG": "perhaps"}, "DEBUG: must be one of"),
        ({"REDIS_URL": "redis://localhost"}, "SECRET_KEY: must be set"),
        ({"REDIS_URL": "redis://localhost"}, "FIELD_KEYS: must be set"),
        ({"FIELD_KEYS": "c2hvcnQ="}, "FIELD_KEYS: must be different keys"),
        ({"STAFF_MFA": "never"}, "STAFF_MFA: must be one of required, optional"),
        ({"TIME_ZONE": "Europe/Atlantis"}, "TIME_ZONE: must be"),
        ({"PUBLIC_URL": "hospital.example"}, "PUBLIC_URL: must be"),
    ],
)
def test_a_wrong_variable_stops_the_start(variables: dict[str, str], named: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", ["x", "[]", "{}", '{"name": 1, "lines": []}', '{"name": "", "lines": ["a"]}'])
def test_a_json_object_has_its_keys_and_texts(value: str) -> None:
    env = Env({"BILLING_SELLER": value})
    assert env.mapping("BILLING_SELLER", {"name": str, "lines": list}) is None
    assert problems(env).startswith("BILLING_SELLER: must be a JSON object of texts with exactly the keys name, lines")


def test_a_json_object_is_taken_as_it_is() -> None:
    env = Env({"A": '{"name": "Hôpital", "lines": ["1 rue", "Ville"]}'})
    assert env.mapping("A", {"name": str, "lines": list}) == {"name": "Hôpital", "lines": ["1 rue", "Ville"]}


def test_where_the_scanner_is_and_what_is_handed_out_without_one() -> None:
    assert document_limits(Env({})) == (2048 * 1024 * 1024, 48, None, True)
    found = document_limits(
        Env({"CLAMAV_URL": "tcp://clamav", "UNSCANNED_DOCUMENTS": "withhold", "UPLOAD_MAX_MB": "1"})
    )
    assert found == (1024 * 1024, 48, ("clamav", 3310), False)
    assert document_limits(Env({"CLAMAV_URL": "unix:///run/clamd.ctl"})).clamav == "/run/clamd.ctl"
    for wrong in ("tcp://", "http://clamav", "unix:"):
        env = Env({"CLAMAV_URL": wrong})
        document_limits(env)
        assert "CLAMAV_URL" in problems(env)
