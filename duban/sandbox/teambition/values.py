"""Custom field values: what the service accepts for each type, and how seeded Python values become stored entries.

A value is always a list of ``{id, title, metaString}`` (facts/teambition section 6.2). Choices are taken by id, or by
their exact text; an unknown one is refused. Nothing creates a choice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from duban.sandbox.teambition.answers import Refusal
from duban.sandbox.teambition.times import read_instant, seeded, wire
from duban.sandbox.teambition.world import Choice, CustomField, Value, World

TYPES = (
    "text", "rtf", "number", "date", "dropDown", "multipleChoice", "lookup", "lookup2", "work", "cascading",
    "commongroup",
)  # fmt: skip
_MANY = {"multipleChoice", "lookup", "lookup2", "work"}
CHOOSING = {"dropDown", "multipleChoice", "cascading", "commongroup"}


def accept(field: CustomField, value: Any, world: World, zoneless: ZoneInfo | None) -> list[Value]:
    """Return a written value as it is stored, or refuse it with 400."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise Refusal(400, "value must be a list of objects")
    if len(value) > 1 and field.type not in _MANY:
        raise Refusal(400, f"a field of type {field.type} takes one value")
    return [_entry(field, entry, world, zoneless) for entry in value]


def _entry(field: CustomField, entry: Mapping[str, Any], world: World, zoneless: ZoneInfo | None) -> Value:
    title, given = entry.get("title", ""), entry.get("id", "")
    if not isinstance(title, str) or not isinstance(given, str):
        raise Refusal(400, "id and title of a value must be texts")
    if field.type in CHOOSING:
        return _chosen(field, given, title)
    if field.type in {"lookup", "lookup2"}:
        member = world.member(given or title)
        if member is None:
            raise Refusal(400, "no such person")
        return {"id": member.id, "title": member.name, "metaString": ""}
    if field.type == "work":
        return _attached(entry, title)
    if title == "":
        raise Refusal(400, "title of a value is missing")
    return {"id": "", "title": _PLAIN.get(field.type, _as_it_is)(title, zoneless), "metaString": ""}


def _as_it_is(title: str, _: ZoneInfo | None) -> str:
    return title


def _number(title: str, _: ZoneInfo | None) -> str:
    try:
        float(title)
    except ValueError:
        raise Refusal(400, "title of a number must be a number's text") from None
    return title


def _date(title: str, zoneless: ZoneInfo | None) -> str:
    try:
        return wire(read_instant(title, zoneless)) or ""
    except ValueError as error:
        raise Refusal(400, f"title of a date: {error}") from None


_PLAIN: Mapping[str, Callable[[str, ZoneInfo | None], str]] = {"number": _number, "date": _date}


def _chosen(field: CustomField, given: str, title: str) -> Value:
    for choice in field.choices:
        if choice.id == given if given else choice.value == title:
            return {"id": choice.id, "title": choice.value, "metaString": "{}"}
    raise Refusal(400, "no such choice")


def _attached(entry: Mapping[str, Any], title: str) -> Value:
    try:
        token = json.loads(entry.get("metaString", ""))["fileToken"]
    except (ValueError, KeyError, TypeError):
        raise Refusal(400, "metaString of a file needs a fileToken") from None
    return {"id": "", "title": title or "file", "metaString": json.dumps({"resourceId": token})}


def stored(field: CustomField, value: Any, world: World, people: Mapping[str, str], zone: ZoneInfo) -> list[Value]:
    """Return a seeded Python value as it is stored; ``people`` are names -> userId. Unknown: ``LookupError``."""
    if value is None or value in ("", [], ()):
        return []
    several = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if field.type not in _MANY:
        several = [several[0] if len(several) == 1 else ",".join(map(str, several))]
    return [_seeded(field, entry, world, people, zone) for entry in several]


def _seeded(field: CustomField, value: Any, world: World, people: Mapping[str, str], zone: ZoneInfo) -> Value:
    if field.type in CHOOSING:
        if not any(choice.value == value for choice in field.choices):
            raise LookupError(f"{field.name} has no choice {value!r}")
        return _chosen(field, "", str(value))
    if field.type in {"lookup", "lookup2"}:
        member = world.member(people.get(str(value), str(value)))
        if member is None:
            raise LookupError(f"nobody is called {value!r}")
        return {"id": member.id, "title": member.name, "metaString": ""}
    if field.type == "work":
        return {"id": "", "title": str(value), "metaString": json.dumps({"resourceId": world.new_id()})}
    if field.type == "date":
        return {"id": "", "title": wire(seeded(value, zone)) or "", "metaString": ""}
    return {"id": "", "title": _shown(value, zone), "metaString": ""}


def _shown(value: Any, zone: ZoneInfo) -> str:
    """Return how a person would type a value into a text field: local time, to the minute."""
    if isinstance(value, datetime):
        local = value.astimezone(zone) if value.tzinfo else value
        return local.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:g}" if isinstance(value, float) else str(value)


def plain(field: CustomField, entries: list[Value], zone: ZoneInfo) -> Any:
    """Return a stored value for a person to look at: text, number, aware datetime, or a list of texts."""
    if not entries:
        return None
    if field.type == "number":
        return float(entries[0]["title"])
    if field.type == "date":
        return datetime.fromisoformat(entries[0]["title"]).astimezone(zone)
    titles = [entry["title"] for entry in entries]
    return titles if field.type in _MANY else titles[0]


def choices_of(names: Iterable[str], new_id: Callable[[], str]) -> list[Choice]:
    """Return new choices with ids."""
    return [Choice(new_id(), name) for name in names]
