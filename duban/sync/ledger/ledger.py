"""The ledger: everything that duban remembers between two cycles, in one database.

A cycle reads ``tables``, ``items`` and ``memories``, judges, and calls ``commit_cycle`` once: one transaction that
holds the mirror, the memories, what is about to be written (intents) and what is about to be said (outbox). Only then
is anything written or sent, and each outcome noted. Killed anywhere, the ledger holds either the cycle before or this
one, and the next run finishes what was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain
from types import TracebackType
from typing import Any, Self

from duban.item import Item, Ref
from duban.rules.memory import Memory
from duban.sync.ledger import exchange, intents, mirror, outbox, past, recollection, running
from duban.sync.ledger.codec import Decoder, instant_text, plain
from duban.sync.ledger.database import Database
from duban.sync.ledger.document import parse
from duban.sync.ledger.migrations import Migration, pending
from duban.sync.ledger.opening import looked_at, opened
from duban.sync.ledger.past import Version
from duban.sync.ledger.slots import LedgerSlots
from duban.sync.ledger.values import (
    Committed,
    Cycle,
    Due,
    Intent,
    IntentState,
    Lease,
    Message,
    Moment,
    Run,
    TableMemory,
)  # fmt: skip


class Ledger:
    """One open ledger. ``open`` it to work with it, ``peek`` to look only. Thread-safe but for one in memory.

    All times that go in are aware; those that come out are in ``zone``, the configured one. Every method may raise
    :class:`duban.errors.StateError`.
    """

    def __init__(self, database: Database, zone: tzinfo) -> None:
        self._database, self.zone = database, zone

    @classmethod
    def open(cls, url: str, *, create: bool = True, zone: tzinfo = UTC) -> Ledger:
        """Open a ledger by its database URL and bring it up to date; make it if ``create``.

        Raises ``StateError`` when there is none, when it is not a ledger, or when a newer duban wrote it.
        """
        return cls(opened(url, create=create), zone)

    @classmethod
    def peek(cls, url: str, *, zone: tzinfo = UTC) -> Ledger:
        """Open a ledger for looking only: nothing is made or changed, and writing raises ``StateError``.

        Where there is no ledger yet, or an older one in SQLite that must not be upgraded by a look, the view is a copy
        in memory, which is empty or upgraded; what is written to it is lost on ``close``.
        """
        return cls(looked_at(url), zone)

    def close(self) -> None:
        """Give back every connection. Closing twice is harmless."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self.close()

    def pending(self) -> tuple[Migration, ...]:
        """Return the migrations that the ledger still needs: none once it is open."""
        with self._database.reading() as connection:
            return pending(connection, name=self._database.name)

    def slots(self, clock: Callable[[], float]) -> LedgerSlots:
        """Return rate-limit slots that every process using this ledger shares; ``clock`` as for ``time.time``.

        They have connections of their own, to be closed by the caller.
        """
        database = self._database
        if database.in_memory:
            return LedgerSlots(database, clock, shared=True)
        return LedgerSlots(Database(database.url, durable=False), clock)

    # --- what is known

    def tables(self) -> Mapping[tuple[str, str], TableMemory]:
        """Return how every table was last read, by (source, table)."""
        with self._database.reading() as connection:
            return mirror.load_tables(connection, self._decoder())

    def items(self, source: str, table: str) -> Iterator[Item]:
        """Yield the mirror's rows of a table that are not gone, in no particular order, without holding them all."""
        rows = self._database.stream(mirror.rows_of(source, table))
        return mirror.items_from(rows, source, table, self._decoder())

    def count(self, source: str, table: str) -> int:
        """Return how many rows of a table the mirror has that are not gone."""
        with self._database.reading() as connection:
            return mirror.count(connection, source, table)

    def memories(self, tables: Iterable[tuple[str, str]], *, read: Iterable[Item] = ()) -> dict[Ref, Memory]:
        """Return what is remembered of the rows of tables, those that are gone for now included.

        ``read`` are rows just read: one that nothing is remembered of takes an imported state that waits for its code.
        """
        decoder = self._decoder()
        known: dict[Ref, Memory] = {}
        for source, table in tables:
            with self._database.reading() as connection:
                alerts = connection.execute(recollection.alerts_of(source, table)).all()
            rows = self._database.stream(recollection.memories_of(source, table))
            known.update(recollection.memories_from(rows, alerts, source, table, decoder))
        with self._database.reading() as connection:
            waiting = exchange.load_waiting(connection, self.zone)
        for item in read if waiting.states else ():
            match = None if item.ref in known else waiting.of(item.ref, item.code)
            if match is not None:
                known[item.ref] = match[1]
        return known

    def resolve(self, ref: Ref, code: str) -> Memory | None:
        """Return what is remembered of one row, or the imported state that waits for its code."""
        with self._database.reading() as connection:
            found = recollection.memory_of(connection, ref, self._decoder())
            match = None if found else exchange.load_waiting(connection, self.zone).of(ref, code)
        return match[1] if match else found

    def spans(self, ref: Ref) -> list[tuple[str, datetime, datetime | None]]:
        """Return the stretches of time that a row spent in each status: (status, since, until), oldest first."""
        with self._database.reading() as connection:
            return recollection.spans_of(connection, ref, self._decoder())

    def told(self, keys: Collection[str] | None = None, *, shadow: bool = False) -> set[str]:
        """Return the keys of the messages that count as told, of the given ones or of all.

        A message in any status counts, for what waits or failed must not be queued twice; one that was only shown in
        shadow mode counts only where ``shadow`` says so.
        """
        with self._database.reading() as connection:
            return outbox.told(connection, keys, shadow=shadow)

    # --- one cycle

    def commit_cycle(self, cycle: Cycle, *, run: str, now: datetime) -> Committed:
        """Write down a whole cycle in one transaction, before anything of it is written or sent elsewhere.

        ``run`` should have been begun. Items, memories and tables that the cycle does not hold stay as they are.
        """
        hashes = [mirror.hashes_of(read.items) for read in cycle.tables]  # the slow part, before anybody has to wait
        changed = gone = resumed = purged = 0
        decoder = self._decoder()
        with self._database.writing() as connection:
            for read, seen in zip(cycle.tables, hashes, strict=True):
                found = mirror.difference(connection, read, seen)
                mirror.write(connection, read, found, run=run, now=now)
                changed += len(found.changed)
                gone += len(found.missing)
                resumed += found.resumed
                purged += mirror.purge(connection, read, now=now)
            exchange.adopt(connection, self.zone, _rows(cycle))
            for place, records in _by_table(cycle.memories):
                past.keep_memories(connection, place, records, str(instant_text(now)))
            recollection.remember(connection, cycle.memories, now=now)
            intents.close_observed(connection, decoder, _rows(cycle), run=run, at=now)
            planned = intents.plan(connection, cycle.intents, run=run, now=now)
            intents.drop_old(connection, now=now)
            keys = outbox.queue(connection, cycle.messages, run=run, now=now)
            if cycle.judged is not None:
                stirred = bool(changed or gone or resumed or cycle.memories or keys)
                past.note(connection, cycle.judged, self.zone, changed=stirred)
        return Committed(changed, gone, resumed, purged, planned, keys)

    # --- writing

    def open_intents(self, source: str | None = None, *, run: str = "") -> list[Intent]:
        """Return the intents of runs other than ``run`` whose outcome is not known, oldest first."""
        with self._database.reading() as connection:
            return intents.still_open(connection, self._decoder(), source=source, but_run=run)

    def close_observed(self, rows: Iterable[Item], *, run: str, at: datetime) -> Mapping[str, IntentState]:
        """Close the open intents of earlier runs by rows just read: *done* when a row's own cells hold what was wanted,
        else *superseded*; return the verdicts by id. ``commit_cycle`` does the same; call it before ``memories`` so
        that ``written_at`` is right already when the rows are judged."""
        with self._database.reading() as connection:
            if not intents.still_open(connection, self._decoder(), source=None, but_run=run):
                return {}
        with self._database.writing() as connection:
            return intents.close_observed(connection, self._decoder(), rows, run=run, at=at)

    def last_written(self, refs: Collection[Ref]) -> dict[Ref, Mapping[str, Any]]:
        """Return what duban last wrote into each own cell of these rows, by own key; other rows are missing."""
        with self._database.reading() as connection:
            return recollection.last_written(connection, self._decoder(), refs)

    def sent(self, ids: Iterable[str], *, at: datetime) -> None:
        """Note that intents are being sent: called right before."""
        with self._database.writing() as connection:
            intents.mark_sent(connection, ids, at)

    def outcome(self, id: str, state: IntentState, *, at: datetime, error: str | None = None) -> None:  # noqa: A002 - as in Intent
        """Note what became of an intent; *done* sets its row's ``Memory.written_at``."""
        self.outcomes([(id, state, error)], at=at)

    def outcomes(self, results: Iterable[tuple[str, IntentState, str | None]], *, at: datetime) -> None:
        """Note what became of many intents, as (id, state, error), in one transaction."""
        with self._database.writing() as connection:
            intents.close(connection, results, at)

    # --- telling

    def pending_messages(self, *, now: datetime, source: str | None = None) -> list[Message]:
        """Return what is to be sent now, oldest first: queued and due, or left half-sent by a crash (at least once)."""
        with self._database.reading() as connection:
            return outbox.pending(connection, self._decoder(), now=now, source=source)

    def mark_sending(self, key: str, *, at: datetime) -> bool:
        """Note an attempt, before it is made; false when the message no longer waits, and must not be sent."""
        with self._database.writing() as connection:
            return outbox.mark_sending(connection, key, at)

    def mark_sent(self, key: str, *, at: datetime) -> None:
        """Note that the message being sent arrived."""
        with self._database.writing() as connection:
            outbox.mark(connection, key, status="sent", sent_at=instant_text(at), error=None)

    def mark_failed(self, key: str, error: str, *, retry_at: datetime | None = None) -> None:
        """Note that the message being sent did not arrive: it waits until ``retry_at``, or has failed for good."""
        status = "failed" if retry_at is None else "queued"
        with self._database.writing() as connection:
            outbox.mark(connection, key, status=status, error=plain(error), next_at=instant_text(retry_at))

    def mark_uncertain(self, key: str, error: str) -> None:
        """Note that nobody can tell whether the message arrived, and that repeating it is not safe any more."""
        with self._database.writing() as connection:
            outbox.mark(connection, key, status="uncertain", error=plain(error))

    # --- the past

    def moments(self) -> list[Moment]:
        """Return every recorded moment, oldest first."""
        with self._database.reading() as connection:
            return past.load_moments(connection, self._decoder())

    def last_moment(self, sources: Collection[str] | None = None) -> Moment | None:
        """Return the latest recorded moment, of a cycle that read exactly these sources where some are given."""
        with self._database.reading() as connection:
            return past.last_moment(connection, self._decoder(), None if sources is None else sorted(sources))

    def document(self, fingerprint: str) -> str | None:
        """Return the text of a recorded book of rules, or of how the tables stood at a moment."""
        with self._database.reading() as connection:
            return past.document(connection, fingerprint)

    def books(self) -> dict[str, Mapping[str, str]]:
        """Return the digests of every book that judged, by its fingerprint."""
        with self._database.reading() as connection:
            return past.digests(connection)

    def versions(self, source: str, table: str, *, since: datetime) -> list[Version]:
        """Return what the rows of a table were from ``since`` on, in no order."""
        with self._database.reading() as connection:
            return list(past.versions(connection, (source, table), self._decoder(), since))

    def memories_since(self, source: str, table: str, *, since: datetime) -> list[tuple[Ref, Memory, datetime | None]]:
        """Return what was remembered of a table's rows right before ``since`` and later, as (ref, memory, until when),
        the versions of one row oldest first; ``None``: still."""
        with self._database.reading() as connection:
            return list(past.memories_since(connection, (source, table), since, self._decoder()))

    def first_seen(self, source: str, table: str) -> dict[Ref, datetime | None]:
        """Return since when each row of a table is known; ``None``: since before anything was recorded."""
        with self._database.reading() as connection:
            return past.first_seen(connection, (source, table), self._decoder())

    def writes(self, source: str, table: str) -> list[tuple[Ref, datetime]]:
        """Return when duban wrote the rows of a table, oldest first."""
        with self._database.reading() as connection:
            return past.writes(connection, (source, table), self._decoder())

    def messages(self) -> list[Message]:
        """Return every message that is known, those about rows that are deleted included, oldest first."""
        with self._database.reading() as connection:
            return outbox.every(connection, self._decoder())

    # --- running

    def begin(self, run: Run) -> None:
        """Note that a run began."""
        with self._database.writing() as connection:
            running.begin(connection, run)

    def end(self, run: str, result: str, counts: Mapping[str, Any], *, at: datetime) -> None:
        """Note how a run ended; ``counts`` is JSON data."""
        with self._database.writing() as connection:
            running.end(connection, run, result, counts, at)

    def runs(self, limit: int = 20) -> list[Run]:
        """Return the latest runs, newest first; one without ``ended`` was interrupted or still works."""
        with self._database.reading() as connection:
            return running.latest(connection, self._decoder(), limit)

    def schedule(self) -> dict[str, Due]:
        """Return when the daemon is to read each source next."""
        with self._database.reading() as connection:
            return running.due(connection, self._decoder())

    def set_schedule(self, source: str, due: Due) -> None:
        """Set when the daemon is to read a source next."""
        with self._database.writing() as connection:
            running.set_due(connection, source, due)

    def lease(self, source: str, owner: str, *, ttl: timedelta, now: datetime) -> Lease | None:
        """Take a source for ``ttl``; ``None`` while somebody holds it, be it the same owner."""
        with self._database.writing() as connection:
            return running.acquire(connection, source, owner, ttl, now)

    def renew(self, lease: Lease, *, ttl: timedelta, now: datetime) -> Lease | None:
        """Hold a lease longer, before every write outside; ``None`` when it is lost: stop writing at once."""
        with self._database.writing() as connection:
            return running.renew(connection, lease, ttl, now)

    def release(self, lease: Lease, *, now: datetime) -> None:
        """Give a lease back, if it is still ours."""
        with self._database.writing() as connection:
            running.release(connection, lease, now)

    # --- moving

    def export_state(self) -> dict[str, Any]:
        """Return everything remembered of items and messages as the portable document of spec section 4.

        The mirror and the intents are not in it: they are read and planned again.
        """
        with self._database.reading() as connection:
            return exchange.export_state(connection, self._decoder())

    def import_state(self, document: Any, *, now: datetime, zone: tzinfo | None = None) -> None:
        """Put a document in, all of it or nothing; ``zone`` is that of times without an offset (the ledger's own).

        The items it names get exactly the state it gives. Raises one ``StateError`` with every mistake.
        """
        checked = parse(document, zone or self.zone)
        with self._database.writing() as connection:
            exchange.import_state(connection, checked, now=now)

    def forget(self, target: Ref | str) -> tuple[Ref, ...]:
        """Delete all that is remembered of a row, or of every row with a code, and return the rows concerned.

        Status, alert, explanation times, what was written and what was said are lost: the next cycle judges the row as
        one that was never seen, may start a new 48 h clock and tells people anew. The row itself and its mirror stay.
        """
        with self._database.writing() as connection:
            return exchange.forget(connection, target)

    def _decoder(self) -> Decoder:
        return Decoder(self.zone)


def _by_table(memories: Mapping[Ref, Memory]) -> Iterator[tuple[tuple[str, str], list[str]]]:
    found: dict[tuple[str, str], list[str]] = {}
    for ref in memories:
        found.setdefault((ref.source, ref.table), []).append(ref.record)
    yield from found.items()


def _rows(cycle: Cycle) -> Iterator[Item]:
    return chain.from_iterable(read.items for read in cycle.tables)
