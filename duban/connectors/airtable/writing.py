"""Writing cells into Airtable: batches of ten, all or nothing each, a few on the way at a time.

* A refused batch is halved until the bad row stands alone; the others are written.
* An unknown outcome (no answer, 5xx, an answer without the rows) is settled by reading the cells back; only rows that
  do not hold what was sent are sent again.
* The reply's rows are counted: pyairtable takes a short one in silence.
* A column that is closed to the token's owner is found by trying the columns one by one, once per push; the other
  columns are written, and the rows that wanted that one are told as failed (facts/airtable section 7).
* ``typecast`` stays off: it would create options and, through links, rows (facts/airtable section 5).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pyairtable

from duban.connectors.airtable.answers import Closed, RowGone, RowRefused
from duban.connectors.airtable.cells import UnwritableError, encode, same
from duban.connectors.airtable.pages import pages_of
from duban.connectors.base import Receipt, Schema, Write
from duban.errors import OutcomeUnknown, Unavailable

BATCH = 10
# Five requests a second with a round trip of 0.8 s keep four on the way; slower ones are not worth more threads.
WORKERS = 4
ROUNDS = 3  # how often one row is sent at most, while its outcome stays unknown


class Ready(NamedTuple):
    """One write in Airtable's own encoding."""

    record: str
    fields: dict[str, Any]


class Batches:
    """The writes into one table."""

    def __init__(self, table: pyairtable.Table, schema: Schema, zone: ZoneInfo) -> None:
        self._table, self._zone = table, zone
        self._columns = {column.id: column for column in schema.columns}
        self._asked: set[str] = set()  # the columns of this push; tried alone, some are open, some closed
        self._open: set[str] = set()
        self._closed: set[str] = set()
        self._refusal: Closed | None = None
        self._trying = threading.Lock()

    def push(self, writes: Sequence[Write]) -> Iterator[Receipt]:
        """Write, and yield receipts in order, a batch's as soon as it is settled."""
        self._asked = {name for write in writes for name in write.cells}
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="airtable-write") as pool:
            waiting: deque[Future[list[Receipt]]] = deque()
            try:
                for chunk in _chunks(self._ready(write) for write in writes):
                    waiting.append(pool.submit(self._settled, chunk))
                    if len(waiting) >= WORKERS:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:  # stopped, refused for good, or nobody listens any more: what is not yet sent stays unsent
                for future in waiting:
                    future.cancel()

    def _ready(self, write: Write) -> Ready | Receipt:
        try:
            return Ready(write.record, {name: self._encoded(name, cell) for name, cell in write.cells.items()})
        except UnwritableError as error:
            return Receipt(write.record, "failed", str(error))

    def _encoded(self, name: str, cell: Any) -> Any:
        if name not in self._columns:
            raise UnwritableError(f"the table has no column {name}")
        return encode(self._columns[name], cell)

    def _settled(self, chunk: list[Ready | Receipt]) -> list[Receipt]:
        ready = [entry for entry in chunk if isinstance(entry, Ready)]
        settled = iter(self._written(ready, 1) if ready else ())
        return [entry if isinstance(entry, Receipt) else next(settled) for entry in chunk]

    # --- one batch

    def _written(self, rows: list[Ready], sent: int) -> list[Receipt]:
        if self._refusal is not None and any(row.fields.keys() & self._closed for row in rows):
            return self._around_closed(rows, sent, self._refusal)
        try:
            answered = self._send(rows)
        except Closed as error:
            return self._around_closed(rows, sent, error)
        except (RowGone, RowRefused) as error:
            if len(rows) == 1:
                return [Receipt(rows[0].record, "failed", str(error))]
            middle = len(rows) // 2
            return self._written(rows[:middle], sent) + self._written(rows[middle:], sent)
        except OutcomeUnknown as error:
            return self._read_back(rows, sent, str(error))
        missing = [row for row in rows if row.record not in answered]
        if not missing:
            return [Receipt(row.record, "written") for row in rows]
        late = {r.record: r for r in self._read_back(missing, sent, "Airtable's answer does not name the row")}
        return [late.get(row.record, Receipt(row.record, "written")) for row in rows]

    def _around_closed(self, rows: list[Ready], sent: int, error: Closed) -> list[Receipt]:
        """Write the cells of the columns that are open; where there is none the role lacks the right: raise."""
        closed = self._closed_of(rows) if len(self._asked) > 1 else set()
        if not closed or closed >= self._asked:
            raise error
        self._refusal = error
        open_cells = (
            Ready(row.record, {name: value for name, value in row.fields.items() if name not in closed}) for row in rows
        )
        sendable = [row for row in open_cells if row.fields]
        settled = {receipt.record: receipt for receipt in (self._written(sendable, sent) if sendable else ())}
        receipts = []
        for row in rows:
            refused = ", ".join(sorted(self._columns[name].name for name in row.fields.keys() & closed))
            receipt = settled.get(row.record, Receipt(row.record, "written"))
            if refused and receipt.outcome == "written":
                receipt = Receipt(row.record, "failed", f"{error}; it concerns {refused}, other cells are written")
            receipts.append(receipt)
        return receipts

    def _closed_of(self, rows: Sequence[Ready]) -> set[str]:
        """Return which columns of these rows are closed to us; a column is tried once, with a cell that is due."""
        names = {name for row in rows for name in row.fields}
        with self._trying:
            for name in sorted(names - self._open - self._closed):
                self._try([Ready(row.record, {name: row.fields[name]}) for row in rows if name in row.fields], name)
            return names & self._closed

    def _try(self, cells: Iterable[Ready], name: str) -> None:
        for cell in cells:
            try:
                self._send([cell])
            except Closed:
                self._closed.add(name)
            except (RowGone, RowRefused, OutcomeUnknown):
                continue  # this says nothing of the column: the next row may
            else:
                self._open.add(name)
            return

    def _send(self, rows: list[Ready]) -> set[str]:
        records = [{"id": row.record, "fields": row.fields} for row in rows]
        body = {"records": records, "typecast": False, "returnFieldsByFieldId": True}
        answer = self._table.api.patch(self._table.urls.records, json=body)
        return {record["id"] for record in answer["records"] if isinstance(record, dict) and "id" in record}

    def _read_back(self, rows: list[Ready], sent: int, error: str) -> list[Receipt]:
        """Settle rows whose outcome is unknown: look, and send again what is not there."""
        try:
            held = self._held(rows)
        except Unavailable as failure:
            return [Receipt(row.record, "unknown", f"{error}; reading back failed, too: {failure}") for row in rows]
        absent = [row for row in rows if row.record in held and not self._holds(row, held[row.record])]
        if not absent:
            again = {}
        elif sent < ROUNDS:
            again = {receipt.record: receipt for receipt in self._written(absent, sent + 1)}
        else:
            again = {row.record: Receipt(row.record, "unknown", error) for row in absent}
        gone = f"the row {{}} was deleted in table {self._table.name}"
        return [
            again.get(row.record)
            or Receipt(row.record, *(("written",) if row.record in held else ("failed", gone.format(row.record))))
            for row in rows
        ]

    def _held(self, rows: Iterable[Ready]) -> dict[str, dict[str, Any]]:
        ids = [f"RECORD_ID()='{row.record}'" for row in rows]
        names = sorted({name for row in rows for name in row.fields})
        pages = pages_of(self._table, {"formula": f"OR({','.join(ids)})", "fields": names})
        return {record["id"]: record.get("fields") or {} for page in pages for record in page}

    def _holds(self, row: Ready, held: dict[str, Any]) -> bool:
        return all(
            same(self._columns[name], value, held.get(name), self._zone) for name, value in row.fields.items()
        )  # fmt: skip


def _chunks(entries: Iterable[Ready | Receipt]) -> Iterator[list[Ready | Receipt]]:
    """Group in order so that no group holds more than ten rows to send."""
    chunk: list[Ready | Receipt] = []
    for entry in entries:
        if sum(isinstance(known, Ready) for known in chunk) == BATCH and isinstance(entry, Ready):
            yield chunk
            chunk = []
        chunk.append(entry)
    if chunk:
        yield chunk
