"""Steps that bring an older ledger to the tables of ``schema``, each in one transaction with its record.

The first step makes the newest tables, and a new ledger then counts as having seen every step; so any other step only
ever meets a ledger written by a release before it. Add a step with the next number when ``schema`` changes, and never
change an old one; write its statements out (``ALTER TABLE …``), because ``schema`` shows the newest tables, not those
of its time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, inspect, select, text

from duban.errors import StateError
from duban.sync.ledger import schema
from duban.sync.ledger.database import Database

# Any number that nothing else in the database uses: two processes that open a new ledger at once take turns.
_TURN = text("SELECT pg_advisory_xact_lock(7034521)")


class Migration(NamedTuple):
    """One step: its number (1, 2, 3 …), a name for people, and what it does inside the step's transaction."""

    number: int
    name: str
    apply: Callable[[Connection], None]


def _clocks(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE duban_memories ADD COLUMN clocks TEXT NOT NULL DEFAULT '[]'"))


def _history(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE duban_alerts ADD COLUMN history TEXT NOT NULL DEFAULT '[]'"))


_PAST = (
    "ALTER TABLE duban_items ADD COLUMN since VARCHAR(32)",
    "ALTER TABLE duban_memories ADD COLUMN judged TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE duban_memories ADD COLUMN closing TEXT",
    """CREATE TABLE duban_documents (
        fingerprint TEXT NOT NULL PRIMARY KEY, what VARCHAR(16) NOT NULL, text TEXT NOT NULL, digests TEXT NOT NULL,
        first_at VARCHAR(32) NOT NULL, last_at VARCHAR(32) NOT NULL
    )""",
    """CREATE TABLE duban_moments (
        at VARCHAR(32) NOT NULL, run TEXT NOT NULL, sources TEXT NOT NULL, book TEXT NOT NULL, tables TEXT NOT NULL,
        held TEXT NOT NULL, landmark BOOLEAN NOT NULL, PRIMARY KEY (at, run)
    )""",
    """CREATE TABLE duban_past (
        source TEXT NOT NULL, table_name TEXT NOT NULL, record TEXT NOT NULL, name VARCHAR(16) NOT NULL,
        until VARCHAR(32) NOT NULL, since VARCHAR(32), data TEXT NOT NULL,
        PRIMARY KEY (source, table_name, record, name, until)
    )""",
    "CREATE INDEX duban_past_until ON duban_past (until)",
)


def _past(connection: Connection) -> None:
    for statement in _PAST:
        connection.execute(text(statement))


def _approved(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE duban_memories ADD COLUMN extended TEXT NOT NULL DEFAULT '[]'"))
    connection.execute(text("ALTER TABLE duban_memories ADD COLUMN waived TEXT NOT NULL DEFAULT '[]'"))


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "the newest tables", schema.metadata.create_all),
    Migration(2, "pauses and cycles of clocks", _clocks),
    Migration(3, "the history of alerts", _history),
    Migration(4, "the past: versions of rules, rows and memories", _past),
    Migration(5, "extensions on record, rules that were waived", _approved),
)


def applied(connection: Connection) -> frozenset[int]:
    """Return the numbers of the steps that the ledger has seen; none for a database without a ledger."""
    if not inspect(connection).has_table(schema.migrations.name):
        return frozenset()
    return frozenset(connection.execute(select(schema.migrations.c.number)).scalars())


def pending(connection: Connection, *, name: str, known: Sequence[Migration] = MIGRATIONS) -> tuple[Migration, ...]:
    """Return the steps that the ledger still needs, in order; ``name`` is the ledger as the error shows it.

    Raises ``StateError`` when the ledger knows steps that this release does not.
    """
    done = applied(connection)
    newer = sorted(done - {migration.number for migration in known})
    if newer:
        raise StateError(
            f"the ledger {name} was written by a newer duban (its step {newer[0]} is unknown here); "
            "upgrade duban, or point 'state:' to another ledger"
        )
    return tuple(migration for migration in known if migration.number not in done)


def upgrade(database: Database, known: Sequence[Migration] = MIGRATIONS) -> tuple[Migration, ...]:
    """Apply the steps that are missing and return them. Safe when several processes do it at once."""
    done: list[Migration] = []
    while True:
        with database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_TURN)
            missing = pending(connection, name=database.name, known=known)
            if not missing:
                return tuple(done)
            fresh = len(missing) == len(known)
            missing[0].apply(connection)
            steps = missing if fresh else missing[:1]
            rows = [{"number": step.number, "name": step.name} for step in steps]
            connection.execute(schema.migrations.insert(), rows)
            done += steps
