"""The table of endpoints: path, scopes, request rate, who answers (section 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from duban.sandbox.feishu import records, structure
from duban.sandbox.feishu.call import Call
from duban.sandbox.feishu.gate import Rate

API = "/open-apis"
TOKEN = f"{API}/auth/v3/tenant_access_token/internal"
BASE = f"{API}/bitable/v1/apps/:app"
TABLE = f"{BASE}/tables/:table"


class Route(NamedTuple):
    """One endpoint. ``scopes``: any one suffices. ``structure`` calls answer 404 where record calls answer 200."""

    name: str
    method: str
    path: str
    scopes: tuple[str, ...]
    rate: Rate
    answer: Callable[[Call], dict[str, Any]]
    writes: bool = False
    structure: bool = False


def _read(name: str, method: str, path: str, scope: str, answer: Any, *, structure: bool = False) -> Route:
    scopes = ("bitable:app", "bitable:app:readonly", *filter(None, (scope,)))
    return Route(name, method, path, scopes, Rate(20, 1.0), answer, structure=structure)


def _write(name: str, method: str, path: str, scope: str, answer: Any, *, rate: int, structure: bool = False) -> Route:
    return Route(name, method, path, ("bitable:app", scope), Rate(rate, 1.0), answer, True, structure)


ROUTES = (
    _read("app.get", "GET", BASE, "base:app:read", structure.base_meta, structure=True),
    _read("table.list", "GET", f"{BASE}/tables", "base:table:read", structure.list_tables, structure=True),
    _read("field.list", "GET", f"{TABLE}/fields", "base:field:read", structure.list_fields, structure=True),
    _write("field.create", "POST", f"{TABLE}/fields", "base:field:create", structure.create_field, rate=10,
           structure=True),
    _write("field.update", "PUT", f"{TABLE}/fields/:field", "base:field:update", structure.update_field, rate=10,
           structure=True),
    _write("field.delete", "DELETE", f"{TABLE}/fields/:field", "base:field:delete", structure.delete_field, rate=10,
           structure=True),
    _read("view.list", "GET", f"{TABLE}/views", "base:view:read", structure.list_views, structure=True),
    _read("record.search", "POST", f"{TABLE}/records/search", "base:record:retrieve", records.search),
    _read("record.batch_get", "POST", f"{TABLE}/records/batch_get", "base:record:read", records.batch_get),
    _write("record.batch_create", "POST", f"{TABLE}/records/batch_create", "base:record:create",
           records.batch_create, rate=50),
    _write("record.batch_update", "POST", f"{TABLE}/records/batch_update", "base:record:update",
           records.batch_update, rate=50),
    _write("record.batch_delete", "POST", f"{TABLE}/records/batch_delete", "base:record:delete",
           records.batch_delete, rate=50),
    _read("record.list", "GET", f"{TABLE}/records", "", records.list_records),
    _read("record.get", "GET", f"{TABLE}/records/:record", "", records.get_record),
    _write("record.create", "POST", f"{TABLE}/records", "base:record:create", records.create, rate=50),
    _write("record.update", "PUT", f"{TABLE}/records/:record", "base:record:update", records.update, rate=50),
    _write("record.delete", "DELETE", f"{TABLE}/records/:record", "base:record:delete", records.delete, rate=50),
    Route("wiki.get_node", "GET", f"{API}/wiki/v2/spaces/get_node",
          ("wiki:node:read", "wiki:wiki:readonly", "wiki:wiki"), Rate(100, 60.0), structure.get_node, structure=True),
)  # fmt: skip


def find_route(method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
    """Return the endpoint of a request with the ids in its path; fixed words win over ids."""
    parts = path.split("/")
    for route in ROUTES:
        wanted = route.path.split("/")
        if route.method != method or len(wanted) != len(parts):
            continue
        pairs = list(zip(wanted, parts, strict=True))
        if all(word == part or (word.startswith(":") and part) for word, part in pairs):
            return route, {word[1:]: part for word, part in pairs if word.startswith(":")}
    return None
