"""The outbox: what people are told, noted in the same commit as its reason and sent afterwards, at least once.

A message's key is its identity for ever: a key that is known is not queued again. The one exception is a table that
leaves shadow mode: a message that was only shown gives way to the one that is to be sent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from duban.item import Ref
from duban.sync.ledger.codec import Decoder, instant_text, json_text, plain
from duban.sync.ledger.past import purged_messages
from duban.sync.ledger.recollection import key_row
from duban.sync.ledger.schema import outbox
from duban.sync.ledger.upsert import Upsert, chunks, every_column_but
from duban.sync.ledger.values import Message

PUT_MESSAGE = Upsert(
    outbox,
    every_column_but(outbox),
    where=lambda table, refused: (table.c.status == "shadow") & (refused.status != "shadow"),
)


def told(connection: Connection, keys: Collection[str] | None = None, *, shadow: bool) -> set[str]:
    """Return the keys that count as told (of the given ones, or all); those only shown count where ``shadow``."""
    counts = outbox.c.key.is_not(None) if shadow else outbox.c.status != "shadow"
    if keys is None:
        return set(connection.execute(select(outbox.c.key).where(counts)).scalars())
    found: set[str] = set()
    for chunk in chunks(keys, 500):
        found.update(connection.execute(select(outbox.c.key).where(counts, outbox.c.key.in_(chunk))).scalars())
    return found


def queue(connection: Connection, messages: Sequence[Message], *, run: str, now: datetime) -> tuple[str, ...]:
    """Put messages in; return the keys that were not known before (or only shown), in order and each once."""
    shown = told(connection, [message.key for message in messages], shadow=True)
    known = told(connection, [message.key for message in messages], shadow=False)
    fresh: dict[str, Message] = {}
    for message in messages:
        if message.key not in (shown if message.status == "shadow" else known):
            fresh.setdefault(message.key, message)
    PUT_MESSAGE(connection, (_row(message, run=run, now=now) for message in fresh.values()))
    return tuple(fresh)


def pending(connection: Connection, decoder: Decoder, *, now: datetime, source: str | None) -> list[Message]:
    """Return what is to be sent now, oldest first: what waits and is due, and what a crash left half-sent."""
    due = (outbox.c.status == "queued") & or_(outbox.c.next_at.is_(None), outbox.c.next_at <= instant_text(now))
    rows = select(outbox).where(or_(due, outbox.c.status == "sending"))
    if source is not None:
        rows = rows.where(outbox.c.source == source)
    rows = rows.order_by(outbox.c.created_at, outbox.c.key)
    return [message_from(row, decoder) for row in connection.execute(rows)]


def every(connection: Connection, decoder: Decoder) -> list[Message]:
    """Return every message, oldest first; of those about rows that were deleted what the past kept."""
    known = [message_from(row, decoder) for row in connection.execute(select(outbox))]
    known += purged_messages(connection, decoder)
    return sorted(known, key=lambda message: (instant_text(message.created_at) or "", message.key))


def mark_sending(connection: Connection, key: str, at: datetime) -> bool:
    """Note an attempt before it is made; false when the message no longer waits."""
    statement = (
        update(outbox)
        .where(outbox.c.key == key, outbox.c.status.in_(("queued", "sending")))
        .values(status="sending", attempts=outbox.c.attempts + 1, tried_at=instant_text(at), next_at=None)
    )
    return connection.execute(statement).rowcount == 1


def mark(connection: Connection, key: str, **values: Any) -> None:
    """Set columns of one message that is being sent."""
    connection.execute(update(outbox).where(outbox.c.key == key, outbox.c.status == "sending").values(**values))


def put(connection: Connection, messages: Iterable[Message], *, now: datetime) -> None:
    """Put in messages as they are (an import); a key that is known stays as it was."""
    PUT_MESSAGE(connection, (_row(message, run=message.run, now=now) for message in messages))


def message_from(row: Any, decoder: Decoder) -> Message:
    """Return a message from its row."""
    return Message(
        row.key, row.template, row.rule, Ref(row.source, row.table_name, row.record), row.code,
        decoder.texts(row.recipients), decoder.texts(row.copies), json.loads(row.text), row.status, row.attempts,
        row.error, decoder.instant(row.created_at), decoder.instant(row.tried_at), decoder.instant(row.next_at),
        decoder.instant(row.sent_at), row.run,
    )  # fmt: skip


def _row(message: Message, *, run: str, now: datetime) -> dict[str, Any]:
    return key_row(message.ref) | {
        "key": message.key, "template": message.template, "rule": message.rule, "code": plain(message.code),
        "recipients": json_text(message.to), "copies": json_text(message.cc), "text": json_text(dict(message.text)),
        "status": message.status, "attempts": message.attempts, "error": message.error,
        "created_at": instant_text(message.created_at or now), "tried_at": instant_text(message.tried_at),
        "next_at": instant_text(message.next_at), "sent_at": instant_text(message.sent_at), "run": run,
    }  # fmt: skip
