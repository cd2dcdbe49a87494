"""Dates and times that people type as text, in the forms that are usual in Chinese and English tables.

A text without an offset is local in the configured zone. What leaves room for guessing is no date: 7/15/2024, a date
without a year, a two-digit year, 下周五.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

_WEEKDAY = r"(?:\s*[(]?\s*(?:周|星期|礼拜)[一二三四五六日天]\s*[)]?)?"
_TIME = (
    r"(?:(?:[T\s]+|(?<=[日号)]))"
    r"(?P<half>上午|下午|晚上|中午|凌晨|AM|PM)?\s*(?P<hour>\d{1,2})\s*(?::|[时点])\s*(?:(?P<minute>\d{1,2})\s*分?)?"
    r"(?::?\s*(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?秒?)?\s*(?P<late>AM|PM)?"
    r"\s*(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_DAYS = (
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?",
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
    r"(?P<name>[A-Z]{3,9})\.?\s+(?P<day>\d{1,2})(?:ST|ND|RD|TH)?,?\s+(?P<year>\d{4})",
    r"(?P<day>\d{1,2})(?:ST|ND|RD|TH)?[\s-]+(?P<name>[A-Z]{3,9})\.?[\s,-]+(?P<year>\d{4})",
)
_FORMS = tuple(re.compile(day + _WEEKDAY + _TIME + _WEEKDAY, re.ASCII) for day in _DAYS)
_MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        ("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER",
         "DECEMBER"), start=1,
    )
    for length in (3, 4, len(name))
}  # fmt: skip


@lru_cache(maxsize=65_536)
def parse_moment(text: str, zone: ZoneInfo) -> date | datetime | None:
    """Return a ``date`` when only a day is written, else an aware ``datetime`` in the zone; ``None`` for no date."""
    text = unicodedata.normalize("NFKC", text).strip().upper()
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            try:
                return _moment(found, zone)
            except (ValueError, OverflowError, KeyError):
                return None
    return None


def _moment(found: re.Match[str], zone: ZoneInfo) -> date | datetime:
    part = found.groupdict()
    month = _MONTHS[part["name"]] if part.get("name") else int(part["month"])
    day = date(int(part["year"]), month, int(part["day"]))
    if part["hour"] is None:
        return day
    micro = int((part["fraction"] or "0").ljust(6, "0")[:6])
    clock = time(_hour(part), int(part["minute"] or 0), int(part["second"] or 0), micro)
    if part["offset"] is None:
        return datetime.combine(day, clock, zone)
    return datetime.combine(day, clock, _offset(part["offset"])).astimezone(zone)


def _hour(part: dict[str, str]) -> int:
    hour = int(part["hour"])
    half = part["late"] or part["half"]
    if half in {"PM", "下午", "晚上"} and hour < 12:
        return hour + 12
    if half == "中午" and hour < 3:
        return hour + 12
    if half in {"AM", "上午", "凌晨"} and hour == 12:
        return 0
    return hour


def _offset(text: str) -> timezone:
    if text in {"Z", "UTC"}:
        return UTC
    digits = text[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if text[0] == "-" else away)
