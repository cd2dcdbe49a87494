"""Bitable's cells as cells of the contract, in both dialects of the API (facts, section 3).

``search`` and ``batch_get`` answer with text segments, numbers and objects; the legacy list with strings and bare
lists; some cells come as a list in one place and as an object in another. All of them are read here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column
from duban.connectors.feishu.columns import PROGRESS, percent_scale, shows_days
from duban.item import Person

Decoder = Callable[[Any], Cell]
EPOCH = datetime.fromtimestamp(0, ZoneInfo("UTC"))
_SPEAKING = ("full_address", "text", "name", "link", "value", "id")  # what an object's text is in, the best first


class Zones:
    """In which zone a base's days begin, and in which ours do (usually the same)."""

    __slots__ = ("base", "ours")

    def __init__(self, base: ZoneInfo, ours: ZoneInfo) -> None:
        self.base, self.ours = base, ours

    def moment(self, milliseconds: Any) -> datetime:
        """Return an aware moment in the base's zone. Raises ``ValueError`` for what is no number of milliseconds."""
        value = number(milliseconds)
        if value is None or not -(10**13) <= value <= 10**14:  # 1653 to 5138
            raise ValueError(f"{milliseconds!r} is not a moment")
        return (EPOCH + timedelta(milliseconds=value)).astimezone(self.base)

    def day(self, milliseconds: Any) -> datetime:
        """Return a moment of a column that shows days: midnight in the base's zone is midnight in ours."""
        moment = self.moment(milliseconds)
        if moment.time() == moment.time().min and self.base.key != self.ours.key:
            return datetime(moment.year, moment.month, moment.day, tzinfo=self.ours)
        return moment


def decoder(column: Column, zones: Zones) -> Decoder:
    """Return the function that reads this column's cells; it raises ``ValueError`` or ``TypeError`` on nonsense."""
    field = column.raw or {}
    if field.get("type") in {19, 20}:
        return _computed(column, zones)
    match column.type:
        case "number":
            return number
        case "percent":
            scale = percent_scale(field) or 100.0
            return lambda cell: None if (value := number(cell)) is None else round(value * scale, 10)
        case "datetime":
            read = zones.day if shows_days(column) else zones.moment
            return lambda cell: None if cell is None else read(cell)
        case "created" | "modified":
            return lambda cell: None if cell is None else zones.moment(cell)
    return _BY_TYPE.get(column.type, text)


def _computed(column: Column, zones: Zones) -> Decoder:
    """Read ``{type, ui_type, value: […]}``, a bare list or a bare scalar; what a cell says of itself counts, for the
    list of fields need not say it. Moments of a text column become texts a person would write."""
    scale = percent_scale(column.raw or {})

    def read(cell: Any) -> Cell:
        kind, shown, value = None, None, cell
        if isinstance(cell, Mapping) and "value" in cell:
            kind, shown, value = cell.get("type"), cell.get("ui_type"), cell["value"]
        percent = scale or (100.0 if shown == PROGRESS else None)
        if column.type in {"number", "datetime", "percent"} or percent is not None:
            first = value[0] if isinstance(value, list) and value else value
            if first is None or first == []:
                return None
            first = text(first) if isinstance(first, Mapping) else first  # a number as a text segment
            if column.type == "datetime":
                return zones.moment(first)
            found = number(first)
            return found if found is None or percent is None else round(found * percent, 10)
        if kind in {5, 1001, 1002} and isinstance(value, list):
            return ", ".join(_written(zones.moment(entry)) for entry in value) or None
        return _found(kind, value)

    return read


def _found(kind: Any, value: Any) -> Cell:
    """Return what a lookup brought from elsewhere: text, but persons keep their ids."""
    entries = value if isinstance(value, list) else [value]
    if kind in {11, 1003, 1004} and all(isinstance(entry, Mapping) for entry in entries):
        return _people(entries)
    return text(value)


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == moment.time().min else f"{moment:%Y-%m-%d %H:%M}"


def text(cell: Any) -> str | None:
    """Return a cell as text: segments are joined, lists separated by commas, objects give their name, or as JSON."""
    if cell is None or isinstance(cell, str):
        return cell or None
    if isinstance(cell, list):
        if len(cell) == 1 and type(only := cell[0]) is dict and type(said := only.get("text")) is str:
            return said or None  # nearly every text cell is one segment
        if all(isinstance(entry, Mapping) and "text" in entry for entry in cell):
            return "".join(str(entry["text"]) for entry in cell) or None
        return ", ".join(filter(None, map(text, cell))) or None
    if isinstance(cell, Mapping):
        for key in _SPEAKING:
            if cell.get(key) not in (None, ""):
                return text(cell[key])
        known = not cell or any(key in cell for key in _SPEAKING)
        return None if known else json.dumps(cell, ensure_ascii=False, sort_keys=True)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) or None


def number(cell: Any) -> float | None:
    """Return a number: ``search`` sends numbers, the legacy list texts."""
    if isinstance(cell, (bool, list, Mapping)):
        raise TypeError(f"{cell!r} is not a number")
    if cell is None or cell == "":
        return None
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell!r} is not a number")
    return value


def _names(cell: Any) -> tuple[str, ...] | None:
    if cell is None:
        return None
    entries = cell if isinstance(cell, list) else [cell]
    return tuple(name for name in map(text, entries) if name) or None


def _link(cell: Any) -> str | None:
    if isinstance(cell, Mapping):
        return str(cell.get("link") or cell.get("text") or "") or None
    if isinstance(cell, list) and cell and isinstance(cell[0], Mapping) and cell[0].get("link"):
        return str(cell[0]["link"])
    return text(cell)


def _checkbox(cell: Any) -> bool | None:
    if cell is None or isinstance(cell, bool):
        return cell
    raise TypeError(f"{cell!r} is not a tick")


def _people(cell: Any) -> tuple[Person, ...] | None:
    if cell is None:
        return None
    people = cell if isinstance(cell, list) else [cell]
    if not all(isinstance(person, Mapping) for person in people):
        raise TypeError(f"{cell!r} are not persons")
    return tuple(Person(str(p.get("id") or ""), str(p.get("name") or p.get("en_name") or "")) for p in people) or None


def _links(cell: Any) -> tuple[str, ...] | None:
    """Read ``{link_record_ids}``, the legacy list of ``{record_ids}`` and a bare list of ids."""
    if cell is None:
        return None
    found: list[str] = []
    for entry in cell if isinstance(cell, list) else [cell]:
        if isinstance(entry, str):
            found.append(entry)
        elif isinstance(entry, Mapping):
            found += map(str, entry.get("link_record_ids") or entry.get("record_ids") or ())
        else:
            raise TypeError(f"{cell!r} are not links")
    return tuple(found) or None


_BY_TYPE: Mapping[str, Decoder] = {
    "select": text, "multi_select": _names, "attachment": _names, "url": _link, "checkbox": _checkbox,
    "person": _people, "links": _links,
}  # fmt: skip
