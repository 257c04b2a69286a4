"""What tests share: running the event bus in this process, signed-in API clients, mails that were sent."""

from __future__ import annotations

import email
import email.policy
import json
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from django.core import mail
from django.db import connections
from rest_framework.test import APIClient

from medisecure.accounts.models import User
from medisecure.accounts.tokens import open_session
from medisecure.kernel import outbox
from medisecure.kernel.databases import ALIASES
from medisecure.kernel.events import Event, consumers_of
from medisecure.notifications import services as notifications


def deliver_events(*, rounds: int = 10) -> list[str]:
    """Do what the worker does, here and now: give every unpublished event to its consumers, until there is none.

    Payloads go through JSON as on the broker. Returns the names of the events, in order.
    """
    names: list[str] = []
    for _round in range(rounds):
        rows = [(alias, row) for alias in ALIASES for row in outbox.pending(alias)]
        if not rows:
            return names
        for alias, row in rows:
            payload = json.loads(json.dumps(row.payload))
            for found in consumers_of(row.name):
                outbox.consume(found, Event(UUID(str(row.id)), row.name, payload))
            outbox.outbox(alias).objects.filter(id=row.id).update(published_at=row.created_at)
            names.append(row.name)
    raise AssertionError(f"events still arrive after {rounds} rounds: {names[-5:]}")


def send_mails() -> list[EmailMessage]:
    """Send every due mail, as the worker does, and return them parsed; the test outbox is emptied."""
    for message_id in notifications.due():
        notifications.send(message_id)
    found = [email.message_from_bytes(sent.message().as_bytes(), policy=email.policy.default) for sent in mail.outbox]
    mail.outbox.clear()
    return found


def api(user: User | None = None) -> APIClient:
    """An API client, signed in by a real token of `user`."""
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {open_session(user).access_token}")
    return client


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Assert that the response is this problem (RFC 9457) and return its body."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code, body
    return body


def on_test_databases(code: str) -> str:
    """A program that does `code` in a new process, set up on the databases of this test."""
    names = {alias: str(connections[alias].settings_dict["NAME"]) for alias in ALIASES}
    return (
        "import django\n"
        "from django.conf import settings\n"
        f"for alias, name in {names!r}.items(): settings.DATABASES[alias]['NAME'] = name\n"
        "django.setup()\n" + code
    )
