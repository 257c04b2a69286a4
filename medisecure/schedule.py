"""What runs by the clock: the beat's schedule. Seconds, or a time of the day in UTC."""

from __future__ import annotations

from typing import Any, Final

from celery.schedules import crontab

SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    # A sweep that was not run in time is worth nothing: the next one does its work.
    "sweep-outboxes": {"task": "kernel.sweep_outboxes", "schedule": 5.0, "options": {"expires": 30}},
    "send-due-messages": {
        "task": "notifications.send_due",
        "schedule": 10.0,
        "options": {"queue": "mail", "expires": 30},
    },
    "send-due-pushes": {
        "task": "notifications.send_due_pushes",
        "schedule": 10.0,
        "options": {"queue": "push", "expires": 30},
    },
    "remind": {"task": "appointments.remind", "schedule": 60.0, "options": {"expires": 60}},
    "waiting-list": {"task": "appointments.waiting", "schedule": 30.0, "options": {"expires": 30}},
    "heartbeat": {"task": "ops.heartbeat", "schedule": 10.0, "options": {"expires": 20}},
    "collect-dead-letters": {"task": "ops.collect_dead_letters", "schedule": 30.0, "options": {"expires": 30}},
    "seal-access-log": {"task": "audit.seal", "schedule": 30.0, "options": {"expires": 60}},
    "seal-late-entries": {"task": "audit.seal_late", "schedule": crontab(hour=2, minute=40)},
    "forget-old-reminders": {"task": "appointments.forget_old", "schedule": crontab(hour=3, minute=20)},
    "anchor-access-log": {"task": "audit.anchor", "schedule": crontab(minute=5)},
    # Copies of records: those the nudge missed, and those whose time is over.
    "make-pending-exports": {
        "task": "patients.make_pending_exports",
        "schedule": 60.0,
        "options": {"queue": "exports", "expires": 60},
    },
    "expire-exports": {"task": "patients.expire_exports", "schedule": crontab(minute=20)},
    "carry-out-erasures": {
        "task": "patients.carry_out_erasures",
        "schedule": 300.0,
        "options": {"queue": "exports", "expires": 300},
    },
    "tell-of-emergencies": {"task": "patients.tell_of_emergencies", "schedule": 300.0, "options": {"expires": 600}},
    "remind-of-invoices": {
        "task": "billing.remind",
        # The mails leave in the morning; a look that was missed is the next one's.
        "schedule": crontab(minute=15, hour="7-17"),
        "options": {"queue": "billing", "expires": 3600},
    },
    "forget-expired-holds": {"task": "appointments.forget_expired", "schedule": 60.0, "options": {"expires": 120}},
    "finish-uploads": {
        "task": "documents.finish_pending",
        "schedule": 15.0,
        "options": {"queue": "documents", "expires": 15},
    },
    "expire-uploads": {
        "task": "documents.expire_uploads",
        "schedule": crontab(minute=35),
        "options": {"queue": "documents"},
    },
    "release-documents": {
        "task": "documents.release_due",
        "schedule": crontab(minute=50),
        "options": {"queue": "documents"},
    },
    "resume-merges": {"task": "patients.resume_merges", "schedule": 30.0, "options": {"expires": 60}},
    # Reports and exports of lists: those the nudge missed or a dead worker left, those that come again, and those whose
    # time is over.
    "resume-reports": {"task": "reports.resume", "schedule": 30.0, "options": {"expires": 30}},
    "repeat-reports": {"task": "reports.run_schedules", "schedule": crontab(minute=10)},
    "expire-reports": {"task": "reports.expire", "schedule": crontab(minute=25)},
    # Images: those the nudge missed, and what a dead worker left; then what has been kept long enough.
    "look-at-images": {"task": "imaging.look", "schedule": 60.0, "options": {"queue": "imaging", "expires": 60}},
    "tidy-images": {"task": "imaging.tidy", "schedule": crontab(minute=35), "options": {"queue": "imaging"}},
    "forget-old-events": {"task": "kernel.forget_old_events", "schedule": crontab(hour=3, minute=10)},
}
