"""How many mails a second go from a committed event to the mail server, with one worker process.

The way is the hospital's own: the event commits, the nudge publishes it with a confirm, the worker reads the visit,
promises the mail, and hands it over by SMTP. The mail server here is a small one that takes everything and counts
Message-IDs, so that a mail that came twice, or never, is seen.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, cast
from uuid import UUID

LEAST: Final = 100.0
GOAL: Final = 1000.0
_ZONE: Final = "Europe/Paris"
_HOURS: Final = 48
#: Visits of five minutes that start between these hours from now, so that a reminder of them is due.
_FROM, _UNTIL = timedelta(hours=43), timedelta(hours=47)
_EACH: Final = int((_UNTIL - _FROM) / timedelta(minutes=5))
#: Mails that come one by one.
SINGLE: Final = 20
_WAIT_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Taken:
    """`seconds` from the start of the worker's work on all that waits to the last mail; `cpu` of them on a processor,
    where the system says so. `delays`: from commit to mail server, of mails that come one by one."""

    mails: int
    seconds: float
    cpu: float
    delays: list[float]


# --- The mail server --------------------------------------------------------------------------------------------------


class Sink(asyncio.Protocol):
    """Just enough of SMTP (RFC 5321) for a client that keeps its connection."""

    seen: dict[str, int] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer, self.in_data = transport, b"", False
        transport.write(b"220 bench\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            end = b"\r\n.\r\n" if self.in_data else b"\r\n"
            head, found, rest = self.buffer.partition(end)
            if not found:
                return
            self.buffer = rest
            self.transport.write(self._mail(head) if self.in_data else self._answer(head))

    def _mail(self, content: bytes) -> bytes:
        self.in_data = False
        line = next(row for row in content.split(b"\r\n") if row.lower().startswith(b"message-id:"))
        name = line.partition(b":")[2].strip().decode()
        self.seen[name] = self.seen.get(name, 0) + 1
        return b"250 taken\r\n"

    def _answer(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"DATA":
                self.in_data = True
                return b"354 go on\r\n"
            case b"EHLO":
                return b"250-bench\r\n250 8BITMIME\r\n"
            case b"QUIT":
                self.transport.write(b"221 bye\r\n")
                self.transport.close()
                return b""
        return b"250 ok\r\n"


async def serve_mail(report: Path) -> None:
    """Until SIGTERM; the port goes to standard output, the counts to `report` at the end."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await done.wait()
    server.close()
    report.write_text(json.dumps(Sink.seen), encoding="utf-8")


@contextmanager
def mail_server(report: Path) -> Iterator[str]:
    """Its address; when the block ends `report` holds how often each Message-ID came."""
    code = (
        "import asyncio, sys; from pathlib import Path; from medisecure.ops.bench.mails import serve_mail; "
        "asyncio.run(serve_mail(Path(sys.argv[1])))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(report)], stdout=subprocess.PIPE, text=True)
    try:
        yield f"smtp://127.0.0.1:{int(cast(IO[str], process.stdout).readline())}"
    finally:
        process.terminate()
        process.wait(30)


# --- The hospital -----------------------------------------------------------------------------------------------------


def refuse_busy_broker(queues: Sequence[str]) -> None:
    """Exit when the broker is somebody's: the bench works on the broker's own queues, by their own names."""
    from medisecure.celery import app

    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        for name in queues:
            try:
                found = channel.queue_declare(queue=name, passive=True)
            except connection.channel_errors:
                channel = connection.channel()
                continue
            if found.message_count or found.consumer_count:
                sys.exit(f"BROKER_URL: queue {name} is in use. The bench wants a broker that nobody else works on.")


def fill(mails: int) -> list[UUID]:
    """As many visits as mails, of patients who have an address; returns their ids."""
    from appointments.interface import create_calendar, create_type, seed_appointment
    from medisecure.kernel import clock
    from medisecure.ops.demo.crowd import crowd
    from patients.interface import Contact, register_patient, register_practitioner

    create_type(code="bench", label_fr="Consultation", label_en="Consultation", duration_minutes=5)
    calendars = -(-mails // _EACH)
    patients = [
        register_patient(
            actor=None,
            identity=identity,
            contact=Contact(email=f"bench{number}@example.org", language=("fr", "en")[number % 2]),
            confirm_new=True,
        ).id
        for number, (identity, _phone) in enumerate(crowd(max(_EACH, calendars), 1))
    ]
    week = [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(7)]
    now = clock.now().replace(second=0, microsecond=0)
    first = now + _FROM - timedelta(minutes=now.minute % 5)
    made: list[UUID] = []
    for turn in range(calendars):
        doctor = register_practitioner(actor=None, full_name=f"Dr {turn}", specialty="bench", specialty_label="Bench")
        create_calendar(
            practitioner_id=doctor.id,
            place="Building A",
            weekly_rules=week,
            type_codes=["bench"],
            valid_from=clock.today(_ZONE),
            grid_minutes=5,
            close_on_holidays=False,
        )
        made += [
            seed_appointment(
                # Nobody is in two places at once: at each time every practitioner has another patient.
                patient_id=patients[(number + turn) % len(patients)],
                practitioner_id=doctor.id,
                type_code="bench",
                start=first + timedelta(minutes=5 * number),
            )
            for number in range(min(_EACH, mails - len(made)))
        ]
    return made


@contextmanager
def worker(log: Path, *, processes: int) -> Iterator[int]:
    """One Celery worker for the queue of mails, as in production, with so many processes in its pool."""
    celery = str(Path(sys.executable).parent / "celery")
    command = [celery, "-A", "medisecure", "worker", "-c", str(processes), "-Q", "mail", "--loglevel", "WARNING"]
    with log.open("wb") as out:
        program = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(os.environ),
            start_new_session=True,
        )
        try:
            yield program.pid
        finally:
            program.terminate()
            try:
                program.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()


def cpu_seconds(group: int) -> float:
    """What the processes of that group have used so far; 0 on a system without /proc."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(words[2]) == group:
            ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def ask_worker() -> str:
    """Put a message before all others; the worker notes when it has come to it."""
    from uuid import uuid4

    from medisecure.ops.tasks import echo

    mark = uuid4().hex
    echo.apply_async(args=(mark,), queue="mail", retry=False)
    return mark


def worker_at_work(mark: str) -> float:
    """When the worker came to `mark`, in seconds since 1970: what is measured from then on is work, not the start of
    a program."""
    from django.core.cache import cache

    deadline = time.monotonic() + 60
    while not (found := cache.get(f"ops:echo:{mark}")):
        if time.monotonic() > deadline:
            sys.exit("the worker did not start")
        time.sleep(0.02)
    return float(found)


def commit(visit_id: UUID) -> tuple[str, datetime]:
    """An event in a transaction of its own, and its nudge, as a look at due reminders makes it. Returns the key of the
    mail it leads to, and when it was committed."""
    from appointments.interface import appointment_card
    from medisecure.kernel import clock
    from medisecure.kernel.databases import APPOINTMENTS
    from medisecure.kernel.outbox import emit
    from medisecure.kernel.transactions import atomic

    visit = appointment_card(visit_id)
    payload: dict[str, str | int | bool | None] = {
        "appointment_id": str(visit.id),
        "patient_id": str(visit.patient_id),
        "practitioner_id": str(visit.practitioner_id),
        "start": visit.start.isoformat(),
        "end": visit.end.isoformat(),
        "type_code": visit.type_code,
        "sequence": visit.sequence,
        "hours": _HOURS,
    }
    with atomic(APPOINTMENTS):
        event_id = emit(APPOINTMENTS, "appointment.reminder_due", payload)
    return f"{event_id}:mail", clock.now()


def handed_over(keys: Sequence[str]) -> dict[str, datetime]:
    """When the mail server had each mail; waits for the last one."""
    from medisecure.notifications.interface import sent_at_by_key

    deadline = time.monotonic() + _WAIT_SECONDS
    while len(sent := sent_at_by_key(keys)) < len(keys):
        if time.monotonic() > deadline:
            sys.exit(f"only {len(sent)} of {len(keys)} mails were handed over in {_WAIT_SECONDS:.0f} s")
        time.sleep(0.2)
    return sent


def measure(visits: Sequence[UUID], log: Path, *, processes: int) -> Taken:
    """First mails that come one by one, with an idle worker; then many that wait for one that has just started."""
    few, many = visits[:SINGLE], visits[SINGLE:]
    mark = ask_worker()
    with worker(log, processes=processes):
        worker_at_work(mark)
        delays = []
        for visit_id in few:
            key, at = commit(visit_id)
            delays.append((handed_over([key])[key] - at).total_seconds())
    mark = ask_worker()
    keys = [commit(visit_id)[0] for visit_id in many]
    with worker(log, processes=processes) as group:
        started = worker_at_work(mark)
        before = cpu_seconds(group)
        last = max(handed_over(keys).values())
        return Taken(len(many), last.timestamp() - started, cpu_seconds(group) - before, delays)


def count(report: Path) -> tuple[int, int]:
    """(different mails that the mail server took, how many came again)"""
    seen: dict[str, int] = json.loads(report.read_text(encoding="utf-8"))
    return len(seen), sum(times - 1 for times in seen.values())


def table(taken: Taken) -> str:
    delays = sorted(taken.delays)
    cpu = f", {1000 * taken.cpu / taken.mails:.1f} ms of processor time each" if taken.cpu else ""
    return (
        f"{taken.mails} mails that waited: {taken.mails / taken.seconds:.0f} a second{cpu}; "
        f"at least {LEAST:.0f} are asked for, {GOAL:.0f} are the goal\n"
        f"one by one, from commit to mail server: median {1000 * delays[len(delays) // 2]:.0f} ms, "
        f"longest {1000 * delays[-1]:.0f} ms"
    )
