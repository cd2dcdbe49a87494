"""Rate-limit slots shared by several processes: ``duban.connectors.limits.Slots`` on the ledger's database.

The rule is the one of ``MemorySlots``: a slot is taken before a request and free again some time after its answer.
Every change is one ``UPDATE`` that names the value it saw, so of two processes that want a slot exactly one gets it,
on SQLite as on PostgreSQL, without locks that last. Commits here need not survive a power cut: when the machine is
gone, so are its requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sqlalchemy import bindparam, select, update

from duban.connectors.limits import Limit
from duban.errors import StateError
from duban.sync.ledger.database import Database, parse_url
from duban.sync.ledger.schema import slots
from duban.sync.ledger.upsert import Upsert

NEW_SLOT = Upsert(slots)
# No honest holder keeps a slot longer than this beyond its own time: a slot that says so was set by a clock that was
# wrong and has been put right since.
FAR = 900.0
_AGAIN = 0.05  # seconds until the next look when the database itself is busy

_OF_KEY = select(slots.c.slot, slots.c.free_at).where(slots.c.key == bindparam("of_key"))
_SWAP = (
    update(slots)
    .where(
        slots.c.key == bindparam("of_key"),
        slots.c.slot == bindparam("of_slot"),
        slots.c.free_at == bindparam("seen"),
    )
    .values(free_at=bindparam("then"))
)
_FREEZE = (
    update(slots)
    .where(slots.c.key == bindparam("of_key"), slots.c.free_at < bindparam("until"))
    .values(free_at=bindparam("until"))
)


class LedgerSlots:
    """Slots of every process that uses one ledger. Thread-safe.

    ``clock`` gives seconds since 1970 (``time.time``): a clock that all processes share, not the monotonic one.
    ``shared`` tells that the database is somebody else's and is not to be closed.
    """

    def __init__(self, database: Database, clock: Callable[[], float], *, shared: bool = False) -> None:
        self._database, self._clock, self._shared, self._lock = database, clock, shared, threading.Lock()
        self._made: dict[str, int] = {}
        self._taken: dict[tuple[str, int], float] = {}

    @classmethod
    def open(cls, url: str, clock: Callable[[], float]) -> LedgerSlots:
        """Open slots on a ledger that exists, with connections of their own."""
        return cls(Database(parse_url(url), durable=False), clock)

    def close(self) -> None:
        """Give the connections back, where they are its own."""
        if not self._shared:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self.close()

    def take(self, limit: Limit, hold: float) -> tuple[int, float]:
        """See :class:`duban.connectors.limits.Slots`. A database that is busy is one with no free slot just now."""
        try:
            self._make(limit)
            return self._take(limit, hold)
        except StateError:
            if self._reachable():
                return -1, _AGAIN
            raise

    def release(self, limit: Limit, slot: int, after: float) -> None:
        """See :class:`duban.connectors.limits.Slots`. A slot that was frozen meanwhile, or whose time ran out and that
        another process has now, stays as it is; so does one whose release is lost, until its time runs out."""
        with self._lock:
            seen = self._taken.pop((limit.key, slot), None)
        if seen is None:
            return
        try:
            self._swap(limit, slot, seen, self._clock() + after)
        except StateError:
            if not self._reachable():
                raise

    def freeze(self, limit: Limit, seconds: float) -> None:
        """See :class:`duban.connectors.limits.Slots`."""
        self._make(limit)
        with self._database.writing() as connection:
            connection.execute(_FREEZE, {"of_key": limit.key, "until": self._clock() + seconds})

    def _make(self, limit: Limit) -> None:
        with self._lock:
            if self._made.get(limit.key, 0) >= limit.requests:
                return
        rows = [{"key": limit.key, "slot": slot, "free_at": 0.0} for slot in range(limit.requests)]
        with self._database.writing() as connection:
            NEW_SLOT(connection, rows)
        with self._lock:
            self._made[limit.key] = limit.requests

    def _take(self, limit: Limit, hold: float) -> tuple[int, float]:
        while True:
            now = self._clock()
            with self._database.reading() as connection:
                rows = connection.execute(_OF_KEY, {"of_key": limit.key}).all()
            # Another process may know a larger limit for the key: its slots are not ours to use.
            known = {slot: free_at for slot, free_at in rows if slot < limit.requests}
            slot = min(known, key=lambda slot: (known[slot] if known[slot] <= now + hold + FAR else 0.0, slot))
            if now < known[slot] <= now + hold + FAR:
                return -1, known[slot] - now
            if self._swap(limit, slot, known[slot], now + hold):
                with self._lock:
                    self._taken[limit.key, slot] = now + hold
                return slot, 0.0

    def _swap(self, limit: Limit, slot: int, seen: float, then: float) -> bool:
        values = {"of_key": limit.key, "of_slot": slot, "seen": seen, "then": then}
        with self._database.writing() as connection:
            return connection.execute(_SWAP, values).rowcount == 1

    def _reachable(self) -> bool:
        """Tell a busy database from a broken one."""
        try:
            with self._database.reading() as connection:
                connection.execute(_OF_KEY, {"of_key": ""}).all()
        except StateError:
            return False
        return True
