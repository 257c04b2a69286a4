"""The embedded mail server: each mail is a file `<time>-<id>.eml` in `DATA_DIR/mail`, whole when it has its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from medisecure.kernel import clock
from medisecure.kernel.ids import new_id


class MailFolder(BaseEmailBackend):
    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently)
        self.folder = Path(settings.MAIL_FOLDER)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        for mail in email_messages:
            name = f"{clock.now():%Y%m%dT%H%M%S}-{new_id()}"
            partial = self.folder / f".{name}.partial"
            with partial.open("wb") as file:
                file.write(mail.message().as_bytes(linesep="\r\n"))  # type: ignore[call-arg]  # Django's own
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self.folder / f"{name}.eml")
        return len(email_messages)
