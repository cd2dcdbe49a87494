"""Writing cells: one call per field, several tasks at a time, receipts in order.

The service has no bulk write (facts/teambition section 0.7), so a row is a series of calls and may end half-way; the
values are absolute, so the next run finishes it. History and notifications are switched off for these writes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Column, Receipt, Schema, Write
from duban.connectors.limits import Pace
from duban.connectors.teambition.api import Api
from duban.connectors.teambition.cells import encode, holds
from duban.connectors.teambition.signals import Forbidden, Gone
from duban.errors import AuthError, DubanError, Interrupted, OutcomeUnknown, Rejected, Unavailable

WRITERS = 12
REPEATS = 3  # sendings of one cell whose outcome stays unknown
ALL_FORBIDDEN = 8  # so many rows and none allowed: it is not the rows
TEMPLATE = "/v3/task/{task}/customfield/update"
_NOBODY = (
    "Teambition lets the operator write to no task at all; give the app the right to edit tasks, and make the operator "
    "a member of the project who may edit these fields"
)

Values = list[dict[str, str]]


class Writer:
    """Writes the rows of one push."""

    def __init__(self, api: Api, schema: Schema, *, zone: ZoneInfo, pace: Pace) -> None:
        self._api, self._zone, self._pace = api, zone, pace
        self._columns = {column.id: column for column in schema.columns}
        self._over = threading.Event()
        self._fatal: DubanError | None = None
        self._counting = threading.Lock()
        self._done = self._forbidden = 0

    def receipts(self, writes: Sequence[Write]) -> Iterator[Receipt]:
        """Write, and yield one receipt per write in order. What must stop the source is raised here."""
        waiting: deque[Future[Receipt]] = deque()
        pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="teambition-writer")
        try:
            for write in writes:
                waiting.append(pool.submit(self._row, write))
                if len(waiting) >= 4 * WRITERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            self._over.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _row(self, write: Write) -> Receipt:
        """Write the cells of one task in their order; the first that fails ends the row and is named."""
        name = ""
        try:
            for id_, cell in self._sendable(write):
                if self._over.is_set():
                    raise self._fatal or Interrupted("the push was ended before this row")
                name = self._columns[id_].name
                self._cell(write.record, self._columns[id_], cell)
        except Gone:
            return self._failed(write, "the task does not exist any more (deleted)")
        except Forbidden as error:
            self._count(forbidden=True)
            return Receipt(write.record, "failed", f"{name}: {error}")
        except Rejected as error:
            return self._failed(write, f"{name}: {error}" if name else str(error))
        except OutcomeUnknown as error:
            return Receipt(write.record, "unknown", f"{name}: {error}")
        except DubanError as error:
            self._end(error)
            raise
        self._count(forbidden=False)
        return Receipt(write.record, "written")

    def _failed(self, write: Write, error: str) -> Receipt:
        self._count(forbidden=False)
        return Receipt(write.record, "failed", error)

    def _count(self, *, forbidden: bool) -> None:
        with self._counting:
            self._done += 1
            self._forbidden += forbidden
            if self._forbidden == self._done >= ALL_FORBIDDEN:
                self._end(AuthError(_NOBODY))
                raise AuthError(_NOBODY)

    def _end(self, error: DubanError) -> None:
        """Let no thread start another call; the rows that were not begun tell the same error."""
        self._fatal = self._fatal or error
        self._over.set()

    def _sendable(self, write: Write) -> list[tuple[str, Values]]:
        """Return every cell in the service's encoding, before the first is sent. Raises ``Rejected``."""
        ready = []
        for id_, cell in write.cells.items():
            column = self._columns.get(id_)
            if column is None:
                raise Rejected(f"there is no column {id_}")
            try:
                ready.append((id_, encode(column, cell, self._zone)))
            except Rejected as error:
                raise Rejected(f"{column.name}: {error}") from None
        return ready

    def _cell(self, task: str, column: Column, value: Values) -> None:
        """Set one field. When the answer is lost, look before sending the same again."""
        body: dict[str, Any] = {
            "customfieldId": column.id, "value": value, "disableActivity": True, "disableNotification": True,
        }  # fmt: skip
        for repeat in range(REPEATS):
            try:
                self._api.post(TEMPLATE, "writing", body, task=task)
            except OutcomeUnknown:
                if self._is_written(task, column, value):
                    return
                self._pace.sleep(0.25 * 2.0**repeat)
            else:
                return
        raise OutcomeUnknown("sent several times without an answer, and it does not stand there")

    def _is_written(self, task: str, column: Column, value: Values) -> bool:
        try:
            found = self._api.tasks([task])
        except Unavailable as error:
            raise OutcomeUnknown(f"no answer, and reading back failed: {error}") from error
        if task not in found:
            raise Gone("the task does not exist any more (deleted)")
        cells = found[task].get("customfields") or ()
        names = ("cfId", "customfieldId")
        value_now = next((c.get("value") for c in cells if column.id in [c.get(name) for name in names]), None)
        return holds(column, value_now, value)
