"""Writing a note in a browser: the server dies, the session is lost, the browser is killed, a colleague is faster."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.core.cache import cache
from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import LiveServerThread
from pytest_django.live_server_helper import LiveServer

from medisecure.accounts.models import User
from patients import services
from patients.models import ClinicalNote, NoteVersion
from tests.cast import ALL_DATABASES, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(databases=ALL_DATABASES, transaction=True)]

TEXT = "[name=text]"
STATE = "[data-state]"
#: Autosave waits a moment, and what could not be saved is tried again after two seconds at first.
SOON = 20_000
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Mortal(ThreadedWSGIServer):
    """A server whose connections end with it, and whose address may be taken again at once."""

    sockets: ClassVar[list[socket.socket]] = []

    def __init__(self, *args: Any, allow_reuse_address: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, allow_reuse_address=True, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.sockets.append(request)
        super().process_request(request, client_address)


class Server:
    def __init__(self) -> None:
        self._live = LiveServer("localhost")
        self.url: str = self._live.url

    def start(self) -> None:
        self._live = LiveServer(self.url.removeprefix("http://"))

    def stop(self) -> None:
        self._live.stop()
        # Browsers keep connections open, and their threads would go on answering.
        while Mortal.sockets:
            with suppress(OSError):
                Mortal.sockets.pop().shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server(settings: Any, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    settings.ALLOWED_HOSTS = ["*"]
    monkeypatch.setattr(LiveServerThread, "server_class", Mortal)
    running = Server()
    yield running
    running.stop()


Open = Callable[..., Any]


@pytest.fixture
def open_page(chromium: Any, server: Server) -> Iterator[Open]:
    """`open_page(user, path)`: a browser of its own, signed in as `user`."""
    contexts = []

    def make(user: User, path: str, *, width: int = 1280, language: str = "en") -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 844})
        context.add_cookies([{"name": "medisecure_language", "value": language, "url": server.url}])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SOON)
        page.goto(f"{server.url}/accounts/login/?next={path}")
        sign_in(page, user)
        return page

    yield make
    for context in contexts:
        context.close()


def sign_in(page: Any, user: User) -> None:
    page.fill("[name=login]", user.email)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/accounts/login/" not in url)


def says(page: Any, words: str) -> None:
    page.wait_for_function(
        "([box, words]) => document.querySelector(box).textContent.includes(words)", arg=[STATE, words]
    )


def notes_of(patient_id: UUID) -> str:
    return f"/admin/patients/patient/{patient_id}/notes/"


def stored() -> str | None:
    return ClinicalNote.objects.get().draft


def test_a_text_survives_a_dead_server_a_lost_session_and_a_killed_browser(
    open_page: Open, server: Server, dr_bose: User, care: UUID
) -> None:
    page = open_page(dr_bose, f"{notes_of(care)}new/")
    page.focus(TEXT)
    page.keyboard.type("Toux.")
    says(page, "Saved at")
    assert stored() == "Toux."

    server.stop()
    page.keyboard.type(" Fièvre.")
    says(page, "no connection")
    page.click("button[value=sign]")
    says(page, "no connection")
    assert page.input_value(TEXT) == "Toux. Fièvre.", "a button that cannot work leaves the text where it is"
    server.start()
    says(page, "Saved at")
    assert stored() == "Toux. Fièvre."

    cache.clear()  # where sessions are
    page.focus(TEXT)
    page.keyboard.press("End")
    page.keyboard.type(" Asthénie.")
    page.wait_for_selector("[data-lost]:not([hidden])")
    page.click(".note-buttons button[value=save]")
    assert stored() == "Toux. Fièvre."
    assert page.input_value(TEXT) == "Toux. Fièvre. Asthénie."
    with page.expect_popup() as popup:
        page.click("[data-lost] a")
    sign_in(popup.value, dr_bose)
    popup.value.wait_for_selector("text=Close this tab")
    says(page, "Saved at")
    assert page.is_hidden("[data-lost]")
    assert stored() == "Toux. Fièvre. Asthénie."

    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Toux" not in kept, "nothing clinical stays on a shared computer"
    address = page.url.split("?")[0]
    page.context.close()  # killed: no page had the time to say anything
    again = open_page(dr_bose, address.removeprefix(server.url))
    assert again.input_value(TEXT) == "Toux. Fièvre. Asthénie."
    again.click("button[value=sign]")
    again.wait_for_selector(".note-final")
    assert NoteVersion.objects.get().text == "Toux. Fièvre. Asthénie."


def test_somebody_else_who_signs_in_meanwhile_saves_nothing(
    open_page: Open, server: Server, dr_bose: User, nurse_chen: User, care: UUID
) -> None:
    page = open_page(dr_bose, f"{notes_of(care)}new/")
    cache.clear()
    page.fill(TEXT, "Pour moi seul")
    page.wait_for_selector("[data-lost]:not([hidden])")
    with page.expect_popup() as popup:
        page.click("[data-lost] a")
    sign_in(popup.value, nurse_chen)
    page.wait_for_selector("[data-refused]:not([hidden])")
    assert "somebody else" in page.inner_text("[data-refused]")
    assert not ClinicalNote.objects.exists()
    assert page.input_value(TEXT) == "Pour moi seul"


def test_two_people_on_one_note_see_both_texts(
    open_page: Open, dr_bose: User, nurse_chen: User, care: UUID, axe: Any
) -> None:
    from medisecure.kernel.ids import new_id

    note_id = new_id()
    services.save_draft(actor=dr_bose, patient_id=care, note_id=note_id, version=0, text="Toux sèche.")
    edit = f"{notes_of(care)}{note_id}/edit/"
    hers, his = open_page(nurse_chen, edit), open_page(dr_bose, edit)
    hers.fill(TEXT, "Toux grasse.")
    says(hers, "Saved at")
    his.fill(TEXT, "Toux sèche depuis hier.")
    his.wait_for_selector("[data-conflict]:not([hidden])")
    assert stored() == "Toux grasse."
    his.click("[data-conflict] button")
    his.wait_for_selector(".note-compare")
    assert "grasse" in his.inner_text(".note-compare td >> nth=0")
    assert "hier" in his.inner_text(".note-compare td >> nth=1")
    assert his.input_value(TEXT) == "Toux sèche depuis hier."
    faults = axe(his)
    his.keyboard.press("End")
    his.wait_for_timeout(3000)
    assert stored() == "Toux grasse.", "nothing saves by itself while two texts stand"
    his.click(".note-buttons button[value=save]")
    his.wait_for_selector(".note-text")
    assert stored() == "Toux sèche depuis hier."
    assert faults == []


def test_a_paste_that_is_too_long_is_said_before_it_is_sent(open_page: Open, dr_bose: User, care: UUID) -> None:
    page = open_page(dr_bose, f"{notes_of(care)}new/")
    page.evaluate(
        "box => { const field = document.querySelector(box); field.value = 'x'.repeat(5_000_000);"
        " field.dispatchEvent(new Event('input', {bubbles: true})); }",
        TEXT,
    )
    says(page, "too long")
    page.click("button[value=sign]")
    says(page, "too long")
    assert page.evaluate("box => document.querySelector(box).value.length", TEXT) == 5_000_000
    assert not ClinicalNote.objects.exists()


@pytest.fixture
def axe() -> Callable[[Any], list[str]]:
    found = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed (requirements/live.txt)"
    ).Axe()

    def check(page: Any) -> list[str]:
        faults = [
            f"{page.url}: {item['id']}: {item['nodes'][0]['target']}"
            for item in found.run(page).response["violations"]
            if item["impact"] in ("serious", "critical")
        ]
        if page.evaluate(OVERFLOW) > 0:
            faults.append(f"{page.url}: wider than the window")
        return faults

    return check


@pytest.mark.parametrize(("width", "language"), [(390, "fr"), (1280, "en")])
def test_each_page_of_the_workspace(
    open_page: Open, server: Server, axe: Any, dr_bose: User, care: UUID, width: int, language: str
) -> None:
    from tests.patients.test_workspace import address, routes

    page = open_page(dr_bose, "/admin/", width=width, language=language)
    policy: list[str] = []
    faults: list[str] = []
    page.on("console", lambda message: policy.append(f"{page.url}: {message.text[:200]}"))
    page.on("pageerror", lambda error: faults.append(str(error)))
    for route in routes():
        path = address(route, care)
        answer = page.context.request.get(server.url + path)
        if answer.status == 405 or "html" not in answer.headers["content-type"]:
            continue
        page.goto(server.url + path)
        assert page.get_attribute("html", "lang") == language
        faults += [text for text in policy if "Content Security Policy" in text]
        faults += axe(page)
        policy.clear()  # axe itself tries styles on some pages
    assert faults == []
