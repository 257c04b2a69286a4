"""Use of records: who of the staff opened how many, from the access log. Nobody else is named."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from medisecure.audit.interface import access_figures
from medisecure.reports.figures import Column, Plot, Report, Table, Unit
from medisecure.reports.kinds.common import Asked, Tick, require
from patients.interface import practitioner_cards

PERMISSION = "reports.ask_audit_report"
#: A practitioner without an account has done nothing here: an account that nobody has.
_NOBODY = UUID(int=0)


def access_log(asked: Asked, tick: Tick) -> Report:
    require(asked.actor, PERMISSION)
    actor_id = None
    if asked.practitioner_id is not None:
        card = practitioner_cards([asked.practitioner_id]).get(asked.practitioner_id)
        actor_id = (card.user_id if card else None) or _NOBODY
    found = access_figures(stretches=asked.stretches, actor_id=actor_id)
    tick(60)
    course = Table(
        _("Entries over time"),
        [Column(asked.head(), Unit.TEXT), Column(_("Entries"))],
        [[label, number] for label, number in zip(asked.labels(), found.course, strict=True)],
    )
    staff = Table(
        _("By member of staff"),
        [
            Column(_("Name"), Unit.TEXT),
            Column(_("Role"), Unit.TEXT),
            Column(_("Entries")),
            Column(_("Patients")),
            Column(_("Exports and downloads")),
            Column(_("Emergency accesses")),
        ],
        [[one.name, one.roles, one.entries, one.patients, one.exports, one.emergencies] for one in found.staff],
    )
    actions = Table(_("By what was done"), [Column(_("What"), Unit.TEXT), Column(_("Entries"))], list(found.actions))
    others = Table(
        _("Who is not named"),
        [Column(_("Who"), Unit.TEXT), Column(_("Entries"))],
        [
            [_("Patients and those who stand for them, all together"), found.others],
            [_("The system"), found.system],
        ],
    )
    return Report(
        title=_("Use of records"),
        asked=asked.words(),
        facts=[
            (_("Entries"), sum(found.course), Unit.COUNT),
            (_("Members of staff"), len(found.staff), Unit.COUNT),
            (_("Emergency accesses"), sum(one.emergencies for one in found.staff), Unit.COUNT),
        ],
        plots=[
            Plot(_("Entries over time"), course, (1,), course=True),
            Plot(_("Patients whose data was opened, by member of staff"), staff, (3,)),
        ],
        tables=[course, staff, actions, others],
        notes=[
            _("Patients: of how many different ones. Lists, which show many at once, are entries without a patient."),
            _("No patient is named: who was looked at is in the access log, for the privacy officer."),
        ],
    )
