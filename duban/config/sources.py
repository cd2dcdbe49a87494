"""Sources and tables of duban.yaml next to each other: names used twice, tables listed twice, what a table lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from duban.config.file import File
from duban.config.files import located
from duban.config.mistakes import Place
from duban.config.tables import table_problems
from duban.config.words import canonical_keys, field_names, kinds_of, own_names
from duban.connectors.settings import (
    AirtableTable,
    AnySource,
    FeishuTable,
    HoldsByColumn,
    Table,
    TeambitionTable,
    WorkbookSource,
    WorkbookTable,
)
from duban.errors import Problem
from duban.yamlfile import Document

_TABLES: Mapping[str, type[Table]] = {
    "feishu": FeishuTable, "teambition": TeambitionTable, "airtable": AirtableTable, "workbook": WorkbookTable,
}  # fmt: skip
TOOLS = tuple(_TABLES)


def source_problems(document: Document, data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes of all sources; works on plain data, so that one mistake hides no other."""
    names: set[str] = set()
    for number, source in _mappings(data.get("sources")):
        name = source.get("name")
        if isinstance(name, str):
            if name in names:
                message = f"two sources have the name {name!r}; give each its own"
                yield document.problem(("sources", number, "name"), message)
            names.add(name)
        yield from _tables(document, ("sources", number), source)


def _tables(document: Document, place: Place, source: Mapping[str, Any]) -> Iterator[Problem]:
    labels: set[str] = set()
    spots: set[tuple[str, ...]] = set()
    for number, data in _mappings(source.get("tables")):
        spot = (*place, "tables", number)
        yield from table_problems(document, spot, data)
        table = _unchecked(source.get("tool"), data)
        if table is None:
            continue
        if isinstance(table, FeishuTable):
            yield from _feishu_place(document, spot, table)
        where = _where(table)
        if table.label and table.label in labels:
            message = f"two tables of this source have the name {table.label!r}; give one another"
            yield document.problem((*spot, "name"), message)
        elif where in spots:
            yield document.problem(spot, "this table is listed twice; its own columns would be written twice, keep one")
        labels.add(table.label)
        if all(where):
            spots.add(where)


def _mappings(entries: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield number, entry


def _unchecked(tool: Any, data: Mapping[str, Any]) -> Table | None:
    """Return the table as far as its texts are texts, for questions that do not need the rest to be right."""
    model = _TABLES.get(tool) if isinstance(tool, str) else None
    if model is None:
        return None
    words: dict[str, Any] = {key: data[key] if isinstance(data.get(key), str) else "" for key in model.model_fields}
    return model.model_construct(**words)


def _where(table: Table) -> tuple[str, ...]:
    if isinstance(table, FeishuTable):
        app, node, known = table.place
        return (app or node, known)
    if isinstance(table, AirtableTable):
        return (table.base or "the source's", table.table)
    return (table.id,)


def _feishu_place(document: Document, spot: Place, table: FeishuTable) -> Iterator[Problem]:
    app, node, known = table.place
    if table.url and table.app:
        yield document.problem((*spot, "url"), "say either url or app and table, not both")
    elif table.url and not (app or node):
        message = "this is no address of a base; it looks like https://…/base/…?table=… or https://…/wiki/…?table=…"
        yield document.problem((*spot, "url"), message)
    elif not (app or node):
        yield document.problem(spot, "a Feishu table needs app and table, or the url of its page; add them")
    elif not known:
        place = (*spot, "url") if table.url else spot
        yield document.problem(place, "which table of the base is missing here; add table: tbl…")


def resolved_sources(file: File, folder: Path) -> tuple[AnySource, ...]:
    """Return the sources as the rest of duban uses them.

    Fields and own columns are named by their keys, paths are absolute, addresses end without a slash, and the file's
    interval stands where a source has none.
    """
    return tuple(_resolved(source, file, folder) for source in file.sources)


def _resolved(source: AnySource, file: File, folder: Path) -> AnySource:
    changes: dict[str, Any] = {"tables": tuple(_named_by_key(table) for table in source.tables)}
    if file.interval is not None and "interval" not in source.model_fields_set:
        changes["interval"] = file.interval
    if isinstance(source, WorkbookSource):
        changes["path"] = str(located(folder, source.path))
    else:
        changes["base_url"] = source.base_url.rstrip("/")
    return source.model_copy(update=changes)


def _named_by_key(table: Table) -> Table:
    holds = table.holds.model_dump() if isinstance(table.holds, HoldsByColumn) else table.holds
    kinds = kinds_of(holds)
    fields, own = field_names(kinds), own_names(kinds)
    return table.model_copy(update={
        "columns": canonical_keys(table.columns, fields),
        "defaults": canonical_keys(table.defaults, fields),
        "writes": canonical_keys(table.writes, own),
    })  # fmt: skip
