"""Mails about accounts: through the queue, in the person's language, with links that no request can bend."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from allauth.account.adapter import get_adapter
from allauth.core import context
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django.fixtures import Settings

from medisecure.accounts.interface import password_link
from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound
from medisecure.kernel.ids import new_id
from medisecure.notifications.models import Message
from tests.cast import ALL_DATABASES, PASSWORD
from tests.support import send_mails

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

RESET = "/accounts/password/reset/"
NEW_PASSWORD = "a quite different phrase"


@pytest.fixture(autouse=True)
def _public_url(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://hospital.example"
    settings.ALLOWED_HOSTS = ["*"]


def words(sent: EmailMessage) -> str:
    return "\n".join(str(part.get_content()) for part in sent.walk() if not part.is_multipart())


def links(sent: EmailMessage) -> set[str]:
    return set(re.findall(r"https?://[^\s\"<>]+", words(sent)))


def the_link(sent: EmailMessage) -> str:
    (link,) = {found for found in links(sent) if "/reset/key/" in found}
    return link


def follow(client: Client, link: str, password: str = NEW_PASSWORD) -> Any:
    """Open the link and answer its form, as a browser does."""
    path = link.removeprefix("https://hospital.example")
    form = client.get(path, follow=True)
    action = form.redirect_chain[-1][0] if form.redirect_chain else path
    return client.post(action, {"password1": password, "password2": password}, follow=True)


def signs_in(user: User, password: str) -> bool:
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": password})
    return "_auth_user_id" in client.session


def test_a_password_reset_waits_in_the_queue(client: Client, asha: User) -> None:
    client.post(RESET, {"email": asha.email})
    assert mail.outbox == [], "nothing leaves inside the request"
    message = Message.objects.get()
    assert (message.template, message.to_email, message.user_id, message.status) == (
        "password_reset",
        asha.email,
        asha.id,
        "queued",
    )


def test_its_links_are_ours_whatever_host_the_request_names(client: Client, asha: User) -> None:
    client.post(RESET, {"email": asha.email}, headers={"host": "evil.example"})
    (sent,) = send_mails()
    assert all(link.startswith("https://hospital.example") for link in links(sent))
    assert "evil.example" not in words(sent) + sent["Subject"]
    assert "MediSecure" in words(sent)


@pytest.mark.parametrize(("who", "language"), [("asha", "fr"), ("dan", "en")])
def test_it_is_in_the_persons_language(who: str, language: str, request: pytest.FixtureRequest) -> None:
    user: User = request.getfixturevalue(who)
    browser = Client()
    browser.cookies["medisecure_language"] = "en" if language == "fr" else "fr"
    browser.post(RESET, {"email": user.email})
    (sent,) = send_mails()
    assert sent["Content-Language"] == language
    assert f'<html lang="{language}">' in words(sent)


def test_it_goes_to_the_address_of_the_account_not_to_what_was_typed(client: Client, asha: User) -> None:
    client.post(RESET, {"email": "RAO@Example.org"})
    (sent,) = send_mails()
    assert sent["To"] == asha.email


def test_its_link_sets_the_password_once(client: Client, asha: User) -> None:
    client.post(RESET, {"email": asha.email})
    link = the_link(send_mails()[0])
    assert follow(client, link).status_code == 200
    assert signs_in(asha, NEW_PASSWORD)
    assert not signs_in(asha, PASSWORD)
    follow(Client(), link, "yet another long phrase")
    assert signs_in(asha, NEW_PASSWORD)


def test_its_link_ends(asha: User) -> None:
    link = password_link(asha.id)
    # Django counts on the clock of the wall, so that a change to or from summer time shifts the end by an hour.
    with time_machine.travel(timezone.now() + timedelta(days=3, hours=2), tick=False):
        follow(Client(), link)
    asha.refresh_from_db()
    assert asha.check_password(PASSWORD)


def test_the_link_is_not_kept_once_it_is_sent(client: Client, asha: User) -> None:
    client.post(RESET, {"email": asha.email})
    key = the_link(send_mails()[0]).rstrip("/").rpartition("-")[2]
    kept = " ".join(str(value) for row in Message.objects.values() for value in row.values())
    assert Message.objects.get().status == "sent"
    assert key not in kept
    assert "/reset/key/" not in kept


def test_an_address_without_an_account_reads_the_same_and_gets_nothing(client: Client, asha: User) -> None:
    known = client.post(RESET, {"email": asha.email}, follow=True)
    unknown = Client().post(RESET, {"email": "nobody@example.org"}, follow=True)
    assert (unknown.status_code, unknown.redirect_chain) == (known.status_code, known.redirect_chain)
    assert list(Message.objects.values_list("to_email", flat=True)) == [asha.email]


def test_a_closed_account_gets_no_link(client: Client, asha: User) -> None:
    User.objects.filter(id=asha.id).update(is_active=False)
    client.post(RESET, {"email": asha.email})
    assert Message.objects.count() == 0
    with pytest.raises(NotFound):
        password_link(asha.id)
    with pytest.raises(NotFound):
        password_link(new_id())


def test_security_notices_go_through_the_queue_in_the_persons_language(dan: User, settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_NOTIFICATIONS = True
    browser = Client()
    browser.force_login(dan)
    browser.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
        headers={"host": "evil.example"},
    )
    assert mail.outbox == []
    assert Message.objects.get().template == "password_changed"
    (sent,) = send_mails()
    assert (sent["To"], sent["Content-Language"]) == (dan.email, "en")
    assert sent["Subject"] == "[MediSecure] Password Changed"
    assert "Hello from MediSecure!" in words(sent)
    assert "evil.example" not in words(sent)


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("account/email/email_confirmation", {"activate_url": "http://evil.example/accounts/confirm-email/abc/"}),
        ("account/email/unknown_account", {"signup_url": "http://evil.example/accounts/signup/"}),
        ("mfa/email/totp_activated", {"timestamp": "", "ip": "", "user_agent": ""}),
    ],
)
def test_a_mail_that_has_no_template_of_ours_is_not_lost(prefix: str, values: dict[str, Any], asha: User) -> None:
    with context.request_context(RequestFactory(headers={"host": "evil.example"}).get("/")):
        get_adapter().send_mail(prefix, asha.email, {"user": asha, **values})
    assert Message.objects.get().template == prefix.rpartition("/")[2]
    (sent,) = send_mails()
    assert sent["To"] == asha.email
    assert "MediSecure" in words(sent)
    assert "evil.example" not in words(sent)
    for value in values.values():
        assert value.replace("http://evil.example", "https://hospital.example") in words(sent)


def test_nobody_changes_their_address_at_a_screen(asha: User, client: Client) -> None:
    client.force_login(asha)
    answer = client.post("/accounts/email/", {"email": "thief@example.org", "action_add": ""})
    assert answer.status_code == 404
