"""Those who treat patients."""

from __future__ import annotations

from uuid import UUID

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.cache import forget_on_commit, practitioner_scope
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, Refused
from medisecure.kernel.transactions import transactional
from patients.cards import PractitionerCard, card_of_practitioner
from patients.models import Practitioner
from patients.services.checks import clean_field, clean_name


@transactional(DEFAULT)
def register_practitioner(
    *,
    actor: User | None,
    full_name: str,
    specialty: str = "",
    specialty_label: str = "",
    identifier: str = "",
    identifier_system: str = "",
    user_id: UUID | None = None,
) -> PractitionerCard:
    """Enter a practitioner; `specialty` is a code, `specialty_label` what people read. Raises `Refused`, `Invalid`."""
    if actor is not None and not actor.has_perm("patients.add_practitioner"):
        raise Refused
    errors: dict[str, list[str]] = {}
    full_name = clean_name(errors, "full_name", full_name, required=True)
    values = {
        "specialty": clean_field(errors, Practitioner, "specialty", specialty),
        "specialty_label": clean_field(errors, Practitioner, "specialty_label", specialty_label),
        "identifier": clean_field(errors, Practitioner, "identifier", identifier),
        "identifier_system": clean_field(errors, Practitioner, "identifier_system", identifier_system),
    }
    if errors:
        raise Invalid(errors)
    practitioner = Practitioner.objects.create(full_name=full_name, user_id=user_id, **values)
    return card_of_practitioner(practitioner)


@transactional(DEFAULT)
def save_practitioner(*, actor: User, practitioner: Practitioner) -> None:
    """Store what a form has validated, new or changed; drops the cached card. Raises `Refused`."""
    needed = "patients.add_practitioner" if practitioner._state.adding else "patients.change_practitioner"
    if not actor.has_perm(needed):
        raise Refused
    practitioner.changed_at = clock.now()
    practitioner.save()
    forget_on_commit(DEFAULT, practitioner_scope(practitioner.id))
