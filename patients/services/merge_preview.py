"""What a merge would do, and what taking one back would leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from medisecure.accounts.models import User
from medisecure.kernel.errors import Invalid, Refused, Unavailable
from patients import moves, rules, traits
from patients.access import access_identity
from patients.duplicates import MERGE, person_of
from patients.models import Allergy, Merge, MergeMove, Patient
from patients.parts import Count, parts


@dataclass(frozen=True, slots=True)
class NamedPart:
    """What one part would move, under the name that people read."""

    label: str | Promise
    moves: tuple[Count, ...]
    stays: tuple[Count, ...]
    conflicts: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do. `versions` of both, to notice who changed one of them in between."""

    survivor: Patient
    loser: Patient
    likeness: rules.Likeness
    traits: tuple[traits.Trait, ...]
    parts: tuple[NamedPart, ...]
    conflicts: tuple[str, ...]
    two_accounts: bool

    @property
    def has_conflicts(self) -> bool:
        return bool(self.conflicts) or any(part.conflicts for part in self.parts)

    @property
    def versions(self) -> str:
        return f"{self.survivor.version}.{self.loser.version}"


def preview(*, actor: User, survivor_id: UUID, loser_id: UUID) -> Preview:
    """What would move in each database, what the two differ in, and what somebody should look at; through the door of
    both. Raises `Refused`, `NotFound`, `Merged`, `Invalid` for one file, `Unavailable` when a part does not answer."""
    if not actor.has_perm(MERGE):
        raise Refused
    if survivor_id == loser_id:
        raise Invalid({"loser": [_("Choose two different files.")]})
    for patient_id in (survivor_id, loser_id):
        access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="compare")
    rows = Patient.objects.in_bulk([survivor_id, loser_id])
    survivor, loser = rows[survivor_id], rows[loser_id]
    named = [NamedPart(gettext_lazy("Identity and record"), _own_counts(loser_id), (), (), ())]
    for part in parts().values():
        try:
            found = part.preview(survivor_id, loser_id)
        except (OperationalError, InterfaceError) as error:
            raise Unavailable from error
        named.append(NamedPart(part.label, found.moves, found.stays, found.conflicts, found.notes))
    return Preview(
        survivor=survivor,
        loser=loser,
        likeness=rules.compare(person_of(survivor), person_of(loser)),
        traits=tuple(traits.differing(survivor, loser)),
        parts=tuple(named),
        conflicts=tuple(_conflicts(survivor, loser)),
        two_accounts=bool(survivor.user_id and loser.user_id),
    )


def _own_counts(patient_id: UUID) -> tuple[Count, ...]:
    found: dict[str, int] = {}
    for model, field in moves.references():
        name = capfirst(str(model._meta.verbose_name_plural))
        found[name] = found.get(name, 0) + moves.rows_of(model, field, patient_id).count()
    return tuple(Count(name, number) for name, number in found.items() if number)


def _conflicts(survivor: Patient, loser: Patient) -> list[str]:
    """Sentences without a clinical word: whoever merges need not be allowed to read the record."""
    found = []
    if survivor.user_id and loser.user_id:
        found.append(_("Both have an account of the portal. One is kept, the other one is closed."))
    if survivor.birth_date != loser.birth_date or survivor.sex != loser.sex:
        found.append(_("Birth date or sex differ. Make sure by a document that this is one person."))
    if survivor.deceased != loser.deceased or bool(survivor.deceased_at) != bool(loser.deceased_at):
        found.append(_("One of them has died, according to their file."))
    allergies = [Allergy.objects.filter(patient=one).count() for one in (survivor, loser)]
    if any(allergies):
        found.append(
            _("Allergies: %(ours)d in the file that stays, %(theirs)d in the other one. Have a doctor check them.")
            % {"ours": allergies[0], "theirs": allergies[1]}
        )
    return found


def added_since(merge: Merge) -> tuple[NamedPart, ...]:
    """What the survivor got since the merge: it stays with them when the merge is taken back."""
    # Ids grow with time (UUIDv7): those above the merge's own came after it.
    counts: dict[str, int] = {}
    for model, field in moves.references():
        journal = MergeMove.objects.filter(merge=merge, model=model._meta.label, field=field.name)
        came = moves.rows_of(model, field, merge.survivor_id).filter(pk__gt=merge.id)
        name = capfirst(str(model._meta.verbose_name_plural))
        counts[name] = counts.get(name, 0) + came.exclude(pk__in=journal.values("row_id")).count()
    own = tuple(Count(name, number) for name, number in counts.items() if number)
    named = [NamedPart(gettext_lazy("Identity and record"), own, (), (), ())]
    for part in parts().values():
        try:
            found = part.added(merge.survivor_id, merge.started_at)
        except (OperationalError, InterfaceError) as error:
            raise Unavailable from error
        named.append(NamedPart(part.label, tuple(one for one in found if one.number), (), (), ()))
    return tuple(part for part in named if part.moves)
