"""Who stands behind the ids of the log: a page of entries, a fixed number of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from medisecure.accounts.interface import LABELS, roles_of_users, user_cards


@dataclass(frozen=True, slots=True)
class Person:
    """`role` is in words, and empty for the system and for accounts without one."""

    name: str
    role: str = ""


def people(actor_ids: Iterable[UUID | None]) -> dict[UUID | None, Person]:
    """Each actor in words: two queries for any number. None is the system."""
    ids = {actor_id for actor_id in actor_ids if actor_id is not None}
    cards, roles = (user_cards(ids), roles_of_users(ids)) if ids else ({}, {})
    found: dict[UUID | None, Person] = {None: Person(pgettext("access log", "the system"))}
    for actor_id in ids:
        if actor_id in cards:
            names = ", ".join(str(LABELS[role]) for role in sorted(roles.get(actor_id, ())))
            found[actor_id] = Person(cards[actor_id].full_name or cards[actor_id].email, names)
        else:
            found[actor_id] = Person(_("an account that is gone"))
    return found


@dataclass(frozen=True, slots=True)
class PatientDirectory:
    """How the log asks about patients, whose app stands above this one and must not be imported here."""

    #: Ids → name and record number, for those that exist.
    names: Callable[[Iterable[UUID]], Mapping[UUID, str]]
    #: A record number as typed → all ids of that patient, whose files may have been merged; none for no patient.
    find: Callable[[str], frozenset[UUID]]


_directory: PatientDirectory | None = None


def register_patient_directory(directory: PatientDirectory) -> None:
    """Called once, by the app that knows patients, when Django starts."""
    global _directory
    _directory = directory


def patient_names(ids: Iterable[UUID | None]) -> Mapping[UUID, str]:
    wanted = {patient_id for patient_id in ids if patient_id is not None}
    return _directory.names(wanted) if _directory and wanted else {}


def patient_called(text: str) -> frozenset[UUID]:
    return _directory.find(text) if _directory else frozenset()
