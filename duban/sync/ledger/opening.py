"""Opening a ledger's database: to work with it, or only to look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from duban.errors import StateError
from duban.sync.ledger.database import Database, parse_url, sqlite_file
from duban.sync.ledger.migrations import MIGRATIONS, Migration, applied, pending, upgrade

_MEMORY = "sqlite://"


def opened(url: str, *, create: bool, known: Sequence[Migration] = MIGRATIONS) -> Database:
    """Return the database of a ledger, upgraded; made if there is none and ``create``."""
    parsed = parse_url(url)
    file = sqlite_file(parsed)
    if not create and file is not None and not file.exists():  # connecting would make it
        raise _nothing_at(str(file))
    with _closed_on_error(Database(parsed)) as database:
        if not create and not _has_ledger(database):
            raise _nothing_at(database.name)
        upgrade(database, known)
        return database


def looked_at(url: str, *, known: Sequence[Migration] = MIGRATIONS) -> Database:
    """Return the database of a ledger for reading, or a view in memory: empty where there is no ledger yet, an
    upgraded copy of an older one. Changes nothing, leaves no file."""
    parsed = parse_url(url)
    file = sqlite_file(parsed)
    if parsed.get_backend_name() == "sqlite" and (file is None or not file.exists()):
        return opened(_MEMORY, create=True, known=known)
    with _closed_on_error(Database(parsed, query_only=True)) as database:
        with database.reading() as connection:
            missing = pending(connection, name=database.name, known=known)
        if not missing:
            return database
        view = _view(database, known, is_file=file is not None)
    database.close()
    return view


def _view(database: Database, known: Sequence[Migration], *, is_file: bool) -> Database:
    older = _has_ledger(database)
    if older and not is_file:
        raise StateError(f"the ledger {database.name} is of an older duban; run 'duban sync' once to upgrade it")
    view = Database(parse_url(_MEMORY))
    if older:
        with database.engine.connect() as old, view.engine.connect() as new:
            old.connection.dbapi_connection.backup(new.connection.dbapi_connection)  # type: ignore[union-attr]
    upgrade(view, known)
    return view


def _has_ledger(database: Database) -> bool:
    with database.reading() as connection:
        return bool(applied(connection))


def _nothing_at(place: str) -> StateError:
    return StateError(f"there is no ledger at {place}; run 'duban sync' once, or correct 'state:'")


@contextmanager
def _closed_on_error(database: Database) -> Iterator[Database]:
    try:
        yield database
    except BaseException:
        database.close()
        raise
