"""Bases, tables, fields and records of the simulated Feishu, and what a person does to them by hand.

Stored cells (``Record.cells``, by field id): text as ``str`` or segments; number; option id(s); milliseconds; bool;
people as their union ids; ``{text, link}``; lists of linked record ids; formulas as ``{type, value}``. An empty cell
is absent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from duban.sandbox.feishu.byhand import formula_value, plain, typed
from duban.sandbox.feishu.world import World, digest

TEXT, NUMBER, SINGLE, MULTI, DATE, CHECKBOX, USER, PHONE, URL, ATTACHMENT = 1, 2, 3, 4, 5, 7, 11, 13, 15, 17
LINK, LOOKUP, FORMULA, DUPLEX, LOCATION, CHAT, STAGE = 18, 19, 20, 21, 22, 23, 24
CREATED, MODIFIED, CREATOR, MODIFIER, AUTO_NUMBER, BUTTON = 1001, 1002, 1003, 1004, 1005, 3001
UI_TYPES: Mapping[int, str] = {
    TEXT: "Text", NUMBER: "Number", SINGLE: "SingleSelect", MULTI: "MultiSelect", DATE: "DateTime",
    CHECKBOX: "Checkbox", USER: "User", PHONE: "Phone", URL: "Url", ATTACHMENT: "Attachment", LINK: "SingleLink",
    LOOKUP: "Lookup", FORMULA: "Formula", DUPLEX: "DuplexLink", LOCATION: "Location", CHAT: "GroupChat",
    STAGE: "Stage", CREATED: "CreatedTime", MODIFIED: "ModifiedTime", CREATOR: "CreatedUser",
    MODIFIER: "ModifiedUser", AUTO_NUMBER: "AutoNumber", BUTTON: "Button",
}  # fmt: skip
READ_ONLY = frozenset({LOOKUP, FORMULA, STAGE, CREATED, MODIFIED, CREATOR, MODIFIER, AUTO_NUMBER, BUTTON})


@dataclass(slots=True)
class Field:
    """One column. ``formula`` (optional) computes a formula's value from the row's plain values by heading."""

    id: str
    name: str
    type: int
    ui_type: str
    prop: dict[str, Any] | None = None  # "property" on the wire
    is_primary: bool = False
    is_hidden: bool = False
    description: str = ""
    formula: Callable[[Mapping[str, Any]], Any] | None = None

    @property
    def options(self) -> list[dict[str, Any]]:
        """Return the options of a select, for changing."""
        if self.prop is None:
            self.prop = {}
        found: list[dict[str, Any]] = self.prop.setdefault("options", [])
        return found

    def wire(self) -> dict[str, Any]:
        """Return the field as the list of fields shows it."""
        return {
            "field_id": self.id, "field_name": self.name, "type": self.type, "ui_type": self.ui_type,
            "property": self.prop, "is_primary": self.is_primary, "is_hidden": self.is_hidden,
            **({"description": {"text": self.description}} if self.description else {}),
        }  # fmt: skip


@dataclass(slots=True)
class Record:
    """One row. ``versions`` (only under replica lag) are (from when, cells) in order; times are milliseconds."""

    id: str
    cells: dict[str, Any]
    created: int
    modified: int
    created_by: str
    modified_by: str
    number: int
    versions: list[tuple[int, dict[str, Any]]] = dataclasses.field(default_factory=list)


class Table:
    """One table: fields in their order, records in their order."""

    def __init__(self, base: Base, name: str, id: str) -> None:  # noqa: A002 - the service's word
        self.base, self.name, self.id, self.revision = base, name, id, 1
        self.fields: dict[str, Field] = {}
        self.records: dict[str, Record] = {}
        self.view_id = base.world.new_id("vew")
        self.synced = False  # filled from another source: read-only through the API
        self._order: list[str] | None = None
        self._rows_made = 0

    # --- what a person does

    def add_field(
        self, name: str, type: int, ui_type: str | None = None, property: Mapping[str, Any] | None = None, *,  # noqa: A002
        formula: Callable[[Mapping[str, Any]], Any] | None = None, is_hidden: bool = False,
    ) -> Field:  # fmt: skip
        """Add a column. Options may be given as names: ``property={"options": ["红", "黄"]}``; the first is primary.

        A two-way link (21) names the other table as ``{"table_id": …}`` and gets its opposite column there.
        """
        world = self.base.world
        with world.lock:
            settled = settled_property(world, property) or ({} if type in {SINGLE, MULTI} else None)
            field = Field(
                world.new_id("fld"), name.strip(), type, ui_type or UI_TYPES[type], settled,
                is_primary=not self.fields, is_hidden=is_hidden, formula=formula,
            )  # fmt: skip
            self.fields[field.id] = field
            if type == DUPLEX and settled is not None and "back_field_id" not in settled:
                self._add_opposite(field, settled)
            self.touch()
            return field

    def _add_opposite(self, field: Field, settled: dict[str, Any]) -> None:
        other = self.base.tables[settled["table_id"]]
        name = settled.get("back_field_name") or f"{self.name}-{field.name}"
        back = other.add_field(name, DUPLEX, property={"table_id": self.id, "back_field_id": field.id})
        settled.update(back_field_id=back.id, back_field_name=back.name)

    def add_row(self, values: Mapping[str, Any] | None = None, *, by: str = "管理员", id: str | None = None) -> str:  # noqa: A002
        """Add a row from values by heading (python or wire values) and return its record id."""
        with self.base.world.lock:
            record = self.insert(self.base.world.person(by).union_id, id)
            self.set_cells(record, self._typed(values or {}), record.created_by)
            self.touch()
            return record.id

    def edit(self, record_id: str, values: Mapping[str, Any], *, by: str = "管理员") -> None:
        """Change cells of a row by heading; ``None`` empties one."""
        with self.base.world.lock:
            self.set_cells(self.records[record_id], self._typed(values), self.base.world.person(by).union_id)
            self.touch()

    def rename_field(self, name: str, new: str) -> None:
        """Rename a column: its id stays, every key of reads and writes changes at once."""
        with self.base.world.lock:
            self.named(name).name = new.strip()
            self.touch()

    def delete_field(self, name: str) -> None:
        """Delete a column with its cells."""
        with self.base.world.lock:
            self.drop_field(self.named(name))
            self.touch()

    def delete_row(self, record_id: str) -> None:
        """Delete a row."""
        with self.base.world.lock:
            self.remove(record_id)
            self.touch()

    def dump(self) -> dict[str, dict[str, Any]]:
        """Return the non-empty cells as plain values by heading, by record id: for showing before and after."""
        with self.base.world.lock:
            return {record.id: self.plain_row(record) for record in self.records.values()}

    # --- what endpoints and people share

    def named(self, name: str) -> Field:
        """Return the column with this heading; ``KeyError`` if there is none."""
        for field in self.fields.values():
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def primary(self) -> Field | None:
        """Return the column whose text stands for the row."""
        return next((field for field in self.fields.values() if field.is_primary), None)

    @property
    def order(self) -> list[str]:
        """Return the record ids in order; made anew only after rows came or went."""
        if self._order is None:
            self._order = list(self.records)
        return self._order

    def touch(self) -> None:
        """Count one modification of the table and of its base."""
        self.revision += 1
        self.base.revision += 1

    def insert(self, by: str, id: str | None = None) -> Record:  # noqa: A002
        """Add an empty row."""
        world = self.base.world
        self._rows_made += 1
        now = world.now_ms()
        record = Record(id or world.new_id("rec"), {}, now, now, by, by, self._rows_made)
        self.records[record.id] = record
        if self._order is not None:
            self._order.append(record.id)
        return record

    def remove(self, record_id: str) -> None:
        """Take a row away, and the links to it."""
        self.link_back(self.records[record_id], {})
        del self.records[record_id]
        self._order = None

    def drop_field(self, field: Field) -> None:
        """Take a column away."""
        del self.fields[field.id]
        for record in self.records.values():
            record.cells.pop(field.id, None)

    def set_cells(self, record: Record, cells: Mapping[str, Any], by: str) -> None:
        """Merge stored cells into a row; ``None`` empties. Links change the other side as well."""
        now = self.base.world.now_ms()
        if self.base.world.switches.replica_lag > 0:
            if not record.versions:
                record.versions.append((record.created, dict(record.cells)))
            merged = {**record.cells, **cells}
            record.versions.append((now, {key: value for key, value in merged.items() if value is not None}))
        before = {key: record.cells.get(key) for key in cells}
        for key, value in cells.items():
            if value is None:
                record.cells.pop(key, None)
            else:
                record.cells[key] = value
        record.modified, record.modified_by = max(record.modified, now), by
        for key, held in before.items():
            if key in self.fields and self.fields[key].type == DUPLEX:
                self._mirror(record.id, self.fields[key], held or [], cells[key] or [])

    def link_back(self, record: Record, cells: Mapping[str, Any]) -> None:
        """Make the other side of every two-way link agree with ``cells``."""
        for field in self.fields.values():
            if field.type == DUPLEX and record.cells.get(field.id):
                self._mirror(record.id, field, record.cells[field.id], cells.get(field.id) or [])

    def _mirror(self, record_id: str, field: Field, before: Iterable[str], after: Iterable[str]) -> None:
        other = self.base.tables.get((field.prop or {}).get("table_id", ""))
        back = (field.prop or {}).get("back_field_id")
        if other is None or back not in other.fields:
            return
        for linked in {*before, *after}:
            if (target := other.records.get(linked)) is None:
                continue
            kept = [other_id for other_id in target.cells.get(back, []) if other_id != record_id]
            if linked in after:
                kept.append(record_id)
            target.cells[back] = kept
            if not kept:
                del target.cells[back]

    def plain_row(self, record: Record) -> dict[str, Any]:
        """Return one row's non-empty cells as plain values by heading."""
        row: dict[str, Any] = {}
        for field in self.fields.values():
            value = plain(self.base, field, stored(self, record, field, record.cells))
            if value is not None:
                row[field.name] = value
        return row

    def _typed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        fields = {field.name: field for field in self.fields.values()}
        return {fields[name].id: typed(self.base, fields[name], value) for name, value in values.items()}


class Base:
    """One base (多维表格): its tables, who may use it, in which zone its days begin."""

    def __init__(self, world: World, name: str, token: str, time_zone: str) -> None:
        self.world, self.name, self.token, self.time_zone = world, name, token, time_zone
        self.revision, self.is_advanced = 1, False
        self.tables: dict[str, Table] = {}
        self.rights: dict[str, str] = {}  # app id -> "manage", "edit" or "read"
        self.roles: dict[str, set[str]] = {}  # app id -> table ids an advanced role opens to it
        self.files: set[str] = set()  # tokens of attachments uploaded here
        self.wiki_node = "wik" + digest("wiki", token)
        self.last_write, self.streak = float("-inf"), 0

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of day boundaries. Feishu says ``Asia/Beijing``, which no time zone database knows."""
        return ZoneInfo("Asia/Shanghai" if self.time_zone == "Asia/Beijing" else self.time_zone)

    def add_table(self, name: str, *, id: str | None = None) -> Table:  # noqa: A002
        """Add an empty table without columns."""
        with self.world.lock:
            table = Table(self, name, id or self.world.new_id("tbl"))
            self.tables[table.id] = table
            self.revision += 1
            return table

    def share(self, app_id: str, right: str = "manage") -> None:
        """Add an application to the document ("… > more > add document app")."""
        with self.world.lock:
            self.rights[app_id] = right

    def unshare(self, app_id: str) -> None:
        """Take an application off the document."""
        with self.world.lock:
            self.rights.pop(app_id, None)

    def url(self, table: Table | None = None, *, wiki: bool = False) -> str:
        """Return the link that a person copies from the browser."""
        path = f"wiki/{self.wiki_node}" if wiki else f"base/{self.token}"
        return f"https://example.feishu.cn/{path}" + (f"?table={table.id}&view={table.view_id}" if table else "")

    def blind(self, app_id: str, table: Table) -> bool:
        """Return whether advanced permissions hide this table from the application."""
        allowed = self.rights.get(app_id) == "manage" or table.id in self.roles.get(app_id, ())
        return self.is_advanced and not allowed


def settled_property(world: World, property: Mapping[str, Any] | None) -> dict[str, Any] | None:  # noqa: A002
    """Return a field's property with an id for every option."""
    if property is None:
        return None
    settled = dict(property)
    if "options" in settled:
        settled["options"] = [new_option(world, option, place) for place, option in enumerate(settled["options"])]
    return settled


def new_option(world: World, option: Any, place: int) -> dict[str, Any]:
    """Return an option with id and colour, from its name or from what there is of it."""
    given = {"name": option} if isinstance(option, str) else dict(option)
    return {"id": world.new_id("opt"), "color": place % 55, **given, "name": given["name"].strip()}


def stored(table: Table, record: Record, field: Field, cells: Mapping[str, Any]) -> Any:
    """Return the stored value of any column, system columns and live formulas included; ``None`` when empty."""
    match field.type:
        case 1001:
            return record.created
        case 1002:
            return record.modified
        case 1003:
            return [record.created_by]
        case 1004:
            return [record.modified_by]
        case 1005:
            return f"{(field.prop or {}).get('prefix', '')}{record.number}"
    if field.formula is not None:
        names = {f.name: plain(table.base, f, cells.get(f.id)) for f in table.fields.values() if f.formula is None}
        return formula_value(table.base, field.formula(names))
    return cells.get(field.id)
