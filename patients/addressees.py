"""Who is told what concerns a patient: the patient, and who stands for them now. For mails and notices."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from patients.cards import interface_language, patient_card
from patients.rules import consent
from patients.standing import consents_in_force, representatives_of


@dataclass(frozen=True, slots=True)
class Addressee:
    """One person to be told. `language` is one the interface speaks."""

    user_id: UUID | None
    full_name: str
    language: str
    #: Where mails go; empty when there is no address, or they are not wanted.
    mail_address: str
    #: The patient's name, for who stands for them; empty for the patient.
    about: str = ""
    #: A minor asked for secrecy: they are told only of what they asked for themselves.
    restricted: bool = False

    @property
    def is_patient(self) -> bool:
        return not self.about


def addressees_of(patient_id: UUID) -> list[Addressee]:
    """The patient first, then who stands for them now: those who may sign in. Mails respect the choice made for the
    patient and the representative's own, and go to one address once. Nobody for a closed file. Raises `NotFound`."""
    card = patient_card(patient_id)
    if not card.active:
        return []
    found = [Addressee(card.user_id, card.full_name, card.language, card.mail_address)]
    rows = [row for row in representatives_of(card.id, of_record=False) if row.user.is_active]
    if not rows:
        return found
    refusing = set(
        consents_in_force()
        .filter(patient__user__in=[row.user_id for row in rows], category=consent.MAIL, provision=consent.DENY)
        .values_list("patient__user_id", flat=True)
    )
    used = {card.mail_address.casefold()}
    for row in rows:
        wanted = card.by_mail and row.user_id not in refusing and row.user.email.casefold() not in used
        found.append(
            Addressee(
                row.user_id,
                row.user.full_name,
                interface_language(row.user.language),
                row.user.email if wanted else "",
                about=card.full_name,
                restricted=row.restricted,
            )
        )
        used.add(row.user.email.casefold())
    return found
