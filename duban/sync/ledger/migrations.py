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


MIGRATIONS: tuple[Migration, ...] = (Migration(1, "the newest tables", schema.metadata.create_all),)


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
