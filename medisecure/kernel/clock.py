"""Time: instants are aware and in UTC, with milliseconds, the precision that every engine keeps."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone


def now() -> datetime:
    """The present instant in UTC, cut to milliseconds: MongoDB keeps no more, and an instant must compare equal to
    itself after a round trip through any of the three databases."""
    return truncate(timezone.now())


def truncate(instant: datetime) -> datetime:
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def local(instant: datetime, zone: str | ZoneInfo) -> datetime:
    """The instant on the wall clock of `zone` (an IANA name)."""
    return instant.astimezone(ZoneInfo(zone) if isinstance(zone, str) else zone)


def today(zone: str | ZoneInfo | None = None) -> date:
    """Today's date on the wall clock of `zone`; the hospital's own (`TIME_ZONE`) when none is named."""
    if zone is None:
        return timezone.localdate()
    return local(timezone.now(), zone).date()
