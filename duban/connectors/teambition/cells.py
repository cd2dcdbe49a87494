"""Cells to and from Teambition's encoding: built-in dates, and custom fields by type (facts/teambition section 6.2).

A custom field's value is always a list of ``{id, title, metaString}``. Decoding never fails: it gives a cell, ``None``
for an empty one, or :class:`Undecoded` with the text. Encoding raises ``Rejected`` with the sentence for the receipt.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column, ColumnType
from duban.errors import Rejected
from duban.item import Person

TYPES: Mapping[str, ColumnType] = {
    "text": "text", "rtf": "text", "number": "number", "date": "datetime", "dropDown": "select",
    "multipleChoice": "multi_select", "lookup": "person", "lookup2": "person", "work": "attachment",
    "cascading": "select", "commongroup": "select",
}  # fmt: skip
WRITABLE = frozenset({"text", "number", "date", "dropDown", "multipleChoice", "lookup", "lookup2"})


@dataclass(frozen=True, slots=True)
class Custom:
    """What the connector keeps of a custom field in ``Column.raw``: its type, and its choices by text and by id."""

    type: str
    by_title: Mapping[str, str]
    by_id: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Undecoded:
    """A value that is not what its type says; ``text`` is what stands in it."""

    text: str


def read_date(value: object, zone: ZoneInfo) -> datetime | Undecoded | None:
    """Read an instant: UTC text; null and "" are empty; a bare day, as old fields have it, is its local midnight."""
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return Undecoded(str(value))
    if len(str(value)) == 10:
        return moment.replace(tzinfo=zone)
    return moment if moment.tzinfo is not None else Undecoded(str(value))


def read_number(value: object) -> float | Undecoded | None:
    """Read a number that may come as a number or as text."""
    if value is None or value == "":
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Undecoded(str(value))
    return number if math.isfinite(number) and not isinstance(value, bool) else Undecoded(str(value))


def wire_date(moment: datetime) -> str:
    """Return an instant as the service takes it: UTC with milliseconds and Z. Raises ``Rejected`` without a zone."""
    if moment.tzinfo is None:
        raise Rejected("a time without a zone cannot be written")
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


# --- reading

_TITLED = frozenset({"text", "select", "unknown"})


def decode(column: Column, value: object, zone: ZoneInfo) -> Cell | Undecoded:
    """Return the cell of a custom field's value."""
    if not value:
        return None
    if column.type in _TITLED and type(value) is list and len(value) == 1 and type(only := value[0]) is dict:
        title = only.get("title")
        if type(title) is str and title:  # nearly every value is this one
            return title
    entries = [_object(column, entry) for entry in (value if isinstance(value, list) else [value]) if entry is not None]
    if any(entry is None for entry in entries):
        return Undecoded(json.dumps(value, ensure_ascii=False, default=str)[:200])
    found = [entry for entry in entries if entry is not None]
    return _DECODE.get(column.type, _joined)(column, found, zone) if found else None


def _object(column: Column, entry: object) -> dict[str, Any] | None:
    """Return an entry as an object. The older API has bare texts: of people and choices the id, else what is shown."""
    if isinstance(entry, dict):
        return entry
    if not isinstance(entry, (str, int, float)):
        return None
    known = isinstance(column.raw, Custom) and str(entry) in column.raw.by_id
    return {"id": str(entry)} if known or column.type == "person" else {"title": entry}


def _title(column: Column, entry: Mapping[str, Any]) -> str:
    title = entry.get("title")
    known: Mapping[str, str] = column.raw.by_id if isinstance(column.raw, Custom) else {}
    return str(title) if title not in (None, "") else known.get(str(entry.get("id") or ""), "")


def _joined(column: Column, value: list[dict[str, Any]], zone: ZoneInfo) -> Cell | Undecoded:  # noqa: ARG001 - one signature
    return "\n".join(filter(None, (_title(column, entry) for entry in value))) or None


def _chosen(column: Column, value: list[dict[str, Any]], zone: ZoneInfo) -> Cell | Undecoded:  # noqa: ARG001 - as above
    titles = [_title(column, entry) for entry in value]
    if len(titles) == 1:
        return titles[0] or None
    return Undecoded("、".join(titles))


def _several(column: Column, value: list[dict[str, Any]], zone: ZoneInfo) -> Cell | Undecoded:  # noqa: ARG001 - as above
    return tuple(filter(None, (_title(column, entry) for entry in value))) or None


def _number(column: Column, value: list[dict[str, Any]], zone: ZoneInfo) -> Cell | Undecoded:  # noqa: ARG001 - as above
    return read_number(value[0].get("title"))


def _moment(column: Column, value: list[dict[str, Any]], zone: ZoneInfo) -> Cell | Undecoded:  # noqa: ARG001 - as above
    return read_date(value[0].get("title"), zone)


def _people(column: Column, value: list[dict[str, Any]], zone: ZoneInfo) -> Cell | Undecoded:  # noqa: ARG001 - as above
    found = (Person(str(entry.get("id") or ""), str(entry.get("title") or entry.get("id") or "")) for entry in value)
    return tuple(person for person in found if person.id or person.name) or None


_DECODE: Mapping[str, Callable[[Column, list[dict[str, Any]], ZoneInfo], Cell | Undecoded]] = {
    "select": _chosen, "multi_select": _several, "number": _number, "datetime": _moment, "person": _people,
    "attachment": _several,
}  # fmt: skip


# --- writing


def encode(column: Column, cell: Cell, zone: ZoneInfo) -> list[dict[str, str]]:
    """Return a cell as a custom field's value; empty is an empty list. Raises ``Rejected`` for what cannot be sent."""
    if cell is None or cell in ("", ()):
        return []
    custom = column.raw
    if not column.writable or not isinstance(custom, Custom):
        raise Rejected("duban cannot write a column of this kind")
    match column.type, cell:
        case "text", str():
            return [_entry("", cell)]
        case "number", int() | float() if not isinstance(cell, bool) and math.isfinite(cell):
            return [_entry("", str(int(cell)) if cell == int(cell) else repr(float(cell)))]
        case "datetime", datetime():
            return [_entry("", wire_date(cell))]
        case "datetime", date():
            return [_entry("", wire_date(datetime.combine(cell, time(), zone)))]
        case "select", str():
            return [_choice(custom, cell)]
        case "multi_select", tuple():
            return [_choice(custom, title) for title in cell if isinstance(title, str)]
        case "person", tuple() if all(isinstance(one, Person) and one.id for one in cell):
            # The id stands in both places; the service puts the name there itself.
            return [_entry(one.id, one.id) for one in cell if isinstance(one, Person)]
    raise Rejected(f"{cell!r} is no value for a column of type {column.type}")


def _entry(id_: str, title: str) -> dict[str, str]:
    return {"id": id_, "title": title}


def _choice(custom: Custom, title: str) -> dict[str, str]:
    if title not in custom.by_title:
        raise Rejected(f"there is no option {title}; add it in Teambition")
    return _entry(custom.by_title[title], title)


def holds(column: Column, value: object, wanted: list[dict[str, str]]) -> bool:
    """Tell whether a value that was read back is the one that was sent."""
    found = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    if len(found) != len(wanted):
        return False
    if column.type in {"select", "multi_select", "person"}:
        return {str(entry.get("id")) for entry in found} == {entry["id"] for entry in wanted}
    if not wanted:
        return True
    have, sent = found[0].get("title"), wanted[0]["title"]
    if column.type == "number":
        return read_number(have) == read_number(sent)
    if column.type == "datetime":
        return read_date(have, ZoneInfo("UTC")) == read_date(sent, ZoneInfo("UTC"))
    return bool(have == sent)
