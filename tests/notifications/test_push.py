"""Messages to browsers and phones: encrypted for one, signed by us, once, in the person's language, if wanted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from medisecure.accounts.models import User
from medisecure.kernel import web_push
from medisecure.kernel.errors import Invalid, NotFound
from medisecure.notifications import push, services
from medisecure.notifications.interface import choose, notices_for, notify_user, queue_mail
from medisecure.notifications.models import Channel, Choice, Device, Message
from tests.support import api, problem

pytestmark = pytest.mark.django_db

# RFC 8291, section 5 and appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
THEIRS = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
OURS = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7"
    "A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


class Browser:
    """A subscription with its secret half, which decrypts as a browser does."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.secret = b"0123456789abcdef"
        self.p256dh, self.auth = web_push.text_of(self.point), web_push.text_of(self.secret)

    def read(self, body: bytes) -> dict[str, str]:
        salt, theirs, sealed = body[:16], body[21:86], body[86:]
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        secret = HKDF(SHA256(), 32, self.secret, b"WebPush: info\0" + self.point + theirs).derive(shared)
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
        plain = AESGCM(key).decrypt(nonce, sealed, None)
        assert plain.endswith(b"\x02")
        found: dict[str, str] = json.loads(plain[:-1])
        return found


class PushService(BaseHTTPRequestHandler):
    answer: ClassVar[int] = 201
    taken: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.path, dict(self.headers.items()), body))
        self.send_response(self.answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def service(settings: Settings) -> Iterator[str]:
    """A push service on this machine; its address."""
    server = HTTPServer(("127.0.0.1", 0), PushService)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    PushService.answer, PushService.taken = 201, []
    settings.PUSH_HOSTS, settings.VAPID_PRIVATE_KEY = ["127.0.0.1"], web_push.new_private_key()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def subscribe(user: User, service: str, name: str = "a") -> Browser:
    browser = Browser()
    push.register(
        user_id=user.id, platform="web", address=f"{service}/{name}", p256dh=browser.p256dh, auth=browser.auth
    )
    return browser


def test_the_example_of_the_standard() -> None:
    body = web_push.encrypt(
        PLAIN,
        p256dh=THEIRS,
        auth=AUTH,
        salt=web_push.bytes_of(SALT),
        sender=web_push.private_key(OURS),
    )
    assert web_push.text_of(body) == BODY


def test_a_browser_reads_what_it_was_sent_and_knows_who_sent_it(asha: User, service: str) -> None:
    browser = subscribe(asha, service)
    notify_user(dedupe_key="k", user_id=asha.id, kind="document-added", url="/record/")
    assert services.send_due(Channel.PUSH) == 1
    ((path, headers, body),) = PushService.taken
    said = browser.read(body)
    assert path == "/a"
    assert (said["title"], said["body"], said["url"]) == (
        "MediSecure",
        "Un nouveau document est dans votre dossier.",
        "/record/",
    )
    token, public = headers["Authorization"].removeprefix("vapid t=").split(", k=")
    assert public == push.public_key()
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), web_push.bytes_of(public))
    claims = jwt.decode(token, key, algorithms=["ES256"], audience=service)
    assert claims["sub"].startswith("mailto:")
    assert (headers["Content-Encoding"], headers["TTL"]) == ("aes128gcm", "86400")
    row = Message.objects.get()
    assert (row.channel, row.status, row.text, row.template) == ("push", "sent", "", "document-added")


def test_each_device_is_told_once_however_often_it_is_promised_and_sent(asha: User, service: str) -> None:
    subscribe(asha, service, "a")
    subscribe(asha, service, "b")
    for _again in range(2):
        notify_user(dedupe_key="k", user_id=asha.id, kind="document-added")
        services.send_due(Channel.PUSH)
    assert sorted(path for path, _headers, _body in PushService.taken) == ["/a", "/b"]


def test_what_is_no_longer_true_is_not_pushed(asha: User, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(asha, service)
    monkeypatch.setitem(services._claims, "never", lambda claims: [])
    notify_user(dedupe_key="k", user_id=asha.id, kind="appointment-booked", claim="never:1")
    services.send_due(Channel.PUSH)
    assert PushService.taken == []
    assert Message.objects.get().status == Message.Status.DROPPED


@pytest.mark.parametrize("answer", [404, 410])
def test_a_subscription_that_has_ended_is_forgotten(asha: User, service: str, answer: int) -> None:
    subscribe(asha, service)
    PushService.answer = answer
    notify_user(dedupe_key="k", user_id=asha.id, kind="document-added")
    assert services.send_due(Channel.PUSH) == 0
    assert Device.objects.count() == 0
    assert (Message.objects.get().status, Message.objects.get().text) == ("failed", "")


def test_a_push_service_in_trouble_is_asked_again_and_one_that_refuses_is_not(asha: User, service: str) -> None:
    subscribe(asha, service)
    notify_user(dedupe_key="1", user_id=asha.id, kind="document-added")
    PushService.answer = 503
    services.send_due(Channel.PUSH)
    assert Message.objects.get().status == Message.Status.QUEUED
    PushService.answer = 400
    Message.objects.update(due_at="2020-01-01T00:00Z")
    services.send_due(Channel.PUSH)
    assert (Message.objects.get().status, Message.objects.get().last_error) == ("failed", "HTTP 400")
    assert Device.objects.count() == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com",
        "https://fcm.googleapis.com@evil.example/x",
        "https://fcm.googleapis.com:8443/x",
        "http://127.0.0.1:8000/",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://[::1",
        "",
    ],
)
def test_our_servers_are_sent_to_push_services_only(address: str, asha: User) -> None:
    browser = Browser()
    with pytest.raises(Invalid):
        push.register(user_id=asha.id, platform="web", address=address, p256dh=browser.p256dh, auth=browser.auth)


def test_keys_that_are_none_are_refused(asha: User) -> None:
    for p256dh, auth in (("x", AUTH), (THEIRS, "é"), (THEIRS[:-2], AUTH), (THEIRS, "AAAA")):
        with pytest.raises(Invalid):
            push.register(
                user_id=asha.id, platform="web", address="https://fcm.googleapis.com/x", p256dh=p256dh, auth=auth
            )
    assert Device.objects.count() == 0


def test_a_phone_is_told_through_the_adapter(asha: User, settings: Settings, tmp_path: Any) -> None:
    settings.MOBILE_PUSH, settings.PUSH_FOLDER = "folder", tmp_path
    push.register(user_id=asha.id, platform="android", address="token-1")
    notify_user(dedupe_key="k", user_id=asha.id, kind="invoice-issued")
    assert services.send_due(Channel.PUSH) == 1
    (path,) = tmp_path.iterdir()
    said = json.loads(path.read_text())
    assert (said["platform"], said["token"]) == ("android", "token-1")


def test_a_device_follows_who_signs_in_on_it(asha: User, dan: User) -> None:
    for user in (asha, dan):
        push.register(user_id=user.id, platform="ios", address="same")
    assert [device.user_id for device in Device.objects.all()] == [dan.id]


def test_what_is_not_wanted_does_not_come_and_what_must_be_known_does(asha: User, service: str) -> None:
    subscribe(asha, service)
    choose(user_id=asha.id, wanted=[])

    def mail(key: str, template: str) -> bool:
        return queue_mail(
            dedupe_key=key, to_email="a@example.org", language="fr", template=template, context={}, user_id=asha.id
        )

    assert mail("1", "document_added") is False
    assert mail("2", "appointment_cancelled") is True
    assert notify_user(dedupe_key="3", user_id=asha.id, kind="document-added") is False
    assert notify_user(dedupe_key="4", user_id=asha.id, kind="emergency-opened") is True
    assert [line.sentence for line in notices_for(asha.id)] != []
    assert not Message.objects.filter(channel="push").exists()


def test_the_page_of_choices(asha: User, dan: User, client: Client) -> None:
    client.force_login(asha)
    page = client.get("/notices/choices/").content.decode()
    assert 'value="changed:mail"' in page
    assert page.count("disabled") >= 4
    client.post("/notices/choices/", {"wanted": ["booked:mail", "no-such:mail", "changed:push"]})
    kept = set(Choice.objects.values_list("topic", "channel"))
    assert ("booked", "push") in kept
    assert ("booked", "mail") not in kept
    assert not kept & {("changed", "mail"), ("changed", "push"), ("account", "mail")}
    assert not Choice.objects.filter(user_id=dan.id).exists()


def test_the_api_of_devices_and_choices(asha: User, dan: User) -> None:
    client = api(asha)
    made = client.post("/api/devices", {"platform": "ios", "address": "t"}, format="json")
    assert made.status_code == 201, made.content
    assert [row["id"] for row in client.get("/api/devices").json()] == [made.json()["id"]]
    assert "address" not in made.json()
    problem(api(dan).delete(f"/api/devices/{made.json()['id']}"), 404, "not-found")
    assert client.delete(f"/api/devices/{made.json()['id']}").status_code == 204
    inside = {"platform": "web", "address": "http://10.0.0.1/"}
    problem(client.post("/api/devices", inside, format="json"), 422, "invalid")
    wanted = {"wanted": [{"topic": "booked", "channel": "mail"}]}
    topics = client.put("/api/message-choices", wanted, format="json").json()
    booked = next(row for row in topics if row["topic"] == "booked")
    assert [row["wanted"] for row in booked["channels"]] == [True, False, False]
    changed = next(row for row in client.get("/api/message-choices").json() if row["topic"] == "changed")
    found = [(row["wanted"], row["always"]) for row in changed["channels"]]
    assert found == [(True, True), (False, False), (True, True)]


def test_the_page_subscribes_this_browser_and_takes_it_back(asha: User, dan: User, client: Client) -> None:
    browser = Browser()
    sent = {"address": "https://fcm.googleapis.com/x", "p256dh": browser.p256dh, "auth": browser.auth}
    client.force_login(asha)
    assert client.post("/notices/devices/", {**sent, "wanted": "yes"}).status_code == 200
    assert client.post("/notices/devices/", {"address": "x", "wanted": "yes"}).status_code == 422
    client.force_login(dan)
    assert client.post("/notices/devices/", {**sent, "wanted": "no"}).status_code == 404
    assert Device.objects.get().user_id == asha.id
    client.force_login(asha)
    assert client.post("/notices/devices/", {**sent, "wanted": "no"}).status_code == 200
    assert Device.objects.count() == 0
    with pytest.raises(NotFound):
        push.unregister(user_id=asha.id, device_id=uuid4())


def test_the_service_worker_is_at_the_root_and_needs_no_session(client: Client) -> None:
    answer = client.get("/push-worker.js")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert "worker-src 'self'" in answer["Content-Security-Policy"]


def test_a_new_key_is_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("vapid_key")
    assert web_push.is_private_key(capsys.readouterr().out.strip())
    assert not web_push.is_private_key("no")
