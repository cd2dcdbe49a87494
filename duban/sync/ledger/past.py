"""The past: what rows and memories were before, and when was judged under which rules. A backtest replays it.

The mirror holds the present. When a row's human cells change, or what is remembered of it, the old version goes into
``duban_past`` with the moment up to which it held; a row that does not change costs nothing. Every cycle that judged
leaves a moment: how each table was read, which tables were held, and the rules in force by their fingerprint.

Kept: versions, and moments with a change or the first of an hour, for 400 days; all other moments for 90.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from duban.item import Item, Ref
from duban.rules.memory import Memory
from duban.sync.ledger.codec import Decoder, instant_text, json_text
from duban.sync.ledger.recollection import (
    MEMORY_COLUMNS,
    alert_row,
    alerts_of,
    key_row,
    memories_from,
    memories_of,
    memory_row,
    of_row,
)  # fmt: skip
from duban.sync.ledger.schema import alerts, documents, items, memories, moments, outbox, past
from duban.sync.ledger.upsert import Upsert, chunks
from duban.sync.ledger.values import Judged, Message, Moment, Rules

KEEP_PAST = timedelta(days=400)
KEEP_EVERY_MOMENT = timedelta(days=90)

_CELLS = ("kind", "cells", "bad")  # a row with the same of these is the same to every rule
_KEY = frozenset({"source", "table_name", "record"})
_AT_ONCE = 500

PUT_PAST = Upsert(past)  # of two commits at one moment the first saw what was before it
PUT_DOCUMENT = Upsert(documents, ("text", "digests", "last_at"))
PUT_MOMENT = Upsert(moments, ("sources", "book", "tables", "held", "landmark"))


def _those(table: Any) -> Any:
    return select(table).where(
        table.c.source == bindparam("of_source"),
        table.c.table_name == bindparam("of_table_name"),
        table.c.record.in_(bindparam("of_records", expanding=True)),
    )


_ITEMS, _MEMORIES, _ALERTS, _MESSAGES = (_those(table) for table in (items, memories, alerts, outbox))
_FORGET = delete(past).where(and_(*(past.c[name] == bindparam(f"of_{name}") for name in sorted(_KEY))))


@dataclass(frozen=True, slots=True)
class Version:
    """One row as it was from ``since`` (``None``: since before anything was recorded) until ``until`` (``None``: still,
    or, with ``gone``, until the row disappeared)."""

    item: Item
    since: datetime | None
    until: datetime | None


# --- writing


def keep_items(
    connection: Connection, place: tuple[str, str], new: Mapping[str, Mapping[str, Any]], at: str
) -> dict[str, str | None]:
    """Keep the rows of a table that ``new`` replaces; return since when, for those whose human cells stay the same."""
    same: dict[str, str | None] = {}
    for rows in _stored(connection, _ITEMS, place, new):
        kept = []
        for row in rows:
            fresh = new[row["record"]]
            until = row["gone_at"] or at
            if row["gone_at"] is None and all(row[name] == fresh[name] for name in _CELLS):
                same[row["record"]] = row["since"]
            elif row["since"] is None or row["since"] < until:
                kept.append(_past_row("item", row, until, row["since"]))
        PUT_PAST(connection, kept)
    return same


def keep_memories(connection: Connection, place: tuple[str, str], records: Iterable[str], at: str) -> None:
    """Keep what is remembered of rows before it is replaced."""
    for rows in _stored(connection, _MEMORIES, place, records):
        found = {row["record"]: row for row in rows}
        for alerted in _stored(connection, _ALERTS, place, found):
            for row in alerted:
                found[row["record"]] |= {"alert": _plain(row)}
        PUT_PAST(connection, (_past_row("memory", row, at, None) for row in found.values()))


def keep_purged(connection: Connection, place: tuple[str, str], records: Sequence[str], at: str) -> None:
    """Keep rows that are about to be deleted, with what was remembered of them and what people were told."""
    for rows in _stored(connection, _ITEMS, place, records):
        PUT_PAST(connection, (_past_row("item", row, row["gone_at"] or at, row["since"]) for row in rows))
    keep_memories(connection, place, records, at)
    for rows in _stored(connection, _MESSAGES, place, records):
        told: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            told.setdefault(row["record"], []).append(_plain(row))
        for record, messages in told.items():
            row = {"source": place[0], "table_name": place[1], "record": record, "messages": messages}
            PUT_PAST(connection, [_past_row("messages", row, at, None)])


def note_writes(connection: Connection, refs: Iterable[Ref], at: str) -> None:
    """Note that duban wrote rows: only the last time of each is remembered, and a replay needs them all."""
    PUT_PAST(connection, (key_row(ref) | {"name": "write", "until": at, "since": None, "data": "{}"} for ref in refs))


def forget(connection: Connection, ref: Ref) -> None:
    """Delete the past of a row."""
    connection.execute(_FORGET, of_row(ref))


def note(connection: Connection, judged: Judged, zone: tzinfo, *, changed: bool) -> None:
    """Write down that was judged at a moment, and forget what is too old."""
    moment = judged.moment
    at = str(instant_text(moment.at))
    _put_document(connection, judged.rules, "rules", at)
    _put_document(connection, Rules(moment.tables, {}, judged.tables), "tables", at)
    sources = json_text(list(moment.sources))
    landmark = changed or not _in_this_hour(connection, moment.at, sources, zone)
    PUT_MOMENT(connection, [{
        "at": at, "run": moment.run, "sources": sources, "book": moment.book, "tables": moment.tables,
        "held": json_text([list(place) for place in moment.held]), "landmark": landmark,
    }])  # fmt: skip
    _drop_old(connection, moment.at)


def _put_document(connection: Connection, said: Rules, what: str, at: str) -> None:
    known = update(documents).where(documents.c.fingerprint == said.fingerprint, documents.c.text != "")
    if connection.execute(known.values(last_at=at)).rowcount == 0:
        put_book(connection, said, what, first=at, last=at)


def put_book(connection: Connection, said: Rules, what: str = "rules", *, first: str, last: str) -> None:
    """Write down a book; one without a text came from another ledger and gives way to the same with it."""
    row = {"fingerprint": said.fingerprint, "what": what, "text": said.text, "digests": json_text(dict(said.digests))}
    PUT_DOCUMENT(connection, [row | {"first_at": first, "last_at": last}])


def _in_this_hour(connection: Connection, at: datetime, sources: str, zone: tzinfo) -> bool:
    hour = at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    seen = select(moments.c.at).where(
        moments.c.at >= instant_text(hour), moments.c.at <= instant_text(at), moments.c.sources == sources
    )
    return connection.execute(seen.limit(1)).first() is not None


def _drop_old(connection: Connection, now: datetime) -> None:
    every, old = instant_text(now - KEEP_EVERY_MOMENT), instant_text(now - KEEP_PAST)
    connection.execute(delete(moments).where(moments.c.at < every, moments.c.landmark.is_(False)))
    connection.execute(delete(moments).where(moments.c.at < old))
    connection.execute(delete(past).where(past.c.until < old))
    # Books stay: closed items name the one they were closed under.
    connection.execute(delete(documents).where(documents.c.what == "tables", documents.c.last_at < old))


def _stored(
    connection: Connection, statement: Any, place: tuple[str, str], records: Iterable[str]
) -> Iterator[list[dict[str, Any]]]:
    for chunk in chunks(sorted(records), _AT_ONCE):
        these = {"of_source": place[0], "of_table_name": place[1], "of_records": chunk}
        yield [dict(row) for row in connection.execute(statement, these).mappings()]


def _past_row(name: str, row: Mapping[str, Any], until: str, since: str | None) -> dict[str, Any]:
    key = {each: row[each] for each in _KEY}
    return key | {"name": name, "until": until, "since": since, "data": json_text(_plain(row))}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    left_out = _KEY | {"hash", "own", "since", "changed_run", "gone_at"}
    return {name: value for name, value in row.items() if name not in left_out and value is not None}


# --- reading


def load_moments(connection: Connection, decoder: Decoder) -> list[Moment]:
    """Return every recorded moment, oldest first."""
    rows = connection.execute(select(moments).order_by(moments.c.at, moments.c.run))
    return [_moment(row, decoder) for row in rows]


def last_moment(connection: Connection, decoder: Decoder, sources: Sequence[str] | None) -> Moment | None:
    """Return the latest moment, of these sources where some are given."""
    query = select(moments).order_by(moments.c.at.desc(), moments.c.run.desc()).limit(1)
    if sources is not None:
        query = query.where(moments.c.sources == json_text(list(sources)))
    row = connection.execute(query).first()
    return None if row is None else _moment(row, decoder)


def _moment(row: Any, decoder: Decoder) -> Moment:
    held = tuple((source, table) for source, table in json.loads(row.held))
    return Moment(
        decoder.known_instant(row.at), row.run, tuple(json.loads(row.sources)), row.book, row.tables, held, row.landmark
    )  # fmt: skip


def document(connection: Connection, fingerprint: str) -> str | None:
    """Return the text with a fingerprint: a book, or the forms of tables."""
    query = select(documents.c.text).where(documents.c.fingerprint == fingerprint, documents.c.text != "")
    text: str | None = connection.execute(query).scalar()
    return text


def digests(connection: Connection) -> dict[str, Mapping[str, str]]:
    """Return the digests of every recorded book."""
    query = select(documents.c.fingerprint, documents.c.digests).where(documents.c.what == "rules")
    return {fingerprint: json.loads(text) for fingerprint, text in connection.execute(query)}


def books(connection: Connection) -> list[dict[str, Any]]:
    """Return the digests of the books that closed items name, as data for moving them to another ledger."""
    query = select(documents).where(documents.c.what == "rules").order_by(documents.c.first_at, documents.c.fingerprint)
    return [
        {"fingerprint": row.fingerprint, "first_at": row.first_at, "digests": json.loads(row.digests)}
        for row in connection.execute(query)
    ]  # fmt: skip


def versions(connection: Connection, place: tuple[str, str], decoder: Decoder, since: datetime) -> Iterator[Version]:
    """Yield the versions of a table's rows that held at ``since`` or later, in no order."""
    here = past.c.source == place[0], past.c.table_name == place[1]
    gone = select(past).where(*here, past.c.name == "item", past.c.until >= instant_text(since))
    for row in connection.execute(gone):
        yield _version(json.loads(row.data), row, row.until, decoder)
    present = select(items).where(items.c.source == place[0], items.c.table_name == place[1])
    for row in connection.execute(present):
        yield _version(dict(row._mapping), row, row.gone_at, decoder)  # noqa: SLF001 - SQLAlchemy's public name


def _version(data: Mapping[str, Any], row: Any, until: str | None, decoder: Decoder) -> Version:
    ref = Ref(row.source, row.table_name, row.record)
    item = decoder.item(ref, data["kind"], (data["cells"], "{}", data["bad"]), data.get("url"))
    return Version(item, decoder.instant(row.since), decoder.instant(until))


def memories_since(
    connection: Connection, place: tuple[str, str], at: datetime, decoder: Decoder
) -> Iterator[tuple[Ref, Memory, datetime | None]]:
    """Yield every version of what was remembered of a table's rows that held at ``at`` or later, oldest first for each
    row: (ref, memory, until when; ``None`` for the present)."""
    query = (
        select(past)
        .where(past.c.source == place[0], past.c.table_name == place[1], past.c.name == "memory")
        .where(past.c.until >= instant_text(at))
        .order_by(past.c.record, past.c.until)
    )
    for row in connection.execute(query):
        ref, data = Ref(row.source, row.table_name, row.record), json.loads(row.data)
        yield ref, _memory(ref, data, decoder), decoder.known_instant(row.until)
    present = connection.execute(memories_of(*place))
    for ref, memory in memories_from(present, connection.execute(alerts_of(*place)), *place, decoder):
        yield ref, memory, None


def first_seen(connection: Connection, place: tuple[str, str], decoder: Decoder) -> dict[Ref, datetime | None]:
    """Return since when each row of a table is known; ``None``: since before anything was recorded."""
    found: dict[Ref, datetime | None] = {}
    for table in (past, items):
        query = select(table.c.record, table.c.since).where(table.c.source == place[0], table.c.table_name == place[1])
        for record, since in connection.execute(query.where(past.c.name == "item") if table is past else query):
            ref, at = Ref(*place, record), decoder.instant(since)
            before = found.get(ref, at)
            found[ref] = None if at is None or before is None else min(at, before)
    return found


def writes(connection: Connection, place: tuple[str, str], decoder: Decoder) -> list[tuple[Ref, datetime]]:
    """Return when duban wrote the rows of a table, oldest first."""
    query = select(past.c.record, past.c.until).where(
        past.c.source == place[0], past.c.table_name == place[1], past.c.name == "write"
    )
    return [
        (Ref(*place, record), decoder.known_instant(at))
        for record, at in connection.execute(query.order_by(past.c.until, past.c.record))
    ]


def _memory(ref: Ref, data: Mapping[str, Any], decoder: Decoder) -> Memory:
    """Return a memory from stored columns; those that it was stored without have the value of a new one."""
    row: dict[str, Any] = {**memory_row(ref, Memory(), ""), **data}
    alert = data.get("alert")
    kept = [] if alert is None else [SimpleNamespace(**(alert_row(ref, Memory().alert) | alert))]
    values = tuple(row[name] for name in MEMORY_COLUMNS)
    return next(memory for _, memory in memories_from([values], kept, ref.source, ref.table, decoder))


def purged_messages(connection: Connection, decoder: Decoder) -> Iterator[Message]:
    """Yield the messages about rows that were deleted since."""
    for row in connection.execute(select(past).where(past.c.name == "messages")):
        ref = Ref(row.source, row.table_name, row.record)
        for each in json.loads(row.data)["messages"]:
            yield Message(
                each["key"], each["template"], each.get("rule"), ref, each["code"],
                decoder.texts(each["recipients"]), decoder.texts(each["copies"]), status=each["status"],
                created_at=decoder.instant(each["created_at"]), run=each["run"],
            )  # fmt: skip
