"""What a job is called, in the active language, without a person's data."""

from __future__ import annotations

from datetime import date

from django.apps import apps
from django.template.defaultfilters import capfirst
from django.utils.formats import date_format
from django.utils.text import slugify
from django.utils.translation import gettext as _

from medisecure.reports.kinds import LABELS
from medisecure.reports.models import Job
from medisecure.reports.rules import Kind


def job_name(job: Job) -> str:
    """The report and its days; the list."""
    if job.what == Job.What.REPORT:
        first, last = period_words(job)
        return _("%(report)s, %(first)s to %(last)s") % {
            "report": LABELS[Kind(job.subject)],
            "first": first,
            "last": last,
        }
    return list_name(job.subject)


def period_words(job: Job) -> tuple[str, str]:
    first, last = (date.fromisoformat(job.parameters[name]) for name in ("first", "last"))
    return date_format(first), date_format(last)


def list_name(label: str) -> str:
    """The plural of a model, "app.model"; the label itself when it is no longer there."""
    try:
        return str(capfirst(apps.get_model(label)._meta.verbose_name_plural))
    except LookupError:
        return label


def filename(job: Job, format_: str) -> str:
    """Of a download: which report or list, and which days."""
    if job.what == Job.What.REPORT:
        name = f"{slugify(str(LABELS[Kind(job.subject)]))}-{job.parameters['first']}-{job.parameters['last']}"
    else:
        name = f"{slugify(list_name(job.subject))}-{job.asked_at:%Y-%m-%d}"
    return f"medisecure-{name}.{format_}"
