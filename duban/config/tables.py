"""What pydantic cannot see in a table of duban.yaml: fields, values and statuses of the guide.

Works on the file's plain data, so that one wrong value elsewhere hides none of these mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from duban.config.columns import heading_problems
from duban.config.mistakes import Place, one_of
from duban.config.words import TableData, field_names, kinds_of, own_names
from duban.connectors.statuses import CANONICAL, normal_status
from duban.errors import Problem
from duban.item import KINDS, Field, fields_of
from duban.yamlfile import Document, nearest


def table_problems(document: Document, place: Place, data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes of one table that need the guide to be seen."""
    table = TableData(document, place, data, kinds_of(data.get("holds")) or KINDS)
    names, own = field_names(table.kinds), own_names(table.kinds)
    for part in ("columns", "defaults"):
        yield from _unknown(table, part, names, "field")
    yield from _unknown(table, "writes", own, "own column")
    yield from _default_values(table, names)
    yield from heading_problems(table, names, own)
    yield from _statuses(table)


def _unknown(table: TableData, part: str, names: Mapping[str, str], what: str) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name in table.part(part):
        key = names.get(name)
        if key is None:
            yield table.problem((part, name), _stranger(table, name, names, what), on_key=True)
        elif key in seen:
            yield table.problem((part, name), f"{name!r} and {seen[key]!r} are one {what}; keep one", on_key=True)
        else:
            seen[key] = name


def _stranger(table: TableData, name: str, names: Mapping[str, str], what: str) -> str:
    kinds = "/".join(table.kinds) if table.kinds != KINDS else "any kind"
    near = nearest(name, names)
    if near:
        return f"{name!r} is no {what} of {kinds}; did you mean {near!r}?"
    return f"{name!r} is no {what} of {kinds}; write one of {', '.join(dict.fromkeys(names.values()))}"


# --- values


def _default_values(table: TableData, names: Mapping[str, str]) -> Iterator[Problem]:
    fields = {field.key: field for kind in reversed(table.kinds) for field in fields_of(kind)}
    for name, value in table.part("defaults").items():
        field = fields.get(names.get(name, ""))
        wanted = _wanted(field, value) if field else ""
        if wanted:
            yield table.problem(("defaults", name), f"the default of {name!r} must be {wanted}")


def _wanted(field: Field, value: Any) -> str:
    """Return what a default of this field must be, nothing when the value is that."""
    if field.type in {"number", "percent"}:
        return "" if isinstance(value, int | float) and not isinstance(value, bool) else "a number"
    if field.type in {"date", "datetime"}:
        return "" if _is_time(value, field.type) else "a date such as 2024-07-15"
    if field.type in {"multi_select", "person", "links"} and isinstance(value, list):
        return "" if value and all(isinstance(part, str) and part for part in value) else "a list of texts"
    return "" if isinstance(value, str) and value else "text"


def _is_time(value: Any, type: str) -> bool:  # noqa: A002 - the model's word
    try:
        date.fromisoformat(value) if type == "date" else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


# --- statuses


def _statuses(table: TableData) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for canonical, texts in table.part("statuses").items():
        if canonical not in CANONICAL:
            yield table.problem(("statuses", canonical), one_of(canonical, CANONICAL, "status"), on_key=True)
        for place, text in enumerate(texts if isinstance(texts, list) else ()):
            form = normal_status(text) if isinstance(text, str) else ""
            if form and seen.setdefault(form, canonical) != canonical:
                message = f"{text!r} stands under {seen[form]!r} too; a word has one status"
                yield table.problem(("statuses", canonical, place), message)
