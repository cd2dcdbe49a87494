"""Cells of the contract as Bitable wants them written (facts, sections 3 and 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from duban.connectors.base import Cell, Column
from duban.connectors.feishu.columns import percent_scale, shows_days
from duban.connectors.feishu.decode import Zones
from duban.errors import Rejected
from duban.item import Person

# 1973 to 9999: a moment in seconds would land in January 1970, so a smaller number is a mistake of ours.
EARLIEST, LATEST = 10**11, 253_402_300_799_999


class Unwritable(Rejected):
    """A cell that must not be sent; its text says why."""


def encode(column: Column, cell: Cell, zones: Zones) -> Any:
    """Return the JSON value of a cell; ``None`` clears. Raises :class:`Unwritable`."""
    return encoder(column, zones)(cell)


def encoder(column: Column, zones: Zones) -> Callable[[Cell], Any]:
    """Return what :func:`encode` does for one column. Raises :class:`Unwritable` where no cell of it can be sent."""
    if not column.writable:
        why = "Feishu computes it" if column.computed else "duban does not write its type"
        raise Unwritable(f"column {column.name} cannot be written: {why}")
    write = _moments(zones) if column.type in {"date", "datetime"} else _BY_TYPE.get(column.type)

    def value(cell: Cell) -> Any:
        if cell is None or cell in ("", ()):
            return None
        if write is None:
            raise Unwritable(f"column {column.name} has a type that is not written")
        return write(column, cell)

    return value


def _moments(zones: Zones) -> Callable[[Column, Any], int]:
    return lambda column, cell: _moment(column, cell, zones)


def _moment(column: Column, cell: Any, zones: Zones) -> int:
    if isinstance(cell, datetime):
        if cell.tzinfo is None:
            raise Unwritable(f"column {column.name}: {cell} names no time zone")
        ours = cell.astimezone(zones.ours)
        if shows_days(column) and ours.time() == ours.time().min:
            cell = ours.date()
    elif not isinstance(cell, date):
        raise Unwritable(f"column {column.name} holds moments, not {cell!r}")
    if not isinstance(cell, datetime):
        cell = datetime(cell.year, cell.month, cell.day, tzinfo=zones.base if shows_days(column) else zones.ours)
    value: int = round(cell.timestamp() * 1000)
    if not EARLIEST <= value <= LATEST:
        raise Unwritable(f"column {column.name}: {cell:%Y-%m-%d %H:%M} is outside 1973 to 9999")
    return value


def _number(column: Column, cell: Any) -> int | float:
    if isinstance(cell, bool) or not isinstance(cell, (int, float)) or not math.isfinite(cell):
        raise Unwritable(f"column {column.name} holds numbers, not {cell!r}")
    value = float(cell)
    if column.type == "percent":
        value = round(value / (percent_scale(column.raw or {}) or 100.0), 12)
    return int(value) if value.is_integer() else value


def _text(column: Column, cell: Any) -> str:
    if not isinstance(cell, str):
        raise Unwritable(f"column {column.name} holds text, not {cell!r}")
    return cell


def _link(column: Column, cell: Any) -> dict[str, str]:
    link = _text(column, cell)
    return {"text": link, "link": link}


def _option(column: Column, cell: Any) -> str:
    """An option that does not exist would be created for everybody by writing it (section 3): it is never sent."""
    name = _text(column, cell)
    if name not in (column.options or ()):
        raise Unwritable(f"column {column.name} has no option {name}; add it in Feishu or run duban provision")
    return name


def _options(column: Column, cell: Any) -> list[str]:
    if not isinstance(cell, tuple):
        raise Unwritable(f"column {column.name} holds several options, not {cell!r}")
    return [_option(column, name) for name in dict.fromkeys(cell)]


def _tick(column: Column, cell: Any) -> bool:
    if not isinstance(cell, bool):
        raise Unwritable(f"column {column.name} holds a tick, not {cell!r}")
    return cell


def _people(column: Column, cell: Any) -> list[dict[str, str]]:
    people = [person for person in cell if isinstance(person, Person)] if isinstance(cell, tuple) else []
    if not people or not all(person.id for person in people):
        raise Unwritable(f"column {column.name} needs persons with a Feishu union id")
    return [{"id": person.id} for person in people]


def _links(column: Column, cell: Any) -> list[str]:
    if not isinstance(cell, tuple) or not all(isinstance(record, str) for record in cell):
        raise Unwritable(f"column {column.name} needs record ids, not {cell!r}")
    return [str(record) for record in cell]


_BY_TYPE: Mapping[str, Callable[[Column, Any], Any]] = {
    "text": _text, "url": _link, "select": _option, "multi_select": _options, "number": _number,
    "percent": _number, "checkbox": _tick, "person": _people, "links": _links,
}  # fmt: skip
