"""The hospital's main job, from the import of a record to a paid invoice, as seen from outside.

`bin/run --check` does it on the embedded hospital; the live tests do the same through HAProxy on the real servers.
"""

from __future__ import annotations

import email
import email.policy
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

from medisecure.ops.main_job.client import Answer, App, Browser, Http, Unexpected

T = TypeVar("T")
PARALLEL = 50
#: Work that is done behind a person's back must be done in so many seconds.
PATIENCE = 30.0


def until(what: str, look: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """What `look` finds, as soon as it finds something. Raises Unexpected when it has not in so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise Unexpected(f"{what} did not come in {seconds:.0f} s")
        time.sleep(0.1)


@dataclass
class Mailbox:
    """Every mail that left the hospital: .eml files in one folder."""

    folder: Path

    def to(self, address: str) -> list[EmailMessage]:
        found = []
        for path in sorted(self.folder.glob("*.eml")):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if address in str(mail["To"]):
                found.append(mail)
        return found

    def wait(self, address: str, part: str) -> EmailMessage:
        """The one mail to this address that has an attachment or text holding `part`."""

        def look() -> EmailMessage | None:
            return next((mail for mail in self.to(address) if part in text_of(mail)), None)

        return until(f"a mail to the patient with {part!r}", look)


def text_of(mail: EmailMessage) -> str:
    return "\n".join(
        str(part.get_content())
        for part in mail.walk()
        if part.get_content_maintype() == "text" and not part.is_multipart()
    )


@dataclass
class MainJob:
    """One run. `cast` is what `manage.py check_cast` made: accounts, ids, passwords."""

    http: Http
    mailbox: Mailbox
    cast: dict[str, Any]
    say: Callable[[str], None] = print
    seen: dict[str, Any] = field(default_factory=dict)

    def run(self) -> bool:
        """Do every step in order, stop at the first that fails. True when all went well."""
        for number, (sentence, step) in enumerate(self.steps(), 1):
            started = time.monotonic()
            try:
                result = step()
            except (Unexpected, AssertionError, KeyError, IndexError) as error:
                reason = f"{type(error).__name__} {error}" if isinstance(error, KeyError | IndexError) else str(error)
                self.say(f"{number:3}  FAILED  {sentence}: {reason}")
                return False
            self.say(f"{number:3}  ok  {time.monotonic() - started:6.2f} s  {sentence}: {result}")
        return True

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "the patient signs in by token", self.patient_signs_in
        yield "the patient asks for free slots", self.free_slots
        yield "the patient books one", self.book
        yield "the confirmation mail arrives with its calendar file", self.confirmation
        yield "the staff see it in today's agenda", self.agenda
        yield f"{PARALLEL} try for one slot at once", self.race
        yield "a stranger sees nothing of it", self.stranger
        yield "the doctor uploads a document", self.upload
        yield "the patient is told", self.told
        yield "the doctor reads the record, the second time from the cache", self.record
        yield "a change drops the cached record", self.record_changes
        yield "a signature that was tampered with opens nothing", self.tampered
        yield "the visit takes its course and is completed", self.course
        yield "billing has a draft and issues the invoice", self.invoice
        yield "the invoice's PDF is made", self.pdf
        yield "a payment closes it", self.payment
        yield "signing out ends the token", self.sign_out

    def app(self, who: str) -> App:
        apps: dict[str, App] = self.seen.setdefault("apps", {})
        if who not in apps:
            apps[who] = App.signed_in(self.http, self.cast[who]["email"], self.cast[who]["password"])
        return apps[who]

    # --- steps --------------------------------------------------------------------------------------------------------
    def patient_signs_in(self) -> str:
        me = self.app("patient").get("/api/me").expect(200).json()
        if me["roles"] != ["patient"]:
            raise Unexpected(f"the patient's roles are {me['roles']}")
        App(self.http).get("/api/me").expect(401)
        return "200; without a token 401"

    def free_slots(self) -> str:
        first = date.today()  # noqa: DTZ011 - the stretch is a week, and the answer names instants
        answer = self.app("patient").get(
            "/api/slots",
            practitioner=self.cast["practitioner_id"],
            type=self.cast["type"],
            **{"from": first.isoformat(), "to": (first + timedelta(days=7)).isoformat()},
        )
        body = answer.expect(200).json()
        slots = body["results"] if isinstance(body, dict) else body
        if len(slots) < 3:
            raise Unexpected(f"only {len(slots)} free slots in a week")
        self.seen["slots"] = [slot["start"] for slot in slots]
        return f"{len(slots)} slots"

    def _book(self, app: App, start: str, **more: str) -> Answer:
        body = {"practitioner_id": self.cast["practitioner_id"], "type": self.cast["type"], "start": start, **more}
        return app.post("/api/appointments", body)

    def book(self) -> str:
        answer = self._book(self.app("patient"), self.seen["slots"][0]).expect(201)
        self.seen["appointment"] = answer.json()
        self.app("patient").get(answer.headers["Location"]).expect(200)
        self._book(self.app("patient"), self.seen["slots"][0]).expect(409)
        return "201; the same again 409"

    def confirmation(self) -> str:
        mail = self.mailbox.wait(self.cast["patient"]["email"], "BEGIN:VCALENDAR")
        calendar = text_of(mail)
        start = datetime.fromisoformat(self.seen["appointment"]["start"])
        local = start.astimezone(ZoneInfo(self.cast["zone"]))
        stamps = (f"{local:%Y%m%dT%H%M%S}", f"{start.astimezone(ZoneInfo('UTC')):%Y%m%dT%H%M%SZ}")
        if not any(stamp in calendar for stamp in stamps):
            raise Unexpected("the calendar file has another time than the appointment")
        return f"“{mail['Subject']}”"

    def agenda(self) -> str:
        browser = Browser(self.http)
        browser.sign_in(self.cast["receptionist"]["email"], self.cast["receptionist"]["password"])
        day = datetime.fromisoformat(self.seen["appointment"]["start"]).astimezone(ZoneInfo(self.cast["zone"])).date()
        page = browser.get(f"/admin/appointments/appointment/agenda/?day={day.isoformat()}").expect(200).body.decode()
        if self.cast["patient"]["family_name"] not in page:
            raise Unexpected("the patient is not in the agenda of that day")
        return day.isoformat()

    def race(self) -> str:
        app, start = self.app("receptionist"), self.seen["slots"][2]
        patients = self.cast["crowd"][:PARALLEL]
        with ThreadPoolExecutor(len(patients)) as pool:
            answers = list(pool.map(lambda patient: self._book(app, start, patient_id=patient), patients))
        statuses = sorted(answer.status for answer in answers)
        if statuses != [201] + [409] * (len(patients) - 1):
            raise Unexpected(f"answers were { ({status: statuses.count(status) for status in set(statuses)}) }")
        codes = {answer.json()["code"] for answer in answers if answer.status == 409}
        if codes != {"slot-taken"}:
            raise Unexpected(f"the losers were told {codes}")
        return "one 201 and 49 × 409 slot-taken"

    def stranger(self) -> str:
        app, patient = self.app("outsider"), self.cast["patient"]["patient_id"]
        app.get(f"/api/appointments/{self.seen['appointment']['id']}").expect(404)
        app.post(f"/api/appointments/{self.seen['appointment']['id']}/cancel").expect(404)
        app.get(f"/api/patients/{patient}").expect(404)
        app.get(f"/api/patients/{patient}/medical-record").expect(404)
        app.get(f"/api/patients/{patient}/documents").expect(404)
        return "404 each time"

    def upload(self) -> str:
        # The doctor may open the record because of the visit; that right follows the booking as an event.
        path = f"/api/patients/{self.cast['patient']['patient_id']}/documents"
        self.seen["content"] = _pdf(f"Result {uuid4()}")
        doctor = self.app("doctor")

        def look() -> Answer | None:
            answer = doctor.upload(
                path, "result.pdf", self.seen["content"], "application/pdf", title="Result", category="lab"
            )
            return None if answer.status == 404 else answer

        self.seen["document"] = until("the doctor's right to the record", look).expect(201).json()
        return f"201, {len(self.seen['content'])} bytes"

    def told(self) -> str:
        mail = self.mailbox.wait(self.cast["patient"]["email"], "/record/")
        browser = Browser(self.http)
        browser.sign_in(self.cast["patient"]["email"], self.cast["patient"]["password"])
        page = browser.get("/notices/").expect(200).body.decode()
        if "/record/" not in page:
            raise Unexpected("the in-app notice is not there")
        return f"“{mail['Subject']}” and a notice"

    def _record(self) -> tuple[str, list[dict[str, Any]]]:
        path = f"/api/patients/{self.cast['patient']['patient_id']}/medical-record"
        answer = self.app("doctor").get(path).expect(200)
        return answer.headers["X-Cache"], answer.json()["documents"]

    def record(self) -> str:
        first, documents = self._record()
        (found,) = [row for row in documents if row["id"] == self.seen["document"]["id"]]
        content = self.http.request("GET", found["url"]).expect(200).body
        if content != self.seen["content"]:
            raise Unexpected("the signed address gave other bytes than were uploaded")
        second, _documents = self._record()
        if (first, second) != ("miss", "hit"):
            raise Unexpected(f"X-Cache was {first}, then {second}")
        self.seen["url"] = found["url"]
        return "same bytes; X-Cache miss, then hit"

    def record_changes(self) -> str:
        path = f"/api/patients/{self.cast['patient']['patient_id']}/documents"
        self.app("doctor").upload(
            path, "x.pdf", _pdf("Second"), "application/pdf", title="Second", category="lab"
        ).expect(201)
        cache, documents = self._record()
        if cache != "miss" or len(documents) != 2:
            raise Unexpected(f"X-Cache {cache} with {len(documents)} documents")
        return "miss, two documents"

    def tampered(self) -> str:
        url: str = self.seen["url"]
        place = url.index("Signature=") + 12 if "Signature=" in url else url.rindex(":") + 3
        other = "A" if url[place] != "A" else "B"
        self.http.request("GET", url[:place] + other + url[place + 1 :]).expect(403)
        return "403"

    def course(self) -> str:
        path = f"/api/appointments/{self.seen['appointment']['id']}"
        self.app("receptionist").post(f"{path}/arrive").expect(200)
        self.app("doctor").post(f"{path}/start").expect(200)
        done = self.app("doctor").post(f"{path}/complete").expect(200).json()
        if done["status"] != "completed":
            raise Unexpected(f"the visit's state is {done['status']}")
        self.app("doctor").post(f"{path}/complete").expect(409)
        return "arrived, in progress, completed; once more 409"

    def invoice(self) -> str:
        clerk, patient = self.app("clerk"), self.cast["patient"]["patient_id"]

        def look() -> dict[str, Any] | None:
            rows = clerk.get("/api/invoices", patient=patient).expect(200).json()["results"]
            return rows[0] if rows else None

        draft = until("the draft invoice", look)
        issued = clerk.post(f"/api/invoices/{draft['id']}/issue").expect(200).json()
        self.seen["invoice"] = issued
        clerk.post(f"/api/invoices/{draft['id']}/issue").expect(409)
        self.app("outsider").get(f"/api/invoices/{draft['id']}").expect(404)
        return f"number {issued['number']}, {issued['total_cents']} cents"

    def pdf(self) -> str:
        path = f"/api/invoices/{self.seen['invoice']['id']}/pdf"

        def look() -> Answer | None:
            answer = self.app("patient").get(path)
            return None if answer.status == 409 else answer

        answer = until("the PDF", look).expect(302)
        content = self.http.request("GET", answer.headers["Location"]).expect(200).body
        if not content.startswith(b"%PDF-"):
            raise Unexpected("what was downloaded is no PDF")
        return f"{len(content)} bytes"

    def payment(self) -> str:
        clerk, path = self.app("clerk"), f"/api/invoices/{self.seen['invoice']['id']}"
        body = {"amount_cents": self.seen["invoice"]["total_cents"], "method": "card", "reference": "check"}
        key = str(uuid4())
        first = clerk.post(f"{path}/payments", body, **{"Idempotency-Key": key}).expect(201).json()
        again = clerk.post(f"{path}/payments", body, **{"Idempotency-Key": key}).expect(200).json()
        if first["id"] != again["id"]:
            raise Unexpected("the same payment sent twice was taken twice")
        paid = clerk.get(path).expect(200).json()
        if paid["status"] != "paid":
            raise Unexpected(f"the invoice's state is {paid['status']}")
        return "paid; the same payment sent again is not taken again"

    def sign_out(self) -> str:
        who = self.cast["patient"]
        pair = (
            App(self.http).post("/api/token", {"email": who["email"], "password": who["password"]}).expect(200).json()
        )
        app = App(self.http, pair["access"])
        app.get("/api/me").expect(200)
        app.post("/api/token/revoke", {"refresh": pair["refresh"]}).expect(204)
        app.get("/api/me").expect(401)
        return "401 at once"


def _pdf(text: str) -> bytes:
    """A small real PDF with one line of text."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
