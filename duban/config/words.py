"""The guide's words in duban.yaml: which names a table of some kinds may use for fields and own columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from duban.config.mistakes import Place
from duban.errors import Problem
from duban.item import KINDS, Kind, fields_of, own_columns
from duban.yamlfile import Document


def kinds_of(holds: Any) -> tuple[Kind, ...]:
    """Return the kinds that a table holds, from what the file says; none when it says nothing valid."""
    words = holds.get("values") if isinstance(holds, Mapping) else [holds]
    said = list(words.values()) if isinstance(words, Mapping) else words
    return tuple(kind for kind in KINDS if isinstance(said, list) and kind in said)


def field_names(kinds: Sequence[Kind]) -> dict[str, str]:
    """Return every name by which a file may call the fields of these kinds -> the field's key.

    A Chinese name that means different fields in different kinds is left out: the key must be written then.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for kind in kinds:
        for field in fields_of(kind):
            if field.type == "ignore":  # recognised, never read: there is nothing to say about it
                continue
            names[field.zh].add(field.key)
            names[field.key].add(field.key)
    return {name: name if name in keys else keys.copy().pop() for name, keys in names.items()
            if name in keys or len(keys) == 1}  # fmt: skip


def own_names(kinds: Sequence[Kind]) -> dict[str, str]:
    """Return every name by which a file may call the own columns of these kinds -> the own column's key."""
    columns = [column for kind in kinds for column in own_columns(kind)]
    names = {name: column.key for column in columns for name in (column.zh, column.zh_issue_risk)}
    return names | {column.key: column.key for column in columns}


def canonical_keys(entries: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the entries under the guide's keys instead of its Chinese names."""
    return {names.get(name, name): value for name, value in entries.items()}


class TableData(NamedTuple):
    """One table as the file says it, for the checks: its place, data and kinds (every kind when they are not known)."""

    document: Document
    place: Place
    data: Mapping[str, Any]
    kinds: tuple[Kind, ...]

    def part(self, key: str) -> Mapping[str, Any]:
        """Return one of the table's mappings, empty where the file has none."""
        value = self.data.get(key)
        return value if isinstance(value, Mapping) else {}

    def problem(self, place: Place, message: str, *, on_key: bool = False) -> Problem:
        """Return a problem at a place of this table."""
        return self.document.problem((*self.place, *place), message, on_key=on_key)
