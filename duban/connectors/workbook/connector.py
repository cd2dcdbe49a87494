"""A workbook file as a source: worksheets are tables, rows are records.

**Identity.** A row's record id is its code: the text in the column ``key`` of the configuration, by default the
column that holds 任务编号. A ref then survives sorting and inserted rows. A row without a code, or with one that a row
above it already has, is ``row 7`` by its number in the file; such a ref is only as stable as the row's place.

**Columns** have no types in a file, so they are described as text and every cell keeps its own type; duban's own
columns in an xlsx file are described by the guide, so that times and numbers are written as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column, ColumnType, Page, Receipt, Row, Schema, Traffic, Write
from duban.connectors.columns import find_column, kinds_of, map_columns
from duban.connectors.limits import Pace
from duban.connectors.own import find_own, own_of
from duban.connectors.settings import WorkbookSource, WorkbookTable
from duban.connectors.values import text_of
from duban.connectors.workbook.book import Book, BookRow, Heading
from duban.connectors.workbook.csvfile import CsvBook
from duban.connectors.workbook.files import changed, check_free, digest, read_file, replace_file
from duban.connectors.workbook.xlsx import XlsxBook
from duban.errors import Rejected, SchemaChanged

_PAGE = 1_000
_XLSX = {".xlsx", ".xlsm"}
_CSV = {".csv", ".tsv", ".txt"}
_OWN_TYPES: Mapping[str, ColumnType] = {"datetime": "datetime", "number": "number"}


class _Sheet(NamedTuple):
    """One table at one moment: the file's bytes and content, its columns and where they stand, the column of codes."""

    data: bytes
    book: Book
    columns: tuple[Column, ...]
    places: Mapping[str, int]
    key: int | None


class _Seen(NamedTuple):
    """What the last read of a table saw: the file's digest and, once it ended, record id -> row number."""

    digest: str
    numbers: Mapping[str, int] | None


class WorkbookConnector:
    """One xlsx or csv file; it is never held open between calls. ``zone``: where its times are local."""

    tool = "workbook"

    def __init__(self, settings: WorkbookSource, *, zone: ZoneInfo, pace: Pace | None = None) -> None:
        self.name, self._settings, self._zone, self._pace = settings.name, settings, zone, pace
        self.traffic = Traffic()
        self._path = Path(settings.path)
        self._tables = {table.label: table for table in settings.tables}
        self._seen: dict[str, _Seen] = {}

    def describe(self, table: str) -> Schema:
        """Return the headings as columns. A second column of the same heading has the id ``heading (C)``."""
        sheet = self._sheet(table)
        return Schema(sheet.columns, title=f"{self._path.name} / {table}")

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:  # noqa: ARG002 - the contract
        """Yield all rows that have any cell, in the file's order."""
        sheet = self._sheet(table)
        wanted = {self._place(sheet, table, id_): id_ for id_ in dict.fromkeys(columns)}
        seen = self._seen[table] = _Seen(digest(sheet.data), None)
        page: list[Row] = []
        numbers: dict[str, int] = {}
        for record, row in _records(sheet.book.rows(self._tables[table]), sheet.key, self._zone):
            numbers[record] = row.number
            page.append(_picked(record, row, wanted))
            if len(page) == _PAGE:
                yield Page(page)
                page = []
        self._seen[table] = seen._replace(numbers=numbers)
        yield Page(page)

    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:  # noqa: ARG002 - the contract
        """Set cells, all writes in one replacement of the file.

        Raises ``Unavailable`` while a person has the file open and ``SchemaChanged`` when it was saved since the last
        read of this table; nothing is written then.
        """
        if not writes:
            return
        check_free(self._path)
        sheet = self._sheet(table)
        before = digest(sheet.data)
        seen = self._seen.get(table, _Seen(before, None))
        if seen.digest != before:
            raise changed(self._path)
        numbers = seen.numbers if seen.numbers is not None else self._numbers(table, sheet)
        errors: list[str | None] = []
        changes: dict[int, dict[int, Cell]] = {}
        for write in writes:
            error = self._refusal(sheet, table, write, numbers)
            errors.append(error)
            if error is None:
                cells = {sheet.places[id_]: cell for id_, cell in write.cells.items()}
                changes.setdefault(numbers[write.record], {}).update(cells)
        refused = self._replace(table, sheet, before, changes) if changes else {}
        for write, error in zip(writes, errors, strict=True):
            reason = error or refused.get(numbers[write.record])
            yield Receipt(write.record, "failed" if reason else "written", reason)

    def close(self) -> None:
        """Do nothing: the file is never held open."""

    # --- inside

    def _numbers(self, table: str, sheet: _Sheet) -> Mapping[str, int]:
        rows = _records(sheet.book.rows(self._tables[table]), sheet.key, self._zone)
        return {record: row.number for record, row in rows}

    def _replace(
        self, table: str, sheet: _Sheet, before: str, changes: Mapping[int, Mapping[int, Cell]]
    ) -> Mapping[int, str]:
        edited = sheet.book.edited(self._tables[table], changes)
        if len(edited.refused) < len(changes):
            replace_file(self._path, before, edited.data)
            self.traffic.write += 1
            after = digest(edited.data)
            # Our own write moves no row, so what other tables of the file have read stays true.
            for label, seen in self._seen.items():
                if seen.digest == before:
                    self._seen[label] = seen._replace(digest=after)
        return edited.refused

    def _refusal(self, sheet: _Sheet, table: str, write: Write, numbers: Mapping[str, int]) -> str | None:
        if write.record not in numbers:
            return f"{table} of {self._path.name} has no row {write.record!r}; it was deleted or its code was changed"
        unknown = [id_ for id_ in write.cells if id_ not in sheet.places]
        if unknown:
            return f"{table} of {self._path.name} has no column {unknown[0]!r}; describe it again"
        return None

    def _place(self, sheet: _Sheet, table: str, column: str) -> int:
        if column not in sheet.places:
            raise SchemaChanged(f"{table} of {self._path.name} has no column {column!r}; describe it again")
        return sheet.places[column]

    def _sheet(self, label: str) -> _Sheet:
        if label not in self._tables:
            raise Rejected(f"{self.name} has no table {label!r}; its tables: {', '.join(self._tables)}")
        table = self._tables[label]
        data = read_file(self._path)
        self.traffic.read += 1
        book = self._book(data)
        headings = book.headings(table)
        if not headings:
            raise Rejected(f"row {table.header} of {label} in {self._path.name} has no headings; correct header")
        columns = _columns(headings)
        places = {column.id: heading.position for column, heading in zip(columns, headings, strict=True)}
        typed = _typed(table, columns) if book.typed else columns
        return _Sheet(data, book, typed, places, self._key(table, typed, places))

    def _book(self, data: bytes) -> Book:
        suffix = self._path.suffix.lower()
        if suffix in _XLSX:
            return XlsxBook(data, self._path.name, self._zone)
        if suffix in _CSV:
            return CsvBook(data, self._path.name, self._zone, self._settings.encoding)
        raise Rejected(f"{self._path.name} is neither xlsx nor csv; save it as xlsx")

    def _key(self, table: WorkbookTable, columns: tuple[Column, ...], places: Mapping[str, int]) -> int | None:
        if table.key is not None:
            column = find_column(columns, table.key)
            if column is None:
                raise Rejected(f"key of {table.label} names {table.key!r}, which {self._path.name} does not have")
            return places[column.id]
        mapping = map_columns(table, Schema(columns))
        codes = (fields["code"] for fields in mapping.fields.values() if "code" in fields)
        return next((places[column.id] for column in codes), None)


def _columns(headings: Sequence[Heading]) -> tuple[Column, ...]:
    columns: list[Column] = []
    for heading in headings:
        taken = heading.text in {column.id for column in columns}
        id_ = f"{heading.text} ({_letters(heading.position)})" if taken else heading.text
        columns.append(Column(id_, heading.text, "text"))
    return tuple(columns)


def _letters(position: int) -> str:
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _typed(table: WorkbookTable, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Give duban's own columns the types of the guide."""
    kinds = kinds_of(table)
    types = {own.key: _OWN_TYPES.get(own.type, "text") for own in own_of(kinds)}
    own = {column.id: types[key] for key, column in find_own(table, kinds, columns, {}).columns.items()}
    return tuple(replace(column, type=own.get(column.id, "text")) for column in columns)


def _records(rows: Iterator[BookRow], key: int | None, zone: ZoneInfo) -> Iterator[tuple[str, BookRow]]:
    seen: set[str] = set()
    for row in rows:
        code = text_of(row.cells.get(key), zone) if key is not None else ""
        record = code if code and code not in seen else f"row {row.number}"
        seen.add(code)
        yield record, row


def _picked(record: str, row: BookRow, wanted: Mapping[int, str]) -> Row:
    cells = {wanted[place]: cell for place, cell in row.cells.items() if place in wanted}
    return Row(record, cells, None, {wanted[place]: text for place, text in row.bad.items() if place in wanted})
