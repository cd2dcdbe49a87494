"""The connection to the ledger's database: opening, transactions, and errors as sentences.

SQLite: WAL and ``synchronous=FULL`` (NORMAL may lose the last commits at a power cut and so forget an intent;
facts/scale-and-reliability section 4), every writing transaction begins IMMEDIATE so that it waits for its turn
instead of failing half-way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Executable, Row, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from duban.errors import StateError

_WRITES = "duban_writes"  # the execution option that tells a writing transaction from a reading one
_STREAM = {"yield_per": 5000}
_ADVICE = (
    ("locked", "another duban is writing to it; try again when that one has finished"),
    ("full", "make room on its disk"),
    ("readonly", "give this user the right to write it"),
    ("not a database", "point 'state:' to a ledger of duban, or to a file that does not exist yet"),
    ("malformed", "restore it from a backup, or move it away and start from 'duban state import'"),
    ("unable to open", "make its folder, and give this user the right to write there"),
)


class Database:
    """One database with a pool of connections. Thread-safe; an in-memory one lets one thread in at a time."""

    def __init__(self, url: URL, *, durable: bool = True, query_only: bool = False) -> None:
        self.url, self.name = url, shown(url)
        self.in_memory = sqlite_file(url) is None and url.get_backend_name() == "sqlite"
        self._turn: AbstractContextManager[Any] = threading.RLock() if self.in_memory else nullcontext()
        self.engine = self._engine(durable=durable, query_only=query_only)

    def _engine(self, *, durable: bool, query_only: bool) -> Engine:
        # hide_parameters: titles and names of people stay out of error texts.
        options: dict[str, Any] = {"hide_parameters": True}
        if self.in_memory:
            options |= {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
        try:
            engine = create_engine(self.url, **options)
        except ModuleNotFoundError as error:
            raise StateError(f"the ledger {self.name} needs {error.name}: pip install 'duban[postgres]'") from error
        except (NoSuchModuleError, ArgumentError) as error:
            raise self._unknown() from error
        if engine.dialect.name == "sqlite":
            _set_up_sqlite(engine, durable=durable, query_only=query_only)
        elif engine.dialect.name == "postgresql":
            _set_up_postgresql(engine, durable=durable)
        else:
            raise self._unknown()
        return engine

    def _unknown(self) -> StateError:
        return StateError(f"the ledger {self.name} is of an unknown kind; use sqlite:/// or postgresql+psycopg://")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the ledger. Raises ``StateError``."""
        with self._turn, self._sentences(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose work is committed as a whole at the end, or not at all. Raises ``StateError``."""
        with self._turn, self._sentences(), self.engine.connect() as plain:
            connection = plain.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def stream(self, statement: Executable) -> Iterator[Row[Any]]:
        """Yield the rows of a query without holding them all; the caller may use the ledger meanwhile."""
        with self.reading() as connection:
            rows = connection.execute(statement, execution_options=_STREAM)
            if not self.in_memory:
                yield from rows
                return
            held = rows.all()  # one connection for everybody: it must be free again before anything is yielded
        yield from held

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            raise StateError(f"the ledger {self.name} {_failure(error)}") from error


def _failure(error: DBAPIError | PoolTimeout) -> str:
    # Only the driver's own first line: SQLAlchemy's text holds the statement, and may hold people's words.
    cause = error.orig if isinstance(error, DBAPIError) else error
    reason = next(iter(str(cause).splitlines()), type(error).__name__)
    advice = next((step for word, step in _ADVICE if word in reason), "check that it can be reached and written")
    return f"failed: {reason}; {advice}"


def parse_url(text: str) -> URL:
    """Return a database URL, or raise ``StateError``."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise StateError("state: is not a database URL; write sqlite:///duban.db or postgresql+psycopg://…") from error
    if (url.database or "").startswith("file:"):
        raise StateError(f"the ledger {shown(url)} must be named by a plain path, not by a file: address")
    return url


def shown(url: URL) -> str:
    """Return the URL as people may see it: without its password."""
    return url.render_as_string(hide_password=True)


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite URL, ``None`` for a database in memory or another kind."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return Path(str(url.database))


def _set_up_sqlite(engine: Engine, *, durable: bool, query_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        connection.execute("PRAGMA busy_timeout = 5000")
        if query_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -65536")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgresql(engine: Engine, *, durable: bool) -> None:
    @event.listens_for(engine, "connect")
    def _(connection: Any, _entry: ConnectionPoolEntry) -> None:
        with connection.cursor() as cursor:
            # A plan kept from when a table was empty reads all of it for every chunk of a large first commit: with
            # 50,000 rows that took 48 s instead of 1.
            cursor.execute("SET plan_cache_mode = force_custom_plan")
            if not durable:
                cursor.execute("SET synchronous_commit = off")
        connection.commit()
