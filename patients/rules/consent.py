"""What a patient allows or forbids, as FHIR R4 Consent names it."""

from __future__ import annotations

from typing import Final

#: The record, for a named practitioner or unit: permit opens it, deny closes it. Code de la santé publique, L1110-4.
SHARING: Final = "record-sharing"
RESEARCH: Final = "research"
#: Reminders and news by mail.
MAIL: Final = "contact-mail"

PERMIT: Final = "permit"
DENY: Final = "deny"

#: What holds while nothing is recorded: a patient is reached by mail, and takes part in no research unasked
#: (code de la santé publique, L1122-1).
DEFAULTS: Final = {MAIL: PERMIT, RESEARCH: DENY}


def names_somebody(category: str) -> bool:
    """Whether such a consent is about a practitioner or a unit."""
    return category == SHARING
