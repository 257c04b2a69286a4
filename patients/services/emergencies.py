"""Break-glass: opened with a reason, told to those who must know, ended by itself, reviewed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats, translation
from django.utils.translation import gettext as _

from medisecure.accounts.interface import Role, roles_of, users_with_role
from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused, Stale
from medisecure.kernel.transactions import transactional
from medisecure.notifications.interface import notify_user, queue_mail
from patients import rules
from patients.access import record_right_of
from patients.cards import card_of_patient
from patients.models import EmergencyAccess, Patient
from patients.rules import emergency
from patients.standing import emergencies, facts, representatives_of

BREAK = "patients.break_glass"
REVIEW = "patients.review_emergency"
_QUEUE = "/admin/patients/emergencyaccess/"


def find_for_emergency(
    *,
    actor: User,
    birth_date: date | None,
    record_number: str = "",
    family_name: str = "",
    given_name: str = "",
) -> UUID:
    """The one patient whom two things on a wristband or a paper name: the birth date, and the record number or the
    whole names. No list is ever shown, so nobody browses; each question is written down.

    Raises `Refused`, or `Invalid` when there is nobody, or more than one.
    """
    if not actor.has_perm(BREAK):
        raise Refused
    if record_number.strip():
        number = rules.clean_record_number(record_number)
        if not rules.is_record_number(number):
            raise Invalid({"record_number": [_("This is no record number: a letter P, eight digits, a check digit.")]})
        found = [
            one
            for one in Patient.objects.filter(record_number=number)
            if emergency.birth_matches(one.birth_date, birth_date)
        ]
    elif family_name.strip() and given_name.strip() and birth_date is not None:
        found = [
            one
            for one in Patient.objects.filter(birth_date=birth_date)
            if emergency.same_person(
                family_name,
                given_name,
                family_names=(one.family_name, one.used_name),
                given_names=one.given_names,
            )
        ]
    else:
        raise Invalid(
            {"record_number": [_("Enter the record number and the birth date, or both names and the birth date.")]}
        )
    only = found[0] if len(found) == 1 else None
    record_access(
        actor=actor,
        patient_id=only.id if only else None,
        action="search",
        resource="patient",
        resource_id=f"results:{len(found)}",
        purpose="emergency",
        right=rules.BREAK_GLASS,
    )
    if len(found) > 1:
        raise Invalid({"record_number": [_("Several people have this name and birth date. Use the record number.")]})
    if only is None:
        raise Invalid({"record_number": [_("Nobody here is called so and born on this day. Check both.")]})
    return only.id


def check_reason(reason_code: str, reason: str) -> str:
    """The reason as it is kept. Raises `Invalid`."""
    errors: dict[str, list[str]] = {}
    codes = EmergencyAccess.Reason.values
    if reason_code not in codes:
        errors["reason_code"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(codes)}]
    reason = " ".join(reason.split())
    if not emergency.enough_said(reason):
        errors["reason"] = [
            _("Say in a sentence why you need the record now: %(count)d characters at least.")
            % {"count": emergency.SHORTEST_REASON}
        ]
    elif len(reason) > emergency.LONGEST_REASON:
        errors["reason"] = [_("Use %(count)d characters at most.") % {"count": emergency.LONGEST_REASON}]
    if errors:
        raise Invalid(errors)
    return reason


def open_emergency(*, actor: User, patient_id: UUID, reason_code: str, reason: str) -> EmergencyAccess:
    """Open the record for `EMERGENCY_HOURS`. The privacy officers are told now, the patient now or after a delay.

    Asked twice it is one access. Raises `NotFound`, `Refused`, `Invalid`, `Conflict` when the actor opens the record
    anyway, or has reached the limit of the day.
    """
    known = facts(actor, patient_id)
    if known is None:
        raise NotFound
    if not actor.has_perm(BREAK) or rules.CARE_ROLES.isdisjoint(roles_of(actor)):
        raise Refused if rules.identity_right(roles_of(actor), known) else NotFound
    reason = check_reason(reason_code, reason)
    return _open(actor, patient_id, reason_code, reason)


@transactional(DEFAULT)
def _open(actor: User, patient_id: UUID, reason_code: str, reason: str) -> EmergencyAccess:
    # One after the other for each person: two clicks are one access, and the limit is counted right.
    User.objects.select_for_update().filter(id=actor.id).first()
    if already := emergencies(actor.id, clock.now()).filter(patient_id=patient_id).first():
        return already
    if record_right_of(actor, patient_id) is not None:
        raise Conflict(_("You may open this record as it is: no emergency access is needed."))
    now = clock.now()
    today = EmergencyAccess.objects.filter(user=actor, opened_at__gte=_start_of_day()).count()
    if emergency.over_limit(today, settings.ACCESS.daily_limit):
        raise Conflict(_("You have reached the number of emergency accesses for today. Call the privacy officer."))
    row = EmergencyAccess.objects.create(
        patient_id=patient_id,
        user=actor,
        reason_code=reason_code,
        reason=reason,
        opened_at=now,
        ends_at=now + timedelta(hours=settings.ACCESS.emergency_hours),
        over_alert=emergency.over_limit(today + 1, settings.ACCESS.daily_alert),
        review_due_at=emergency.review_due(now, settings.ACCESS.review_days),
    )
    _write_down(actor, row, "break-glass", rules.BREAK_GLASS)
    _tell_officers(row, actor)
    if not settings.ACCESS.patient_notice_hours:
        tell_patient(row)
    return row


@transactional(DEFAULT)
def end_emergency(*, actor: User, patient_id: UUID) -> None:
    """Close it before its time. Raises `NotFound` when none is open."""
    row = emergencies(actor.id, clock.now()).filter(patient_id=patient_id).first()
    if row is None:
        raise NotFound
    EmergencyAccess.objects.filter(id=row.id, ended_at=None).update(ended_at=clock.now())
    _write_down(actor, row, "end", rules.BREAK_GLASS)


@transactional(DEFAULT)
def review_emergency(*, actor: User, emergency_id: UUID, verdict: str, comment: str) -> EmergencyAccess:
    """The privacy officer's verdict, given once. Raises `NotFound`, `Refused`, `Invalid`, `Stale`."""
    row = EmergencyAccess.objects.filter(id=emergency_id).first()
    if row is None or not actor.has_perm(REVIEW):
        raise NotFound
    if row.user_id == actor.id:
        raise Refused(_("Nobody reviews their own access."))
    comment = " ".join(comment.split())
    errors: dict[str, list[str]] = {}
    verdicts = [EmergencyAccess.Review.JUSTIFIED.value, EmergencyAccess.Review.UNJUSTIFIED.value]
    if verdict not in verdicts:
        errors["verdict"] = [_("Choose one of: %(choices)s.") % {"choices": ", ".join(verdicts)}]
    elif verdict == EmergencyAccess.Review.UNJUSTIFIED and not comment:
        errors["comment"] = [_("Say why it was not justified.")]
    if len(comment) > emergency.LONGEST_REASON:
        errors["comment"] = [_("Use %(count)d characters at most.") % {"count": emergency.LONGEST_REASON}]
    if errors:
        raise Invalid(errors)
    _write_down(actor, row, "review", f"permission:{REVIEW}", purpose="oversight")
    still_open = EmergencyAccess.objects.filter(id=row.id, review=EmergencyAccess.Review.OPEN)
    if not still_open.update(review=verdict, review_comment=comment, reviewed_by=actor, reviewed_at=clock.now()):
        raise Stale
    row.refresh_from_db()
    return row


def tell_due_patients() -> int:
    """Tell the patients whose delay is over. Returns how many accesses were told of."""
    due = clock.now() - timedelta(hours=settings.ACCESS.patient_notice_hours)
    rows = EmergencyAccess.objects.filter(patient_told_at=None, opened_at__lte=due).order_by("opened_at")[:200]
    for row in rows:
        tell_patient(row)
    return len(rows)


@transactional(DEFAULT)
def tell_patient(row: EmergencyAccess) -> None:
    """A notice and a mail to the patient, and a notice to who stands for them; without a name or a clinical word."""
    patient = Patient.objects.get(id=row.patient_id)
    card = card_of_patient(patient)
    readers = {card.user_id, *(one.user_id for one in representatives_of(row.patient_id))}
    for user_id in readers:
        notify_user(
            dedupe_key=f"emergency:{row.id}:{user_id}", user_id=user_id, kind="emergency-opened", url="/access/"
        )
    queue_mail(
        dedupe_key=f"emergency:{row.id}:patient",
        to_email=card.email,
        language=card.language,
        template="emergency_patient",
        context={"name": card.full_name, "when": _when(row.opened_at, card.language)},
        user_id=card.user_id,
    )
    EmergencyAccess.objects.filter(id=row.id).update(patient_told_at=clock.now())


def _tell_officers(row: EmergencyAccess, actor: User) -> None:
    kind = "emergency-many" if row.over_alert else "emergency-to-review"
    path = f"{_QUEUE}{row.id}/change/"
    for officer in users_with_role(Role.PRIVACY_OFFICER):
        notify_user(dedupe_key=f"emergency:{row.id}:{officer.id}", user_id=officer.id, kind=kind, url=path)
        queue_mail(
            dedupe_key=f"emergency:{row.id}:officer:{officer.id}",
            to_email=officer.email,
            language=officer.language,
            template="emergency_officer",
            context={
                "name": officer.full_name,
                "who": actor.full_name or actor.email,
                "when": _when(row.opened_at, officer.language),
                "path": path,
                "many": row.over_alert,
                "days": settings.ACCESS.review_days,
            },
            user_id=officer.id,
        )


def _when(instant: datetime, language: str) -> str:
    with translation.override(language):
        return formats.date_format(clock.local(instant, settings.TIME_ZONE), "j F Y H:i")


def _start_of_day() -> datetime:
    return datetime.combine(clock.today(), time(), ZoneInfo(settings.TIME_ZONE))


def _write_down(actor: User, row: EmergencyAccess, action: str, right: str, *, purpose: str = "emergency") -> None:
    record_access(
        actor=actor,
        patient_id=row.patient_id,
        action=action,
        resource="emergency",
        resource_id=row.id,
        purpose=purpose,
        right=right,
    )
