"""Invented clinical records: plausible, with real codes (ICD-10, ATC, LOINC) and nobody behind them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from patients.interface import (
    Incoming,
    IncomingAllergy,
    IncomingCondition,
    IncomingEncounter,
    IncomingImmunization,
    IncomingMedication,
    IncomingObservation,
    IncomingPatient,
)

ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
ATC: Final = "http://www.whocc.no/atc"
LOINC: Final = "http://loinc.org"

_CONDITIONS: Final = (
    ("I10", "Hypertension essentielle (primitive)", ("C09AA05", "Ramipril 5 mg", "1 comprimé le matin")),
    (
        "E11.9",
        "Diabète sucré de type 2, sans complication",
        ("A10BA02", "Metformine 1000 mg", "1 comprimé matin et soir"),
    ),
    ("J45.9", "Asthme", ("R03AC02", "Salbutamol 100 µg", "2 bouffées si gêne")),
    ("M54.5", "Lombalgie basse", ("N02BE01", "Paracétamol 1 g", "1 comprimé si douleur, 3 par jour au plus")),
    ("K21.9", "Reflux gastro-œsophagien sans œsophagite", ("A02BC01", "Oméprazole 20 mg", "1 gélule le soir")),
    ("E78.0", "Hypercholestérolémie pure", ("C10AA05", "Atorvastatine 20 mg", "1 comprimé le soir")),
    ("J06.9", "Infection aiguë des voies respiratoires supérieures", None),
    ("G43.9", "Migraine", ("N02CC01", "Sumatriptan 50 mg", "1 comprimé dès le début de la crise")),
)
_ALLERGIES: Final = (
    ("pénicilline", "medication", "high", "Urticaire"),
    ("arachide", "food", "high", "Œdème"),
    ("pollen de bouleau", "environment", "low", "Rhinite"),
    ("latex", "environment", "low", "Eczéma de contact"),
)
_VACCINES: Final = (
    ("J07BB02", "Grippe saisonnière"),
    ("J07AM51", "Diphtérie-tétanos"),
    ("J07BD52", "Rougeole-oreillons-rubéole"),
)
#: LOINC code, text, unit, middle, spread, decimals
_VITALS: Final = (
    ("8867-4", "Fréquence cardiaque", "/min", 72, 9, 0),
    ("8310-5", "Température", "Cel", 36.8, 0.4, 1),
    ("2708-6", "Saturation en oxygène", "%", 97, 1.2, 0),
    ("29463-7", "Poids", "kg", 71, 13, 1),
    ("8302-2", "Taille", "cm", 169, 9, 0),
)


def record_of(person: IncomingPatient, doctors: list[str], now: datetime) -> list[Incoming]:
    """A person's invented record of the last years; `doctors` are source ids of practitioners."""
    dice = random.Random(person.source_id)
    adult = person.birth_date is not None and (now.date() - person.birth_date).days > 16 * 365
    rows: list[Incoming] = []

    def key(kind: str, index: int) -> str:
        return f"{person.source_id}-{kind}-{index}"

    visits = []
    for index in range(dice.randint(1, 4)):
        start = datetime(now.year, now.month, now.day, 9, tzinfo=UTC) - timedelta(
            days=dice.randint(120, 1400), minutes=-20 * index
        )
        visits.append(start)
        rows.append(
            IncomingEncounter(
                source_id=key("visit", index), patient=person.source_id, status="finished", class_code="AMB",
                class_display="Ambulatoire", display="Consultation", started_at=start, ended_at=start + timedelta(minutes=20),
                practitioner=dice.choice(doctors), place="Consultations",
            )
        )  # fmt: skip
        systolic, diastolic = round(dice.gauss(126, 12)), round(dice.gauss(78, 8))
        rows.append(
            IncomingObservation(
                source_id=key("bp", index), patient=person.source_id, encounter=key("visit", index), code="85354-9",
                code_system=LOINC, display="Pression artérielle", status="final", category="vital-signs", started_at=start,
                components=[
                    {"code": "8480-6", "system": LOINC, "display": "Systolique", "quantity": str(systolic), "unit": "mm[Hg]"},
                    {"code": "8462-4", "system": LOINC, "display": "Diastolique", "quantity": str(diastolic), "unit": "mm[Hg]"},
                ],
            )
        )  # fmt: skip
        for code, text, unit, middle, spread, decimals in _VITALS:
            value = round(
                dice.gauss(middle if adult or code not in ("29463-7", "8302-2") else middle * 0.55, spread), decimals
            )
            quantity = str(int(value)) if decimals == 0 else f"{value:.{decimals}f}"
            rows.append(
                IncomingObservation(
                    source_id=key(code, index), patient=person.source_id, encounter=key("visit", index), code=code,
                    code_system=LOINC, display=text, status="final", category="vital-signs", started_at=start,
                    quantity=quantity, number=float(quantity), unit=unit,
                )
            )  # fmt: skip
    for index, (code, text, medication) in enumerate(
        dice.sample(_CONDITIONS, dice.randint(0, 3) if adult else dice.randint(0, 1))
    ):
        start = min(visits)
        rows.append(
            IncomingCondition(
                source_id=key("condition", index), patient=person.source_id, encounter=key("visit", visits.index(start)),
                code=code, code_system=ICD10, display=text, status="active", verification="confirmed", started_at=start,
            )
        )  # fmt: skip
        if medication:
            atc, name, dosage = medication
            rows.append(
                IncomingMedication(
                    source_id=key("medication", index), patient=person.source_id, encounter=key("visit", visits.index(start)),
                    code=atc, code_system=ATC, display=name, status="active", intent="order", dosage=dosage, started_at=start,
                )
            )  # fmt: skip
    if dice.random() < 0.25:
        text, kind, criticality, reaction = dice.choice(_ALLERGIES)
        rows.append(
            IncomingAllergy(
                source_id=key("allergy", 0), patient=person.source_id, display=text, status="active", category=kind,
                criticality=criticality, verification="confirmed", started_at=min(visits), kind="allergy",
                reactions=[{"display": reaction, "severity": ""}],
            )
        )  # fmt: skip
    for index, (code, text) in enumerate(dice.sample(_VACCINES, dice.randint(0, 2))):
        rows.append(
            IncomingImmunization(
                source_id=key("vaccine", index), patient=person.source_id, code=code, code_system=ATC, display=text,
                status="completed", started_at=min(visits) - timedelta(days=30 * index), lot_number=f"L{dice.randint(1000, 9999)}",
            )
        )  # fmt: skip
    return rows
