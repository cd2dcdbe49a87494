"""Connectors that each break one clause of the contract, and nothing else on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from duban.connectors.base import Page, Receipt, Row, Schema, Write
from duban.connectors.memory import MemoryConnector


class LosesTheLastPage(MemoryConnector):
    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        pages = list(super().pull(table, schema, columns))
        yield from pages[:-1] or pages


class RepeatsRowsOverPages(MemoryConnector):
    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        last: list[Row] = []
        for page in super().pull(table, schema, columns):
            yield Page([*last, *page.rows], page.total)
            last = list(page.rows[-1:])


class Shuffles(MemoryConnector):
    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        for page in super().pull(table, schema, columns):
            yield Page(page.rows[::-1], page.total)


class FillsEmptyCells(MemoryConnector):
    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        for page in super().pull(table, schema, columns):
            rows = [row._replace(cells={id_: row.cells.get(id_, "") for id_ in columns}) for row in page.rows]
            yield Page(rows, page.total)


class GivesEveryColumn(MemoryConnector):
    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        yield from super().pull(table, schema, [column.id for column in schema.columns])


class GuessesColumnsFromRows(MemoryConnector):
    def describe(self, table: str) -> Schema:
        schema = super().describe(table)
        filled = {id_ for row in self._rows[table].values() for id_ in row}
        return Schema(tuple(column for column in schema.columns if column.id in filled))


class GivesRawValues(MemoryConnector):
    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        rows = self._rows[table].items()
        yield Page([Row(record, {id_: row[id_] for id_ in columns if id_ in row}) for record, row in rows])


class RemembersItsFirstRead(MemoryConnector):
    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        if not hasattr(self, "pages"):
            self.pages = list(super().pull(table, schema, columns))
        yield from self.pages


class DropsTheTimeOfDay(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        cut = [
            Write(record, {i: c.replace(hour=0) if isinstance(c, datetime) else c for i, c in cells.items()})
            for record, cells in writes
        ]
        yield from super().push(table, schema, cut)


class WritesTheRowAbove(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        records = list(self._rows[table])
        for write in writes:
            above = records[records.index(write.record) - 1] if write.record in records else write.record
            list(super().push(table, schema, [write._replace(record=above)]))
            yield from super().push(table, schema, [write])


class WritesTheWholeRowAsRead(MemoryConnector):
    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        self.seen = {record: dict(cells) for record, cells in self._rows[table].items()}
        yield from super().pull(table, schema, columns)

    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        whole = [Write(record, {**self.seen.get(record, {}), **cells}) for record, cells in writes]
        yield from super().push(table, schema, whole)


class DropsNulls(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        kept = [Write(record, {i: cell for i, cell in cells.items() if cell is not None}) for record, cells in writes]
        yield from super().push(table, schema, kept)


class Appends(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        longer = [
            Write(record, {
                id_: f"{self._rows[table].get(record, {}).get(id_, '')}{cell}" if isinstance(cell, str) else cell
                for id_, cell in cells.items()
            })
            for record, cells in writes
        ]  # fmt: skip
        yield from super().push(table, schema, longer)


class AnswersFailuresFirst(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        receipts = list(super().push(table, schema, writes))
        yield from sorted(receipts, key=lambda receipt: receipt.outcome)


class FailsTogether(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        if any(write.record not in self._rows[table] for write in writes):
            yield from (Receipt(write.record, "failed", "RecordIdNotFound") for write in writes)
        else:
            yield from super().push(table, schema, writes)


class IgnoresUnknownColumns(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        known = {column.id for column in schema.columns}
        fitting = [Write(record, {i: cell for i, cell in cells.items() if i in known}) for record, cells in writes]
        yield from super().push(table, schema, fitting)


class CreatesOptions(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        for write in writes:
            self._rows[table][write.record].update(write.cells)
            yield Receipt(write.record, "written")


class WritesComputedColumns(CreatesOptions):
    """The same carelessness, seen on another clause."""


class CountsNothing(MemoryConnector):
    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        before = self.traffic.write
        yield from super().push(table, schema, writes)
        self.traffic.write = before


class BreaksOnSecondClose(MemoryConnector):
    def close(self) -> None:
        assert not getattr(self, "closed", False), "closed twice"
        self.closed = True


BREAKS: tuple[tuple[str, type[MemoryConnector]], ...] = (
    ("test_every_row_is_read_once_over_several_pages", LosesTheLastPage),
    ("test_every_row_is_read_once_over_several_pages", RepeatsRowsOverPages),
    ("test_rows_keep_their_order", Shuffles),
    ("test_absent_cells_are_absent", FillsEmptyCells),
    ("test_only_asked_columns_come_back", GivesEveryColumn),
    ("test_columns_come_from_metadata", GuessesColumnsFromRows),
    ("test_unknown_types_are_read_as_text", GivesRawValues),
    ("test_a_read_sees_the_table_as_it_is_now", RemembersItsFirstRead),
    ("test_written_values_read_back_the_same", DropsTheTimeOfDay),
    ("test_a_write_changes_exactly_the_named_cells", WritesTheRowAbove),
    ("test_human_edits_between_reading_and_writing_survive", WritesTheWholeRowAsRead),
    ("test_none_clears_a_cell", DropsNulls),
    ("test_repeating_a_write_is_harmless", Appends),
    ("test_one_receipt_per_write_in_order", AnswersFailuresFirst),
    ("test_one_bad_row_fails_alone", FailsTogether),
    ("test_an_unknown_column_is_refused", IgnoresUnknownColumns),
    ("test_options_are_never_created", CreatesOptions),
    ("test_computed_columns_are_not_written", WritesComputedColumns),
    ("test_traffic_is_counted", CountsNothing),
    ("test_close_may_be_called_twice", BreaksOnSecondClose),
)
