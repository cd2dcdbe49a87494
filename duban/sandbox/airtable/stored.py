"""The whole state of the simulated Airtable as JSON data, and back: to save a seeded world, to look inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from duban.sandbox.airtable.model import Base, Field, Row, State, Table, Token, User, View


def dump(state: State) -> dict[str, Any]:
    """Return everything that :func:`load` needs; ids and time stamps included."""
    return {
        "users": [asdict(user) for user in state.users.values()],
        "tokens": [
            {
                "text": token.text, "user": token.user.id, "scopes": sorted(token.scopes), "role": token.role,
                "roles": token.roles,
            }
            for token in state.tokens.values()
        ],
        "bases": [
            {"id": base.id, "name": base.name, "tables": [_table(table) for table in base.tables.values()]}
            for base in state.bases.values()
        ],
    }  # fmt: skip


def _table(table: Table) -> dict[str, Any]:
    plain = {"id": table.id, "name": table.name, "primary": table.primary, "description": table.description,
             "next_number": table.next_number}  # fmt: skip
    return plain | {
        "fields": [asdict(field) for field in table.fields.values()],
        "views": [asdict(view) for view in table.views],
        "rows": [asdict(row) for row in table.rows.values()],
    }


def load(state: State, document: Mapping[str, Any]) -> None:
    """Put a dumped state in the place of the present one."""
    state.users.clear()
    state.tokens.clear()
    state.bases.clear()
    for entry in document["users"]:
        state.users[entry["id"]] = User(**entry)
    for entry in document["tokens"]:
        user, scopes = state.users[entry["user"]], frozenset(entry["scopes"])
        state.tokens[entry["text"]] = Token(entry["text"], user, scopes, entry["role"], entry["roles"])
    for entry in document["bases"]:
        tables = {table["id"]: _loaded(table) for table in entry["tables"]}
        state.bases[entry["id"]] = Base(entry["id"], entry["name"], tables)


def _loaded(entry: Mapping[str, Any]) -> Table:
    plain = {key: entry[key] for key in ("id", "name", "primary", "description", "next_number")}
    rows = [
        Row(**{**row, "touched": {field: tuple(touch) for field, touch in row["touched"].items()}})
        for row in entry["rows"]
    ]  # fmt: skip
    return Table(
        **plain,
        fields={field["id"]: Field(**field) for field in entry["fields"]},
        views=[View(**{**view, "sort": tuple(map(tuple, view["sort"]))}) for view in entry["views"]],
        rows={row.id: row for row in rows},
    )
