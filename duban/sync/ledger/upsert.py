"""Insert or update in one statement, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

CHUNK = 2000  # rows handed to the driver at once: enough for its speed, few enough for memory

_INSERTS: Mapping[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Upsert(NamedTuple):
    """Insert rows; where the primary key exists already, set the columns ``sets``, or nothing when there are none.

    ``where`` narrows the update: it gets the table and the refused row, and says which existing rows give way.
    """

    table: Table
    sets: tuple[str, ...] = ()
    where: Callable[[Table, Any], ColumnElement[bool]] | None = None

    def statement(self, dialect: str) -> postgresql.Insert | sqlite.Insert:
        """Return the statement for a dialect: ``sqlite`` or ``postgresql``."""
        insert = _INSERTS[dialect](self.table)
        keys = [column.name for column in self.table.primary_key.columns]
        if not self.sets:
            return insert.on_conflict_do_nothing(index_elements=keys)
        return insert.on_conflict_do_update(
            index_elements=keys,
            set_={name: insert.excluded[name] for name in self.sets},
            where=None if self.where is None else self.where(self.table, insert.excluded),
        )

    def __call__(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the rows, a chunk at a time; of two rows with one key the later wins."""
        statement = self.statement(connection.dialect.name)
        for chunk in chunks(rows):
            connection.execute(statement, chunk)

    def one(self, connection: Connection, row: Mapping[str, Any]) -> bool:
        """Write one row; tell whether anything was inserted or updated."""
        statement = self.statement(connection.dialect.name).execution_options(preserve_rowcount=True)
        return connection.execute(statement, row).rowcount == 1


def every_column_but(table: Table, *names: str) -> tuple[str, ...]:
    """Return the names of a table's columns outside its primary key, without the given ones."""
    return tuple(c.name for c in table.columns if not c.primary_key and c.name not in names)


def chunks(rows: Iterable[Any], size: int = CHUNK) -> Iterable[list[Any]]:
    """Cut rows into lists of at most ``size``."""
    rest = iter(rows)
    while chunk := list(islice(rest, size)):
        yield chunk
