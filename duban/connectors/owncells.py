"""duban's own cells: the desired value -> a cell of the tool's column, and back, and when two of them are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column
from duban.connectors.dates import parse_moment
from duban.connectors.values import local, number_text, parse_number, text_of
from duban.item import Value

OwnType = Literal["single_select", "text", "datetime", "number"]
OwnValue: TypeAlias = "str | float | datetime | None"


class OwnCell(NamedTuple):
    """What is to be written: a cell of the column's type, or a sentence saying why that is not possible."""

    cell: Cell
    problem: str | None = None


def own_cell(value: OwnValue, column: Column, zone: ZoneInfo) -> OwnCell:
    """Return the desired value as a cell of this column's type.

    Text columns take everything: times as local ``2024-07-26 10:00``, numbers as ``3``. A select takes only the options
    it has (options are never created by writing). ``None`` and an empty text clear the cell.
    """
    if value is None or value == "":
        return OwnCell(None)
    make = _CELLS.get(column.type)
    if make is None or not column.writable or column.computed:
        return OwnCell(None, f"the column {column.name} ({column.type}) cannot hold duban's values; make it text")
    return make(value, column, zone)


def _as_text(value: OwnValue, column: Column, zone: ZoneInfo) -> OwnCell:  # noqa: ARG001 - one signature for all types
    return OwnCell(_text(value, zone))


def _text(value: OwnValue, zone: ZoneInfo) -> str:
    return value if isinstance(value, str) else text_of(value, zone)


def _as_option(value: OwnValue, column: Column, zone: ZoneInfo) -> OwnCell:
    text = _text(value, zone)
    if column.options is not None and text not in column.options:
        return OwnCell(None, f"the column {column.name} has no option {text}; add it in the tool")
    return OwnCell((text,) if column.type == "multi_select" else text)


def _as_number(value: OwnValue, column: Column, zone: ZoneInfo) -> OwnCell:
    number = parse_number(value) if isinstance(value, str) else value
    # "007" would come back as 7 and be written again for ever
    kept = isinstance(number, (int, float)) and (not isinstance(value, str) or number_text(number) == value.strip())
    if kept and isinstance(number, (int, float)):
        return OwnCell(float(number))
    return OwnCell(None, f"the column {column.name} is a number and cannot hold {_text(value, zone)!r}; make it text")


def _as_time(value: OwnValue, column: Column, zone: ZoneInfo) -> OwnCell:
    moment = parse_moment(value, zone) if isinstance(value, str) else value
    if isinstance(moment, datetime):
        return OwnCell(local(moment, zone).date() if column.type == "date" else local(moment, zone))
    return OwnCell(None, f"the column {column.name} is a date and cannot hold {_text(value, zone)!r}; make it text")


_CELLS: Mapping[str, Callable[[OwnValue, Column, ZoneInfo], OwnCell]] = {
    "text": _as_text, "url": _as_text, "select": _as_option, "multi_select": _as_option, "number": _as_number,
    "percent": _as_number, "date": _as_time, "datetime": _as_time,
}  # fmt: skip


def own_value(cell: Cell, own_type: OwnType, zone: ZoneInfo) -> Value:
    """Return what an own cell that was read means, by the own column's type.

    Times are aware in the zone (a ``date`` where the tool keeps only a day), numbers ``float``. A cell that does not
    mean such a value (a person wrote into it) stays text, and so differs from everything that duban would write.
    """
    if isinstance(cell, (datetime, date)) and own_type == "datetime":
        return local(cell, zone) if isinstance(cell, datetime) else cell
    if isinstance(cell, (int, float)) and not isinstance(cell, bool) and own_type == "number":
        return float(cell)
    text = text_of(cell, zone)
    if not text:
        return None
    if own_type == "number":
        number = parse_number(text)
        return text if number is None else number
    return (parse_moment(text, zone) or text) if own_type == "datetime" else text


def same(a: Value, b: Value) -> bool:
    """Tell whether two own values are the same cell: the desired one and the one that was read back.

    Times count to the minute (text columns keep no more), or to the day when one side keeps only a day; 3 equals
    ``3``; line ends and surrounding blanks do not count; empty is ``None`` or blank. Times are in the configured zone.
    """
    a, b = _settled(a), _settled(b)
    if isinstance(a, datetime) and isinstance(b, datetime):
        return a.replace(second=0, microsecond=0) == b.replace(second=0, microsecond=0)
    if isinstance(a, date) and isinstance(b, date):
        return _day(a) == _day(b)
    if isinstance(a, str) != isinstance(b, str):
        return _number_of(a) is not None and _number_of(a) == _number_of(b)
    return a == b


def _settled(value: Value) -> Value:
    if isinstance(value, str):
        return "\n".join(line.rstrip() for line in value.strip().splitlines()) or None
    return value


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _number_of(value: Value) -> float | None:
    if isinstance(value, str):
        return parse_number(value)
    return float(value) if isinstance(value, (int, float)) else None


def shown(value: Value, zone: ZoneInfo) -> str | float | None:
    """Return an own value for plans and reports: plain JSON, times as local text to the minute."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return int(value) if number_text(value).lstrip("-").isdigit() else float(value)
    return text_of(value, zone)
