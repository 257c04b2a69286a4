"""The variables that point the application at the stack: built as URLs, printed for a shell or as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from urllib.parse import quote, urlencode


def url(
    scheme: str,
    host: str,
    port: int,
    *,
    user: str = "",
    password: str = "",
    path: str = "",
    query: Mapping[str, str] | None = None,
) -> str:
    """Build a URL; user, password and path are percent-encoded, so any character is allowed in them.

    >>> url("redis", "127.0.0.1", 6379, password="p@ss", path="0")
    'redis://:p%40ss@127.0.0.1:6379/0'
    """
    login = ""
    if user or password:
        login = quote(user, safe="") + (":" + quote(password, safe="") if password else "") + "@"
    tail = f"/{quote(path, safe='')}" if path or query else ""
    return f"{scheme}://{login}{host}:{port}{tail}" + (f"?{urlencode(query)}" if query else "")


def shell(variables: Mapping[str, str]) -> str:
    """`export NAME=value` lines for `eval`, quoted for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def as_json(variables: Mapping[str, str]) -> str:
    """The same variables as one JSON object."""
    return json.dumps(dict(variables), indent=1) + "\n"
