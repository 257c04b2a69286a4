"""A person at a distance: HTTP only, as a mobile app (token) or as a browser (cookies and forms)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urljoin

import urllib3

TIMEOUT = urllib3.Timeout(connect=5, read=30)


class Unexpected(Exception):
    """An answer that a step did not expect; the text is for the person who reads the check's output."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes
    url: str

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            raise Unexpected(f"{self.url} answered {self.status} without JSON") from None

    def expect(self, *statuses: int) -> Answer:
        if self.status not in statuses:
            # A problem's code and title hold nobody's data; any other body is not shown.
            said = ""
            if "problem+json" in self.headers.get("Content-Type", ""):
                body = self.json()
                said = f": {body.get('code')} {body.get('detail') or body.get('title')} {body.get('errors') or ''}"
            raise Unexpected(f"{self.url} answered {self.status}, expected {' or '.join(map(str, statuses))}{said}")
        return self


@dataclass
class Http:
    """`base` is the hospital's address; `ca` a file of certificates to trust, for a stack with its own."""

    base: str
    ca: str | None = None
    pool: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        self.pool = urllib3.PoolManager(
            maxsize=60, block=True, timeout=TIMEOUT, retries=False, ca_certs=self.ca, cert_reqs="CERT_REQUIRED"
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        fields: Any = None,
    ) -> Answer:
        url = urljoin(self.base + "/", path)
        try:
            if fields is not None:
                found = self.pool.request(method, url, fields=fields, headers=dict(headers or {}), redirect=False)
            else:
                found = self.pool.request(method, url, body=body, headers=dict(headers or {}), redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise Unexpected(f"{url} does not answer ({type(error).__name__})") from None
        return Answer(found.status, urllib3.HTTPHeaderDict(found.headers), found.data, url)


@dataclass
class App:
    """A mobile app, signed in or not."""

    http: Http
    access: str = ""

    @classmethod
    def signed_in(cls, http: Http, email: str, password: str) -> App:
        pair = cls(http).post("/api/token", {"email": email, "password": password}).expect(200).json()
        return cls(http, pair["access"])

    def headers(self, **more: str) -> dict[str, str]:
        found = {"Accept": "application/json", **more}
        if self.access:
            found["Authorization"] = f"Bearer {self.access}"
        return found

    def get(self, path: str, **query: str) -> Answer:
        return self.http.request("GET", path + (f"?{urlencode(query)}" if query else ""), headers=self.headers())

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        content = json.dumps(body if body is not None else {}).encode()
        return self.http.request(
            "POST", path, body=content, headers=self.headers(**{"Content-Type": "application/json", **headers})
        )

    def upload(self, path: str, name: str, content: bytes, content_type: str, **fields: str) -> Answer:
        parts = {**fields, "file": (name, content, content_type)}
        return self.http.request("POST", path, headers=self.headers(), fields=parts)


class _Fields(HTMLParser):
    """The hidden fields of a page's forms."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "input" and values.get("type") == "hidden" and values.get("name"):
            self.found[str(values["name"])] = values.get("value") or ""


@dataclass
class Browser:
    """A browser without scripts: keeps cookies, follows redirects, posts forms with their hidden fields."""

    http: Http
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Answer:
        return self._follow("GET", path, None)

    def submit(self, path: str, values: Mapping[str, str]) -> Answer:
        page = self.get(path).expect(200)
        parser = _Fields()
        parser.feed(page.body.decode())
        return self._follow("POST", path, {**parser.found, **values})

    def sign_in(self, email: str, password: str) -> None:
        self.submit("/accounts/login/", {"login": email, "password": password}).expect(200)
        if "medisecure_session" not in self.cookies:
            raise Unexpected("signing in with the form opened no session")

    def _follow(self, method: str, path: str, form: Mapping[str, str] | None) -> Answer:
        for _hop in range(6):
            headers = {"Cookie": "; ".join(f"{key}={value}" for key, value in self.cookies.items())}
            body = None
            if form is not None:
                body = urlencode(form).encode()
                headers |= {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Referer": urljoin(self.http.base, path),
                }
            answer = self.http.request(method, path, body=body, headers=headers)
            self._keep(answer)
            if answer.status not in (301, 302, 303):
                return answer
            method, path, form = "GET", answer.headers["Location"], None
        raise Unexpected(f"{path} redirects without end")

    def _keep(self, answer: Answer) -> None:
        for header in answer.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
