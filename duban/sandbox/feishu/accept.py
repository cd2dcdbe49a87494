"""What the API accepts into a cell, by column type, and the code it answers otherwise (sections 3 and 4).

Nothing is changed here: :class:`Draft` collects what a call would do, so that a batch is all or nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from duban.sandbox.feishu.refusal import Refusal
from duban.sandbox.feishu.table import READ_ONLY, Field, Record, Table, new_option
from duban.sandbox.feishu.world import App

TEXT_LIMIT, CELL_ENTRIES, LINKS, OPTIONS = 100_000, 1000, 500, 20_000
SECONDS_END = 10**11  # smaller numbers are seconds (or before March 1973)


class Draft:
    """What one write call would change in one table."""

    def __init__(self, table: Table, app: App, user_id_type: str) -> None:
        self.table, self.app, self.user_id_type = table, app, user_id_type
        self.world = table.base.world
        self.new_options: dict[str, list[dict[str, Any]]] = {}
        self.changes: list[tuple[Record, dict[str, Any]]] = []

    def cells(self, fields: Any) -> dict[str, Any]:
        """Return the stored cells for a request's ``fields``; raises :class:`Refusal` for the first bad one."""
        if not isinstance(fields, Mapping):
            raise Refusal(1254001)
        known = {field.name: field for field in self.table.fields.values()}
        accepted: dict[str, Any] = {}
        for name, value in fields.items():
            field = known.get(name.strip())
            if field is None:
                raise Refusal(1254045)
            if field.type in READ_ONLY:
                raise Refusal(1254015)
            accepted[field.id] = None if value is None else self._accepted(field, value)
        return accepted

    def apply(self, by: str) -> None:
        """Do it, as one modification of the table."""
        for field_id, options in self.new_options.items():
            field = self.table.fields[field_id]
            field.options.extend(options)
            self.world.created_options += [(self.table.id, field.name, option["name"]) for option in options]
        for record, cells in self.changes:
            self.table.set_cells(record, cells, by)
        self.table.touch()

    def _accepted(self, field: Field, value: Any) -> Any:
        if field.type in _BY_VALUE:
            return _BY_VALUE[field.type](value)
        match field.type:
            case 2:
                return _number(field, value)
            case 3 | 4:
                return self._options(field, value)
            case 5:
                return self._date(value)
            case 11:
                return self._people(value)
            case 17:
                return self._files(value)
        return self._links(field, value)

    def _options(self, field: Field, value: Any) -> Any:
        known = {option["name"]: option["id"] for option in [*field.options, *self.new_options.get(field.id, [])]}
        if field.type == 3:
            if not isinstance(value, str) or not value.strip():
                raise Refusal(1254062)
            return self._option(field, value.strip(), known)
        # ``known`` is taken once per cell: a new name given twice makes two equal options
        return [self._option(field, name.strip(), known) for name in _strings(value, 1254063, CELL_ENTRIES)] or None

    def _option(self, field: Field, name: str, known: Mapping[str, str]) -> str:
        """Return the id of an option; an unknown name becomes a new option for everybody."""
        if name in known:
            return known[name]
        fresh = self.new_options.setdefault(field.id, [])
        if len(field.options) + len(fresh) >= OPTIONS:
            raise Refusal(1254062 if field.type == 3 else 1254063)
        fresh.append(new_option(self.world, name, len(field.options) + len(fresh)))
        return str(fresh[-1]["id"])

    def _date(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refusal(1254064)
        if 0 < value < SECONDS_END and self.world.switches.seconds_dates == "refuse":
            raise Refusal(1254064)
        return value

    def _people(self, value: Any) -> Any:
        ids = _ids(value, "id", 1254066)
        people = [self.world.find_person(person, self.user_id_type, self.app.id) for person in ids]
        found = [person.union_id for person in people if person is not None]
        if len(found) != len(ids):
            raise Refusal(1254066)
        return found or None

    def _files(self, value: Any) -> Any:
        tokens = _ids(value, "file_token", 1254069)
        if any(token not in self.table.base.files for token in tokens):
            raise Refusal(1254303)
        blank = {"type": "", "size": 0, "url": "", "tmp_url": ""}
        return [{"file_token": token, "name": token, **blank} for token in tokens]

    def _links(self, field: Field, value: Any) -> Any:
        code = 1254067 if field.type == 18 else 1254074
        records = _strings(value, code, LINKS)
        other = self.table.base.tables.get((field.prop or {}).get("table_id", ""), self.table)
        if any(record not in other.records for record in records):
            raise Refusal(code)
        return records or None


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise Refusal(1254060)
    if len(value) > TEXT_LIMIT:
        raise Refusal(1254130)
    return value or None


def _number(field: Field, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Refusal(1254061)
    bounds = field.prop or {}
    if field.ui_type == "Rating" and not bounds.get("min", 0) <= value <= bounds.get("max", 5):
        raise Refusal(1254061)
    return value


def _checkbox(value: Any) -> Any:
    if not isinstance(value, bool):
        raise Refusal(1254065)
    return value


def _phone(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"\+?\d*", value) or len(value) > 64:
        raise Refusal(1254072)
    return value or None


def _link(value: Any) -> Any:
    if not isinstance(value, Mapping) or not isinstance(value.get("link"), str):
        raise Refusal(1254068)
    return {"text": str(value.get("text") or value["link"]), "link": value["link"]}


def _place(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d+)?,-?\d+(\.\d+)?", value):
        raise Refusal(1254015)
    return {"location": value, "name": value, "full_address": value}


def _chats(value: Any) -> Any:
    return [{"id": chat, "name": chat, "avatar_url": ""} for chat in _ids(value, "id", 1254015)] or None


def _strings(value: Any, code: int, limit: int) -> list[str]:
    if not isinstance(value, list) or len(value) > limit or not all(isinstance(entry, str) for entry in value):
        raise Refusal(code)
    return value


def _ids(value: Any, key: str, code: int) -> list[str]:
    if not isinstance(value, list) or len(value) > CELL_ENTRIES:
        raise Refusal(code)
    if not all(isinstance(entry, Mapping) and isinstance(entry.get(key), str) for entry in value):
        raise Refusal(code)
    return [entry[key] for entry in value]


_BY_VALUE: Mapping[int, Callable[[Any], Any]] = {1: _text, 7: _checkbox, 13: _phone, 15: _link, 22: _place, 23: _chats}
