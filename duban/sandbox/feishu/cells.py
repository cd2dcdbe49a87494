"""How cells look on the wire: the dialect of ``search``/``batch_get`` and that of the legacy list (section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from duban.sandbox.feishu.byhand import text_of
from duban.sandbox.feishu.table import Field, Record, Table, stored
from duban.sandbox.feishu.world import App, Person

Wire = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one caller wants cells: search or legacy list, in whose ids people are shown, the list's two switches."""

    kind: Literal["search", "list"]
    app: App
    user_id_type: str = "open_id"
    text_as_array: bool = False
    formula_as_is: bool = False
    creator_as_list: bool = True


class Renderer:
    """Renders rows of one table for one caller; made once per answer."""

    def __init__(self, table: Table, dialect: Dialect, fields: Iterable[Field]) -> None:
        self._table, self._dialect = table, dialect
        self._people = {person.union_id: person for person in table.base.world.people.values()}
        self._columns = [(field, self._wire(field)) for field in fields if field.type not in {24, 3001}]

    def fields(self, record: Record, cells: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row's non-empty cells by current column name."""
        row: dict[str, Any] = {}
        for field, wire in self._columns:
            value = stored(self._table, record, field, cells)
            if value is None:
                continue
            shown = wire(value)
            if shown is not None:
                row[field.name] = shown
        return row

    def automatic(self, record: Record) -> dict[str, Any]:
        """Return the four properties that stand beside ``fields`` on request."""
        return {
            "created_time": record.created, "last_modified_time": record.modified,
            "created_by": self._person(record.created_by), "last_modified_by": self._person(record.modified_by),
        }  # fmt: skip

    def _wire(self, field: Field) -> Wire:
        if field.type in {3, 4}:
            names = {option["id"]: option["name"] for option in field.options}
            if field.type == 3:
                return names.get
            return lambda ids: [names[option] for option in ids if option in names] or None
        if field.type == 11:
            return lambda ids: [self._person(person) for person in ids] or None
        if field.type in {1003, 1004}:
            as_list = self._dialect.kind == "search" and self._dialect.creator_as_list
            return lambda ids: [self._person(ids[0])] if as_list else self._person(ids[0])
        return self._search(field) if self._dialect.kind == "search" else self._legacy(field)

    def _search(self, field: Field) -> Wire:
        match field.type:
            case 1 if field.ui_type == "Email":
                return lambda v: [{"type": "url", "text": text_of(v), "link": "mailto:" + text_of(v)}]
            case 1:
                return segments
            case 18 | 21:
                return lambda ids: {"link_record_ids": ids}
        return _as_it_is

    def _legacy(self, field: Field) -> Wire:
        match field.type:
            case 1:
                return segments if self._dialect.text_as_array else text_of
            case 2:
                return lambda v: str(int(v)) if float(v).is_integer() else repr(v)
            case 18 | 21:
                return lambda ids: [self._linked(field, ids)]
            case 19 | 20 if not self._dialect.formula_as_is:
                return lambda v: v["value"]
        return _as_it_is

    def _linked(self, field: Field, ids: list[str]) -> dict[str, Any]:
        table_id = (field.prop or {}).get("table_id", self._table.id)
        other = self._table.base.tables.get(table_id, self._table)
        titles = [title_of(other, linked) for linked in ids]
        return {"record_ids": ids, "table_id": table_id, "text": ",".join(titles), "text_arr": titles, "type": "text"}

    def _person(self, union_id: str) -> dict[str, Any]:
        person = self._people.get(union_id) or Person(union_id, union_id, union_id)
        shown = {"name": person.name, "en_name": person.en_name or person.name, "email": person.email, "avatar_url": ""}
        kind = self._dialect.user_id_type
        if kind == "user_id" and "contact:user.employee_id:readonly" not in self._dialect.app.scopes:
            return shown
        return {"id": person.id_as(kind, self._dialect.app.id), **shown}


def _as_it_is(value: Any) -> Any:
    return value


def segments(value: Any) -> list[dict[str, Any]]:
    """Return text as the list of segments that search answers with."""
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


def title_of(table: Table, record_id: str) -> str:
    """Return the text of a row's primary column."""
    record, primary = table.records.get(record_id), table.primary
    if record is None or primary is None:
        return ""
    value = stored(table, record, primary, record.cells)
    return "" if value is None else text_of(value) if primary.type == 1 else str(value)
