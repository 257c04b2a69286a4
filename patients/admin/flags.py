"""Short warnings beside a patient's name on every page of the workspace: deceased, merged, restricted …"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from patients.models import Patient


@dataclass(frozen=True, slots=True)
class Flag:
    """`kind`: info, warn or bad. The text is read by everyone who may open the workspace: nothing clinical."""

    text: str
    kind: str = "info"


FlagProvider = Callable[[User, Patient], Iterable[Flag]]


def life(actor: User, patient: Patient) -> Iterable[Flag]:
    if patient.deceased or patient.deceased_at is not None:
        yield Flag(_("Deceased"), "warn")
    if not patient.active:
        yield Flag(_("Inactive"), "warn")


#: Each is asked on every page: at most one query of its own.
PROVIDERS: Final[tuple[FlagProvider, ...]] = (life,)


def flags_of(actor: User, patient: Patient) -> list[Flag]:
    return [flag for provider in PROVIDERS for flag in provider(actor, patient)]
