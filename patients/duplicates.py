"""Is this person here already? Candidates are found by indexes and scored by rules; what people decided is remembered.

Nobody is compared with everybody: a duplicate shares at least the birth date or one that is nearly it together with a
name, the telephone, the mail address, an identifier, or all names. Each of these has an index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Upper

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import NotFound, PossibleDuplicate, Refused
from medisecure.kernel.transactions import transactional
from patients import rules
from patients.access import access_identity, visible_patients
from patients.identifiers import same_identifier
from patients.models import DuplicatePair, Patient

#: So many candidates of one kind are scored, and so many are shown.
_MOST_OF_A_KIND: Final = 500
MOST_SHOWN: Final = 5
#: Shorter words (de, le, El) are in too many names.
_SHORTEST_WORD: Final = 3
COLUMNS: Final = (
    "id",
    "family_name",
    "given_names",
    "used_name",
    "birth_date",
    "birth_precision",
    "sex",
    "phone",
    "email",
    "postal_code",
)
MERGE: Final = "patients.merge_patient"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient who may be the person asked about, and why."""

    id: UUID
    likeness: rules.Likeness


def person_of(patient: Patient | dict[str, Any]) -> rules.Person:
    values = patient if isinstance(patient, dict) else {name: getattr(patient, name) for name in COLUMNS}
    return rules.Person(**{name: values[name] for name in COLUMNS if name != "id"})


def person(identity: Any, contact: Any = None, identifiers: Iterable[Any] = ()) -> rules.Person:
    """Of what was typed: `services.Identity`, `services.Contact` and `services.NewIdentifier`s."""
    return rules.Person(
        family_name=identity.family_name,
        given_names=identity.given_names,
        used_name=identity.used_name,
        birth_date=identity.birth_date,
        sex=identity.sex,
        phone=contact.phone if contact else "",
        email=contact.email if contact else "",
        postal_code=contact.postal_code if contact else "",
        identifiers=frozenset((one.kind, one.value) for one in identifiers),
    )


def candidates(
    asked: rules.Person, identifiers: Iterable[Any] = (), *, without: Collection[UUID] = ()
) -> list[Candidate]:
    """Patients who may be this person, the likeliest first; merged files are not asked about. No access check: the
    caller shows those in the actor's sight, through the door. `identifiers`: the numbers of `asked` as they were typed,
    which are looked up by their keyed index."""
    rows = Patient.objects.filter(merged_into=None)
    found: dict[UUID, dict[str, Any]] = {}
    for block in _blocks(asked, rows):
        found |= {row["id"]: row for row in block.order_by().values(*COLUMNS)[:_MOST_OF_A_KIND]}
    held = _holders(identifiers)
    found |= {row["id"]: row for row in rows.filter(id__in=held).order_by().values(*COLUMNS)} if held else {}
    scored = [
        Candidate(one, rules.compare(asked, replace(person_of(row), identifiers=frozenset(held.get(one, ())))))
        for one, row in found.items()
        if one not in without
    ]
    likely = [one for one in scored if one.likeness.score >= rules.POSSIBLE]
    return sorted(likely, key=lambda one: (-one.likeness.score, one.id))


def _holders(identifiers: Iterable[Any]) -> dict[UUID, set[tuple[str, str]]]:
    """Patient → those of the numbers that are theirs too, also as one that has ended or is disputed."""
    held: dict[UUID, set[tuple[str, str]]] = {}
    for one in identifiers:
        for owner in same_identifier(kind=one.kind, value=one.value, country=one.country, system=one.system):
            held.setdefault(owner, set()).add((one.kind, one.value))
    return held


def _blocks(asked: rules.Person, rows: QuerySet[Patient]) -> list[QuerySet[Patient]]:
    blocks: list[QuerySet[Patient]] = []
    names = rules.words(f"{asked.family_name} {asked.used_name} {asked.given_names}")
    if asked.birth_date:
        blocks.append(rows.filter(birth_date=asked.birth_date))
        long = [word for word in names if len(word) >= _SHORTEST_WORD] or names
        alike = Q()
        for word in long:
            alike |= Q(search_text__contains=f" {word}")
        # An imported year or month alone stands as its first day.
        known = {asked.birth_date.replace(day=1), asked.birth_date.replace(month=1, day=1)}
        dates = [*rules.near_births(asked.birth_date)[1:], *known]
        if alike:
            blocks.append(rows.filter(alike, birth_date__in=dates))
    else:
        blocks.append(_named(rows, names))
    if phone := rules.phone_key(asked.phone):
        blocks.append(rows.filter(phone_key=phone))
    if email := asked.email.strip():
        blocks.append(
            rows.exclude(email="").annotate(email_key=Upper("email")).filter(email_key=email.upper())  # the index's own
        )
    return blocks


def _named(rows: QuerySet[Patient], names: list[str]) -> QuerySet[Patient]:
    for word in names:
        rows = rows.filter(search_text__contains=f" {word}")
    return rows if names else rows.none()


def possible_duplicate(actor: User, found: Iterable[Candidate]) -> PossibleDuplicate:
    """The refusal of a registration; it names those whom the actor may see."""
    ids = [one.id for one in found][:MOST_SHOWN]
    seen = set(visible_patients(actor).filter(id__in=ids).order_by().values_list("id", flat=True))
    return PossibleDuplicate([one for one in ids if one in seen])


# --- What people decided ----------------------------------------------------------------------------------------------
def ordered(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    return (one, other) if one < other else (other, one)


@transactional(DEFAULT)
def remember_distinct(*, actor: User | None, patient_id: UUID, others: Iterable[tuple[UUID, float]]) -> None:
    """Two people, says the actor: the pair is not proposed again. In the access log of both. `others`: id and score."""
    for other_id, score in others:
        first, second = ordered(patient_id, other_id)
        values = {
            "score": score,
            "state": DuplicatePair.State.DISTINCT,
            "decided_by_id": actor.id if actor else None,
            "decided_at": clock.now(),
        }
        DuplicatePair.objects.update_or_create(first_id=first, second_id=second, defaults=values)
        for about, item in ((patient_id, other_id), (other_id, patient_id)):
            record_access(
                actor=actor,
                patient_id=about,
                action="distinguish",
                resource="patient",
                resource_id=item,
                purpose="identity",
                right="role" if actor else "system",
            )


def dismiss(*, actor: User, pair_id: UUID) -> None:
    """Take a pair off the worklist: two people. Raises `NotFound`, `Refused`."""
    pair = open_pair(actor=actor, pair_id=pair_id)
    remember_distinct(actor=actor, patient_id=pair.first_id, others=[(pair.second_id, pair.score)])


def open_pair(*, actor: User, pair_id: UUID) -> DuplicatePair:
    """A pair that waits for a decision, through the door of both patients. Raises `NotFound`, `Refused`."""
    require(actor)
    pair = worklist().filter(id=pair_id).select_related("first", "second").first()
    if pair is None:
        raise NotFound
    for patient_id in (pair.first_id, pair.second_id):
        access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="compare")
    return pair


def require(actor: User) -> None:
    if not actor.has_perm(MERGE):
        raise Refused


def worklist() -> QuerySet[DuplicatePair]:
    """Pairs to decide, the likeliest first; those of which one was merged since have nothing left to decide."""
    return DuplicatePair.objects.filter(
        state=DuplicatePair.State.OPEN, first__merged_into=None, second__merged_into=None
    )
