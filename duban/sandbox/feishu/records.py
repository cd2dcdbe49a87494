"""The record endpoints: search, legacy list and get, batch_get, and the six that write."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from duban.sandbox.feishu.accept import Draft
from duban.sandbox.feishu.call import Call
from duban.sandbox.feishu.cells import Dialect, Renderer
from duban.sandbox.feishu.filters import Filter, sorted_rows
from duban.sandbox.feishu.refusal import Refusal
from duban.sandbox.feishu.table import Record, Table

Seen = tuple[Record, Mapping[str, Any]]  # a row and its cells as this reader sees them


# --- reading


def search(call: Call) -> dict[str, Any]:
    """Answer ``POST records/search``; unknown keys of the body are ignored."""
    body, size = call.body(), call.page_size(500)
    if call.blind:
        return {"items": [], "has_more": False, "total": 0}
    fields = call.asked_fields(body.get("field_names"))
    filter, sort = body.get("filter"), body.get("sort")  # noqa: A001 - the service's words
    kind = call.user_id_type()
    test = Filter(call.table, call.app, kind).compile(filter)
    if not test and not sort:
        _check_view(call, body.get("view_id"))  # the view counts only without filter and sort
    query = [filter, sort, body.get("view_id"), body.get("field_names"), body.get("automatic_fields")]
    offset = call.offset(query)
    total, rows = _slice(call.table, test, sort, offset, size)
    dialect = Dialect("search", call.app, kind, creator_as_list=call.world.switches.creator_as_list)
    items = _rendered(call, rows, Renderer(call.table, dialect, fields), automatic=bool(body.get("automatic_fields")))
    more = offset + size < total
    answer = {"items": items, "has_more": more, "total": total}
    if more or call.world.switches.token_on_last_search_page:
        answer["page_token"] = call.token(offset + len(items), query)
    return answer


def list_records(call: Call) -> dict[str, Any]:
    """Answer the legacy ``GET records``. Its formula filters and sorts are not simulated: they are refused."""
    param = call.request.param
    size = call.page_size(500)
    if call.blind:
        return {"items": None, "has_more": False, "total": 0}
    if param("filter"):
        raise Refusal(1254018)
    if param("sort"):
        raise Refusal(1254016)
    _check_view(call, param("view_id"))
    names = _json_list(param("field_names"))
    query = ["list", names, param("view_id")]
    offset = call.offset(query)
    total, rows = _slice(call.table, None, None, offset, size)
    renderer = Renderer(call.table, _legacy(call), call.asked_fields(names))
    items = _rendered(call, rows, renderer, automatic=call.flag("automatic_fields"), legacy=True)
    return {
        "items": items, "has_more": offset + size < total, "total": total,
        "page_token": call.token(offset + len(items), query),
    }  # fmt: skip


def get_record(call: Call) -> dict[str, Any]:
    """Answer the legacy ``GET records/:record_id``."""
    if call.blind:
        raise Refusal(1254302)
    seen = _seen(call.table, _record(call, call.ids["record"]))
    if seen is None:
        raise Refusal(1254043)
    renderer = Renderer(call.table, _legacy(call), call.table.fields.values())
    [record] = _rendered(call, [seen], renderer, automatic=call.flag("automatic_fields"), legacy=True)
    return {"record": record}


def batch_get(call: Call) -> dict[str, Any]:
    """Answer ``POST records/batch_get``: at most 100 ids; who may not see a row gets its id as forbidden."""
    body = call.body()
    ids = body.get("record_ids")
    if not isinstance(ids, list) or not 0 < len(ids) <= 100:
        raise Refusal(99992402)
    if call.blind:
        return {"records": [], "forbidden_record_ids": ids, "absent_record_ids": []}
    rows, absent = [], []
    for record_id in ids:
        found = call.table.records.get(record_id)
        seen = None if found is None else _seen(call.table, found)
        if seen is None:
            absent.append(record_id)
        else:
            rows.append(seen)
    dialect = Dialect("search", call.app, call.user_id_type(body.get("user_id_type")))
    renderer = Renderer(call.table, dialect, call.table.fields.values())
    items = _rendered(call, rows, renderer, automatic=bool(body.get("automatic_fields")))
    if body.get("with_shared_url"):
        for item in items:
            item["shared_url"] = f"https://example.feishu.cn/record/{item['record_id']}"
    return {"records": items, "absent_record_ids": absent, "forbidden_record_ids": []}


def _slice(table: Table, test: Any, sort: Any, offset: int, size: int) -> tuple[int, list[Seen]]:
    if test is None and not sort and table.base.world.switches.replica_lag <= 0:
        ids = table.order[offset : offset + size]
        return len(table.order), [(table.records[row], table.records[row].cells) for row in ids]
    rows = [seen for record in table.records.values() if (seen := _seen(table, record)) is not None]
    if test is not None:
        rows = [row for row in rows if test(*row)]
    if sort:
        rows = sorted_rows(table, rows, sort)
    return len(rows), rows[offset : offset + size]


def _seen(table: Table, record: Record) -> Seen | None:
    """Return the row as a replica shows it that lags behind; ``None`` if it does not know the row yet."""
    lag = table.base.world.switches.replica_lag
    if lag <= 0 or not record.versions:
        return record, record.cells
    until = table.base.world.now_ms() - lag * 1000
    known = [cells for at, cells in record.versions if at <= until]
    return (record, known[-1]) if known else None


def _rendered(
    call: Call, rows: Sequence[Seen], renderer: Renderer, *, automatic: bool, legacy: bool = False
) -> list[dict[str, Any]]:
    items = []
    for record, cells in rows:
        item: dict[str, Any] = {"record_id": record.id, "fields": renderer.fields(record, cells)}
        if legacy:
            item["id"] = record.id
        if automatic:
            item.update(renderer.automatic(record))
        items.append(item)
    limit = call.world.switches.answer_limit
    if limit is not None and len(json.dumps(items, ensure_ascii=False).encode()) > limit:
        raise Refusal(1254030)
    return items


def _legacy(call: Call) -> Dialect:
    return Dialect(
        "list", call.app, call.user_id_type(), text_as_array=call.flag("text_field_as_array"),
        formula_as_is=call.flag("display_formula_ref"),
    )  # fmt: skip


def _check_view(call: Call, view_id: Any) -> None:
    if view_id and view_id != call.table.view_id:
        raise Refusal(1254042)


def _json_list(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        raise Refusal(1254024) from None


# --- writing


def create(call: Call) -> dict[str, Any]:
    """Answer ``POST records``."""
    return once(call, lambda: {"record": _create(call, [call.body()])[0]})


def batch_create(call: Call) -> dict[str, Any]:
    """Answer ``POST records/batch_create``."""
    return once(call, lambda: {"records": _create(call, _batch(call, call.world.switches.batch_limit))})


def update(call: Call) -> dict[str, Any]:
    """Answer ``PUT records/:record_id``."""
    return {"record": _update(call, [{"record_id": call.ids["record"], **call.body()}])[0]}


def batch_update(call: Call) -> dict[str, Any]:
    """Answer ``POST records/batch_update``: all rows or none, and no word about which one was wrong."""
    return {"records": _update(call, _batch(call, call.world.switches.batch_limit))}


def delete(call: Call) -> dict[str, Any]:
    """Answer ``DELETE records/:record_id``."""
    return _delete(call, [call.ids["record"]])[0]


def batch_delete(call: Call) -> dict[str, Any]:
    """Answer ``POST records/batch_delete``."""
    return {"records": _delete(call, _batch(call, 500))}


def _batch(call: Call, limit: int) -> list[Any]:
    records = call.body().get("records")
    if not isinstance(records, list) or not records:
        raise Refusal(1254001)
    if len(records) > limit:
        raise Refusal(1254104)
    return records


def _record(call: Call, id: Any) -> Record:  # noqa: A002
    if not isinstance(id, str) or id not in call.table.records:
        raise Refusal(1254043)
    return call.table.records[id]


def _update(call: Call, entries: list[Any]) -> list[dict[str, Any]]:
    draft = Draft(call.table, call.app, call.user_id_type())
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise Refusal(1254001)
        record = _record(call, entry.get("record_id"))
        if _seen(call.table, record) is None:
            raise Refusal(1254043)
        draft.changes.append((record, draft.cells(entry.get("fields"))))
    draft.apply(call.actor)
    return [_echo(record.id, entry["fields"]) for (record, _), entry in zip(draft.changes, entries, strict=True)]


def _create(call: Call, entries: list[Any]) -> list[dict[str, Any]]:
    if len(call.table.records) + len(entries) > call.world.switches.row_limit:
        raise Refusal(1254103)
    draft = Draft(call.table, call.app, call.user_id_type())
    accepted = [draft.cells(entry.get("fields") if isinstance(entry, Mapping) else None) for entry in entries]
    draft.changes = [(call.table.insert(call.actor), cells) for cells in accepted]
    for record, _ in draft.changes:
        if call.world.switches.replica_lag > 0:
            record.versions.append((record.created, {}))
    draft.apply(call.actor)
    return [_echo(record.id, entry["fields"]) for (record, _), entry in zip(draft.changes, entries, strict=True)]


def _delete(call: Call, ids: list[Any]) -> list[dict[str, Any]]:
    for record_id in ids:
        _record(call, record_id)
    for record_id in dict.fromkeys(ids):
        call.table.remove(record_id)
    call.table.touch()
    return [{"record_id": gone, "deleted": True} for gone in ids]


def _echo(record_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer's record: the written form, and no automatic fields (section 2)."""
    return {"fields": dict(fields), "id": record_id, "record_id": record_id}


def once(call: Call, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do a create once per ``client_token``: a repeat gets the first answer, another body is a conflict."""
    token = call.request.param("client_token")
    if not token:
        return work()
    try:
        if uuid.UUID(token).version != 4:
            raise Refusal(1254037)
    except ValueError:
        raise Refusal(1254037) from None
    world, key = call.world, (call.app.id, token)
    body = json.dumps([call.request.path, call.body()], sort_keys=True)
    at, first_body, answer = world.answered.get(key, (float("-inf"), "", None))
    if world.clock.now() - at <= world.switches.client_token_seconds:
        if body != first_body:
            raise Refusal(1255006)
        if world.switches.repeated_create == "refuse":
            raise Refusal(1254608)
        return dict(answer)
    made = work()
    world.answered[key] = (world.clock.now(), body, made)
    return made
