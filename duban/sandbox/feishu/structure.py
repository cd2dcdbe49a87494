"""The endpoints around records: base, tables, fields, views, wiki nodes."""

from __future__ import annotations

from typing import Any

from duban.sandbox.feishu.call import Call
from duban.sandbox.feishu.records import once
from duban.sandbox.feishu.refusal import Refusal
from duban.sandbox.feishu.table import UI_TYPES, Field, settled_property

NEVER_CREATED = {19, 24, 3001}


def base_meta(call: Call) -> dict[str, Any]:
    """Answer ``GET apps/:app_token``."""
    base = call.base
    return {
        "app": {
            "app_token": base.token, "name": base.name, "revision": base.revision, "is_advanced": base.is_advanced,
            "time_zone": base.time_zone, "formula_type": 1, "advance_version": "v2",
        }
    }  # fmt: skip


def list_tables(call: Call) -> dict[str, Any]:
    """Answer ``GET tables``."""
    tables = list(call.base.tables.values())
    return call.listed(tables, 100, lambda t: {"table_id": t.id, "name": t.name, "revision": t.revision})


def list_fields(call: Call) -> dict[str, Any]:
    """Answer ``GET fields``."""
    view = call.request.param("view_id")
    if view and view != call.table.view_id:
        raise Refusal(1254042)
    return call.listed(list(call.table.fields.values()), 100, Field.wire)


def list_views(call: Call) -> dict[str, Any]:
    """Answer ``GET views``: every table has its one grid view."""
    shown = {"view_id": call.table.view_id, "view_name": "表格", "view_type": "grid"}
    return call.listed([shown], 100, dict)


def create_field(call: Call) -> dict[str, Any]:
    """Answer ``POST fields``."""
    return once(call, lambda: {"field": _create_field(call)})


def _create_field(call: Call) -> dict[str, Any]:
    body = call.body()
    name, kind = _named(call, body.get("field_name")), body.get("type")
    if not isinstance(kind, int) or kind not in UI_TYPES or kind in NEVER_CREATED:
        raise Refusal(1254015)
    options = (body.get("property") or {}).get("options") or []
    if any("id" in option or not str(option.get("name", "")).strip() for option in options):
        raise Refusal(1254080)  # option ids must not be given on creating
    if kind == 21 and (body.get("property") or {}).get("table_id") not in call.base.tables:
        raise Refusal(1254041)
    return call.table.add_field(name, kind, body.get("ui_type"), body.get("property")).wire()


def update_field(call: Call) -> dict[str, Any]:
    """Answer ``PUT fields/:field_id``: the property is replaced; options left out are gone, with their cells."""
    field, body = _field(call), call.body()
    name = _named(call, body.get("field_name"), besides=field)
    if body.get("type") != field.type:
        raise Refusal(1254015)  # changing the type is not simulated
    settled = settled_property(call.world, body.get("property"))
    if name == field.name and body.get("property") in (None, field.prop):
        raise Refusal(1254606)
    field.name = name
    if settled is not None:
        field.prop = settled
        _drop_lost_options(call, field)
    call.table.touch()
    return {"field": field.wire()}


def delete_field(call: Call) -> dict[str, Any]:
    """Answer ``DELETE fields/:field_id``."""
    field = _field(call)
    if field.is_primary:
        raise Refusal(1254015, "The primary field can not be deleted.")
    call.table.drop_field(field)
    call.table.touch()
    return {"field_id": field.id, "deleted": True}


def get_node(call: Call) -> dict[str, Any]:
    """Answer ``GET wiki/v2/spaces/get_node``."""
    token = call.request.param("token")
    if not token:
        raise Refusal(131002)
    base = call.world.bases.get(call.world.nodes.get(token, ""))
    if base is None:
        raise Refusal(131005)
    if call.app.id not in base.rights:
        raise Refusal(131006)
    node = {"node_token": token, "obj_token": base.token, "obj_type": "bitable", "node_type": "origin"}
    return {"node": {**node, "title": base.name}}


def _field(call: Call) -> Field:
    field = call.table.fields.get(call.ids["field"])
    if field is None:
        raise Refusal(1254044)
    return field


def _named(call: Call, name: Any, besides: Field | None = None) -> str:
    trimmed = name.strip() if isinstance(name, str) else ""
    if not trimmed:
        raise Refusal(99992402)
    if any(field.name == trimmed and field is not besides for field in call.table.fields.values()):
        raise Refusal(1254014)
    return trimmed


def _drop_lost_options(call: Call, field: Field) -> None:
    if field.type not in {3, 4}:
        return
    left = {option["id"] for option in field.options}
    for record in call.table.records.values():
        held = record.cells.get(field.id)
        if held is None:
            continue
        kept = [option for option in ([held] if field.type == 3 else held) if option in left]
        if kept:
            record.cells[field.id] = kept[0] if field.type == 3 else kept
        else:
            del record.cells[field.id]
