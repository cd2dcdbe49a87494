"""Reading: every table of every source, sources side by side, and how well each was read.

A read ends as complete, partial or failed. Only a complete read may prove that something is gone or resolved, so what
looks like a loss - an empty answer, half the rows missing, most columns gone - is partial until an admin accepts it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from duban.connectors.base import Page, Schema
from duban.connectors.columns import TableMapping, column_ids, map_columns, wanted_columns
from duban.connectors.reading import Reader, Reading
from duban.connectors.settings import Table
from duban.connectors.statuses import Statuses
from duban.errors import AuthError, ConfigError, ConnectorError, Interrupted
from duban.item import Item
from duban.sync.ledger.values import TableMemory, TableRead
from duban.sync.setup import Setup, Source

Progress = Callable[[str, str, int, int | None], None]  # source, table, rows so far, rows there are


@dataclass(frozen=True, slots=True)
class Pulled:
    """One table as this cycle read it. ``requests`` is what describing and reading it cost."""

    source: str
    tool: str
    settings: Table
    live: bool
    read: Literal["complete", "partial", "failed"]
    items: Sequence[Item] = ()
    mapping: TableMapping | None = None
    schema: Schema | None = None
    error: str | None = None
    requests: int = 0
    rows: int = 0
    pages: int = 0
    notes: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """The table's name."""
        return self.settings.label

    def as_read(self, *, accepted: bool) -> TableRead:
        """Return what the ledger remembers of this read: rows only of a complete one, for a table that lost columns
        would empty the mirror's cells."""
        columns = {column.id: column.name for column in self.schema.columns} if self.schema else {}
        form: dict[str, Any] = {"columns": columns}
        if self.mapping is not None:
            form["mapped"] = {kind: sorted(self.mapping.mapped(kind)) for kind in self.mapping.kinds}
            form["fields"] = column_ids(self.mapping)
            form["machine_update"] = machine_update(self.mapping)
        items = self.items if self.read == "complete" else ()
        return TableRead(self.source, self.table, self.read, items, form, self.error, accepted)


def machine_update(mapping: TableMapping) -> bool:
    """Tell whether the tool itself moves 最近更新, also when duban writes (C17)."""
    columns = (fields.get("last_update") for fields in mapping.fields.values())
    return any(column is not None and column.type == "modified" for column in columns)


@dataclass(slots=True)
class Watch:
    """Who is told how far a read is, and the wish to stop."""

    progress: Progress | None = None
    stop: threading.Event = field(default_factory=threading.Event)


def pull_all(setup: Setup, known: Mapping[tuple[str, str], TableMemory], watch: Watch) -> list[Pulled]:
    """Read all tables: sources at the same time, the tables of one source one after another.

    Errors of a tool end up in the tables' results; ``Interrupted`` and ``ConfigError`` are raised.
    """
    with ThreadPoolExecutor(max(1, min(8, len(setup.sources))), thread_name_prefix="pull") as pool:
        waiting = [pool.submit(_pull_source, source, setup, known, watch) for source in setup.sources]
        return [pulled for future in waiting for pulled in future.result()]


def _pull_source(
    source: Source, setup: Setup, known: Mapping[tuple[str, str], TableMemory], watch: Watch
) -> list[Pulled]:
    results: list[Pulled] = []
    closed: str | None = None
    for settings in source.tables:
        before = source.connector.traffic.read
        if closed is None:
            pulled, closed = _pull_table(source, settings, setup, known.get((source.name, settings.label)), watch)
        else:
            pulled = _failed(source, settings, closed)
        results.append(_counted(pulled, source.connector.traffic.read - before))
    return results


def _counted(pulled: Pulled, requests: int) -> Pulled:
    values = {name: getattr(pulled, name) for name in pulled.__slots__}
    return Pulled(**(values | {"requests": requests}))


def _failed(source: Source, settings: Table, error: str) -> Pulled:
    return Pulled(source.name, source.tool, settings, source.modes[settings.label] == "live", "failed", error=error)


def _pull_table(
    source: Source, settings: Table, setup: Setup, known: TableMemory | None, watch: Watch
) -> tuple[Pulled, str | None]:
    """Return the table's result and, when the source's credentials are refused, why nothing else can be read."""
    try:
        schema = source.connector.describe(settings.label)
        mapping = map_columns(settings, schema, known.columns.get("fields") if known is not None else None)
        reader = Reader(
            source.name, settings.label, mapping, zone=setup.zone, aliases=setup.directory.aliases,
            statuses=Statuses(settings.statuses),
        )  # fmt: skip
    except AuthError as error:
        return _failed(source, settings, str(error)), str(error)
    except ConnectorError as error:
        return _failed(source, settings, str(error)), None
    except ConfigError as error:
        return _failed(source, settings, str(error)), None
    error_text = _read_pages(source, settings, schema, mapping, reader, watch)
    reading = reader.result()
    if error_text is None and not setup.accept_missing:
        error_text = _suspicion(reading, schema, known)
    read: Literal["complete", "partial", "failed"] = "complete"
    if error_text is not None:
        read = "partial" if reading.pages else "failed"
    live = source.modes[settings.label] == "live"
    return Pulled(
        source.name, source.tool, settings, live, read, reading.items, mapping, schema, error_text, 0, reading.rows,
        reading.pages, _notes(reading, mapping),
    ), None  # fmt: skip


def _read_pages(
    source: Source, settings: Table, schema: Schema, mapping: TableMapping, reader: Reader, watch: Watch
) -> str | None:
    rows = 0
    try:
        for page in source.connector.pull(settings.label, schema, wanted_columns(mapping)):
            if watch.stop.is_set():
                raise Interrupted("stopped on request while reading; nothing was changed")
            reader.add(page)
            rows += len(page.rows)
            _tell(watch, source, settings, rows, page)
    except ConnectorError as error:
        return str(error)
    return None


def _tell(watch: Watch, source: Source, settings: Table, rows: int, page: Page) -> None:
    if watch.progress is not None:
        watch.progress(source.name, settings.label, rows, page.total)


def _suspicion(reading: Reading, schema: Schema, known: TableMemory | None) -> str | None:
    """Return why a read that ended well is not believed: what it lost is more than people delete at once."""
    if known is None or known.last_complete_at is None:
        return None
    there = len(reading.items)
    advice = "if that is right, run once with --accept-missing"
    if known.rows and not there:
        return f"the tool returned no rows, there were {known.rows} before; {advice}"
    if there * 2 < known.rows:
        return f"only {there} of {known.rows} rows are left; {advice}"
    columns = known.columns.get("columns", {})
    kept = sum(1 for column in schema.columns if column.id in columns)
    if kept * 2 < len(columns):
        return f"only {kept} of {len(columns)} columns are left; {advice}"
    return None


def _notes(reading: Reading, mapping: TableMapping) -> tuple[str, ...]:
    strange = tuple(
        f"{count} rows say {text!r}, which is no kind of this table; they were left out"
        for text, count in reading.strange.items()
    )
    asked = tuple(str(question) for question in mapping.questions)
    return (*mapping.problems, *reading.problems, *strange, *asked)
