"""Invented people. Telephone numbers are of the ranges that France keeps for fiction (ARCEP decision 2018-0881), mail
addresses of a domain that can have none (RFC 2606)."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from patients.interface import (
    IDENTIFIER_KINDS,
    ContactEntry,
    IncomingIdentifier,
    IncomingPatient,
    InsurerEntry,
)

SOURCE: Final = "urn:medisecure:demo"
PATIENTS: Final = 200

GIVEN: Final = {
    "female": (
        "Camille Inès Louise Aïcha Margaux Élodie Nadia Sophie Chloé Yasmine Juliette Maëlle Fatou Hélène Océane Léa "
        "Anaïs Zoé Clémence Rania Agathe Solène Noémie Amina Capucine"
    ).split(),
    "male": (
        "Hugo Théo Karim Antoine Étienne Mehdi Raphaël Loïc Mathis Ousmane Gaspard Nicolas Bastien Idriss François "
        "Jérôme Maxence Samir Quentin Aurélien Pierre Anatole Rémi Youssef Joël"
    ).split(),
}
FAMILY: Final = (
    "Lefèvre Moreau Garnier Benali Rousseau Faure Mercier Diallo Chevalier Gauthier Perrin Robin Masson Nguyen Bouvier "
    "Haddad Lemoine Colin Vidal Traoré Renard Barbier Picard Aubert Delorme Marchand Dupuis Brun Le\N{NO-BREAK SPACE}Goff "
    "Da\N{NO-BREAK SPACE}Costa Morvan Guérin Kaya Charpentier Roussel Weber Lacroix Cohen Blanchard Ferreira"
).split(" ")
_STREETS: Final = ("rue des Tilleuls", "avenue de la Gare", "place du Marché", "chemin des Vignes", "rue Sainte-Anne")
_TOWNS: Final = (("00100", "Valmont-sur-Loise"), ("00120", "Saint-Aubin-le-Vieux"), ("00140", "Montfleury"))


@dataclass(frozen=True, slots=True)
class Doctor:
    key: str
    full_name: str
    specialty: str
    label: str
    place: str
    #: weekday (Monday 0) → ranges "HH:MM-HH:MM"
    hours: dict[int, tuple[str, ...]]
    types: tuple[str, ...]
    grid: int = 15


_MORNING, _AFTERNOON = "08:30-12:00", "13:30-17:30"
_FULL: Final[dict[int, tuple[str, ...]]] = dict.fromkeys(range(5), (_MORNING, _AFTERNOON))

DOCTORS: Final = (
    Doctor("d1", "Dr Claire Fontaine", "general", "Médecine générale", "Consultations, bâtiment A", _FULL,
           ("consultation", "follow-up", "vaccination")),
    Doctor("d2", "Dr Malik Seddiki", "general", "Médecine générale", "Consultations, bâtiment A",
           {0: (_MORNING,), 1: (_MORNING, _AFTERNOON), 3: (_MORNING, _AFTERNOON), 4: (_MORNING,), 5: ("09:00-12:00",),
            6: ("09:00-13:00", "14:00-20:00")},
           ("consultation", "follow-up", "teleconsultation")),
    Doctor("d3", "Dr Anne-Lise Kervella", "cardiology", "Cardiologie", "Cardiologie, 2e étage",
           {0: (_AFTERNOON,), 2: (_MORNING, _AFTERNOON), 4: (_MORNING,)}, ("first-visit", "follow-up", "ecg"), 20),
    Doctor("d4", "Dr Jonas Lindqvist", "cardiology", "Cardiologie", "Cardiologie, 2e étage",
           {1: ("09:00-13:00",), 3: ("09:00-13:00", "14:00-18:00")}, ("first-visit", "follow-up", "ecg"), 20),
    Doctor("d5", "Dr Mireille Okafor", "pediatrics", "Pédiatrie", "Pédiatrie, rez-de-jardin",
           {0: (_MORNING, _AFTERNOON), 1: (_MORNING,), 2: ("14:00-19:00",), 3: (_MORNING, _AFTERNOON)},
           ("consultation", "vaccination")),
    Doctor("d6", "Dr Paul Schaeffer", "pediatrics", "Pédiatrie", "Pédiatrie, rez-de-jardin",
           {2: (_MORNING, _AFTERNOON), 4: (_MORNING, "13:30-19:00"), 5: ("09:00-12:30",)}, ("consultation", "vaccination")),
    Doctor("d7", "Dr Leïla Haddouche", "radiology", "Radiologie", "Imagerie, sous-sol", dict.fromkeys(range(6), ("07:30-13:00",)),
           ("imaging",), 30),
    Doctor("d8", "Dr Victor Almeida", "radiology", "Radiologie", "Imagerie, sous-sol", dict.fromkeys(range(5), ("13:00-19:00",)),
           ("imaging",), 30),
)  # fmt: skip

#: code, French, English, minutes, code of the price list, may a patient book it
TYPES: Final = (
    ("consultation", "Consultation", "Visit", 20, "CS", True),
    ("follow-up", "Consultation de suivi", "Follow-up visit", 15, "CSF", True),
    ("first-visit", "Première consultation de spécialiste", "First visit to a specialist", 40, "CSP", True),
    ("teleconsultation", "Téléconsultation", "Video visit", 15, "TLC", True),
    ("vaccination", "Vaccination", "Vaccination", 15, "VAC", True),
    ("ecg", "Électrocardiogramme", "Electrocardiogram", 20, "ECG", False),
    ("imaging", "Échographie", "Ultrasound scan", 30, "IMG", True),
)

#: Types that need a room or a device → (name, place, kind) of those that there are.
RESOURCES: Final = {
    "ecg": (("Électrocardiographe", "Cardiologie, 2e étage", "equipment"),),
    "imaging": (
        ("Salle d’échographie 1", "Imagerie, sous-sol", "room"),
        ("Salle d’échographie 2", "Imagerie, sous-sol", "room"),
    ),
}


def patients(today: date) -> list[IncomingPatient]:
    """PATIENTS invented people, the same each time but for their ages, which follow `today`."""
    dice = random.Random(20)
    found = []
    for number in range(PATIENTS):
        sex = dice.choice(("female", "male"))
        given, family = dice.choice(GIVEN[sex]), dice.choice(FAMILY)
        second = dice.choice(GIVEN[sex])
        child = number % 6 == 5
        birth = today - timedelta(days=dice.randint(200, 15 * 365) if child else dice.randint(18 * 365, 92 * 365))
        postal_code, city = dice.choice(_TOWNS)
        mailbox = _ascii(f"{given}.{family}").replace(" ", "-")
        found.append(
            IncomingPatient(
                source_id=f"patient-{number}",
                family_name=family,
                given_names=f"{given} {second}" if second != given else given,
                birth_date=birth,
                sex=sex,
                phone=f"+33 6 39 98 {number // 100:02} {number % 100:02}",
                email=f"{mailbox}.{number}@patients.example",
                address_line=f"{dice.randint(1, 120)} {dice.choice(_STREETS)}",
                postal_code=postal_code,
                city=city,
                country="FR",
                language="en" if number % 9 == 4 else "fr",
            )
        )
    return found


def identifiers(people: list[IncomingPatient]) -> list[IncomingIdentifier]:
    """A number for most of them: a NIR of an invented place, right with its key and their traits, or a passport."""
    dice, found = random.Random(31), []
    for number, person in enumerate(people):
        birth = person.birth_date
        assert birth is not None
        kind, value, country = "fr-nir", "", "FR"
        if number % 10 == 7:
            kind, value, country = "passport", f"{dice.randint(10, 99)}XX{dice.randint(10_000, 99_999)}", "DE"
        elif number % 10 != 3:
            # No town has 990 or more in INSEE's code, so nobody's number begins like these.
            sex, order = ("1" if person.sex == "male" else "2"), number + 1
            value = f"{sex}{birth:%y%m}{dice.randint(10, 89)}{dice.randint(990, 999)}{order:03}"
        if value:
            found.append(
                IncomingIdentifier(
                    source_id=f"{person.source_id}-number",
                    patient=person.source_id,
                    kind=kind,
                    value=IDENTIFIER_KINDS[kind].read(value),
                    country=country,
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class Around:
    """What the reception noted about a patient besides their own data."""

    contacts: tuple[ContactEntry, ...]
    insurers: tuple[InsurerEntry, ...]


def around(person: IncomingPatient, number: int, member_number: str) -> Around:
    """Somebody to call, a mandatory insurer and often a complementary one."""
    dice = random.Random(f"around {number}")
    name = f"{dice.choice(GIVEN[dice.choice(('female', 'male'))])} {person.family_name}"
    relation = "parent" if number % 6 == 5 else dice.choice(("spouse", "child", "sibling", "trusted-person"))
    contacts = (
        ContactEntry(
            full_name=name,
            relation=relation,
            phone=f"+33 6 39 98 {50 + number // 100:02} {number % 100:02}",
            may_be_told=number % 3 != 0,
        ),
    )
    insurers = [
        InsurerEntry(role="mandatory", payer="Caisse d’assurance maladie de la Loise", member_number=member_number)
    ]
    if number % 4:
        insurers.append(
            InsurerEntry(
                role="complementary", payer="Mutuelle des Tilleuls", member_number=f"MT{dice.randint(10**6, 10**7)}"
            )
        )
    return Around(contacts, tuple(insurers))


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c for c in plain.lower() if c.isalnum() or c in ".- ")
