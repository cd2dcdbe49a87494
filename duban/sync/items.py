"""The JSON document of ``duban pull``: items with their values, and how every column was mapped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from duban.item import Item, Person, Value, places_of
from duban.sync.pulling import Pulled
from duban.sync.report import plain, stamp


def pull_document(
    pulled: Sequence[Pulled], now: datetime, zone: ZoneInfo, *, mapping_only: bool = False
) -> dict[str, Any]:
    """Return ``pull --json``: per table its mapping, and the items unless ``mapping_only``."""
    document: dict[str, Any] = {
        "version": 1, "now": stamp(now, zone), "complete": all(table.read == "complete" for table in pulled),
        "tables": [_table(table) for table in pulled],
    }  # fmt: skip
    if not mapping_only:
        document["items"] = [_item(item, zone) for table in pulled for item in table.items]
    return document


def _table(table: Pulled) -> dict[str, Any]:
    mapping = table.mapping
    data: dict[str, Any] = {
        "source": table.source, "table": table.table, "tool": table.tool, "read": table.read, "rows": table.rows,
        "items": len(table.items), "requests": table.requests, "error": table.error, "notes": list(table.notes),
    }  # fmt: skip
    if mapping is not None:
        data |= {
            "mapping": [
                {"column": f.column.name, "id": f.column.id, "type": f.column.type, "field": f.field, "why": f.why}
                for f in mapping.how
            ],
            "unmapped": list(mapping.unmapped), "own_missing": list(mapping.missing_own),
        }  # fmt: skip
    return data


def _item(item: Item, zone: ZoneInfo) -> dict[str, Any]:
    values = {key: _value(item.values[place], zone) for key, place in places_of(item.kind).items()}
    return {
        "source": item.ref.source, "table": item.ref.table, "record": item.ref.record, "kind": item.kind,
        "code": item.code, "title": item.title, "url": item.url, "values": values, "unreadable": dict(item.bad),
        "own": {key: plain(value, zone) for key, value in item.own},
        "waiver": {key: _value(value, zone) for key, value in item.waiver},
    }  # fmt: skip


def _value(value: Value, zone: ZoneInfo) -> Any:
    if isinstance(value, tuple):
        return [{"id": each.id, "name": each.name} if isinstance(each, Person) else each for each in value]
    return plain(value, zone)
