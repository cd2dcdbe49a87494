"""Airtable as a source: describe, pull, push (the contract is ``connectors.base``).

Five requests a second per base are all there is, for every client of the base: pages are as large as they may be,
only mapped columns are asked for, and the list of tables is asked once for all tables of a base.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import pyairtable

from duban.connectors.airtable.api import PacedApi
from duban.connectors.airtable.cells import BadCellError, decode
from duban.connectors.airtable.fields import column_of
from duban.connectors.airtable.pages import pages_of
from duban.connectors.airtable.writing import Batches
from duban.connectors.base import Cell, Column, Page, Receipt, Row, Schema, Traffic, Write
from duban.connectors.limits import Pace
from duban.connectors.settings import AirtableSource
from duban.errors import Rejected, Unavailable

FRESH = 60.0  # seconds after which a list of tables is too old for any table


@dataclass(slots=True)
class _Metadata:
    """One answer of the metadata: it serves each table of the base once, then it counts as used up."""

    tables: list[dict[str, Any]]
    at: float
    served: set[str] = field(default_factory=set)


class AirtableConnector:
    """One Airtable token. Tables may live in several bases of it."""

    tool = "airtable"

    def __init__(self, settings: AirtableSource, *, zone: ZoneInfo, pace: Pace) -> None:
        self.name = settings.name
        self.traffic = Traffic()
        self._settings, self._zone = settings, zone
        self._tables = {table.label: table for table in settings.tables}
        self._labels: dict[str, str] = {}
        self._api = PacedApi(
            settings.token.reveal(), base_url=settings.base_url, pace=pace, traffic=self.traffic, names=self._labels
        )
        self._metadata: dict[str, _Metadata] = {}
        self._asking = threading.Lock()

    # --- columns

    def describe(self, table: str) -> Schema:
        """Return the table's columns from the base's metadata.

        One answer holds all tables of the base and serves each of them once: asking for the same table again, or
        after a minute, asks Airtable afresh. So a cycle costs one request for each base and never sees old columns.
        """
        wanted, base = self._tables[table].table, self._base(table)
        with self._asking:
            known = self._metadata.get(base)
            if known is None or table in known.served or time.monotonic() - known.at > FRESH:
                answer = self._api.get(self._api.base(base).urls.tables)
                known = self._metadata[base] = _Metadata(answer["tables"], time.monotonic())
            known.served.add(table)
        found = _named(known.tables, wanted)
        if found is None:
            names = ", ".join(f"{entry.get('name')} ({entry.get('id')})" for entry in known.tables)
            raise Rejected(f"base {base} has no table {wanted!r}; its tables: {names or 'none that the token sees'}")
        self._labels[str(found["id"])] = table
        try:
            columns = tuple(column_of(entry) for entry in found["fields"])
            raw = {"id": found["id"], "primary": found.get("primaryFieldId") or columns[0].id}
        except (KeyError, TypeError, IndexError) as error:
            shape = "has an unknown shape; the next cycle asks again"
            raise Unavailable(f"Airtable's description of table {table} {shape}") from error
        return Schema(columns, title=str(found.get("name") or ""), raw=raw)

    def _base(self, table: str) -> str:
        return self._tables[table].base or self._settings.base

    def _table(self, table: str, schema: Schema) -> pyairtable.Table:
        return self._api.table(self._base(table), str(schema.raw["id"]))

    # --- reading

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        """Yield all rows; see the contract. The service names no total."""
        target = self._table(table, schema)
        wanted = {column.id: column for column in schema.columns if column.id in set(columns)}
        # Cells are asked for by the ids of their fields; a server that keys them by name all the same is understood.
        known = {column.name: column for column in wanted.values()} | wanted
        address = f"https://airtable.com/{target.base.id}/{target.name}"
        # What an empty list of fields means is not known: ask for the primary field instead.
        asked = list(wanted) or [schema.raw["primary"]]
        for records in pages_of(target, {"fields": asked}):
            try:
                yield Page([self._row(record, known, address) for record in records])
            except (KeyError, TypeError, AttributeError) as error:
                raise Unavailable(
                    f"Airtable answers table {table} with records of an unknown shape; the next cycle tries again"
                ) from error

    def _row(self, record: dict[str, Any], columns: Mapping[str, Column], address: str) -> Row:
        cells: dict[str, Cell] = {}
        bad: dict[str, str] = {}
        for key, value in (record.get("fields") or {}).items():
            column = columns.get(key)
            if column is None:
                continue
            try:
                cell = decode(column, value, self._zone)
            except BadCellError as error:
                bad[column.id] = str(error)
            else:
                if cell is not None:
                    cells[column.id] = cell
        return Row(record["id"], cells, f"{address}/{record['id']}", bad)

    # --- writing

    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        """Set cells in batches of ten, a few batches at a time; see the contract."""
        return Batches(self._table(table, schema), schema, self._zone).push(writes)

    def close(self) -> None:
        """Give back connections."""
        self._api.close()


def _named(tables: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any] | None:
    by_id = (entry for entry in tables if entry.get("id") == wanted)
    by_name = (entry for entry in tables if entry.get("name") == wanted)
    return next(by_id, None) or next(by_name, None)
