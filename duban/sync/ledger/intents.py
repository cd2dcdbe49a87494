"""Intents: what is to be written, noted before it is sent, so that a crash leaves nothing to guess.

``planned`` -> ``sent`` -> ``done``, ``failed`` or ``unknown``. One that is still open in a later run is closed by what
that run reads: the row's own cells hold it (``done``) or they do not (``superseded``; the new plan decides what to do).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from duban.item import Item, Ref
from duban.sync.ledger import past
from duban.sync.ledger.codec import Decoder, instant_text, json_text, plain, same_cells
from duban.sync.ledger.recollection import key_row, note_written
from duban.sync.ledger.schema import intents
from duban.sync.ledger.upsert import chunks
from duban.sync.ledger.values import OPEN_STATES, Intent, IntentState

KEEP_CLOSED = timedelta(days=30)

_OPEN = or_(*(intents.c.state == state for state in OPEN_STATES))  # not IN: its list does not go with many rows at once
_BY_ID = update(intents).where(intents.c.id == bindparam("of_id"))
# An outcome that is known stays: a late or repeated report changes nothing.
_MARK_SENT = _BY_ID.where(_OPEN).values(state="sent", sent_at=bindparam("at"))
_CLOSE = _BY_ID.where(_OPEN).values(state=bindparam("to"), error=bindparam("why"), closed_at=bindparam("at"))
_SUPERSEDE = (
    update(intents)
    .where(
        _OPEN,
        intents.c.source == bindparam("of_source"),
        intents.c.table_name == bindparam("of_table_name"),
        intents.c.record == bindparam("of_record"),
        intents.c.run != bindparam("of_run"),
    )
    .values(state="superseded", closed_at=bindparam("closed"))
)


def plan(connection: Connection, wanted: Sequence[Intent], *, run: str, now: datetime) -> tuple[Intent, ...]:
    """Note what is to be written and return it with ids. Older open intents of the same rows are superseded."""
    at = instant_text(now)
    planned = tuple(
        replace(intent, id=f"{run}/{number}", run=run, state="planned", planned_at=now)
        for number, intent in enumerate(wanted, 1)
    )
    for chunk in chunks(planned):
        connection.execute(_SUPERSEDE, [
            {"of_source": i.ref.source, "of_table_name": i.ref.table, "of_record": i.ref.record, "of_run": run,
             "closed": at} for i in chunk
        ])  # fmt: skip
        connection.execute(intents.insert(), [
            key_row(i.ref) | {"id": i.id, "run": run, "cells": json_text(dict(i.cells)),
                              "before": json_text(dict(i.before)), "state": "planned", "planned_at": at}
            for i in chunk
        ])  # fmt: skip
    return planned


def mark_sent(connection: Connection, ids: Iterable[str], at: datetime) -> None:
    """Note that these are being sent now."""
    for chunk in chunks({"of_id": id_, "at": instant_text(at)} for id_ in ids):
        connection.execute(_MARK_SENT, chunk)


def close(connection: Connection, outcomes: Iterable[tuple[str, IntentState, str | None]], at: datetime) -> None:
    """Note what became of them; one that is done says what its row holds now, and since when."""
    when = str(instant_text(at))
    for chunk in chunks(outcomes, 500):
        done = select(intents.c.source, intents.c.table_name, intents.c.record, intents.c.cells).where(
            _OPEN, intents.c.id.in_([id_ for id_, state, _ in chunk if state == "done"])
        )
        written = [(Ref(*place), cells) for *place, cells in connection.execute(done)]
        connection.execute(_CLOSE, [
            {"of_id": id_, "to": state, "why": None if error is None else plain(error), "at": _closed(state, when)}
            for id_, state, error in chunk
        ])  # fmt: skip
        for ref, cells in written:
            note_written(connection, ref, cells, when)
        past.note_writes(connection, (ref for ref, _ in written), when)


def _closed(state: IntentState, at: str) -> str | None:
    return None if state in OPEN_STATES else at


def still_open(connection: Connection, decoder: Decoder, *, source: str | None, but_run: str) -> list[Intent]:
    """Return the open intents of other runs, oldest first."""
    rows = select(intents).where(_OPEN, intents.c.run != but_run).order_by(intents.c.planned_at, intents.c.id)
    if source is not None:
        rows = rows.where(intents.c.source == source)
    return [_intent(row, decoder) for row in connection.execute(rows)]


def close_observed(
    connection: Connection, decoder: Decoder, rows: Iterable[Item], *, run: str, at: datetime
) -> Mapping[str, IntentState]:
    """Close the open intents of earlier runs by the rows that were read; return what became of each, by id."""
    left = still_open(connection, decoder, source=None, but_run=run)
    wanted = {intent.ref for intent in left}
    seen = {item.ref: item for item in rows if item.ref in wanted} if left else {}
    verdicts: dict[str, IntentState] = {}
    for intent in left:
        item = seen.get(intent.ref)
        if item is None:
            continue
        holds = same_cells(intent.cells, item.own)
        verdicts[intent.id] = "done" if holds else "superseded"
        values = {"of_id": intent.id, "to": verdicts[intent.id], "why": intent.error, "at": instant_text(at)}
        connection.execute(_CLOSE, values)
        if holds and intent.sent_at is not None:
            note_written(connection, intent.ref, json_text(dict(intent.cells)), str(instant_text(intent.sent_at)))
            past.note_writes(connection, [intent.ref], str(instant_text(intent.sent_at)))
    return verdicts


def drop_old(connection: Connection, *, now: datetime) -> None:
    """Forget the intents that were closed more than 30 days ago."""
    connection.execute(delete(intents).where(~_OPEN, intents.c.closed_at < instant_text(now - KEEP_CLOSED)))


def _intent(row: Any, decoder: Decoder) -> Intent:
    return Intent(
        Ref(row.source, row.table_name, row.record), decoder.cells(row.cells), decoder.cells(row.before), row.id,
        row.run, row.state, row.error, decoder.instant(row.planned_at), decoder.instant(row.sent_at),
        decoder.instant(row.closed_at),
    )  # fmt: skip
