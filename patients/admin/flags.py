"""Short warnings beside a patient's name on every page of the workspace: deceased, merged, restricted …"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from medisecure.accounts.interface import roles_of
from medisecure.accounts.models import User
from medisecure.kernel import clock
from patients import rules
from patients.models import DataProtection, Patient, UnitStay
from patients.standing import emergencies


@dataclass(frozen=True, slots=True)
class Flag:
    """`kind`: info, warn or bad. The text is read by everyone who may open the workspace: nothing clinical."""

    text: str
    kind: str = "info"
    #: The address of a button beside it, which posts the patient's id, and its words.
    action: str = ""
    action_text: str = ""


FlagProvider = Callable[[User, Patient], Iterable[Flag]]


def life(actor: User, patient: Patient) -> Iterable[Flag]:
    if patient.deceased or patient.deceased_at is not None:
        yield Flag(_("Deceased"), "warn")
    if not patient.active:
        yield Flag(_("Inactive"), "warn")


def emergency(actor: User, patient: Patient) -> Iterable[Flag]:
    if rules.CARE_ROLES.isdisjoint(roles_of(actor)):
        return
    found = emergencies(actor.id, clock.now()).filter(patient_id=patient.id).first()
    if found is not None:
        end = date_format(clock.local(found.ends_at, settings.TIME_ZONE), "H:i")
        yield Flag(
            _("Emergency access until %(time)s") % {"time": end},
            "bad",
            reverse("admin:patients_patient_emergency_end", args=[patient.id]),
            _("End it now"),
        )


def stay(actor: User, patient: Patient) -> Iterable[Flag]:
    # The name of a unit may say what ails somebody: for those who work with stays.
    if not actor.has_perm("patients.manage_stay"):
        return
    found = UnitStay.objects.filter(patient_id=patient.id, ends_at=None).select_related("unit").first()
    if found is not None:
        yield Flag(f"{found.unit.name} · {found.bed}" if found.bed else found.unit.name)


def protection(actor: User, patient: Patient) -> Iterable[Flag]:
    row = DataProtection.objects.filter(patient_id=patient.id).values("restricted_at", "legal_hold").first()
    if row and row["restricted_at"]:
        yield Flag(_("Locked away"), "bad")
    if row and row["legal_hold"]:
        yield Flag(_("Legal hold"), "info")


#: Each is asked on every page: at most one query of its own.
PROVIDERS: Final[tuple[FlagProvider, ...]] = (life, protection, emergency, stay)


def flags_of(actor: User, patient: Patient) -> list[Flag]:
    return [flag for provider in PROVIDERS for flag in provider(actor, patient)]
