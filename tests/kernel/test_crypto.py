"""What is encrypted opens where it belongs, with a key that is known, and nowhere else."""

from __future__ import annotations

import base64
import secrets

import pytest

from medisecure.env import Env, SettingsError, new_key, read_key
from medisecure.kernel.crypto import Keyring, Unreadable, key_id_of

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
HERE = "patient_identifiers.sealed_value:1"


@pytest.mark.parametrize("text", ["185057800608491", "é", "x" * 10_000, " "])
def test_a_text_comes_back_and_is_not_in_what_is_stored(text: str) -> None:
    ring = Keyring([NEW])
    sealed = ring.seal(text, HERE)
    assert ring.open(sealed, HERE) == text
    assert text not in sealed or text == " "
    assert base64.b64encode(text.encode()).decode().rstrip("=") not in sealed or text == " "


def test_the_same_text_is_never_stored_the_same_twice() -> None:
    ring = Keyring([NEW])
    assert ring.seal("x", HERE) != ring.seal("x", HERE)


def test_nothing_stays_nothing() -> None:
    ring = Keyring([NEW])
    assert (ring.seal("", HERE), ring.open("", HERE), ring.index("", "d"), ring.indexes("", "d")) == ("", "", "", [])


def test_a_value_copied_to_another_row_does_not_open() -> None:
    ring = Keyring([NEW])
    with pytest.raises(Unreadable):
        ring.open(ring.seal("x", HERE), "patient_identifiers.sealed_value:2")


def test_an_altered_value_does_not_open() -> None:
    ring = Keyring([NEW])
    version, key, payload = ring.seal("x", HERE).split(".")
    raw = bytearray(base64.urlsafe_b64decode(payload))
    raw[-1] ^= 1
    for broken in (f"{version}.{key}.{base64.urlsafe_b64encode(bytes(raw)).decode()}", f"{version}.{key}.x", "x", "."):
        with pytest.raises(Unreadable):
            ring.open(broken, HERE)


def test_the_first_key_writes_and_all_read() -> None:
    before, during, after = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
    sealed = before.seal("x", HERE)
    assert during.open(sealed, HERE) == "x"
    with pytest.raises(Unreadable):
        after.open(sealed, HERE)
    fresh = during.seal("x", HERE)
    assert fresh.startswith(during.prefix)
    assert key_id_of(fresh) == during.first_id == after.first_id
    assert after.open(fresh, HERE) == "x"


def test_the_index_tells_domains_apart_and_finds_under_both_keys() -> None:
    before, during = Keyring([OLD]), Keyring([NEW, OLD])
    assert before.index("0639980001", "phone") != before.index("0639980001", "identifier")
    assert during.index("a", "d") != before.index("a", "d")
    assert during.indexes("a", "d") == [during.index("a", "d"), before.index("a", "d")]


@pytest.mark.parametrize("value", ["x", "aGVsbG8=", "put-what-openssl-rand-base64-32-prints", "€"])
def test_a_key_that_is_none_stops_the_start_and_is_not_shown(value: str) -> None:
    env = Env({"FIELD_KEYS": value})
    env.keys("FIELD_KEYS")
    with pytest.raises(SettingsError) as refused:
        env.check()
    assert str(refused.value).startswith("FIELD_KEYS: must be different keys")
    assert value not in str(refused.value)


def test_keys_are_a_list_and_none_stands_in_it_twice() -> None:
    one, two = new_key(), new_key()
    assert Env({"FIELD_KEYS": f"{one}, {two}"}).keys("FIELD_KEYS") == [read_key(one), read_key(two)]
    urlsafe = one.replace("+", "-").replace("/", "_")
    assert Env({"FIELD_KEYS": urlsafe}).keys("FIELD_KEYS") == [read_key(one)]
    twice = Env({"FIELD_KEYS": f"{one},{one}"})
    twice.keys("FIELD_KEYS")
    with pytest.raises(SettingsError):
        twice.check()
