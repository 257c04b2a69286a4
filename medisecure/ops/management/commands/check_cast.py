"""`manage.py check_cast`: the people that `bin/run --check` and the live tests do the main job with."""

from __future__ import annotations

import json
import secrets
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointments.interface import create_calendar, create_type
from billing.interface import create_price
from medisecure.accounts.interface import Role, create_user
from medisecure.kernel import clock
from patients.interface import Contact, Identity, register_patient, register_practitioner

ZONE = "Europe/Paris"


class Command(BaseCommand):
    help = "Enter a doctor with a calendar, staff and patients with random passwords, and write them to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, required=True, help="JSON file to write, readable by its owner only")
        parser.add_argument("--crowd", type=int, default=50, help="patients without an account, for the race")

    def handle(self, *args: Any, **options: Any) -> None:
        if (
            not settings.EMBEDDED
            and not settings.DATABASES["default"]["NAME"].startswith(("test_", "medisecure_check"))
            and not (
                settings.PUBLIC_URL.startswith(
                    ("http://127.0.0.1", "https://127.0.0.1", "http://localhost", "https://localhost")
                )
            )
        ):
            raise CommandError("This enters invented people: it is refused on a hospital that is reached from outside.")
        mark = uuid4().hex[:8]
        code = f"check-{mark}"
        cast: dict[str, Any] = {"zone": ZONE, "type": code}
        for who, role in (
            ("doctor", Role.DOCTOR),
            ("receptionist", Role.RECEPTIONIST),
            ("clerk", Role.BILLING_CLERK),
            ("patient", Role.PATIENT),
            ("outsider", Role.PATIENT),
        ):
            email, password = f"{who}-{mark}@example.org", secrets.token_urlsafe(16)
            user = create_user(email=email, full_name=f"{who.title()} Check", role=role, password=password)
            cast[who] = {"email": email, "password": password, "user_id": str(user.id)}
            if role is Role.PATIENT:
                family = f"{who.title()}{mark}"
                card = register_patient(
                    actor=None,
                    identity=Identity(family_name=family, given_names="Check", birth_date=date(1980, 2, 29)),
                    contact=Contact(email=email, language="fr"),
                    user_id=user.id,
                )
                cast[who] |= {"patient_id": str(card.id), "family_name": family}
        practitioner = register_practitioner(
            actor=None,
            full_name="Doctor Check",
            specialty="general",
            specialty_label="General practice",
            user_id=cast["doctor"]["user_id"],
        )
        cast["practitioner_id"] = str(practitioner.id)
        today = clock.today()
        create_price(
            actor=None,
            code=code,
            label_fr="Consultation",
            label_en="Visit",
            price_cents=3000,
            appointment_type=code,
            valid_from=date(2020, 1, 1),
        )
        create_type(code=code, label_fr="Consultation", label_en="Visit", duration_minutes=15, price_code=code)
        create_calendar(
            practitioner_id=practitioner.id,
            place="Check",
            zone=ZONE,
            weekly_rules=[{"weekday": day, "start": "00:00", "end": "23:55"} for day in range(7)],
            type_codes=[code],
            valid_from=today - timedelta(days=1),
            lead_minutes=0,
            cancel_notice_hours=0,
        )
        cast["crowd"] = [
            str(
                register_patient(
                    actor=None,
                    identity=Identity(
                        family_name=f"Crowd{mark}", given_names=f"Number {number}x", birth_date=date(1970, 1, 1)
                    ),
                ).id
            )
            for number in range(options["crowd"])
        ]
        path: Path = options["output"]
        path.touch(mode=0o600)
        path.write_text(json.dumps(cast), encoding="utf-8")
