"""Airtable's cells and ours, both ways (facts/airtable section 6).

Reading never trusts the declared type: formula columns typed number hold ``{"specialValue": "NaN"}``, errors, or
arrays of one. What does not decode raises :class:`BadCellError` with the cell's text. Dates have no zone; a bare day
where an instant is expected is that day's start in the configured zone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column, ColumnType
from duban.item import Person


class BadCellError(ValueError):
    """A cell that is not of its column's type; ``str(error)`` is its text."""


class UnwritableError(ValueError):
    """A value that cannot be written into its column; ``str(error)`` says why."""


def decode(column: Column, value: Any, zone: ZoneInfo) -> Cell:
    """Return one cell of an answer, ``None`` when it is empty. Raises ``BadCellError``."""
    if isinstance(value, dict) and ("specialValue" in value or "error" in value):
        raise BadCellError(str(value.get("specialValue") or value.get("error")))
    if isinstance(value, list):
        value = [part for part in value if part is not None]
        if column.type not in _PLURAL and column.type != "text":
            if len(value) > 1:
                raise BadCellError(_text(value, zone) or "")
            return decode(column, value[0], zone) if value else None
    if value is None or value in ("", []):
        return None
    try:
        cell = _DECODERS[column.type](value, zone)
    except (TypeError, ValueError, OverflowError, KeyError, AttributeError):
        raise BadCellError(_text(value, zone) or "") from None
    if column.raw and column.raw.get("type") == "richText" and isinstance(cell, str):
        return cell.rstrip("\n") or None  # rich text always ends with a line break, a cleared one is nothing else
    return None if cell in ((), "") else cell


def _text(value: Any, zone: ZoneInfo) -> str | None:
    """Read anything as text: the speaking part of an object, a list joined with ", "."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(text for text in (_text(part, zone) for part in value) if text)
    if isinstance(value, dict):
        for key in ("text", "value", "label", "name", "filename"):  # barcode, aiText, button, people, files
            if key in value:
                return None if value[key] is None else str(value[key])
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


def _number(value: Any, _: ZoneInfo) -> float:
    """A formula may give its number as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _percent(value: Any, zone: ZoneInfo) -> float:
    if isinstance(value, str) and value.rstrip().endswith("%"):
        return _number(value.rstrip().removesuffix("%"), zone)
    return round(_number(value, zone) * 100, 9)  # 0.29 * 100 is 28.999999999999996


def _checkbox(value: Any, _: ZoneInfo) -> bool:
    if not isinstance(value, bool | int | float):
        raise TypeError
    return bool(value)


def _date(value: Any, zone: ZoneInfo) -> date:
    return date.fromisoformat(value) if len(value) == 10 else _datetime(value, zone).astimezone(zone).date()


def _datetime(value: Any, zone: ZoneInfo) -> datetime:
    if len(value) == 10:
        return datetime.combine(date.fromisoformat(value), time(), zone)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any, zone: ZoneInfo) -> tuple[str, ...]:
    return tuple(text for text in (_text(part, zone) for part in _listed(value)) if text)


def _people(value: Any, _: ZoneInfo) -> tuple[Person, ...]:
    found = tuple(
        Person(part, "") if isinstance(part, str)
        else Person(str(part.get("id") or ""), str(part.get("name") or part.get("email") or ""))
        for part in _listed(value)
    )  # fmt: skip
    if not all(person.id or person.name for person in found):
        raise ValueError
    return found


def _links(value: Any, _: ZoneInfo) -> tuple[str, ...]:
    return tuple(part if isinstance(part, str) else str(part["id"]) for part in _listed(value))


def _attachments(value: Any, _: ZoneInfo) -> tuple[str, ...]:
    """Names, not links: the links die after two hours."""
    return tuple(part if isinstance(part, str) else str(part.get("filename") or part["url"]) for part in _listed(value))


_PLURAL = {"multi_select", "person", "links", "attachment", "unknown"}
_DECODERS: dict[ColumnType, Callable[[Any, ZoneInfo], Cell]] = {
    "text": _text, "url": _text, "select": _text, "multi_select": _texts, "number": _number, "percent": _percent,
    "checkbox": _checkbox, "date": _date, "datetime": _datetime, "created": _datetime, "modified": _datetime,
    "person": _people, "links": _links, "attachment": _attachments, "unknown": _text,
}  # fmt: skip


# --- writing


def encode(column: Column, cell: Cell) -> Any:
    """Return a cell as Airtable takes it; ``None`` clears. Raises ``UnwritableError``; options are never created."""
    if not column.writable:
        raise UnwritableError(f"column {column.name!r} is computed or read-only")
    if cell is None or cell == "":
        return None
    try:
        return _ENCODERS[column.raw["type"]](column, cell)
    except (TypeError, AttributeError, KeyError):
        raise UnwritableError(f"column {column.name!r} ({column.type}) takes no {type(cell).__name__}") from None


def _as_text(_: Column, cell: Any) -> str:
    if not isinstance(cell, str):
        raise TypeError
    return cell


def _as_number(column: Column, cell: Any) -> float | int:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise TypeError
    if math.isnan(cell) or math.isinf(cell):
        raise UnwritableError(f"column {column.name!r} takes no {cell}")
    return int(cell) if float(cell).is_integer() else cell


def _as_percent(column: Column, cell: Any) -> float | int:
    return round(_as_number(column, cell) / 100, 12)


def _as_checkbox(_: Column, cell: Any) -> bool:
    if not isinstance(cell, bool):
        raise TypeError
    return cell


def _as_option(column: Column, cell: Any) -> str:
    if not isinstance(cell, str):
        raise TypeError
    if cell not in (column.options or ()):
        raise UnwritableError(f"column {column.name!r} has no option {cell!r}; add it in Airtable")
    return cell


def _as_date(_: Column, cell: Any) -> str:
    if isinstance(cell, datetime):
        raise TypeError
    return str(cell.isoformat())


def _as_datetime(column: Column, cell: Any) -> str:
    if not isinstance(cell, datetime):
        raise TypeError
    if cell.tzinfo is None:
        raise UnwritableError(f"column {column.name!r} takes no time without a zone")
    return cell.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_person(column: Column, cell: Any) -> dict[str, str]:
    ids = _as_people(column, cell)
    if len(ids) != 1:
        raise UnwritableError(f"column {column.name!r} takes one person")
    return {"id": ids[0]}


def _as_people(column: Column, cell: Any) -> list[str]:
    ids = [person.id for person in cell]
    if not all(ids):
        raise UnwritableError(f"column {column.name!r} takes only people with an Airtable user id")
    return ids


def _as_links(_: Column, cell: Any) -> list[str]:
    if isinstance(cell, str):
        raise TypeError
    return list(cell)


_ENCODERS: dict[str, Callable[[Column, Any], Any]] = {
    "singleLineText": _as_text, "multilineText": _as_text, "richText": _as_text, "email": _as_text,
    "phoneNumber": _as_text, "url": _as_text, "number": _as_number, "currency": _as_number, "duration": _as_number,
    "rating": _as_number, "percent": _as_percent, "checkbox": _as_checkbox, "singleSelect": _as_option,
    "multipleSelects": lambda column, cell: [_as_option(column, name) for name in _as_links(column, cell)],
    "date": _as_date, "dateTime": _as_datetime, "singleCollaborator": _as_person, "multipleCollaborators": _as_people,
    "multipleRecordLinks": _as_links, "barcode": lambda column, cell: {"text": _as_text(column, cell)},
}  # fmt: skip


def same(column: Column, sent: Any, read: Any, zone: ZoneInfo) -> bool:
    """Tell whether a cell that was read back holds what was sent; people count by their ids."""

    def plain(value: Any) -> Any:
        try:
            cell = decode(column, value, zone)
        except BadCellError:
            return object()
        if column.type == "person" and isinstance(cell, tuple):
            return [person.id for person in cell if isinstance(person, Person)]
        return None if cell is False else cell

    return bool(plain(sent) == plain(read))
