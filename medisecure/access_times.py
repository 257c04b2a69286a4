"""Settings of who may open a record for how long; `deploy/env.example` says what each one does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from medisecure.env import Env


@dataclass(frozen=True, slots=True)
class AccessTimes:
    care_before: timedelta
    care_after: timedelta
    unit_after: timedelta
    emergency_hours: int
    #: From so many emergency accesses of one person a day on the privacy officer is warned …
    daily_alert: int
    #: … and after so many none opens.
    daily_limit: int
    review_days: int
    #: 0: the patient is told at once.
    patient_notice_hours: int


def access_times(env: Env) -> AccessTimes:
    return AccessTimes(
        care_before=timedelta(days=env.integer("CARE_BEFORE_DAYS", 30, low=0, high=365)),
        care_after=timedelta(days=env.integer("CARE_AFTER_DAYS", 90, low=0, high=3650)),
        unit_after=timedelta(days=env.integer("UNIT_AFTER_DAYS", 15, low=0, high=365)),
        emergency_hours=env.integer("EMERGENCY_HOURS", 4, low=1, high=72),
        daily_alert=env.integer("EMERGENCY_DAILY_ALERT", 3, low=1, high=1000),
        daily_limit=env.integer("EMERGENCY_DAILY_LIMIT", 20, low=1, high=1000),
        review_days=env.integer("EMERGENCY_REVIEW_DAYS", 7, low=1, high=90),
        patient_notice_hours=env.integer("EMERGENCY_PATIENT_NOTICE_HOURS", 0, low=0, high=720),
    )
