"""`manage.py vapid_key`: a new key for messages to browsers."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from medisecure.kernel import web_push


class Command(BaseCommand):
    help = "Print a new VAPID_PRIVATE_KEY. With another key every browser has to subscribe anew: keep the one you have."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(web_push.new_private_key())
