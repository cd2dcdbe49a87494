"""Instants as the service reads and writes them: ISO 8601, answered in UTC with milliseconds and a Z.

There is no date-only type: a day in the user interface is some instant of it (facts/teambition section 5).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Return an aware datetime as milliseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """Return milliseconds since the epoch as an aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=ms)


def wire(ms: int | None) -> str | None:
    """Return an instant as the service answers it: ``2026-03-01T01:00:00.000Z``; nothing stays null."""
    return None if ms is None else from_ms(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def read_instant(text: str, zoneless: ZoneInfo | None = None) -> int:
    """Read an instant; text without a zone is local in ``zoneless``, or refused without it. Raises ``ValueError``."""
    if not _INSTANT.fullmatch(text):
        raise ValueError("not an ISO 8601 date-time")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        if zoneless is None:
            raise ValueError("no time zone")
        moment = moment.replace(tzinfo=zoneless)
    return to_ms(moment)


def seeded(value: object, zone: ZoneInfo) -> int | None:
    """Return a date, datetime or its text as a person would type it, local in ``zone``; a bare day is its midnight."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time(), zone)
    else:
        raise TypeError(f"{value!r} is not a date")
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=zone))
