"""The ledger's tables, the same on SQLite and PostgreSQL.

Types are those that are exact on both:

* an *instant* is ISO-8601 text in UTC of fixed width, ``2024-07-24T02:00:00.000000+00:00``: it keeps microseconds,
  sorts as text in every collation, and can be read by a person (SQLite has no type for an instant);
* a *day* is ISO text, ``2024-07-24``;
* the slots and nothing else count in seconds since 1970 (``Double``, eight bytes on both), because they are compared
  with a clock many times a second;
* structured values are JSON in ``Text``, written by ``codec``: the database never looks inside.

``table`` and ``values`` are words of SQL, hence ``table_name`` and ``cells``. The names carry a prefix because a team's
PostgreSQL is often shared with other programs.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
)  # fmt: skip

metadata = MetaData()

_INSTANT, _DAY = String(32), String(10)


def _row_key(*, primary: bool = True) -> list[Column[Any]]:
    """Return the three columns of a ``Ref``."""
    return [Column(name, Text, primary_key=primary, nullable=False) for name in ("source", "table_name", "record")]


migrations = Table(
    "duban_migrations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    # The one time that the database sets itself: no clock is known when a ledger is opened, and nothing reads it.
    Column("applied_at", DateTime(timezone=True), nullable=False, server_default=func.current_timestamp()),
)

# --- the mirror

tables = Table(
    "duban_tables",
    metadata,
    Column("source", Text, primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("read", String(16), nullable=False),
    Column("read_at", _INSTANT, nullable=False),
    Column("run", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Text, nullable=False),
    Column("last_complete_at", _INSTANT),
    Column("error", Text),
    Column("accepted", Boolean, nullable=False),
)

items = Table(
    "duban_items",
    metadata,
    *_row_key(),
    Column("kind", String(16), nullable=False),
    Column("code", Text, nullable=False),
    Column("hash", LargeBinary(16), nullable=False),
    Column("gone_at", _INSTANT),
    Column("changed_run", Text, nullable=False),
    Column("cells", Text, nullable=False),
    Column("own", Text, nullable=False),
    Column("bad", Text, nullable=False),
    Column("url", Text),
    Column("since", _INSTANT),  # when these cells were first read; unknown for rows older than the record of the past
)
# Finding what changed reads (record, hash) of a whole table: from this index it takes 1.2 s for 1,000,000 rows, from
# the rows themselves 4.6 s.
Index("duban_items_hash", items.c.source, items.c.table_name, items.c.record, items.c.hash, items.c.gone_at)

# --- what is remembered of an item

memories = Table(
    "duban_memories",
    metadata,
    *_row_key(),
    Column("code", Text, nullable=False),
    Column("status", Text),
    Column("status_since", _INSTANT),
    Column("previous_status", Text),
    Column("explanation", Text),
    Column("explained_seen_at", _INSTANT),
    Column("explained_unseen_at", _INSTANT),
    Column("human", Text),
    Column("human_at", _INSTANT),
    Column("written_at", _INSTANT),
    Column("written", Text, nullable=False),
    Column("findings", Text, nullable=False),
    Column("baseline", Text, nullable=False),
    Column("imported", Boolean, nullable=False),
    Column("clocks", Text, nullable=False, server_default="[]"),
    Column("judged", Text, nullable=False, server_default="[]"),
    Column("closing", Text),
    Column("extended", Text, nullable=False, server_default="[]"),
    Column("waived", Text, nullable=False, server_default="[]"),
)


def _of_memory() -> ForeignKeyConstraint:
    key = ("source", "table_name", "record")
    return ForeignKeyConstraint(key, [memories.c[name] for name in key], ondelete="CASCADE")


alerts = Table(
    "duban_alerts",
    metadata,
    *_row_key(),
    Column("state", Text, nullable=False),
    Column("at", _INSTANT),
    Column("explain_deadline", _INSTANT),
    Column("notices", Integer, nullable=False),
    Column("baseline_due", _DAY),
    Column("due_cell", _DAY),
    Column("escalated_at", _INSTANT),
    Column("escalated_to", Text),
    Column("cycle", Integer, nullable=False),
    Column("cycle_at", _INSTANT),
    Column("accepted_due", _DAY),
    Column("explained_at", _INSTANT),
    Column("explained_late", Boolean),
    Column("sla", Text, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("history", Text, nullable=False, server_default="[]"),
    _of_memory(),
)

status_spans = Table(
    "duban_status_spans",
    metadata,
    *_row_key(),
    Column("since", _INSTANT, primary_key=True),
    Column("status", Text, nullable=False),
    Column("until", _INSTANT),
    _of_memory(),
)

# States that were imported for a row known only by its code: kept until a row with that code is read.
waiting = Table(
    "duban_waiting",
    metadata,
    Column("source", Text, primary_key=True),  # empty: any source
    Column("table_name", Text, primary_key=True),  # empty: any table
    Column("code", Text, primary_key=True),
    Column("state", Text, nullable=False),
)

# --- the past: what a backtest replays

# Books of rules, and forms of tables, by the fingerprint of their text: thousands of runs share one.
documents = Table(
    "duban_documents",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("what", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("digests", Text, nullable=False),
    Column("first_at", _INSTANT, nullable=False),
    Column("last_at", _INSTANT, nullable=False),
)

moments = Table(
    "duban_moments",
    metadata,
    Column("at", _INSTANT, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("sources", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("tables", Text, nullable=False),
    Column("held", Text, nullable=False),
    Column("landmark", Boolean, nullable=False),
)

# What a row, or what is remembered of it, was until a moment; ``name`` is item, memory, messages or write.
past = Table(
    "duban_past",
    metadata,
    *_row_key(),
    Column("name", String(16), primary_key=True),
    Column("until", _INSTANT, primary_key=True),
    Column("since", _INSTANT),
    Column("data", Text, nullable=False),
)
Index("duban_past_until", past.c.until)

# --- what was written and said

intents = Table(
    "duban_intents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),
    *_row_key(primary=False),
    Column("cells", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("error", Text),
    Column("planned_at", _INSTANT, nullable=False),
    Column("sent_at", _INSTANT),
    Column("closed_at", _INSTANT),
)
Index("duban_intents_state", intents.c.state, intents.c.source)
Index("duban_intents_row", intents.c.source, intents.c.table_name, intents.c.record)

outbox = Table(
    "duban_outbox",
    metadata,
    Column("key", Text, primary_key=True),
    Column("template", Text, nullable=False),
    Column("rule", Text),
    *_row_key(primary=False),
    Column("code", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("copies", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("created_at", _INSTANT, nullable=False),
    Column("tried_at", _INSTANT),
    Column("next_at", _INSTANT),
    Column("sent_at", _INSTANT),
    Column("run", Text, nullable=False),
)
Index("duban_outbox_status", outbox.c.status, outbox.c.source)
Index("duban_outbox_row", outbox.c.source, outbox.c.table_name, outbox.c.record)

# --- running

runs = Table(
    "duban_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("now", _INSTANT, nullable=False),
    Column("started", _INSTANT, nullable=False),
    Column("ended", _INSTANT),
    Column("mode", String(16), nullable=False),
    Column("result", Text),
    Column("counts", Text, nullable=False),
    Column("config", Text, nullable=False),
)

schedule = Table(
    "duban_schedule",
    metadata,
    Column("source", Text, primary_key=True),
    Column("next_due", _INSTANT, nullable=False),
    Column("last_ok", _INSTANT),
    Column("consecutive_failures", Integer, nullable=False),
)

leases = Table(
    "duban_leases",
    metadata,
    Column("source", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("until", _INSTANT, nullable=False),
)

slots = Table(
    "duban_slots",
    metadata,
    Column("key", Text, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("free_at", Double, nullable=False),
)
