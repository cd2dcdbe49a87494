"""Memories of items: stored typed, loaded a million at a time.

One row in ``memories`` for every item that was judged, one in ``alerts`` where the alert is not the plain one, and a
row in ``status_spans`` for every stretch of time in one status.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Select, and_, bindparam, delete, select, update

from duban.item import Ref, Value
from duban.rules.memory import Alert, ClockPast, Closing, Judged, Memory, Transition
from duban.sync.ledger.codec import Decoder, day_text, instant_text, json_text, plain
from duban.sync.ledger.schema import alerts, memories, status_spans
from duban.sync.ledger.upsert import Upsert, chunks, every_column_but

ALERT_INSTANTS = ("at", "explain_deadline", "escalated_at", "cycle_at", "explained_at")
ALERT_DAYS = ("baseline_due", "due_cell", "accepted_due")
ALERT_PLAIN = ("state", "notices", "escalated_to", "cycle", "explained_late", "sla", "shadow")

# What duban last wrote and when is set by the outcome of a write; a judgement that began before must not undo it.
PUT_JUDGED = Upsert(memories, every_column_but(memories, "written_at", "written", "code"))
PUT_WHOLE = Upsert(memories, every_column_but(memories))
PUT_WRITTEN = Upsert(memories, ("written_at", "written"))
PUT_ALERT = Upsert(alerts, every_column_but(alerts))
PUT_SPAN = Upsert(status_spans, ("status", "until"))

_NO_ALERT = Alert()
_AT_ONCE = 500  # refs in one IN list


def _of_row(table: Any) -> Any:
    return and_(*(table.c[name] == bindparam(f"of_{name}") for name in ("source", "table_name", "record")))


_DROP_ALERT = delete(alerts).where(_of_row(alerts))
_DROP_MEMORY = delete(memories).where(_of_row(memories))  # its alert and spans go with it
_CLOSE_SPAN = update(status_spans).where(_of_row(status_spans), status_spans.c.until.is_(None))


def _those(table: Any, *names: str) -> Select[Any]:
    """Return the query for some rows of a table, by their records."""
    return select(*(table.c[name] for name in ("record", *names))).where(
        table.c.source == bindparam("of_source"),
        table.c.table_name == bindparam("of_table_name"),
        table.c.record.in_(bindparam("of_records", expanding=True)),
    )


_STORED_STATUS = _those(memories, "status", "status_since")
_STORED_ALERTS = _those(alerts)

# --- reading


MEMORY_COLUMNS = (
    "record", "status", "status_since", "previous_status", "explanation", "explained_seen_at",
    "explained_unseen_at", "human", "human_at", "written_at", "findings", "baseline", "imported", "clocks",
    "judged", "closing", "extended", "waived"
)  # fmt: skip


def memories_of(source: str, table: str) -> Select[Any]:
    """Return the query for a table's memories, for :func:`memories_from`."""
    here = memories.c.source == source, memories.c.table_name == table
    return select(*(memories.c[name] for name in MEMORY_COLUMNS)).where(*here)


def alerts_of(source: str, table: str) -> Select[Any]:
    """Return the query for a table's alerts, for :func:`memories_from`."""
    return select(alerts).where(alerts.c.source == source, alerts.c.table_name == table)


def memories_from(
    rows: Iterable[Any], alert_rows: Iterable[Any], source: str, table: str, decoder: Decoder
) -> Iterator[tuple[Ref, Memory]]:
    """Yield a table's memories from its rows."""
    known = {row.record: alert_from(row, decoder) for row in alert_rows}
    instant, texts, shared = decoder.instant, decoder.texts, decoder.shared
    for (record, status, since, previous, explanation, seen, unseen, human, human_at, written_at, findings, baseline,
         imported, clocks, judged, closing, extended, waived) in rows:  # fmt: skip
        yield (
            Ref(source, table, record),
            Memory(
                shared(status), instant(since), shared(previous), known.get(record, _NO_ALERT), explanation,
                instant(seen), instant(unseen), human, instant(human_at), instant(written_at), texts(findings),
                _pairs(baseline), bool(imported), _clocks(clocks, decoder),
                judged=_judged(judged, decoder), closing=_closing(closing, decoder), extended=_pairs(extended),
                waived=_pairs(waived),
            ),
        )  # fmt: skip


def memory_of(connection: Connection, ref: Ref, decoder: Decoder) -> Memory | None:
    """Return what is remembered of one row."""
    rows = connection.execute(memories_of(ref.source, ref.table).where(memories.c.record == ref.record))
    alert_rows = connection.execute(alerts_of(ref.source, ref.table).where(alerts.c.record == ref.record))
    return next((memory for _, memory in memories_from(rows, alert_rows, ref.source, ref.table, decoder)), None)


def spans_of(connection: Connection, ref: Ref, decoder: Decoder) -> list[tuple[str, datetime, datetime | None]]:
    """Return a row's stretches of time in one status, oldest first."""
    rows = connection.execute(
        select(status_spans.c.status, status_spans.c.since, status_spans.c.until)
        .where(_of_row(status_spans))
        .order_by(status_spans.c.since),
        of_row(ref),
    )
    return [(status, decoder.known_instant(since), decoder.instant(until)) for status, since, until in rows]


def alert_from(row: Any, decoder: Decoder) -> Alert:
    """Return an alert from its row."""
    values: dict[str, Any] = {name: getattr(row, name) for name in ALERT_PLAIN}
    values |= {name: decoder.instant(getattr(row, name)) for name in ALERT_INSTANTS}
    values |= {name: decoder.day(getattr(row, name)) for name in ALERT_DAYS}
    return Alert(**values, history=_history(row.history, decoder))


def _history(text: str, decoder: Decoder) -> tuple[Transition, ...]:
    return () if text == "[]" else tuple(
        Transition(move, decoder.known_instant(at), before, after, tuple((name, fact) for name, fact in cause))
        for move, at, before, after, cause in json.loads(text)
    )


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return () if text == "[]" else tuple((key, value) for key, value in json.loads(text))


def _clocks(text: str, decoder: Decoder) -> tuple[ClockPast, ...]:
    instant, known = decoder.instant, decoder.known_instant
    return () if text == "[]" else tuple(
        ClockPast(
            name, cycle, instant(since), instant(ended), instant(paused), tuple((known(a), known(b)) for a, b in pauses)
        )
        for name, cycle, since, ended, paused, pauses in json.loads(text)
    )


def _judged(text: str, decoder: Decoder) -> tuple[Judged, ...]:
    return () if text == "[]" else tuple(
        Judged(rule, version, digest, decoder.instant(since)) for rule, version, digest, since in json.loads(text)
    )


def _closing(text: str | None, decoder: Decoder) -> Closing | None:
    if text is None:
        return None
    at, book, sla, due = json.loads(text)
    return Closing(decoder.known_instant(at), book, sla, decoder.instant(due))


def _closing_data(closing: Closing | None) -> str | None:
    if closing is None:
        return None
    return json_text([instant_text(closing.at), closing.book, closing.sla, instant_text(closing.sla_due)])


def _clock_data(past: ClockPast) -> list[Any]:
    times = [instant_text(moment) for moment in (past.since, past.ended_at, past.paused_since)]
    return [past.name, past.cycle, *times, [[instant_text(a), instant_text(b)] for a, b in past.pauses]]


# --- writing


def remember(connection: Connection, wanted: Mapping[Ref, Memory], *, now: datetime) -> None:
    """Write what a judgement remembers, and keep the spans of status: a new status ends the open span."""
    for refs in _by_table(wanted):
        status, alerted = _stored(connection, refs)
        PUT_JUDGED(connection, (memory_row(ref, wanted[ref], "") for ref in refs))
        PUT_ALERT(connection, (alert_row(ref, wanted[ref].alert) for ref in refs if wanted[ref].alert != _NO_ALERT))
        over = (ref for ref in refs if wanted[ref].alert == _NO_ALERT and ref.record in alerted)
        _each(connection, _DROP_ALERT, map(of_row, over))
        moved = {ref: wanted[ref] for ref in refs if status.get(ref.record, _NO_STATUS) != _status(wanted[ref])}
        had = {ref: memory for ref, memory in moved.items() if status.get(ref.record, _NO_STATUS)[1] is not None}
        _close_spans(connection, had, now)
        _open_spans(connection, moved)


_NO_STATUS: tuple[str | None, str | None] = (None, None)


def _stored(connection: Connection, refs: list[Ref]) -> tuple[dict[str, tuple[str | None, str | None]], set[str]]:
    source, table, _ = refs[0]
    these = {"of_source": source, "of_table_name": table, "of_records": [ref.record for ref in refs]}
    rows = connection.execute(_STORED_STATUS, these)
    status = {record: (word, since) for record, word, since in rows}
    return status, set(connection.execute(_STORED_ALERTS, these).scalars())


def _status(memory: Memory) -> tuple[str | None, str | None]:
    return memory.status, instant_text(memory.status_since)


def _close_spans(connection: Connection, wanted: Mapping[Ref, Memory], now: datetime) -> None:
    ends: dict[str | None, list[Ref]] = {}
    for ref, memory in wanted.items():
        ends.setdefault(_status(memory)[1] or instant_text(now), []).append(ref)
    for end, refs in ends.items():
        _each(connection, _CLOSE_SPAN.values(until=end), map(of_row, refs))


def _open_spans(connection: Connection, wanted: Mapping[Ref, Memory]) -> None:
    opened = ((ref, span) for ref, memory in wanted.items() for span in _open_span(memory))
    PUT_SPAN(connection, (_span_row(ref, span) for ref, span in opened))


Span: TypeAlias = "tuple[str, str, str | None]"  # (status, since, until) as stored


class Whole(NamedTuple):
    """Everything remembered of one item; without ``spans`` its present status is the only one."""

    ref: Ref
    code: str
    memory: Memory
    spans: tuple[Span, ...] = ()


def put_whole(connection: Connection, wholes: Iterable[Whole]) -> None:
    """Replace everything remembered of some items."""
    for chunk in chunks(wholes):
        connection.execute(_DROP_MEMORY, [of_row(whole.ref) for whole in chunk])
        PUT_WHOLE(connection, (memory_row(whole.ref, whole.memory, whole.code) for whole in chunk))
        alerted = (whole for whole in chunk if whole.memory.alert != _NO_ALERT)
        PUT_ALERT(connection, (alert_row(whole.ref, whole.memory.alert) for whole in alerted))
        spans = ((whole.ref, span) for whole in chunk for span in whole.spans or _open_span(whole.memory))
        PUT_SPAN(connection, (_span_row(ref, span) for ref, span in spans))


def _open_span(memory: Memory) -> tuple[Span, ...]:
    status, since = _status(memory)
    return () if status is None or since is None else ((status, since, None),)


def _span_row(ref: Ref, span: Span) -> dict[str, Any]:
    status, since, until = span
    return key_row(ref) | {"status": status, "since": since, "until": until}


def note_written(connection: Connection, ref: Ref, cells: str, at: str) -> None:
    """Remember what duban last wrote into a row's own cells, and when, both as stored."""
    before = connection.execute(select(memories.c.written).where(_of_row(memories)), of_row(ref)).scalar() or "{}"
    written = json_text(json.loads(before) | json.loads(cells))
    PUT_WRITTEN.one(connection, memory_row(ref, Memory(), "") | {"written_at": at, "written": written})


def last_written(connection: Connection, decoder: Decoder, refs: Iterable[Ref]) -> dict[Ref, Mapping[str, Value]]:
    """Return what duban last wrote into the own cells of rows; a row that it never wrote is missing."""
    found: dict[Ref, Mapping[str, Value]] = {}
    for chunk in _by_table(refs):
        source, table, _ = chunk[0]
        here = memories.c.source == source, memories.c.table_name == table, memories.c.written != "{}"
        rows = select(memories.c.record, memories.c.written).where(
            *here, memories.c.record.in_([ref.record for ref in chunk])
        )
        found |= {Ref(source, table, record): decoder.cells(written) for record, written in connection.execute(rows)}
    return found


def drop(connection: Connection, ref: Ref) -> bool:
    """Forget an item; tell whether anything was known of it."""
    return connection.execute(_DROP_MEMORY, of_row(ref)).rowcount > 0


def memory_row(ref: Ref, memory: Memory, code: str) -> dict[str, Any]:
    """Return the row of a memory."""
    return {
        "source": ref.source, "table_name": ref.table, "record": ref.record, "code": plain(code),
        "status": memory.status, "status_since": instant_text(memory.status_since),
        "previous_status": memory.previous_status, "explanation": memory.explanation,
        "explained_seen_at": instant_text(memory.explained_seen_at),
        "explained_unseen_at": instant_text(memory.explained_unseen_at), "human": memory.human,
        "human_at": instant_text(memory.human_at), "written_at": instant_text(memory.written_at), "written": "{}",
        "findings": json_text(memory.findings), "baseline": json_text(memory.baseline), "imported": memory.imported,
        "judged": "[]" if not memory.judged else json_text([
            [rule, version, digest, instant_text(since)] for rule, version, digest, since in memory.judged
        ]),
        "closing": _closing_data(memory.closing), "extended": json_text(memory.extended),
        "waived": json_text(memory.waived),
        "clocks": "[]" if not memory.clocks else json_text([_clock_data(past) for past in memory.clocks]),
    }  # fmt: skip


def alert_row(ref: Ref, alert: Alert) -> dict[str, Any]:
    """Return the row of an alert."""
    row = key_row(ref) | {name: getattr(alert, name) for name in ALERT_PLAIN}
    row |= {name: instant_text(getattr(alert, name)) for name in ALERT_INSTANTS}
    row |= {name: day_text(getattr(alert, name)) for name in ALERT_DAYS}
    steps = [[step.move, instant_text(step.at), step.before, step.after, step.cause] for step in alert.history]
    return row | {"history": json_text(steps)}


def key_row(ref: Ref) -> dict[str, Any]:
    """Return a ref as columns."""
    return {"source": ref.source, "table_name": ref.table, "record": ref.record}


def of_row(ref: Ref) -> dict[str, str]:
    """Return a ref as the parameters of a statement about one row."""
    return {"of_source": ref.source, "of_table_name": ref.table, "of_record": ref.record}


def _each(connection: Connection, statement: Any, rows: Iterable[dict[str, Any]]) -> None:
    for chunk in chunks(rows):
        connection.execute(statement, chunk)


def _by_table(refs: Iterable[Ref]) -> Iterator[list[Ref]]:
    tables: dict[tuple[str, str], list[Ref]] = {}
    for ref in refs:
        tables.setdefault(ref[:2], []).append(ref)
    for rows in tables.values():
        yield from chunks(sorted(rows), _AT_ONCE)  # in the order of the key, as in the mirror
