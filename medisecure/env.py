"""Strict reading of the environment.

Each variable may also be given as `NAME_FILE`, the path of a file that holds the value (mounted secrets). A value that
is not accepted stops the start with the variable's name and what is accepted; the value itself is never printed,
because it may be a secret.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit


class SettingsError(Exception):
    """One line per variable that is wrong."""


KEY_BYTES = 32


def new_key() -> str:
    """A key as `Env.keys` takes it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def read_key(text: str) -> bytes:
    """Raises ValueError for what is not the base64 of 32 bytes; both alphabets of RFC 4648 are taken."""
    key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError("not 32 bytes")
    return key


_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Url:
    """A server's address taken apart; `raw` is what was given."""

    raw: str
    parts: SplitResult

    @property
    def scheme(self) -> str:
        return self.parts.scheme

    @property
    def host(self) -> str:
        return self.parts.hostname or ""

    @property
    def port(self) -> int | None:
        return self.parts.port

    @property
    def user(self) -> str:
        return unquote(self.parts.username or "")

    @property
    def password(self) -> str:
        return unquote(self.parts.password or "")

    @property
    def name(self) -> str:
        """The path without its slash: the database's name."""
        return unquote(self.parts.path.lstrip("/"))

    @property
    def options(self) -> dict[str, str]:
        return dict(parse_qsl(self.parts.query, keep_blank_values=True))


class Env:
    """Reads variables from a mapping and collects what is wrong; `check()` raises it all at once."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._problems: list[str] = []

    def check(self) -> None:
        if self._problems:
            raise SettingsError("\n".join(self._problems))

    def refuse(self, name: str, accepted: str) -> None:
        self._problems.append(f"{name}: {accepted}")

    def raw(self, name: str) -> str | None:
        """The value of `NAME`, or the content of the file `NAME_FILE`; None when neither is set or it is empty."""
        value, path = self._values.get(name), self._values.get(f"{name}_FILE")
        if value and path:
            self.refuse(name, f"set {name} or {name}_FILE, not both")
        if path:
            try:
                value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                self.refuse(f"{name}_FILE", f"must be a readable UTF-8 file ({type(error).__name__})")
                return None
        return value or None

    def text(self, name: str, default: str = "") -> str:
        value = self.raw(name)
        return default if value is None else value

    def boolean(self, name: str, default: bool) -> bool:
        value = self.raw(name)
        if value is None:
            return default
        if value.lower() in _TRUE:
            return True
        if value.lower() not in _FALSE:
            self.refuse(name, "must be one of 1, true, yes, on, 0, false, no, off")
        return False

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.raw(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            self.refuse(name, f"must be a whole number from {low} to {high}")
            return default
        return number

    def choice(self, name: str, default: str, accepted: tuple[str, ...]) -> str:
        value = self.raw(name)
        if value is None:
            return default
        if value not in accepted:
            self.refuse(name, f"must be one of {', '.join(accepted)}")
            return default
        return value

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """Comma-separated values without blanks."""
        value = self.raw(name)
        return list(default) if value is None else [word.strip() for word in value.split(",") if word.strip()]

    def numbers(self, name: str, default: tuple[int, ...], *, low: int, high: int, most: int) -> list[int]:
        """Comma-separated whole numbers, each once, the smallest first; `none` for none."""
        value = self.raw(name)
        if value is None:
            return sorted(default)
        try:
            found = [] if value.strip().lower() == "none" else sorted({int(word) for word in value.split(",")})
        except ValueError:
            found = [low - 1]
        if len(found) > most or any(not low <= number <= high for number in found):
            self.refuse(name, f"must be up to {most} whole numbers from {low} to {high}, or none")
            return sorted(default)
        return found

    def steps(self, name: str, default: tuple[int, ...], *, low: int, high: int) -> tuple[int, ...]:
        """As many comma-separated whole numbers as the default has, each above the one before it."""
        value = self.raw(name)
        if value is None:
            return default
        words = value.split(",")
        found = tuple(int(word) for word in words if word.strip().isdecimal())
        rising = all(one < other for one, other in pairwise(found))
        if (
            len(found) != len(default)
            or len(words) != len(found)
            or not rising
            or not low <= found[0] <= found[-1] <= high
        ):
            self.refuse(name, f"must be {len(default)} rising whole numbers from {low} to {high}")
            return default
        return found

    def hours(self, name: str, default: tuple[int, int]) -> tuple[int, int]:
        """A part of the day as `8-20`: from the first hour up to, not including, the second."""
        value = self.raw(name)
        if value is None:
            return default
        first, _dash, last = value.partition("-")
        if not (first.isdecimal() and last.isdecimal() and 0 <= int(first) < int(last) <= 24):
            self.refuse(name, "must be two hours of the day such as 8-20, the first one before the second")
            return default
        return int(first), int(last)

    def keys(self, name: str) -> list[bytes]:
        """Comma-separated keys, each the base64 of 32 random bytes, none twice."""
        try:
            found = [read_key(word) for word in self.words(name)]
        except ValueError:
            found = None
        if found is None or len(set(found)) != len(found):
            self.refuse(name, "must be different keys separated by commas, each made by: openssl rand -base64 32")
            return [bytes(KEY_BYTES)]
        return found

    def url(self, name: str, schemes: tuple[str, ...], *, path: bool = False, host: bool = True) -> Url | None:
        """An address `scheme://[user:password@]host[:port][/name][?option=value]`, or None when it is not set.

        `path` demands the name after the host; `host` the host itself.
        """
        value = self.raw(name)
        if value is None:
            return None
        shape = f"must be {' or '.join(f'{scheme}://' for scheme in schemes)}host[:port]" + ("/name" if path else "")
        try:
            parts = urlsplit(value)
            parts.port  # noqa: B018 - raises for a port that is not a number
        except ValueError:
            # Several hosts ("a:1,b:2") are not one port number; MongoDB's and PostgreSQL's addresses allow them.
            if "," not in value:
                self.refuse(name, shape)
                return None
            parts = urlsplit(value)
        hosts = parts.netloc.rpartition("@")[2]
        if parts.scheme not in schemes or (host and not hosts) or (path and not parts.path.strip("/")):
            self.refuse(name, shape)
            return None
        return Url(value, parts)

    def mapping(self, name: str, shape: Mapping[str, type]) -> dict[str, Any] | None:
        """A JSON object with exactly the keys of `shape`, each of its type (str, or list for a list of texts)."""
        value = self.raw(name)
        if value is None:
            return None
        try:
            found = json.loads(value)
        except ValueError:
            found = None
        well = isinstance(found, dict) and found.keys() == shape.keys()
        if well:
            flat = [part for item in found.values() for part in (item if isinstance(item, list) else [item])]
            well = all(isinstance(found[key], kind) for key, kind in shape.items()) and all(
                isinstance(part, str) and part.strip() for part in flat
            )
        if not well:
            keys = ", ".join(f"{key} (list of texts)" if kind is list else key for key, kind in shape.items())
            self.refuse(name, f"must be a JSON object of texts with exactly the keys {keys}")
            return None
        return dict(found)

    def accounts(self, name: str, names: tuple[str, ...]) -> dict[str, str] | None:
        """A JSON object of names and numbers of accounts (Plan comptable général: three digits or more)."""
        value = self.raw(name)
        if value is None:
            return None
        try:
            found = json.loads(value)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not all(
            name in names and isinstance(number, str) and re.fullmatch(r"[1-8][0-9]{2}[0-9A-Za-z]{0,17}", number)
            for name, number in found.items()
        ):
            self.refuse(name, f'must be a JSON object such as {{"patients": "4111"}}; the names are {", ".join(names)}')
            return None
        return found

    def directory(self, name: str, default: Path) -> Path:
        value = self.raw(name)
        found = default if value is None else Path(value).expanduser()
        if found.exists() and not found.is_dir():
            self.refuse(name, "must be a folder")
        return found.resolve()
