"""A promised mail goes out, once; what it said is not kept."""

from __future__ import annotations

import smtplib
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connections
from django.utils import timezone
from pytest_django.fixtures import Settings

from medisecure.accounts.models import User
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id
from medisecure.kernel.transactions import atomic
from medisecure.notifications import services, tasks
from medisecure.notifications.interface import (
    Attachment,
    mark_read,
    notices_for,
    notify_user,
    queue_mail,
    unread_count,
)
from medisecure.notifications.models import Message
from tests.support import send_mails

pytestmark = pytest.mark.django_db

CALENDAR = Attachment(
    "visit.ics", "text/calendar; method=REQUEST; charset=utf-8", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
)


def promise(key: str = "k", language: str = "fr", to: str = "asha@example.org") -> bool:
    return queue_mail(
        dedupe_key=key,
        to_email=to,
        language=language,
        template="document_added",
        context={"recipient": "Asha"},
        attachments=[CALENDAR],
    )


def test_a_mail_has_text_html_and_its_attachment() -> None:
    promise()
    (sent,) = send_mails()
    assert sent["To"] == "asha@example.org"
    assert sent["Auto-Submitted"] == "auto-generated"
    types = [part.get_content_type() for part in sent.walk() if not part.is_multipart()]
    assert types == ["text/plain", "text/html", "text/calendar"]
    calendar = next(part for part in sent.walk() if part.get_content_type() == "text/calendar")
    assert calendar.get_param("method") == "REQUEST"
    assert calendar.get_filename() == "visit.ics"


def test_the_language_is_the_recipients() -> None:
    promise("fr", "fr")
    promise("en", "en")
    french, english = send_mails()
    assert french["Content-Language"] == "fr"
    assert french["Subject"] != english["Subject"]


def test_a_fact_makes_one_mail() -> None:
    assert promise("same") is True
    assert promise("same") is False
    assert len(send_mails()) == 1


def test_nobody_to_write_to_is_no_mail() -> None:
    assert promise(to="") is False
    assert Message.objects.count() == 0


def test_what_a_mail_said_is_dropped_once_it_is_sent() -> None:
    promise()
    before = Message.objects.get()
    assert before.text
    assert before.html
    send_mails()
    after = Message.objects.get()
    assert (after.status, after.subject, after.text, after.html, after.attachments) == ("sent", "", "", "", [])


def test_a_sent_mail_is_not_sent_again() -> None:
    promise()
    send_mails()
    assert services.send(Message.objects.get().id) is False
    assert mail.outbox == []


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(self: EmailMultiAlternatives, fail_silently: bool = False) -> int:
        raise error

    monkeypatch.setattr(EmailMultiAlternatives, "send", fail)


@pytest.mark.parametrize("error", [ConnectionRefusedError(), smtplib.SMTPServerDisconnected(), TimeoutError()])
def test_a_mail_server_that_is_away_delays_a_mail_with_growing_pauses(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise()
    message_id = Message.objects.get().id
    pauses = []
    with monkeypatch.context() as away:
        failing(away, error)
        moment = timezone.now()
        for _ in range(4):
            with time_machine.travel(moment, tick=False):
                assert services.send(message_id) is False
            message = Message.objects.get()
            assert message.status == Message.Status.QUEUED
            pauses.append(message.due_at - moment)
            moment = message.due_at
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0] * 4
    with time_machine.travel(moment, tick=False):
        assert services.due() == [message_id]
        assert len(send_mails()) == 1


def test_an_address_that_is_refused_for_good_is_marked_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    promise()
    failing(monkeypatch, smtplib.SMTPRecipientsRefused({"asha@example.org": (550, b"no such user")}))
    services.send(Message.objects.get().id)
    message = Message.objects.get()
    assert (message.status, message.last_error) == ("failed", "SMTP 550")
    assert (message.subject, message.text, message.html, message.attachments) == ("", "", "", [])
    assert services.due() == []


def test_a_full_mailbox_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    promise()
    failing(monkeypatch, smtplib.SMTPRecipientsRefused({"asha@example.org": (452, b"full")}))
    services.send(Message.objects.get().id)
    assert Message.objects.get().status == Message.Status.QUEUED


def test_a_mail_whose_sender_died_is_taken_up_when_the_claim_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    promise()
    message_id = Message.objects.get().id

    class Killed(BaseException):
        pass

    with monkeypatch.context() as killed:
        failing(killed, Killed())  # type: ignore[arg-type]
        with pytest.raises(Killed):
            services.send(message_id)
    assert Message.objects.get().status == Message.Status.SENDING
    assert services.due() == []
    with time_machine.travel(timezone.now() + services.CLAIM + timedelta(seconds=1), tick=False):
        assert services.due() == [message_id]
        (sent,) = send_mails()
    assert str(message_id) in sent["Message-ID"]


def test_a_batch_goes_over_one_connection_and_asks_the_database_once(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    real, opened = mail.get_connection, []

    def counted() -> Any:
        opened.append(real())
        return opened[-1]

    monkeypatch.setattr(services, "get_connection", counted)
    asked: list[int] = []

    def true_of(claims: Any) -> Any:
        asked.append(len(claims))
        return claims

    monkeypatch.setitem(services._claims, "some", true_of)
    for number in range(6):
        promise(str(number))
    Message.objects.update(claim="some:1", thread="t")
    # The claim's five (two of them savepoints), the threads, and for each mail its mark; two more ask for an empty end.
    with django_assert_num_queries(5 + 6):
        assert services.send_due() == 6
    assert (len(opened), asked) == (1, [1])


def test_an_error_costs_one_mail_of_the_batch_and_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        promise(str(number), to=f"p{number}@example.org")
    real = EmailMultiAlternatives.send

    def second_fails(self: EmailMultiAlternatives, fail_silently: bool = False) -> int:
        if self.to == ["p1@example.org"]:
            raise smtplib.SMTPServerDisconnected
        return real(self, fail_silently)

    monkeypatch.setattr(EmailMultiAlternatives, "send", second_fails)
    assert services.send_due() == 2
    assert [row.status for row in Message.objects.order_by("id")] == ["sent", "queued", "sent"]


def test_what_a_slow_mail_server_leaves_of_a_batch_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    promise("1")
    promise("2")
    with monkeypatch.context() as slow:
        slow.setattr(services, "PATIENCE", timedelta(seconds=-1))
        assert services.send_due() == 0
    assert {(row.status, row.attempts) for row in Message.objects.all()} == {("queued", 0)}
    assert services.send_due() == 2


def test_mails_that_are_promised_together_ask_for_the_sender_once(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.OUTBOX_NUDGE = True
    asked: list[object] = []
    monkeypatch.setattr(tasks.send_due, "apply_async", lambda **options: asked.append(options))
    tasks.nudge_sender()
    tasks.nudge_sender()
    assert len(asked) == 1
    tasks.send_due()
    tasks.nudge_sender()
    assert len(asked) == 2, "what was promised after the sender has looked is asked for again"


@pytest.mark.django_db(transaction=True)
def test_eight_workers_send_one_mail_once() -> None:
    promise()
    message_id = Message.objects.get().id
    start = threading.Barrier(8)
    results: list[object] = []

    def run() -> None:
        start.wait()
        try:
            results.append(services.send(message_id))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            results.append(error)
        finally:
            connections[DEFAULT].close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["False"] * 7 + ["True"]
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_a_mail_is_promised_with_its_change_or_not_at_all() -> None:
    class Planned(Exception):
        pass

    with pytest.raises(Planned), atomic(DEFAULT):
        promise()
        raise Planned
    assert Message.objects.count() == 0


def test_the_embedded_mail_server_writes_whole_files(settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "medisecure.notifications.mail_folder.MailFolder"
    settings.MAIL_FOLDER = tmp_path / "mail"
    promise()
    services.send(Message.objects.get().id)
    (path,) = (tmp_path / "mail").iterdir()
    assert path.suffix == ".eml"
    assert b"asha@example.org" in path.read_bytes()


def test_the_in_app_inbox(asha: User, dan: User) -> None:
    assert notify_user(dedupe_key="1", user_id=asha.id, kind="document-added", url="/record/") is True
    assert notify_user(dedupe_key="1", user_id=asha.id, kind="document-added") is False
    assert notify_user(dedupe_key="2", user_id=None, kind="document-added") is False
    assert (unread_count(asha.id), unread_count(dan.id)) == (1, 0)
    (line,) = notices_for(asha.id)
    assert (line.url, line.read) == ("/record/", False)
    assert notices_for(dan.id) == []
    mark_read(asha.id)
    assert unread_count(asha.id) == 0


def test_an_unknown_kind_of_notice_is_a_fault(asha: User) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        notify_user(dedupe_key="1", user_id=new_id(), kind="no-such")


def test_administrators_see_that_a_mail_was_sent_and_never_what_it_said(alice: User, client: Any) -> None:
    promise()
    message = Message.objects.get()
    client.force_login(alice)
    page = client.get(f"/admin/notifications/message/{message.id}/change/").content.decode()
    assert "asha@example.org" in page
    assert message.text.strip().splitlines()[0] not in page
