"""The fixed table of functions. Each has a sentence for people, argument types, a result and a source template.

``{0}``, ``{1}`` are the arguments' sources, ``{c}`` the context of the item that the call is about, ``_w`` the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from duban.rules.language.types import BOOL, CLOCK, DATE, DATETIME, DURATION, NUMBER, PEOPLE, TEXTS, Type

LINKS = Type("links")
DAY = ("date", "datetime")


class Function(NamedTuple):
    """One function: what it takes, what it gives, how it is written in Python, what it is for."""

    takes: tuple[tuple[str, ...], ...]
    gives: Type
    source: str
    nullable: bool
    about: str


FUNCTIONS: Mapping[str, Function] = {
    "wd": Function((DAY, DAY), NUMBER, "_w.wd({0}, {1})", True, "workdays after the first day, up to the second"),
    "workdays": Function(
        (DAY, DAY), NUMBER, "_w.workdays({0}, {1})", True, "workdays from one day to another, both included"
    ),
    "is_workday": Function(
        (DAY,), BOOL, "{c}.is_workday({0})", True, "whether a day is a workday, make-up workdays included"
    ),
    "next_workday": Function((DAY,), DATE, "{c}.next_workday({0})", True, "the first workday after a day"),
    "day": Function((DAY,), DATE, "{c}.day({0})", True, "the local date of a time"),
    "at": Function((DAY, ("text",)), DATETIME, "{c}.at({0}, {1})", True, 'a time on a day: at(today, "18:00")'),
    "deadline": Function(
        (("datetime",), ("clock",)), DATETIME, "{c}.due_by({0}, {1})", True, "a start plus a clock parameter"
    ),
    "minutes": Function((("duration",),), NUMBER, "{c}.minutes({0})", True, "a duration in minutes"),
    "hours": Function((("duration",),), NUMBER, "{c}.hours({0})", True, "a duration in hours"),
    "contains": Function(
        (("text",), ("text",)), BOOL, "{c}.contains({0}, {1})", True, "whether a text contains another"
    ),
    "starts_with": Function(
        (("text",), ("text",)), BOOL, "{c}.starts_with({0}, {1})", True, "whether a text starts with another"
    ),
    "ends_with": Function(
        (("text",), ("text",)), BOOL, "{c}.ends_with({0}, {1})", True, "whether a text ends with another"
    ),
    "length": Function((("text",),), NUMBER, "{c}.length({0})", True, "how many characters a text has"),
    "stands_for": Function(
        (("text",), ("text",)),
        BOOL,
        "{c}.stands_for({0}, {1})",
        True,
        "whether a text names a department, its head or its liaison",
    ),
    "is_superior": Function((("text",),), BOOL, "{c}.is_superior({0})", True, "whether a text names a 上级领导"),
    "is_person": Function(
        (("text",),), BOOL, "{c}.is_person({0})", True, "whether a text names somebody of the directory"
    ),
    "unknown_people": Function(
        (("people",),), TEXTS, "{c}.unknown_people({0})", False, "those who are not in the directory"
    ),
    "missing": Function((("links",),), TEXTS, "{c}.missing_links({0})", False, "links that lead to no row of any tool"),
    "common": Function((("texts",), ("texts",)), TEXTS, "{c}.common({0}, {1})", False, "what two lists share"),
    "departments": Function((("people",),), TEXTS, "{c}.departments({0})", False, "the departments of people"),
}

# Functions whose arguments need more than types; compiled by name in ``compile``.
SPECIAL: Mapping[str, str] = {
    "empty": "the cell is empty (a cell that does not parse is not empty)",
    "given": "the cell is not empty",
    "absent": "there is no such column, or the cell is empty",
    "mapped": "the table has such a column",
    "first": "the first value that is there",
    "count": "how many there are",
    "captures": "what a pattern's group finds in a text",
    "date": 'a day that is written here: date("2024-07-31")',
    "holds": "whether another rule holds for this item",
}
__all__ = ["CLOCK", "DURATION", "FUNCTIONS", "LINKS", "PEOPLE", "SPECIAL", "Function"]
