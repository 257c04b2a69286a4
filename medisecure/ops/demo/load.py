"""Loads the demonstration hospital, stage by stage. A stage that was done is not done again."""

from __future__ import annotations

import json
import os
import random
import secrets
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings
from pydicom.data import get_testdata_file

from appointments.interface import Status, add_leave, create_calendar, create_resource, create_type, seed_appointment
from billing.interface import ensure_price_list, seed_demo
from documents.interface import collecting_objects, import_document
from medisecure.accounts.interface import LABELS, Role, create_user
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid
from medisecure.kernel.pdf import render_pdf
from medisecure.kernel.transactions import atomic
from medisecure.notifications.interface import notify_user
from medisecure.ops.demo import images
from medisecure.ops.demo.people import DOCTORS, RESOURCES, SOURCE, TYPES, Doctor, around, identifiers, patients
from medisecure.ops.demo.records import record_of
from patients.interface import (
    Details,
    IncomingPatient,
    PatientCard,
    RecordImport,
    link_account,
    patient_cards,
    record_care_relation,
    register_practitioner,
    save_patient,
)

ZONE: Final = "Europe/Paris"
NURSE: Final = "Sylvie Bertin"
SIGN_INS: Final = "demo-sign-ins.json"
#: So many of the patients have people to call and insurers.
DESCRIBED: Final = 40
PAST_DAYS: Final = 28
COMING_DAYS: Final = 21
Say = Callable[[str], None]


class Demo:
    """State between stages is in a file of its own, so that a start that was interrupted goes on where it was."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say
        self.path = folder / "prepared" / "demo.json"
        self.state: dict[str, object] = json.loads(self.path.read_text()) if self.path.exists() else {}

    def load(self) -> bool:
        """Returns False when everything had been loaded before."""
        if (self.folder / SIGN_INS).exists():
            return False
        for name, stage in (
            ("accounts", self.accounts),
            ("patients and records", self.people),
            ("calendars and prices", self.calendars),
            ("ward", self.nurse),
            ("documents", self.documents),
            ("appointments", self.appointments),
            ("invoices", self.invoices),
        ):
            if name in self.state:
                continue
            started = time.monotonic()
            self.state[name] = stage()
            self._save()
            self.say(f"Demonstration {name} ready ({time.monotonic() - started:.1f} s)")
        self._write(self.folder / SIGN_INS, json.dumps(self.state["accounts"], indent=1))
        return True

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._write(self.path, json.dumps(self.state))

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """In one step, and for this user's eyes only: it holds passwords."""
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)

    # --- stages -------------------------------------------------------------------------------------------------------
    def accounts(self) -> list[dict[str, str]]:
        """One account for each role, with a password of this data folder's own."""
        names = {
            Role.PATIENT: "patient",
            Role.DOCTOR: DOCTORS[0].full_name,
            Role.NURSE: NURSE,
            Role.RECEPTIONIST: "Thomas Leroux",
            Role.BILLING_CLERK: "Carole Vasseur",
            Role.ADMINISTRATOR: "Hélène Castel",
            Role.PRIVACY_OFFICER: "Bruno Estève",
        }
        people = patients(clock.today())
        names[Role.PATIENT] = f"{people[0].given_names} {people[0].family_name}"
        rows = []
        with atomic(DEFAULT):
            for role, name in names.items():
                email, password = f"{role.value.replace('_', '-')}@demo.example", secrets.token_urlsafe(9)
                user = create_user(email=email, full_name=name, role=role, password=password, check=False)
                rows.append(
                    {
                        "role": str(LABELS[role]),
                        "code": role.value,
                        "email": email,
                        "password": password,
                        "id": str(user.id),
                    }
                )
        return rows

    def _account(self, role: Role) -> UUID:
        rows = self.state["accounts"]
        assert isinstance(rows, list)
        return UUID(next(row["id"] for row in rows if row["code"] == role.value))

    def people(self) -> dict[str, dict[str, str]]:
        """Practitioners, patients and their records; returns key → id."""
        people = patients(clock.today())
        with atomic(DEFAULT):
            doctors = {
                doctor.key: register_practitioner(
                    actor=None,
                    full_name=doctor.full_name,
                    specialty=doctor.specialty,
                    specialty_label=doctor.label,
                    user_id=self._account(Role.DOCTOR) if doctor is DOCTORS[0] else None,
                ).id
                for doctor in DOCTORS
            }
            unit = RecordImport(SOURCE)
            unit.know("practitioner", doctors)
            unit.expect("patient", [person.source_id for person in people])
            rows = [row for person in people for row in record_of(person, list(doctors), clock.now())]
            unit.expect("encounter", [row.source_id for row in rows if "-visit-" in row.source_id])
            unit.write(people)
            unit.write(rows)
            numbers = identifiers(people)
            unit.write(numbers)
            unit.finish()
            ids = {person.source_id: unit.patient_id(person.source_id) for person in people}
            self._around(people, ids, {number.patient: number.value for number in numbers if number.kind == "fr-nir"})
            link_account(patient_id=ids["patient-0"], user_id=self._account(Role.PATIENT))
        return {
            "doctors": {key: str(value) for key, value in doctors.items()},
            "patients": {key: str(value) for key, value in ids.items()},
        }

    def _around(self, people: list[IncomingPatient], ids: dict[str, UUID], nirs: dict[str, str]) -> None:
        """People to call and insurers of the first patients, as the reception entered them."""
        clerk = User.objects.get(id=self._account(Role.RECEPTIONIST))
        for number, person in enumerate(people[:DESCRIBED]):
            noted = around(person, number, nirs.get(person.source_id, ""))
            details = Details(contacts=noted.contacts, insurers=noted.insurers)
            save_patient(actor=clerk, patient_id=ids[person.source_id], version=1, details=details)

    def _ids(self, kind: str) -> dict[str, UUID]:
        found = self.state["patients and records"]
        assert isinstance(found, dict)
        return {key: UUID(value) for key, value in found[kind].items()}

    def calendars(self) -> bool:
        ensure_price_list()
        today = clock.today()
        for code, resources in RESOURCES.items():
            for name, place, kind in resources:
                create_resource(code=code, name=name, place=place, kind=kind)
        for code, french, english, minutes, price, by_patient in TYPES:
            create_type(
                code=code,
                label_fr=french,
                label_en=english,
                duration_minutes=minutes,
                price_code=price,
                buffer_after=5 if code in ("ecg", "imaging") else 0,
                bookable_by_patient=by_patient,
                mode="video" if code == "teleconsultation" else "on-site",
                needs=[code] if code in RESOURCES else [],
            )
        ids = self._ids("doctors")
        for doctor in DOCTORS:
            create_calendar(
                practitioner_id=ids[doctor.key],
                place=doctor.place,
                weekly_rules=weekly_rules(doctor),
                type_codes=doctor.types,
                valid_from=today - timedelta(days=PAST_DAYS + 7),
                zone=ZONE,
                grid_minutes=doctor.grid,
            )
        leave = datetime.combine(today + timedelta(days=16), datetime.min.time(), ZoneInfo(ZONE))
        add_leave(practitioner_id=ids["d2"], start=leave, end=leave + timedelta(days=5))
        return True

    def nurse(self) -> bool:
        """The nurse works on the ward of the first doctor: she sees those who come there these days."""
        practitioner = register_practitioner(
            actor=None,
            full_name=NURSE,
            specialty="nursing",
            specialty_label="Soins infirmiers",
            user_id=self._account(Role.NURSE),
        )
        now = clock.now()
        for patient_id in list(self._ids("patients").values())[:40]:
            record_care_relation(
                patient_id=patient_id,
                practitioner_id=practitioner.id,
                kind="encounter",
                reference=uuid5(practitioner.id, str(patient_id)),
                start=now,
                end=now + timedelta(days=COMING_DAYS),
                sequence=0,
            )
        return True

    def documents(self) -> int:
        """Reports as PDF; invented images for the patient whose sign-in is printed; for another one a real CT slice
        from pydicom's own test files, which carries another name, so that somebody must look at it."""
        ids, now, dice = self._ids("patients"), clock.now(), random.Random(7)
        cards = patient_cards(list(ids.values()))
        slice_path = get_testdata_file("CT_small.dcm", download=False)
        assert slice_path is not None, "pydicom ships this file"
        ct_slice = Path(str(slice_path)).read_bytes()
        count = 0
        with collecting_objects(), atomic(DEFAULT):
            for number, (key, patient_id) in enumerate(ids.items()):
                if number % 4 and number:
                    continue
                day = now - timedelta(days=dice.randint(3, 300))
                pdf = render_pdf(
                    "letter",
                    {
                        "title": "Compte rendu de consultation",
                        "language": "fr",
                        "date": f"{day:%d/%m/%Y}",
                        "recipient": [cards[patient_id].full_name],
                        "paragraphs": [
                            "Examen clinique sans particularité. Tension artérielle et fréquence cardiaque dans les normes.",
                            "Le traitement en cours est poursuivi. Contrôle dans six mois, plus tôt si besoin.",
                        ],
                        "signature": dice.choice(DOCTORS).full_name,
                        "seller": {
                            "name": "Centre hospitalier de Valmont",
                            "lines": ["1 avenue de l’Hôpital", "00100 Valmont-sur-Loise"],
                        },
                    },
                )
                import_document(
                    patient_id=patient_id, source=f"{SOURCE}:{key}:report", title="Compte rendu de consultation",
                    category="report", content_type="application/pdf", content=pdf, created_at=day,
                )  # fmt: skip
                count += 1
                if number == 0:
                    count += _images(patient_id, key, cards[patient_id], now - timedelta(days=12))
                if number == 4:
                    import_document(
                        patient_id=patient_id, source=f"{SOURCE}:{key}:ct", title="Scanner, une coupe",
                        category="imaging", content_type="application/dicom", content=ct_slice, created_at=day,
                    )  # fmt: skip
                    count += 1
        return count

    def appointments(self) -> int:
        """Visits of the past weeks, of today in every state, and of the weeks to come."""
        dice, today, now = random.Random(11), clock.today(), clock.now()
        doctors, people = self._ids("doctors"), list(self._ids("patients").values())
        count = self._first_patient(people[0], doctors, now)
        durations = {code: minutes for code, _fr, _en, minutes, _price, _patient in TYPES}
        for doctor in DOCTORS:
            for offset in range(-PAST_DAYS, COMING_DAYS + 1):
                day = today + timedelta(days=offset)
                # Today and the days around it are full, as they are in a hospital; further out there is room.
                share = 0.55 if abs(offset) <= 1 else 0.12 if offset < 0 else 0.16 * (1 - offset / (COMING_DAYS + 5))
                for start in starts(doctor, day):
                    if dice.random() > share:
                        continue
                    code = dice.choice(doctor.types)
                    status = _status(dice, start, start + timedelta(minutes=durations[code]), now)
                    patient = dice.choice(people[1:])
                    count += self._seed(patient, doctors[doctor.key], code, start, status, durations[code])
        return count

    def _first_patient(self, patient_id: UUID, doctors: dict[str, UUID], now: datetime) -> int:
        """The patient whose sign-in is printed has something to look at: visits behind and before, and notices."""
        today, count = clock.today(), 0
        for doctor, code, minutes, offset, step in (
            (DOCTORS[0], "consultation", 20, -15, -1),
            (DOCTORS[2], "first-visit", 40, -8, -1),
            (DOCTORS[0], "follow-up", 15, 3, 1),
            (DOCTORS[6], "imaging", 30, 9, 1),
        ):
            day = today + timedelta(days=offset)
            while not starts(doctor, day):
                day += timedelta(days=step)
            status = Status.COMPLETED if offset < 0 else Status.BOOKED
            count += self._seed(patient_id, doctors[doctor.key], code, starts(doctor, day)[4], status, minutes)
        user_id = self._account(Role.PATIENT)
        for kind, url in (
            ("document-added", "/record/"),
            ("appointment-booked", "/appointments/"),
            ("invoice-issued", "/invoices/"),
        ):
            notify_user(dedupe_key=f"demo:{kind}", user_id=user_id, kind=kind, url=url)
        return count

    def _seed(
        self, patient_id: UUID, practitioner_id: UUID, code: str, start: datetime, status: str, minutes: int
    ) -> int:
        try:
            appointment_id = seed_appointment(
                patient_id=patient_id, practitioner_id=practitioner_id, type_code=code, start=start, status=status
            )
        except (Conflict, Invalid):
            return 0  # the dice chose a slot that is taken, too short, or on leave
        if status != Status.CANCELLED:
            record_care_relation(
                patient_id=patient_id, practitioner_id=practitioner_id, kind="appointment", reference=appointment_id,
                start=start, end=start + timedelta(minutes=minutes), sequence=0,
            )  # fmt: skip
        return 1

    def invoices(self) -> dict[str, int]:
        clerk = User.objects.get(id=self._account(Role.BILLING_CLERK))
        people = list(self._ids("patients").values())
        # The states follow each other in sixes: these places give the first patient one to pay, one half paid, one paid.
        payers = people[10:34]
        for place in (1, 2, 9):
            payers[place] = people[0]
        return seed_demo(actor=clerk, patient_ids=payers, practitioner_ids=list(self._ids("doctors").values()))


def weekly_rules(doctor: Doctor) -> list[dict[str, object]]:
    return [
        {"weekday": day, "start": hours.split("-")[0], "end": hours.split("-")[1]}
        for day, ranges in sorted(doctor.hours.items())
        for hours in ranges
    ]


def starts(doctor: Doctor, day: date) -> list[datetime]:
    """Every start on the doctor's grid on that day, aware."""
    zone, found = ZoneInfo(ZONE), []
    for hours in doctor.hours.get(day.weekday(), ()):
        first, last = (datetime.strptime(text, "%H:%M").time() for text in hours.split("-"))  # noqa: DTZ007 - a wall clock
        moment, end = datetime.combine(day, first, zone), datetime.combine(day, last, zone)
        while moment < end:
            found.append(moment)
            moment += timedelta(minutes=doctor.grid)
    return found


def _status(dice: random.Random, start: datetime, end: datetime, now: datetime) -> str:
    if end < now - timedelta(hours=1):
        return dice.choices((Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED), (88, 7, 5))[0].value
    if start < now:
        return (Status.IN_PROGRESS if end > now else Status.COMPLETED).value
    if start < now + timedelta(minutes=45):
        return dice.choice((Status.ARRIVED, Status.CONFIRMED)).value
    return dice.choices((Status.BOOKED, Status.CONFIRMED, Status.CANCELLED), (70, 25, 5))[0].value


def load(say: Say) -> bool:
    return Demo(settings.DATA_DIR, say).load()


def _images(patient_id: UUID, key: str, card: PatientCard, day: datetime) -> int:
    family = card.full_name.split()[-1]
    given = card.full_name.removesuffix(family).strip()
    who = (f"{family}^{given}", f"{card.birth_date:%Y%m%d}" if card.birth_date else "")
    found = [*images.scan(key, *who, day), images.radiograph(key, *who, day - timedelta(days=40))]
    for number, content in enumerate(found):
        last = number == len(found) - 1
        import_document(
            patient_id=patient_id,
            source=f"{SOURCE}:{key}:image-{number}",
            title="Radiographie du thorax" if last else f"Scanner thoracique, coupe {number + 1}",
            category="imaging",
            content_type="application/dicom",
            content=content,
            created_at=day - timedelta(days=40) if last else day,
        )
    return len(found)
