"""An SMTP server that delivers to a folder: each accepted mail becomes one `.eml` file. For tests and development.

Run as a program of its own (`python mailsink.py HOST PORT FOLDER`), by the interpreter that has aiosmtpd; user and
password come from the environment (MAIL_USER, MAIL_PASSWORD), and signing in is required, as at a real relay.
The envelope is kept in `X-Envelope-From` and `X-Envelope-To`, since Bcc recipients appear nowhere else.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Check = Callable[[SMTP, Session, Envelope, str, object], AuthResult]


class Folder:
    """aiosmtpd handler: writes each mail under a name that sorts by arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count(1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store the mail; the file appears whole (written aside, then renamed)."""
        name = f"{time.time_ns():020d}-{next(self.numbers):06d}.eml"
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        head = "".join(f"X-Envelope-To: {address}\r\n" for address in envelope.rcpt_tos)
        draft = self.folder / f".{name}"
        draft.write_bytes(f"X-Envelope-From: {envelope.mail_from}\r\n{head}".encode() + content)
        draft.rename(self.folder / name)
        return "250 Message accepted for delivery"


def authenticator(user: str, password: str) -> Check:
    """An aiosmtpd authenticator that knows one account."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        good = (
            isinstance(data, LoginPassword)
            and hmac.compare_digest(data.login, user.encode())
            and hmac.compare_digest(data.password, password.encode())
        )
        return AuthResult(success=good, handled=False)

    return check


async def serve(host: str, port: int, folder: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    check = authenticator(os.environ["MAIL_USER"], os.environ["MAIL_PASSWORD"])
    handler = Folder(folder)

    def protocol() -> SMTP:
        # Loopback only: signing in without TLS is what we want here.
        return SMTP(handler, authenticator=check, auth_required=True, auth_require_tls=False, ident="mail sink")

    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    server = await loop.create_server(protocol, host, port)
    await done.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
