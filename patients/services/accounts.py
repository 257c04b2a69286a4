"""The patient's own account: made, invited, linked."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext as _

from medisecure.accounts.interface import (
    Role,
    change_language,
    create_user,
    password_link,
    password_link_end,
    user_card,
)
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, NotFound, Refused
from medisecure.kernel.transactions import transactional
from medisecure.notifications.interface import queue_mail
from patients.access import access_identity
from patients.cards import interface_language
from patients.models import Patient
from patients.services.forgetting import forget_patient


@transactional(DEFAULT)
def invite_patient(
    *, actor: User | None, patient_id: UUID, email: str = "", password: str | None = None, check: bool = True
) -> UUID:
    """Make the patient an account to sign in with, at `email` or at their own address. Returns the account's id.

    Without a password the patient sets one by the password reset. Raises `Conflict` when they have an account,
    `Invalid` for an address that is malformed, missing or taken.
    """
    if actor is not None:
        access_identity(actor=actor, patient_id=patient_id, purpose="identity", action="invite")
        if not actor.has_perm("patients.change_patient"):
            raise Refused
    patient = Patient.objects.select_for_update().filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    if patient.user_id is not None:
        raise Conflict(_("This patient has an account already."))
    user = create_user(
        email=email or patient.email,
        full_name=patient.full_name,
        role=Role.PATIENT,
        password=password,
        language=interface_language(patient.language),
        check=check,
    )
    _link(patient_id, user.id)
    return user.id


@transactional(DEFAULT)
def give_portal_access(*, actor: User, patient_id: UUID) -> str:
    """Make the patient an account at their own address and promise them a mail with the link that sets its password.

    Returns the address. Raises as `invite_patient`; `Invalid` when the patient has no address.
    """
    user_id = invite_patient(actor=actor, patient_id=patient_id)
    user = user_card(user_id)
    if user is None:
        raise NotFound
    queue_mail(
        dedupe_key=f"portal-invitation:{user_id}",
        to_email=user.email,
        language=user.language,
        template="portal_invitation",
        context={
            "name": user.full_name,
            "email": user.email,
            "url": password_link(user_id),
            "until": password_link_end(),
        },
        user_id=user_id,
    )
    return user.email


@transactional(DEFAULT)
def choose_language(*, user: User, language: str) -> None:
    """The language that a person chose: of their account, and of their row when they are a patient, which is where
    mails about them look. Raises `Invalid` for one we do not speak."""
    change_language(user, language)
    patient = Patient.objects.filter(user=user).first()
    # "en-US" says more than "en", and is not lost to a choice that agrees with it.
    if patient is None or patient.language.split("-")[0].lower() == language:
        return
    access_identity(actor=user, patient_id=patient.id, purpose="own language", action="change")
    Patient.objects.filter(id=patient.id).update(language=language, version=F("version") + 1, changed_at=clock.now())
    forget_patient(patient.id)


@transactional(DEFAULT)
def link_account(*, patient_id: UUID, user_id: UUID) -> None:
    """Say that this account is this patient's: by the system, once somebody has checked it. Raises `NotFound`, or
    `Conflict` when either has a counterpart."""
    if user_card(user_id) is None:
        raise NotFound
    patient = Patient.objects.select_for_update().filter(id=patient_id).first()
    if patient is None:
        raise NotFound
    if patient.user_id == user_id:
        return
    if patient.user_id is not None or Patient.objects.filter(user_id=user_id).exists():
        raise Conflict
    _link(patient_id, user_id)


def _link(patient_id: UUID, user_id: UUID) -> None:
    Patient.objects.filter(id=patient_id).update(user_id=user_id, version=F("version") + 1, changed_at=clock.now())
    forget_patient(patient_id)
