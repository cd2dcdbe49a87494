"""The only place that writes into tools: changes in, one outcome per change out.

Sources are written at the same time, each by one thread; what a connector makes of its limits, batches and retries is
its own business. Every intent is marked as sent before it is sent and closed by its receipt, so that a run that is
killed anywhere leaves nothing to guess.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from duban.connectors.base import Receipt, Schema, Write
from duban.errors import ConnectorError, Interrupted
from duban.item import Ref
from duban.sync.ledger.values import IntentState
from duban.sync.plan import Change
from duban.sync.setup import Source

Outcome = Literal["written", "failed", "unknown", "stale", "held", "skipped"]
Progress = Callable[[str, str, int, int], None]  # source, table, rows done, rows to do
_STATES: Mapping[str, IntentState] = {"written": "done", "failed": "failed", "unknown": "unknown"}
_CLOSE_EVERY = 100  # receipts: outcomes are noted in steps, a killed run reads the rest back


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one change."""

    ref: Ref
    outcome: Outcome
    error: str | None = None


class Intents(Protocol):
    """What applying needs of the ledger."""

    def sent(self, ids: Sequence[str], *, at: datetime) -> None:
        """Note that intents are being sent."""
        ...

    def outcomes(self, results: Sequence[tuple[str, IntentState, str | None]], *, at: datetime) -> None:
        """Note what became of intents."""
        ...


class NoIntents:
    """For applying without a ledger."""

    def sent(self, ids: Sequence[str], *, at: datetime) -> None:
        """Note nothing."""

    def outcomes(self, results: Sequence[tuple[str, IntentState, str | None]], *, at: datetime) -> None:
        """Note nothing."""


@dataclass(slots=True)
class Writer:
    """Writes the changes of one cycle.

    ``schemas`` are the tables as they were read in this cycle, by (source, table); ``ids`` the intents by ref.
    """

    sources: Mapping[str, Source]
    schemas: Mapping[tuple[str, str], Schema]
    intents: Intents
    ids: Mapping[Ref, str]
    now: datetime
    stop: threading.Event
    progress: Progress | None = None

    def write(self, changes: Sequence[Change]) -> list[Written]:
        """Write all changes and return their outcomes in the same order.

        Raises ``Interrupted`` after the outcomes so far are recorded.
        """
        by_source: dict[str, dict[str, list[Change]]] = {}
        for change in changes:
            by_source.setdefault(change.ref.source, {}).setdefault(change.ref.table, []).append(change)
        done: dict[Ref, Written] = {}
        with ThreadPoolExecutor(max(1, min(8, len(by_source))), thread_name_prefix="push") as pool:
            waiting = [pool.submit(self._source, self.sources[name], tables) for name, tables in by_source.items()]
            interrupted: Interrupted | None = None
            for future in waiting:
                try:
                    done.update((written.ref, written) for written in future.result())
                except Interrupted as error:
                    interrupted = error
        if interrupted is not None:
            raise interrupted
        return [done[change.ref] for change in changes]

    def _source(self, source: Source, tables: Mapping[str, list[Change]]) -> list[Written]:
        written: list[Written] = []
        for table, changes in tables.items():
            written += self._table(source, table, changes)
        return written

    def _table(self, source: Source, table: str, changes: list[Change]) -> list[Written]:
        self.intents.sent([self.ids[change.ref] for change in changes if change.ref in self.ids], at=self.now)
        writes = [Write(change.ref.record, {cell.column: cell.cell for cell in change.cells}) for change in changes]
        done: list[Written] = []
        noted = 0
        try:
            for change, receipt in self._receipts(source, table, writes, changes):
                done.append(Written(change.ref, receipt.outcome, receipt.error))
                if self.progress is not None:
                    self.progress(source.name, table, len(done), len(changes))
                if len(done) - noted >= _CLOSE_EVERY:
                    self._note(done[noted:])
                    noted = len(done)
        except ConnectorError as error:
            done += [Written(change.ref, "failed", str(error)) for change in changes[len(done) :]]
        finally:
            self._note(done[noted:])
        return done

    def _receipts(
        self, source: Source, table: str, writes: list[Write], changes: list[Change]
    ) -> Iterator[tuple[Change, Receipt]]:
        receipts = source.connector.push(table, self.schemas[source.name, table], writes)
        yield from zip(changes, receipts, strict=True)

    def _note(self, done: Sequence[Written]) -> None:
        results = [(self.ids[w.ref], _STATES[w.outcome], w.error) for w in done if w.ref in self.ids]
        if results:
            self.intents.outcomes(results, at=self.now)
