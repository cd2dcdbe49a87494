"""Cells into rows: batches of 500, one bad row found by halving, lost answers read back (facts, section 6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from pydantic_core import to_json

from duban.connectors.ahead import HEAD_START
from duban.connectors.base import Cell, Column, Receipt, Schema, Write
from duban.connectors.feishu.address import Place
from duban.connectors.feishu.api import MOST_IDS, Api
from duban.connectors.feishu.codes import Action, Refused, action_of
from duban.connectors.feishu.decode import Zones, decoder
from duban.connectors.feishu.encode import Unwritable, encode, encoder
from duban.connectors.http import json_body
from duban.errors import AuthError, ConnectorError, OutcomeUnknown, Rejected, Unavailable

BATCH = 500  # 1,000 by newer pages, 500 by older ones
ROUNDS = 3  # how often rows are sent again after their answer was lost
VAGUE_TRIES, VAGUE_MOST = 2, 16  # the same batch again after a vague refusal; vague refusals of one push
SINGLE_REFUSALS = 50  # after so many refused rows no further batch is taken apart: each costs up to 18 requests

Fields = dict[str, Any]


class _Batch(NamedTuple):
    """Writes, encoded by ``columns``: the request's body, and the receipts of rows that need no sending."""

    writes: Sequence[Write]
    body: bytes
    settled: Mapping[str, Receipt]
    columns: Mapping[str, Column]


class Writing:
    """One push to one table. Values are absolute, so that sending them twice does no harm."""

    def __init__(self, api: Api, place: Place, zones: Zones, schema: Schema) -> None:
        self._api, self._place, self._zones = api, place, zones
        self._columns = {column.id: column for column in schema.columns}
        self._listed_again, self._vague, self._refused = False, 0, 0

    def receipts(self, writes: Sequence[Write]) -> Iterator[Receipt]:
        """Yield one receipt per write, in order, batch by batch; the next one is encoded while one is on its way."""
        chunks = batches(writes, BATCH)
        with ThreadPoolExecutor(1, thread_name_prefix="feishu-encode") as side:
            batch = self._next(chunks)
            while batch is not None:
                coming = side.submit(self._next_but_later, chunks)
                yield from self._sent(batch)
                batch = coming.result()

    def _next_but_later(self, chunks: Iterator[list[Write]]) -> _Batch | None:
        time.sleep(HEAD_START)  # until the request before has left: encoding keeps the interpreter for itself
        return self._next(chunks)

    def _next(self, chunks: Iterator[list[Write]]) -> _Batch | None:
        chunk = next(chunks, None)
        return None if chunk is None else self._encoded(chunk)

    def _sent(self, batch: _Batch) -> list[Receipt]:
        if batch.columns is not self._columns:  # listed again while an earlier batch was written
            batch = self._encoded(batch.writes)
        done = dict(batch.settled)
        self._send(batch, done, ROUNDS)
        return [done[write.record] for write in batch.writes]

    def _settle(self, writes: Sequence[Write], done: dict[str, Receipt], rounds: int) -> None:
        """Send the writes and enter what became of each into ``done``."""
        batch = self._encoded(writes)
        done.update(batch.settled)
        self._send(batch, done, rounds)

    def _send(self, batch: _Batch, done: dict[str, Receipt], rounds: int) -> None:
        if not batch.body:
            return
        sent = [write for write in batch.writes if write.record not in batch.settled]
        try:
            self._api.update(self._place, batch.body)
        except OutcomeUnknown as error:
            self._after_silence(sent, done, rounds, error)
        except (Rejected, Unavailable) as error:
            self._after_refusal(sent, done, rounds, error)
        else:
            done.update((write.record, Receipt(write.record, "written")) for write in sent)

    def _encoded(self, writes: Sequence[Write]) -> _Batch:
        """Return what can be sent, keyed by the columns' present names; the others have failed already."""
        columns, encoders = self._columns, dict[str, tuple[str, Callable[[Cell], Any]]]()
        entries: list[dict[str, Any]] = []
        settled: dict[str, Receipt] = {}
        for write in writes:
            fields: Fields = {}
            try:
                for key, cell in write.cells.items():
                    if key not in encoders:
                        column = columns.get(key) or self._column(key)
                        encoders[key] = column.name, encoder(column, self._zones)
                    name, encoded = encoders[key]
                    fields[name] = encoded(cell)
            except Unwritable as error:
                settled[write.record] = Receipt(write.record, "failed", str(error))
                continue
            if fields:
                entries.append({"record_id": write.record, "fields": fields})
            else:
                settled[write.record] = Receipt(write.record, "written")
        return _Batch(writes, _body(entries) if entries else b"", settled, columns)

    def _column(self, key: str) -> Column:
        column = self._columns.get(key)
        if column is None:
            raise Unwritable(f"the table has no column {key} any more; it was deleted")
        return column

    # --- refused

    def _after_refusal(
        self, writes: Sequence[Write], done: dict[str, Receipt], rounds: int, error: ConnectorError
    ) -> None:
        action = action_of(error)
        if action is Action.COLUMNS and not self._listed_again:
            self._listed_again = True
            self._columns = {column.id: column for column in self._api.columns(self._place)}
            self._settle(writes, done, rounds)
        elif action in {Action.RESTART, Action.NOT_READY}:
            self._after_vague(writes, done, rounds, error)
        elif isinstance(error, Refused) and action is not Action.REFUSE:
            self._take_apart(writes, done, rounds, error)
        else:
            raise error

    def _take_apart(self, writes: Sequence[Write], done: dict[str, Receipt], rounds: int, error: Refused) -> None:
        """Find the bad rows of a batch that was refused as a whole: Feishu does not say which they are."""
        # A column that stays hidden after listing again refuses every row that has it: no row is to blame.
        hidden = error.action is Action.COLUMNS and error.code != 1254015
        if len(writes) == 1 or hidden or self._refused >= SINGLE_REFUSALS:
            self._refused += len(writes)
            done.update((write.record, Receipt(write.record, "failed", str(error))) for write in writes)
            return
        middle = len(writes) // 2
        for part in (writes[:middle], writes[middle:]):
            self._settle(part, done, rounds)

    def _after_vague(
        self, writes: Sequence[Write], done: dict[str, Receipt], rounds: int, error: ConnectorError
    ) -> None:
        """After a refusal that names no reason: the same again, then smaller; the pauses grow, their number ends."""
        self._vague += 1
        if self._vague > VAGUE_MOST:
            raise Unavailable(str(error)) from error
        if self._vague > VAGUE_TRIES and len(writes) == 1:
            done[writes[0].record] = Receipt(writes[0].record, "failed", str(error))
            return
        self._api.traffic.retried += 1
        self._api.pace.sleep(min(0.5 * 2.0**self._vague, 4.0))
        middle = len(writes) // 2 if self._vague > VAGUE_TRIES else 0
        for part in filter(None, (writes[:middle], writes[middle:])):
            self._settle(part, done, rounds)

    # --- not answered

    def _after_silence(
        self, writes: Sequence[Write], done: dict[str, Receipt], rounds: int, error: OutcomeUnknown
    ) -> None:
        """Read our cells back: rows that hold them are written, the others are sent again, a few times."""
        try:
            found, absent = self._read_back([write.record for write in writes])
        except AuthError:
            raise
        except ConnectorError as reason:
            text = f"{error}; reading back failed as well: {reason}"
            done.update((write.record, Receipt(write.record, "unknown", text)) for write in writes)
            return
        again: list[Write] = []
        for write in writes:
            if write.record in absent:
                done[write.record] = Receipt(write.record, "failed", "the row was deleted")
            elif write.record in found and self._holds(found[write.record], write.cells):
                done[write.record] = Receipt(write.record, "written")
            elif write.record in found and rounds > 0:
                again.append(write)
            else:
                done[write.record] = Receipt(write.record, "unknown", str(error))
        if again:
            self._api.traffic.retried += 1
            self._settle(again, done, rounds - 1)

    def _read_back(self, records: Sequence[str]) -> tuple[dict[str, Fields], set[str]]:
        found: dict[str, Fields] = {}
        absent: set[str] = set()
        for start in range(0, len(records), MOST_IDS):
            data = self._api.rows(self._place, records[start : start + MOST_IDS])
            found |= {str(row["record_id"]): row.get("fields") or {} for row in data.get("records") or ()}
            absent |= set(data.get("absent_record_ids") or ())
        return found, absent

    def _holds(self, fields: Mapping[str, Any], cells: Mapping[str, Cell]) -> bool:
        """Return whether a row holds what we wrote; both sides are compared as they would be sent."""
        for key, wanted in cells.items():
            column = self._columns[key]
            try:
                held = decoder(column, self._zones)(fields.get(column.name))
                if column.type == "checkbox":
                    same = bool(held) == bool(wanted)  # a box never touched is absent, not false
                else:
                    same = encode(column, held, self._zones) == encode(column, wanted, self._zones)
            except (ValueError, TypeError, Unwritable):
                return False
            if not same:
                return False
        return True


def _body(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a batch's JSON. pydantic's writer takes a fifth of the library's time, but would write NaN, dates and the
    like as well: here nothing but what :func:`encoder` returns comes in. Half a surrogate pair it refuses."""
    try:
        return to_json({"records": entries})
    except ValueError:
        return json_body({"records": entries})


def batches(writes: Sequence[Write], most: int) -> Iterator[list[Write]]:
    """Yield the writes in order, at most so many at a time, and never one row twice in a batch."""
    batch: list[Write] = []
    records: set[str] = set()
    for write in writes:
        if len(batch) == most or write.record in records:
            yield batch
            batch, records = [], set()
        batch.append(write)
        records.add(write.record)
    if batch:
        yield batch
