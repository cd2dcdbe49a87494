"""Cells as a tool gives them -> the typed values of the common model (``duban.item``), by both types.

:func:`converter` is made once per column and field and then called per cell; it returns a value, ``None`` for an empty
cell, or :class:`Bad` for one that does not parse (DQ-01). It never raises. Cells may be looser than their column's type
says (a workbook has no column types): what counts is the Python type of the cell itself.
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column
from duban.connectors.dates import parse_moment
from duban.connectors.statuses import normal_status
from duban.item import Field, Person, Value

_SEPARATORS = re.compile(r"([、,，;；/\r\n]+)")
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?(E[+-]?\d{1,3})?", re.ASCII)
_REMEMBERED = 20_000


class Bad:
    """A cell that is not empty and does not parse; ``text`` is what stands in it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bad) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Bad({self.text!r})"


Converted: TypeAlias = "Value | Bad"
Converter: TypeAlias = Callable[[Cell], "Value | Bad"]


def converter(field: Field, column: Column, zone: ZoneInfo, aliases: Mapping[str, str]) -> Converter:
    """Return the function that reads this column's cells into this field.

    ``zone``: where text without an offset is local, and where instants get their date. ``aliases``: case-folded
    department name or alias -> the department's name. Answers to texts and tuples are remembered (bounded), so that
    equal cells share one value.
    """
    read = _READERS[field.type](_Reading(field, column, zone, aliases))
    return read if field.type in {"text", "url"} else _remembering(read)


class _Reading:
    """What the readers of one column know."""

    __slots__ = ("aliases", "column", "field", "options", "zone")

    def __init__(self, field: Field, column: Column, zone: ZoneInfo, aliases: Mapping[str, str]) -> None:
        self.field, self.column, self.zone = field, column, zone
        self.aliases = aliases if field.departments else {}
        self.options = {
            normal_status(text): canonical for canonical, texts in field.values for text in (canonical, *texts)
        }

    def canonical(self, text: str) -> str:
        """Return a department's or an option's own name for one of its other names."""
        if self.aliases:
            return self.aliases.get(text.casefold(), text)
        return self.options.get(normal_status(text), text) if self.options else text


def _remembering(read: Converter) -> Converter:
    known: dict[Any, Converted] = {}

    def remembered(cell: Cell) -> Converted:
        kind = type(cell)
        if kind is not str and kind is not tuple:
            return read(cell)
        try:
            return known[cell]
        except KeyError:
            value = read(cell)
            if len(known) < _REMEMBERED:
                known[cell] = value
            return value
        except TypeError:  # a tuple of things that cannot be keys
            return read(cell)

    return remembered


# --- cells as text


def text_of(cell: object, zone: ZoneInfo) -> str:
    """Return a cell as a person would write it; times local in the zone, to the minute."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, (int, float)):
        return number_text(cell)
    if isinstance(cell, datetime):
        return local(cell, zone).replace(tzinfo=None).isoformat(" ", "minutes")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, (tuple, list)):
        return "、".join(filter(None, map(_part, cell)))
    return str(cell).strip()


def _part(entry: object) -> str:
    return (entry.name or entry.id).strip() if isinstance(entry, Person) else str(entry).strip()


def number_text(number: float) -> str:
    """Return a number as written: 3 and not 3.0."""
    return str(int(number)) if math.isfinite(number) and number == int(number) else repr(float(number))


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant in the zone; a naive one is local already."""
    if moment.tzinfo is zone:
        return moment
    try:
        return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
    except OverflowError:  # the first and the last day that Python knows
        return moment.replace(tzinfo=zone)


def split_text(text: str) -> tuple[str, ...]:
    """Split a list in a text cell at 、 , ， ; ； / and line ends; no part is empty and none stands there twice."""
    parts = (part.strip() for part in _SEPARATORS.split(text)[::2])
    return tuple(dict.fromkeys(part for part in parts if part))


# --- readers, one per field type


def _text_reader(reading: _Reading) -> Converter:
    zone, aliases = reading.zone, reading.aliases
    known: dict[str, str] = {}  # texts that repeat (stages, links, standards) are kept once; unique ones fill it only

    def read(cell: Cell) -> Converted:
        text = cell.strip() if type(cell) is str else text_of(cell, zone)
        if not text:
            return None
        if aliases:
            parts = _SEPARATORS.split(text)
            text = "".join(part if place % 2 else reading.canonical(part.strip()) for place, part in enumerate(parts))
        return known.setdefault(text, text) if len(known) < _REMEMBERED else known.get(text, text)

    return read


def _select_reader(reading: _Reading) -> Converter:
    def read(cell: Cell) -> Converted:
        if isinstance(cell, tuple):
            return "、".join(dict.fromkeys(reading.canonical(part) for part in map(_part, cell) if part)) or None
        text = text_of(cell, reading.zone)
        return sys.intern(str(reading.canonical(text))) if text else None

    return read


def _multi_select_reader(reading: _Reading) -> Converter:
    def read(cell: Cell) -> Converted:
        parts = _parts(cell, reading)
        return tuple(dict.fromkeys(sys.intern(str(reading.canonical(part))) for part in parts)) or None

    return read


def _parts(cell: Cell, reading: _Reading) -> tuple[str, ...]:
    if isinstance(cell, (tuple, list)):
        return tuple(part for part in map(_part, cell) if part)
    text = text_of(cell, reading.zone)
    if reading.column.type == "select":  # an option is one value, whatever stands in its name
        return (text,) if text else ()
    return split_text(text)


def _person_reader(reading: _Reading) -> Converter:
    def read(cell: Cell) -> Converted:
        if isinstance(cell, (bool, date, datetime)):
            return Bad(text_of(cell, reading.zone))
        if isinstance(cell, tuple):
            people = (entry if isinstance(entry, Person) else Person("", str(entry).strip()) for entry in cell)
            return tuple(dict.fromkeys(person for person in people if person.id or person.name)) or None
        names = (name.lstrip("@").strip() for name in split_text(text_of(cell, reading.zone)))
        return tuple(Person("", sys.intern(str(name))) for name in names if name) or None

    return read


def _links_reader(reading: _Reading) -> Converter:
    def read(cell: Cell) -> Converted:
        if isinstance(cell, (bool, date, datetime)):
            return Bad(text_of(cell, reading.zone))
        return tuple(dict.fromkeys(_parts(cell, reading))) or None

    return read


def _number_reader(reading: _Reading) -> Converter:
    def read(cell: Cell) -> Converted:
        return _number(cell, reading.zone, percent=False)

    return read


def _percent_reader(reading: _Reading) -> Converter:
    def read(cell: Cell) -> Converted:
        return _number(cell, reading.zone, percent=True)

    return read


def _number(cell: Cell, zone: ZoneInfo, *, percent: bool) -> Converted:
    cell = _single(cell)
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return float(cell) if math.isfinite(cell) else Bad(str(cell))
    text = text_of(cell, zone)
    if not text:
        return None
    number = parse_number(text, percent=percent) if isinstance(cell, str) else None
    return Bad(text) if number is None else number


def parse_number(text: str, *, percent: bool = False) -> float | None:
    """Return the number a text is (1,000 is 1000; 5万 is none); ``percent`` allows a percent sign: 80% is 80.0."""
    form = unicodedata.normalize("NFKC", text).strip().upper().replace("−", "-")
    if percent and form.endswith("%"):
        form = form[:-1].rstrip()
    found = _NUMBER.fullmatch(form)
    if found is None or not (found[1] or found[3]):
        return None
    number = float(form.replace(",", ""))
    return number if math.isfinite(number) else None


def _date_reader(reading: _Reading) -> Converter:
    def read(cell: Cell) -> Converted:
        moment = _moment(cell, reading.zone)
        return moment.date() if isinstance(moment, datetime) else moment

    return read


def _datetime_reader(reading: _Reading) -> Converter:
    def read(cell: Cell) -> Converted:
        moment = _moment(cell, reading.zone)
        if isinstance(moment, date) and not isinstance(moment, datetime):
            return datetime.combine(moment, time(0), reading.zone)
        return moment

    return read


def _moment(cell: Cell, zone: ZoneInfo) -> date | datetime | Bad | None:
    cell = _single(cell)
    if isinstance(cell, datetime):
        return local(cell, zone)
    if isinstance(cell, date) or cell is None:
        return cell
    text = text_of(cell, zone)
    if not text:
        return None
    return (parse_moment(text, zone) if isinstance(cell, str) else None) or Bad(text)


def _single(cell: Cell) -> Cell:
    """Return the only entry of a list (a lookup of one value), every other cell as it is."""
    if isinstance(cell, (tuple, list)) and len(cell) < 2:
        return cast("Cell", cell[0]) if cell else None
    return cell


_READERS: Mapping[str, Callable[[_Reading], Converter]] = {
    "text": _text_reader, "url": _text_reader, "select": _select_reader, "multi_select": _multi_select_reader,
    "person": _person_reader, "links": _links_reader, "number": _number_reader, "percent": _percent_reader,
    "date": _date_reader, "datetime": _datetime_reader,
}  # fmt: skip
