"""Moving state between ledgers: export, import, states that wait for their row, forgetting.

An imported state may name its row only by the 任务编号 (``code``). It then waits until a row with that code is read,
in its source and table where it names them; every row that carries the code takes it, because forgetting a clock that
runs is worse than starting it twice (convention C18).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from duban.item import Item, Ref
from duban.rules.memory import Memory
from duban.sync.ledger import outbox as messages
from duban.sync.ledger import past
from duban.sync.ledger.codec import Decoder, instant_text, json_text
from duban.sync.ledger.document import (
    VERSION,
    ItemState,
    MessageState,
    SpanState,
    StateDocument,
    item_data,
    memory_data,
)
from duban.sync.ledger.recollection import Whole, alerts_of, memories_from, memories_of, put_whole
from duban.sync.ledger.schema import intents, items, memories, outbox, status_spans, waiting
from duban.sync.ledger.upsert import Upsert, chunks
from duban.sync.ledger.values import Message, Rules

PUT_WAITING = Upsert(waiting, ("state",))

_STATE = (memories, intents, outbox)  # alerts and spans go with the memory

# --- out


def export_state(connection: Connection, decoder: Decoder) -> dict[str, Any]:
    """Return the whole state as a document, in an order that does not depend on the database."""
    kept = [data for source, table in _tables(connection) for data in _table_data(connection, decoder, source, table)]
    rows = sorted(connection.execute(select(waiting.c.source, waiting.c.table_name, waiting.c.code, waiting.c.state)))
    kept += [json.loads(state) for *_, state in rows]
    told = [messages.message_from(row, decoder) for row in connection.execute(select(outbox))]
    document = {"version": VERSION, "items": kept, "messages": [_message_data(m) for m in sorted(told, key=_age)]}
    books = past.books(connection)
    return document | {"books": books} if books else document


def _tables(connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute(select(memories.c.source, memories.c.table_name).distinct())
    return sorted((source, table) for source, table in rows)


def _table_data(connection: Connection, decoder: Decoder, source: str, table: str) -> Iterator[dict[str, Any]]:
    codes = dict(_here(connection, memories, source, table, "code"))
    codes |= {record: code for record, code in _here(connection, items, source, table, "code") if record in codes}
    spans: dict[str, list[SpanState]] = {}
    for record, status, since, until in _here(connection, status_spans, source, table, "status", "since", "until"):
        span = SpanState.model_construct(status=status, since=decoder.instant(since), until=decoder.instant(until))
        spans.setdefault(record, []).append(span)
    rows = connection.execute(memories_of(source, table))
    known = memories_from(rows, connection.execute(alerts_of(source, table)), source, table, decoder)
    for ref, memory in sorted(known, key=lambda pair: pair[0]):
        place = {"source": source, "table": table, "record": ref.record, "code": codes[ref.record] or None}
        yield memory_data(place, memory, sorted(spans.get(ref.record, ()), key=lambda span: span.since))


def _here(connection: Connection, from_: Any, source: str, table: str, *names: str) -> Iterator[Any]:
    columns = [from_.c[name] for name in ("record", *names)]
    yield from connection.execute(select(*columns).where(from_.c.source == source, from_.c.table_name == table))


def _message_data(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = {name: getattr(message, name, None) for name in MessageState.model_fields}
    data |= {"source": message.ref.source, "table": message.ref.table, "record": message.ref.record}
    data |= {"to": list(message.to), "cc": list(message.cc)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in data.items()}


def _age(message: Message) -> tuple[str, str]:
    return instant_text(message.created_at) or "", message.key


# --- in


def import_state(connection: Connection, document: StateDocument, *, now: datetime) -> None:
    """Put a checked document in. The items it names have the state it gives and no other; their rows are found by code
    where it gives no record. Messages whose key is known stay as they are."""
    rows = _rows_with(connection, {item.code for item in document.items if item.record is None and item.code})
    found: list[Whole] = []
    unfound: list[dict[str, str]] = []
    for item in document.items:
        refs = [Ref(item.source or "", item.table or "", item.record)] if item.record is not None else [
            ref for ref in rows.get(item.code or "", ()) if _concerns(item, ref)
        ]  # fmt: skip
        found += [_whole(ref, item) for ref in refs]
        if not refs:
            unfound.append(_waiting_row(item))
    for whole in found:
        past.keep_memories(connection, whole.ref[:2], [whole.ref.record], str(instant_text(now)))
    put_whole(connection, found)
    PUT_WAITING(connection, unfound)
    messages.put(connection, (_message(state) for state in document.messages), now=now)
    known = past.digests(connection)
    for book in document.books:
        if book.fingerprint not in known:
            first = str(instant_text(book.first_at or now))
            past.put_book(connection, Rules(book.fingerprint, book.digests, ""), first=first, last=first)


def _rows_with(connection: Connection, codes: Iterable[str]) -> dict[str, list[Ref]]:
    rows: dict[str, list[Ref]] = {}
    for chunk in chunks(sorted(codes), 500):
        named = select(items.c.code, items.c.source, items.c.table_name, items.c.record).where(
            items.c.code.in_(chunk), items.c.gone_at.is_(None)
        )
        for code, *place in connection.execute(named):
            rows.setdefault(code, []).append(Ref(*place))
    return rows


def _concerns(item: ItemState, ref: Ref) -> bool:
    return item.source in {None, ref.source} and item.table in {None, ref.table}


def _whole(ref: Ref, item: ItemState) -> Whole:
    spans = tuple((s.status, str(instant_text(s.since)), instant_text(s.until)) for s in item.spans)
    return Whole(ref, item.code or "", item.memory(), spans)


def _waiting_row(item: ItemState) -> dict[str, str]:
    place = {"source": item.source or "", "table_name": item.table or "", "code": item.code or ""}
    return place | {"state": json_text(item_data(item))}


def _message(state: MessageState) -> Message:
    values = {name: getattr(state, name) for name in MessageState.model_fields}
    ref = Ref(values.pop("source"), values.pop("table"), values.pop("record"))
    return Message(ref=ref, **values)


# --- states that wait for their row


class Waiting(NamedTuple):
    """States that were imported for a code, by (source, table, code); an empty source or table means any."""

    states: Mapping[tuple[str, str, str], ItemState]

    def of(self, ref: Ref, code: str) -> tuple[tuple[str, str, str], Memory] | None:
        """Return the state that a row should take, the one that names its place most exactly, and where it waits."""
        for place in ((ref.source, ref.table, code), (ref.source, "", code), ("", ref.table, code), ("", "", code)):
            if place in self.states:
                return place, self.states[place].memory()
        return None


def load_waiting(connection: Connection, zone: tzinfo) -> Waiting:
    """Return the states that wait; usually there are none."""
    rows = connection.execute(select(waiting))
    return Waiting({
        (row.source, row.table_name, row.code): ItemState.model_validate(json.loads(row.state), context={"zone": zone})
        for row in rows
    })  # fmt: skip


def adopt(connection: Connection, zone: tzinfo, read: Iterable[Item]) -> None:
    """Give waiting states to the rows that were read; a row that is remembered already keeps what it has."""
    states = load_waiting(connection, zone)
    if not states.states:
        return
    taken: set[tuple[str, str, str]] = set()
    for item in read:
        match = states.of(item.ref, item.code)
        if match is None:
            continue
        taken.add(match[0])
        if not _remembered(connection, item.ref):
            put_whole(connection, [_whole(item.ref, states.states[match[0]])])
    drop = delete(waiting).where(*(waiting.c[c] == bindparam(f"of_{c}") for c in ("source", "table_name", "code")))
    for source, table, code in taken:
        connection.execute(drop, {"of_source": source, "of_table_name": table, "of_code": code})


def _remembered(connection: Connection, ref: Ref) -> bool:
    row = select(memories.c.record).where(*_is(memories, ref))
    return connection.execute(row).first() is not None


# --- forgetting


def forget(connection: Connection, target: Ref | str) -> tuple[Ref, ...]:
    """Delete the state of a row, or of every row with a code; see ``Ledger.forget``."""
    if isinstance(target, Ref):
        refs = {target}
    else:
        connection.execute(delete(waiting).where(waiting.c.code == target))
        refs = set()
        for table in (items, memories):
            place = select(table.c.source, table.c.table_name, table.c.record).where(table.c.code == target)
            refs |= {Ref(*row) for row in connection.execute(place)}
    forgotten = []
    for ref in sorted(refs):
        known = [connection.execute(delete(table).where(*_is(table, ref))).rowcount for table in _STATE]
        past.forget(connection, ref)
        if any(known):
            forgotten.append(ref)
    return tuple(forgotten)


def _is(table: Any, ref: Ref) -> tuple[Any, Any, Any]:
    return table.c.source == ref.source, table.c.table_name == ref.table, table.c.record == ref.record
