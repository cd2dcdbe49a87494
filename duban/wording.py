"""How values are worded for people, in Chinese and in English: one way for sentences, messages, tables and cells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal

from duban.item import Person

Language = Literal["zh", "en"]
_WEEKDAYS = {
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MODES = {
    "zh": {"wall": "{}小时", "workday24": "{}小时(不含休息日)", "workhours": "{}个工作小时"},
    "en": {"wall": "{} h", "workday24": "{} h (rest days not counted)", "workhours": "{} working hours"},
}
NOTHING = "—"


def worded(value: Any, language: Language = "zh") -> str:
    """Return any value of the model as people read it; a missing one is a dash."""
    match value:
        case None | () | "":
            return NOTHING
        case bool():
            return {"zh": ("否", "是"), "en": ("no", "yes")}[language][value]
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} ({_WEEKDAYS[language][value.weekday()]})"
        case date():
            return f"{value:%Y-%m-%d} ({_WEEKDAYS[language][value.weekday()]})"
        case timedelta():
            return worded_duration(value, language)
        case float() | int():
            return f"{value:g}" if abs(value) < 1e6 else f"{value:.15g}"
        case Person():
            return value.name or value.id
        case tuple() | list():
            return ("、" if language == "zh" else ", ").join(worded(member, language) for member in value)
        case Mapping() if "hours" in value:
            return worded_clock(value, language)
        case _:
            return str(value)


def worded_duration(duration: timedelta, language: Language = "zh") -> str:
    """Return a duration in hours and minutes."""
    hours, minutes = divmod(int(duration.total_seconds() // 60), 60)
    if language == "zh":
        return f"{hours}小时{minutes}分钟" if minutes and hours else f"{minutes}分钟" if minutes else f"{hours}小时"
    return f"{hours} h {minutes} min" if minutes and hours else f"{minutes} min" if minutes else f"{hours} h"


def worded_clock(parameter: Mapping[str, Any], language: Language = "zh") -> str:
    """Return a clock parameter so that the reader sees its mode: 48小时(不含休息日)."""
    return _MODES[language][parameter["mode"]].format(f"{parameter['hours']:g}")
