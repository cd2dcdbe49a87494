"""Values as people type them into a seed or read them in a dump, to and from stored cells."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duban.sandbox.feishu.table import Base, Field


def milliseconds(base: Base, value: Any) -> int:
    """Return a moment as cells hold it: from milliseconds, an aware datetime, or a day (its midnight in the base)."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=base.zone)
        return round(aware.timestamp() * 1000)
    if isinstance(value, date):
        return round(datetime.combine(value, time(), base.zone).timestamp() * 1000)
    return int(value)


def typed(base: Base, field: Field, value: Any) -> Any:
    """Return the stored form of what a person put into a cell; new options appear, as they do when a person types."""
    if value is None or value in ("", []):
        return None
    if field.type in {4, 11, 17, 18, 21, 23}:
        return [_entry(base, field, entry) for entry in _several(value)]
    match field.type:
        case 3:
            return _option(base, field, value)
        case 5:
            return milliseconds(base, value)
        case 15:
            return {"text": value, "link": value} if isinstance(value, str) else dict(value)
        case 19 | 20:
            return formula_value(base, value)
        case 22:
            return value if isinstance(value, dict) else {"full_address": value, "name": value, "location": ""}
    return value


def _entry(base: Base, field: Field, entry: Any) -> Any:
    match field.type:
        case 4:
            return _option(base, field, entry)
        case 11:
            return _person(base, entry)
        case 17:
            return _file(base, entry)
        case 23:
            return {"id": "oc_" + entry, "name": entry} if isinstance(entry, str) else entry
    return entry


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _option(base: Base, field: Field, name: str) -> str:
    for option in field.options:
        if option["name"] == name:
            return str(option["id"])
    field.options.append({"id": base.world.new_id("opt"), "name": name, "color": len(field.options) % 55})
    return str(field.options[-1]["id"])


def _person(base: Base, value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("id") or value["name"]
    return base.world.any_person(value).union_id


def _file(base: Base, entry: Any) -> dict[str, Any]:
    made = {"name": entry} if isinstance(entry, str) else dict(entry)
    made.setdefault("file_token", base.world.new_id("box"))
    made.setdefault("url", f"https://open.feishu.cn/open-apis/drive/v1/medias/{made['file_token']}/download")
    base.files.add(made["file_token"])
    return {"type": "application/octet-stream", "size": 1, "tmp_url": made["url"], **made}


def formula_value(base: Base, value: Any) -> dict[str, Any] | None:
    """Return a computed value as ``{type, value}``, where value is always a list (section 3)."""
    if value is None or value == "":
        return None
    if isinstance(value, dict) and "value" in value:
        return value
    values = _several(value)
    first = values[0] if values else ""
    if isinstance(first, bool):
        return {"type": 7, "value": values}
    if isinstance(first, (int, float)):
        return {"type": 2, "value": values}
    if isinstance(first, date):
        return {"type": 5, "value": [milliseconds(base, moment) for moment in values]}
    return {"type": 1, "value": [{"type": "text", "text": str(text)} for text in values]}


def text_of(value: Any) -> str:
    """Return the text of a stored text cell."""
    return value if isinstance(value, str) else "".join(str(segment.get("text", "")) for segment in value)


def plain(base: Base, field: Field, value: Any) -> Any:
    """Return a stored cell as a plain value a person can read: names, texts, moments in the base's zone."""
    if value is None:
        return None
    if field.type in {3, 4}:
        names = _names(field)
        return names.get(value) if field.type == 3 else [names[option] for option in value if option in names]
    match field.type:
        case 1:
            return text_of(value)
        case 5 | 1001 | 1002:
            return datetime.fromtimestamp(value / 1000, base.zone)
        case 11 | 1003 | 1004:
            return [person.name for person in base.world.people.values() if person.union_id in value]
        case 15:
            return value.get("link")
        case 17 | 23:
            return [entry["name"] for entry in value]
        case 19 | 20:
            return text_of(value["value"]) if value["type"] == 1 else value["value"]
        case 22:
            return value.get("full_address")
    return value


def _names(field: Field) -> dict[str, str]:
    return {option["id"]: option["name"] for option in field.options}
