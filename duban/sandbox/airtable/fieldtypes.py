"""What each Airtable field type takes, keeps and shows (facts/airtable section 6).

:meth:`Intake.accept` turns a value of the write form into the stored form, or refuses it; :func:`shown` turns the
stored form into the read form. Types that this file does not list are read-only, as clients must treat them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from duban.sandbox.airtable.model import Base, Field, Row, State, Table, User
from duban.sandbox.airtable.refusal import Refusal, computed, row_missing, unacceptable

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def is_empty(value: Any) -> bool:
    """Tell whether a cell would be absent: null, "", [], false; 0 is a value."""
    return value is None or value is False or value in ("", [])


class Intake:
    """Takes the cells of one request. ``typecast`` may plan new choices and rows of other tables, which exist only
    after the request is done as a whole: :attr:`choices` and :attr:`rows` wait for that."""

    def __init__(self, state: State, base: Base, *, typecast: bool = False) -> None:
        self.state, self.base, self.typecast = state, base, typecast
        self.choices: list[tuple[Field, dict[str, Any]]] = []
        self.rows: list[tuple[Table, str, str]] = []  # table, record id, text of the primary cell

    def accept(self, field: Field, value: Any) -> Any:
        """Return the stored form, ``None`` for an empty cell. Raises ``Refusal``."""
        take = _TAKES.get(field.type)
        if take is None:
            raise computed(field.name)
        if value is None:
            return None
        stored = take(self, field, value)
        return None if is_empty(stored) else stored

    # --- choices

    def choice(self, field: Field, name: Any) -> str:
        """Return the id of a select's choice; names are exact, case and blanks count."""
        if not isinstance(name, str):
            raise unacceptable(field.name)
        planned = [choice for owner, choice in self.choices if owner is field]
        for choice in [*field.choices(), *planned]:
            if choice["name"] == name:
                return str(choice["id"])
        if not self.typecast:
            raise Refusal(
                422,
                "INVALID_MULTIPLE_CHOICE_OPTIONS",
                f'Insufficient permissions to create new select option ""{name}""',
            )
        new = {"id": self.state.ids.new("sel"), "name": name, "color": "blueLight2"}
        self.choices.append((field, new))
        return str(new["id"])

    # --- people and links

    def person(self, field: Field, value: Any) -> str:
        """Return the user id of ``{"id"}``, ``{"email"}``, or a bare id or (typecast) name."""
        known: User | None = None
        if isinstance(value, dict) and (value.get("id") or value.get("email")):
            known = self.state.user(str(value.get("id") or value.get("email")))
        elif isinstance(value, str) and (value in self.state.users or self.typecast):
            known = self.state.user(value)
        if known is None:
            raise unacceptable(field.name)
        return known.id

    def link(self, field: Field, value: Any) -> str:
        """Return the id of an existing row of the linked table; ``typecast`` finds or plans one by its text."""
        table = self.base.tables.get(str(field.option("linkedTableId")))
        if table is None or not isinstance(value, str):
            raise unacceptable(field.name)
        if value in table.rows:
            return value
        if not self.typecast:
            raise row_missing(value)
        for row in table.rows.values():
            if row.cells.get(table.primary) == value:
                return row.id
        record = self.state.ids.new("rec")
        self.rows.append((table, record, value))
        return record


# --- one function per write form


def _text(intake: Intake, field: Field, value: Any) -> Any:
    if isinstance(value, str):
        return value
    if intake.typecast and isinstance(value, int | float):
        return str(value)
    raise unacceptable(field.name)


def _rich_text(intake: Intake, field: Field, value: Any) -> Any:
    """Normalise as recorded: bullets are dashes, the text ends with a line break."""
    text = _text(intake, field, value)
    if not text:
        return None
    return re.sub(r"(?m)^(\s*)\* ", r"\1- ", text).rstrip("\n") + "\n"


def _number(intake: Intake, field: Field, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if intake.typecast and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    raise unacceptable(field.name)


def _rating(intake: Intake, field: Field, value: Any) -> Any:
    stars = _number(intake, field, value)
    if stars != int(stars) or not 1 <= stars <= int(field.option("max") or 5):
        raise unacceptable(field.name)
    return int(stars)


def _checkbox(_: Intake, field: Field, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    raise unacceptable(field.name)


def _select(intake: Intake, field: Field, value: Any) -> Any:
    return None if value == "" else intake.choice(field, value)


def _array(field: Field, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise unacceptable(field.name)
    return value


def _selects(intake: Intake, field: Field, value: Any) -> Any:
    return list(dict.fromkeys(intake.choice(field, name) for name in _array(field, value)))


def _links(intake: Intake, field: Field, value: Any) -> Any:
    if intake.typecast and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return list(dict.fromkeys(intake.link(field, record) for record in _array(field, value)))


def _people(intake: Intake, field: Field, value: Any) -> Any:
    return list(dict.fromkeys(intake.person(field, person) for person in _array(field, value)))


def _date(_: Intake, field: Field, value: Any) -> Any:
    """A bare day; an ISO date-time is cut to its day (third-party fact)."""
    if isinstance(value, str) and _DATE.match(value):
        try:
            return date.fromisoformat(value[:10]).isoformat()
        except ValueError:
            pass
    raise unacceptable(field.name)


def _date_time(_: Intake, field: Field, value: Any) -> Any:
    """ISO text or epoch milliseconds; text without a zone is read in the field's own named zone, else in UTC."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000, UTC)
        else:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=zone_of(field))
    except (TypeError, ValueError, OverflowError):
        raise unacceptable(field.name) from None
    return utc_text(moment)


def zone_of(field: Field) -> ZoneInfo:
    """Return a dateTime field's own zone; "client" and unknown names mean UTC."""
    try:
        return ZoneInfo(str(field.option("timeZone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def utc_text(moment: datetime) -> str:
    """Write an aware date-time as Airtable does: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _attachments(intake: Intake, field: Field, value: Any) -> Any:
    """Urls are not fetched: a new attachment keeps the url that it was given."""
    kept = []
    for entry in _array(field, value):
        if not isinstance(entry, dict) or not (entry.get("url") or entry.get("id")):
            raise unacceptable(field.name)
        url = str(entry.get("url") or f"https://v5.airtableusercontent.com/{entry['id']}")
        kept.append({
            "id": entry.get("id") or intake.state.ids.new("att"),
            "url": url,
            "filename": entry.get("filename") or url.rstrip("/").rsplit("/", 1)[-1],
            "size": entry.get("size", 1),
            "type": entry.get("type", "application/octet-stream"),
        })
    return kept


def _barcode(_: Intake, field: Field, value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise unacceptable(field.name)
    return {key: value[key] for key in ("text", "type") if key in value}


_TAKES: dict[str, Callable[[Intake, Field, Any], Any]] = {
    "singleLineText": _text, "multilineText": _text, "richText": _rich_text, "email": _text, "url": _text,
    "phoneNumber": _text, "number": _number, "currency": _number, "percent": _number, "duration": _number,
    "rating": _rating, "checkbox": _checkbox, "singleSelect": _select, "multipleSelects": _selects, "date": _date,
    "dateTime": _date_time, "singleCollaborator": lambda intake, field, value: intake.person(field, value),
    "multipleCollaborators": _people, "multipleRecordLinks": _links, "multipleAttachments": _attachments,
    "barcode": _barcode,
}  # fmt: skip


def is_writable(field: Field) -> bool:
    """Tell whether cells of this field can be written at all."""
    return field.type in _TAKES


def shown(state: State, field: Field, stored: Any) -> Any:
    """Return the read form of an editable cell, ``None`` when the cell is absent from answers."""
    if is_empty(stored):
        return None
    match field.type:
        case "singleSelect":
            return _choice_name(field, stored)
        case "multipleSelects":
            return [name for name in (_choice_name(field, choice) for choice in stored) if name is not None] or None
        case "singleCollaborator":
            return _person(state, stored)
        case "multipleCollaborators":
            return [_person(state, user) for user in stored]
        case _:
            return stored


def _choice_name(field: Field, choice: str) -> str | None:
    return next((str(found["name"]) for found in field.choices() if found["id"] == choice), None)


def _person(state: State, user: str) -> dict[str, str]:
    known = state.users.get(user)
    return known.json() if known else {"id": user}


def put(row: Row, field: Field, stored: Any) -> bool:
    """Set one cell; tell whether that changed it. Clearing rich text leaves a line break behind (recorded)."""
    before = row.cells.get(field.id)
    if stored is None and field.type == "richText" and before is not None:
        stored = "\n"
    if stored == before:
        return False
    if stored is None:
        row.cells.pop(field.id, None)
    else:
        row.cells[field.id] = stored
    return True
