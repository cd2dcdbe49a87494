"""The mirror: every table's rows as they were last read, and how well each table was read.

Only rows that changed are written: the hashes of the rows read are compared with those stored. Only a complete read
may say that a row is gone; a gone row keeps everything for 30 days and resumes when it comes back (catalogue
section 7).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, func, select, update

from duban.item import Item, Ref
from duban.sync.ledger import past
from duban.sync.ledger.codec import Decoder, cells_of, instant_text, item_hash, json_text, plain
from duban.sync.ledger.schema import intents, items, memories, outbox, tables
from duban.sync.ledger.upsert import Upsert, chunks, every_column_but
from duban.sync.ledger.values import TableMemory, TableRead

KEEP_GONE = timedelta(days=30)

PUT_ITEM = Upsert(items, every_column_but(items))
PUT_TABLE = Upsert(tables, every_column_but(tables, "rows", "columns", "last_complete_at"))
PUT_COMPLETE_TABLE = Upsert(tables, every_column_but(tables))

_MARK_GONE = (
    update(items)
    .where(
        items.c.source == bindparam("of_source"),
        items.c.table_name == bindparam("of_table"),
        items.c.record == bindparam("of_record"),
    )
    .values(gone_at=bindparam("gone_since"))
)


class Difference(NamedTuple):
    """Which records of one table changed (new, different or back again) and their hashes, how many are back, which
    are not there any more, and which of those that changed were there before."""

    changed: Mapping[str, bytes]
    resumed: int
    missing: list[str]
    stored: frozenset[str] = frozenset()


def hashes_of(rows: Iterable[Item]) -> dict[str, bytes]:
    """Return each row's hash by record id. Pure: done before the ledger is locked."""
    return {item.ref.record: item_hash(item) for item in rows}


def difference(connection: Connection, read: TableRead, hashes: dict[str, bytes]) -> Difference:
    """Compare what was read with the mirror. Uses ``hashes`` up: those that did not change are taken out."""
    stored = select(items.c.record, items.c.hash, items.c.gone_at).where(*_in_table(read.source, read.table))
    missing: list[str] = []
    known_before: list[str] = []
    resumed = 0
    for record, known, gone_at in connection.execute(stored, execution_options={"yield_per": 10_000}):
        seen = hashes.get(record)
        if seen is None:
            if gone_at is None:
                missing.append(record)
        elif gone_at is None and seen == known:
            del hashes[record]
        else:
            known_before.append(record)
            resumed += gone_at is not None
    return Difference(hashes, resumed, missing if read.read == "complete" else [], frozenset(known_before))


def write(connection: Connection, read: TableRead, found: Difference, *, run: str, now: datetime) -> None:
    """Write the changed rows, mark the missing ones, and note how the table was read."""
    # In the order of the key: filling an index out of order costs three times as much for a large table.
    rows = sorted((item for item in read.items if item.ref.record in found.changed), key=_record)
    since = str(instant_text(now))
    replaced = {item.ref.record: _row(item, b"", run) for item in rows if item.ref.record in found.stored}
    same = past.keep_items(connection, (read.source, read.table), replaced, since)
    PUT_ITEM(connection, (
        _row(item, found.changed[item.ref.record], run, same.get(item.ref.record, since)) for item in rows
    ))  # fmt: skip
    table = {"of_source": read.source, "of_table": read.table, "gone_since": since}
    gone = (table | {"of_record": record} for record in found.missing)
    for chunk in chunks(gone):
        connection.execute(_MARK_GONE, chunk)
    complete = read.read == "complete"
    put = PUT_COMPLETE_TABLE if complete else PUT_TABLE
    put.one(connection, _table_row(read, run, since, complete=complete))


def purge(connection: Connection, read: TableRead, *, now: datetime) -> int:
    """Forget the rows of a completely read table that have been gone for 30 days, with all that is known of them."""
    if read.read != "complete":
        return 0
    here = _in_table(read.source, read.table)
    old = select(items.c.record).where(*here, items.c.gone_at < instant_text(now - KEEP_GONE))
    records = list(connection.execute(old).scalars())
    past.keep_purged(connection, (read.source, read.table), records, str(instant_text(now)))
    for table in (intents, outbox, memories, items) if records else ():
        statement = delete(table).where(
            table.c.source == read.source, table.c.table_name == read.table, table.c.record == bindparam("of_record")
        )
        for chunk in chunks({"of_record": record} for record in records):
            connection.execute(statement, chunk)
    return len(records)


def rows_of(source: str, table: str) -> Select[Any]:
    """Return the query for the rows of a table that are not gone, for :func:`items_from`."""
    columns = (items.c.record, items.c.kind, items.c.cells, items.c.own, items.c.bad, items.c.url)
    return select(*columns).where(*_in_table(source, table), items.c.gone_at.is_(None))


def items_from(rows: Iterable[Any], source: str, table: str, decoder: Decoder) -> Iterator[Item]:
    """Yield the items of a table from its rows."""
    for record, kind, cells, own, bad, url in rows:
        yield decoder.item(Ref(source, table, record), kind, (cells, own, bad), url)


def count(connection: Connection, source: str, table: str) -> int:
    """Return how many rows of a table are not gone."""
    rows = select(func.count()).select_from(items).where(*_in_table(source, table), items.c.gone_at.is_(None))
    return int(connection.execute(rows).scalar_one())


def load_tables(connection: Connection, decoder: Decoder) -> Mapping[tuple[str, str], TableMemory]:
    """Return what is remembered of every table."""
    return {
        (row.source, row.table_name): TableMemory(
            row.read, decoder.known_instant(row.read_at), row.run, row.rows, json.loads(row.columns),
            decoder.instant(row.last_complete_at), row.error, row.accepted,
        )
        for row in connection.execute(select(tables))
    }  # fmt: skip


def _in_table(source: str, table: str) -> tuple[Any, Any]:
    return items.c.source == source, items.c.table_name == table


def _record(item: Item) -> str:
    return item.ref.record


def _row(item: Item, hash_: bytes, run: str, since: str | None = None) -> dict[str, Any]:
    return {
        "source": item.ref.source, "table_name": item.ref.table, "record": item.ref.record, "kind": item.kind,
        "code": plain(item.code), "hash": hash_, "gone_at": None, "changed_run": run,
        "cells": json_text(cells_of(item)), "own": json_text(dict(item.own)) if item.own else "{}",
        "bad": json_text(dict(item.bad)) if item.bad else "{}", "url": None if item.url is None else plain(item.url),
        "since": since,
    }  # fmt: skip


def _table_row(read: TableRead, run: str, at: str | None, *, complete: bool) -> dict[str, Any]:
    return {
        "source": read.source, "table_name": read.table, "read": read.read, "read_at": at, "run": run,
        "rows": len(read.items) if complete else 0, "columns": json_text(dict(read.columns)) if complete else "{}",
        "last_complete_at": at if complete else None, "error": None if read.error is None else plain(read.error),
        "accepted": read.accepted,
    }  # fmt: skip
