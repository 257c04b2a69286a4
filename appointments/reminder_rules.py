"""When a reminder is due. Pure: no Django, the clock is an argument."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

#: A reminder that could not leave in time still helps for a quarter of its hours, six at most; then it is stale.
_SHARE: Final = 4
_LATEST: Final = timedelta(hours=6)


def grace(hours: int) -> timedelta:
    return min(timedelta(hours=hours) / _SHARE, _LATEST)


def window(now: datetime, hours: int) -> tuple[datetime, datetime]:
    """Visits that start after the first instant, and not after the second one, are to be reminded of now."""
    return now + timedelta(hours=hours) - grace(hours), now + timedelta(hours=hours)


def is_due(start: datetime, now: datetime, hours: int, settled: datetime) -> bool:
    """`settled` is when the visit got its present time. Who was told of it within the hours needs no reminder."""
    after, until = window(now, hours)
    return after < start <= until and settled <= start - timedelta(hours=hours)
