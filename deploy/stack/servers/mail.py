"""A mail server that delivers to the folder `mail/messages`, one `.eml` file for each mail."""

from __future__ import annotations

from pathlib import Path

from deploy.stack import wire
from deploy.stack.process import Launch
from deploy.stack.programs import AIOSMTPD
from deploy.stack.servers.base import USER, Server

SINK = Path(__file__).resolve().parents[1] / "mailsink.py"


class Mail(Server):
    """The mail sink."""

    name = "mail"
    title = "Mail"
    port_names = ("mail",)
    secret_names = ("mail",)
    needs = (AIOSMTPD,)

    @property
    def messages(self) -> Path:
        """Where the mails are."""
        return self.folder / "messages"

    def prepare(self) -> None:
        """Make the folder for the mails."""
        self.messages.mkdir()

    def launches(self) -> list[Launch]:
        """The interpreter beside the `aiosmtpd` program is the one that can import it."""
        python = Path(self.program(AIOSMTPD)).parent / "python"
        argv = (str(python), str(SINK), self.host, str(self.port), str(self.messages))
        return [Launch(self.name, argv, self.folder, {"MAIL_USER": USER, "MAIL_PASSWORD": self.password})]

    def probe(self) -> str:
        """Greet and sign in."""
        wire.smtp(self.host, self.port, USER, self.password)
        return "aiosmtpd"

    def variables(self) -> dict[str, str]:
        """EMAIL_URL, and the folder where tests find what was sent."""
        return {"EMAIL_URL": self.url("smtp"), "STACK_MAIL_DIR": str(self.messages)}
