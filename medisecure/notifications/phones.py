"""Messages to apps on phones. Each platform has a gateway of its own, with an account that a hospital has or has not;
this is what one must do, and the one for a single machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, Protocol

from django.conf import settings

from medisecure.kernel.ids import new_id


class Gateway(Protocol):
    def send(self, platform: str, token: str, payload: str) -> None:
        """Hand over `payload` (JSON) to the app that has `token`. Raises `web_push.Gone` when it has none any more,
        `web_push.Refused` when it will never be taken, OSError when it may be later."""


class Folder:
    """Each message is a file in `DATA_DIR/push`, whole when it has its name."""

    def send(self, platform: str, token: str, payload: str) -> None:
        folder = Path(settings.PUSH_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        name = str(new_id())
        partial = folder / f".{name}.partial"
        with partial.open("w", encoding="utf-8") as file:
            json.dump({"platform": platform, "token": token, "payload": json.loads(payload)}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(folder / f"{name}.json")


#: By the name in MOBILE_PUSH. A hospital with an account at a platform adds its gateway here.
GATEWAYS: Final[dict[str, type[Gateway]]] = {"folder": Folder}


def gateway() -> Gateway | None:
    """None when this hospital sends nothing to phones."""
    return GATEWAYS[settings.MOBILE_PUSH]() if settings.MOBILE_PUSH != "none" else None
