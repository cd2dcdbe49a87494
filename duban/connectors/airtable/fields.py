"""Airtable's fields as columns: which type of ours each is, and what can be written (facts/airtable section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duban.connectors.base import Column, ColumnType

_TYPES: dict[str, ColumnType] = {
    "singleLineText": "text", "multilineText": "text", "richText": "text", "email": "text", "phoneNumber": "text",
    "barcode": "text", "url": "url", "number": "number", "currency": "number", "duration": "number",
    "rating": "number", "percent": "percent", "checkbox": "checkbox", "singleSelect": "select",
    "multipleSelects": "multi_select", "date": "date", "dateTime": "datetime", "singleCollaborator": "person",
    "multipleCollaborators": "person", "multipleRecordLinks": "links", "multipleAttachments": "attachment",
    "count": "number", "autoNumber": "number", "createdTime": "created", "lastModifiedTime": "modified",
    "createdBy": "person", "lastModifiedBy": "person", "aiText": "text", "button": "text",
    "externalSyncSource": "text",
}  # fmt: skip
_COMPUTED = {
    "formula", "rollup", "multipleLookupValues", "count", "autoNumber", "createdTime", "lastModifiedTime", "createdBy",
    "lastModifiedBy", "aiText", "button", "externalSyncSource",
}  # fmt: skip
_BY_RESULT = {"formula", "rollup", "multipleLookupValues"}
# An attachment's url dies after two hours and a name cannot be written back.
_READ_ONLY = {"multipleAttachments"}
# Several looked-up values of these types stay several values; of the others they become one text.
_PLURAL: dict[ColumnType, ColumnType] = {"select": "multi_select"}


def column_of(field: Mapping[str, Any]) -> Column:
    """Describe one field of the metadata. A type that is not known is read as text and never written."""
    kind = str(field.get("type"))
    known = _type_of(field)
    choices = _options(field).get("choices")
    names = tuple(map(_name, choices)) if isinstance(choices, list) else None
    return Column(
        id=str(field["id"]),
        name=str(field.get("name", "")),
        type=known,
        writable=kind in _TYPES and kind not in _COMPUTED | _READ_ONLY,
        computed=kind in _COMPUTED,
        options=names if known in {"select", "multi_select"} else None,
        raw=dict(field),
    )


def _name(choice: Any) -> str:
    return str(choice.get("name") or "") if isinstance(choice, Mapping) else str(choice)


def _options(field: Mapping[str, Any]) -> Mapping[str, Any]:
    options = field.get("options")
    return options if isinstance(options, dict) else {}


def _type_of(field: Mapping[str, Any]) -> ColumnType:
    """A formula, rollup or lookup is of the type of its result; a broken one has none and is read as text."""
    kind = str(field.get("type"))
    if kind not in _BY_RESULT:
        return _TYPES.get(kind, "unknown")
    result = _options(field).get("result")
    if not isinstance(result, dict):
        return "text"
    inner = _TYPES.get(str(result.get("type")), "text")
    inner = {"created": "datetime", "modified": "datetime"}.get(inner, inner)  # type: ignore[assignment]
    return _PLURAL.get(inner, inner) if kind == "multipleLookupValues" else inner
