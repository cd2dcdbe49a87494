"""Tables and fields of the simulated Airtable: their metadata, and making and renaming them.

Used by the metadata endpoints and by the seeding methods alike. A link field makes its other end, as the real one
does; deleting one end keeps the other as text there, here both go.
"""

from __future__ import annotations

from typing import Any

from duban.sandbox.airtable.fieldtypes import is_writable
from duban.sandbox.airtable.formula import field_names
from duban.sandbox.airtable.model import Base, Field, State, Table, View
from duban.sandbox.airtable.refusal import Refusal

_DATE_FORMAT = {"name": "iso", "format": "YYYY-MM-DD"}
_TIME_FORMAT = {"name": "24hour", "format": "HH:mm"}
_DATE_TIME = {"timeZone": "client", "dateFormat": _DATE_FORMAT, "timeFormat": _TIME_FORMAT}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "number": {"precision": 1},
    "percent": {"precision": 1},
    "currency": {"precision": 2, "symbol": "¥"},
    "duration": {"durationFormat": "h:mm"},
    "rating": {"icon": "star", "max": 5, "color": "yellowBright"},
    "checkbox": {"icon": "check", "color": "greenBright"},
    "date": {"dateFormat": _DATE_FORMAT},
    "dateTime": _DATE_TIME,
    "multipleAttachments": {"isReversed": False},
    "createdTime": {"result": {"type": "dateTime", "options": _DATE_TIME}},
    "lastModifiedTime": {
        "isValid": True, "referencedFieldIds": [], "result": {"type": "dateTime", "options": _DATE_TIME},
    },
}  # fmt: skip
_COLOURS = ("blueLight2", "cyanLight2", "tealLight2", "greenLight2", "yellowLight2", "orangeLight2", "redLight2")
_SELECTS = {"singleSelect", "multipleSelects"}
# The API may not create these (older documentation; newer pages say otherwise for some: weak).
_NOT_BY_API = {
    "formula", "rollup", "multipleLookupValues", "count", "autoNumber", "createdTime", "lastModifiedTime", "createdBy",
    "lastModifiedBy", "button", "aiText", "externalSyncSource", "manualSort",
}  # fmt: skip


def tables_json(base: Base) -> dict[str, Any]:
    """Return the answer of GET meta/bases/{base}/tables."""
    return {"tables": [table_json(table) for table in base.tables.values()]}


def table_json(table: Table) -> dict[str, Any]:
    """Return one table of the metadata."""
    answer: dict[str, Any] = {
        "id": table.id,
        "name": table.name,
        "primaryFieldId": table.primary,
        "fields": [field.json() for field in table.fields.values()],
        "views": [
            {"id": view.id, "name": view.name, "type": "grid", "visibleFieldIds": view.visible or list(table.fields)}
            for view in table.views
        ],
    }
    if table.description is not None:
        answer["description"] = table.description
    return answer


def new_table(state: State, base: Base, name: str, *, table_id: str | None = None) -> Table:
    """Add a table without fields. A name is there once, whatever its case."""
    if not name or any(table.name.lower() == name.lower() for table in base.tables.values()):
        raise Refusal(422, "DUPLICATE_TABLE_NAME", f"Could not create a table called {name!r}")
    table = Table(table_id or state.ids.new("tbl"), name)
    table.views.append(View(state.ids.new("viw"), "Grid view"))
    base.tables[table.id] = table
    return table


def free_name(table: Table, name: str, but: Field | None = None) -> None:
    """Refuse a field name that is empty or taken."""
    if not name or any(field.name.lower() == name.lower() for field in table.fields.values() if field is not but):
        raise Refusal(422, "DUPLICATE_OR_EMPTY_FIELD_NAME", f"Field names are unique and not empty: {name!r}")


def new_field(
    state: State, base: Base, table: Table, name: str, kind: str, *, options: Any = None
) -> Field:
    """Add a field of any type. ``options`` as the metadata shows them, or a list of choice names; fields and tables in
    them may be given by name. The first field is the primary one. Raises ``Refusal``."""
    free_name(table, name)
    field = Field(state.ids.new("fld"), name, kind, _options(state, kind, options))
    _resolve(base, table, field)
    if kind == "multipleRecordLinks":
        _other_end(state, base, table, field)
    table.fields[field.id] = field
    table.primary = table.primary or field.id
    table.version += 1
    return field


def new_field_by_api(state: State, base: Base, table: Table, body: Any) -> Field:
    """Add a field as POST …/fields does."""
    name, kind = str(body.get("name") or ""), str(body.get("type") or "")
    probe = Field("", name, kind)
    if kind in _NOT_BY_API or not is_writable(probe):
        raise Refusal(422, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE", f"Creating {kind or 'such'} fields is not supported")
    if kind in _SELECTS and not (body.get("options") or {}).get("choices"):
        raise Refusal(422, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", "a select needs options.choices")
    field = new_field(state, base, table, name, kind, options=body.get("options"))
    field.description = body.get("description")
    return field


def _options(state: State, kind: str, given: Any) -> dict[str, Any] | None:
    if kind in _SELECTS:
        listed = (given.get("choices") if isinstance(given, dict) else given) or []
        return {"choices": [_choice(state, entry, place) for place, entry in enumerate(listed)]}
    if given is None and kind not in _DEFAULTS:
        return None
    return {**_DEFAULTS.get(kind, {}), **(given or {})}


def _choice(state: State, entry: Any, place: int) -> dict[str, Any]:
    known = entry if isinstance(entry, dict) else {"name": entry}
    return {"id": state.ids.new("sel"), "color": _COLOURS[place % len(_COLOURS)], **known}


def add_choice(state: State, field: Field, name: str) -> None:
    """Add a choice to a select, as a person would."""
    field.choices().append(_choice(state, name, len(field.choices())))


def _resolve(base: Base, table: Table, field: Field) -> None:
    """Turn names in a computed field's options into ids, as the metadata shows them."""
    options = field.options
    if options is None:
        return
    if field.type in {"formula", "rollup", "multipleLookupValues", "count"}:
        options.setdefault("isValid", True)
    if "aggregation" in options:
        field.aggregate = str(options.pop("aggregation"))
    if "linkedTableId" in options:
        linked = base.table(str(options["linkedTableId"]))
        options["linkedTableId"] = linked.id if linked else options["linkedTableId"]
    _resolve_link(base, table, options)
    if "formula" in options:
        _resolve_formula(table, options)
    if "referencedFieldIds" in options:
        named = [table.field(str(name)) for name in options["referencedFieldIds"]]
        options["referencedFieldIds"] = [found.id for found in named if found is not None]


def _resolve_link(base: Base, table: Table, options: dict[str, Any]) -> None:
    if "recordLinkFieldId" in options and (link := table.field(str(options["recordLinkFieldId"]))):
        options["recordLinkFieldId"] = link.id
        linked = base.tables.get(str(link.option("linkedTableId")))
        target = linked.field(str(options.get("fieldIdInLinkedTable"))) if linked else None
        if target is not None:
            options["fieldIdInLinkedTable"] = target.id
            options.setdefault("result", {"type": target.type, "options": target.options})


def _resolve_formula(table: Table, options: dict[str, Any]) -> None:
    found = {name: table.field(name) for name in field_names(str(options["formula"]))}
    for name, named in found.items():
        if named is not None:
            options["formula"] = options["formula"].replace(f"{{{name}}}", f"{{{named.id}}}")
    options.setdefault("referencedFieldIds", [named.id for named in found.values() if named is not None])


def _other_end(state: State, base: Base, table: Table, field: Field) -> None:
    linked = base.tables.get(str(field.option("linkedTableId")))
    if linked is None or field.options is None:
        raise Refusal(422, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", "a link needs options.linkedTableId")
    field.options |= {"isReversed": False, "prefersSingleRecordLink": field.option("prefersSingleRecordLink") or False}
    if linked is table or field.option("inverseLinkFieldId"):
        return  # a table that links to itself gets no other end
    name, count = table.name, 2
    while any(other.name == name for other in linked.fields.values()):
        name, count = f"{table.name} {count}", count + 1
    inverse = Field(state.ids.new("fld"), name, field.type, {
        "linkedTableId": table.id, "isReversed": False, "prefersSingleRecordLink": False,
        "inverseLinkFieldId": field.id,
    })  # fmt: skip
    linked.fields[inverse.id] = inverse
    linked.version += 1
    field.options["inverseLinkFieldId"] = inverse.id


def drop_field(base: Base, table: Table, field: Field) -> None:
    """Delete a field, its cells, and the other end of a link."""
    del table.fields[field.id]
    for row in table.rows.values():
        row.cells.pop(field.id, None)
        row.raw.pop(field.id, None)
        row.touched.pop(field.id, None)
    table.version += 1
    linked = base.tables.get(str(field.option("linkedTableId")))
    inverse = linked.fields.get(str(field.option("inverseLinkFieldId"))) if linked else None
    if linked is not None and inverse is not None:
        drop_field(base, linked, inverse)
