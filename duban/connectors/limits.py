"""Rate limits, kept from our side: the response-anchored slot limiter.

For a limit of L requests per window W there are L slots. A slot is taken before a request is sent and becomes free
W after its answer came (or after timeout + W when no answer came). Any L+1 requests then reach the vendor more than W
apart, whatever the network does, so sliding windows, fixed windows and token buckets are all satisfied
(facts/scale-and-reliability section 3: 0 answers 429 in every case; even spacing is not safe under jitter).
A limit with ``window`` 0 is a gate: at most L requests at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from duban.errors import Interrupted


class Limit(NamedTuple):
    """At most ``requests`` per ``window`` seconds for everything that shares ``key``."""

    key: str
    requests: int
    window: float


class Slots(Protocol):
    """Where slots are remembered: in this process, or in the ledger when several processes share a limit."""

    def take(self, limit: Limit, hold: float) -> tuple[int, float]:
        """Take a free slot for at most ``hold`` seconds: (slot, 0.0), or (-1, seconds until the next may be free)."""
        ...

    def release(self, limit: Limit, slot: int, after: float) -> None:
        """Make the slot free again ``after`` seconds from now."""
        ...

    def freeze(self, limit: Limit, seconds: float) -> None:
        """Keep every slot of the key taken for at least ``seconds`` (a vendor's lock-out)."""
        ...


class MemorySlots:
    """Slots of one process. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock, self._free_at = clock, threading.Lock(), dict[str, list[float]]()
        self._frozen: dict[str, float] = {}

    def take(self, limit: Limit, hold: float) -> tuple[int, float]:
        """See :class:`Slots`."""
        with self._lock:
            now = self._clock()
            slots = self._slots(limit)
            slot = min(range(len(slots)), key=slots.__getitem__)
            if slots[slot] > now:
                return -1, slots[slot] - now
            slots[slot] = now + hold
            return slot, 0.0

    def release(self, limit: Limit, slot: int, after: float) -> None:
        """See :class:`Slots`."""
        with self._lock:
            self._slots(limit)[slot] = max(self._clock() + after, self._frozen.get(limit.key, 0.0))

    def freeze(self, limit: Limit, seconds: float) -> None:
        """See :class:`Slots`."""
        with self._lock:
            until = self._clock() + seconds
            self._frozen[limit.key] = max(until, self._frozen.get(limit.key, 0.0))
            slots = self._slots(limit)
            slots[:] = [max(free_at, until) for free_at in slots]

    def _slots(self, limit: Limit) -> list[float]:
        return self._free_at.setdefault(limit.key, [0.0] * limit.requests)


class LocalGates:
    """Shared slots for rates, slots of this process for gates.

    For runs that already take turns at writing (one ledger on one machine): a gate that a killed run held must not keep
    the next one waiting, while its requests may still be on their way and count against the rates.
    """

    def __init__(self, shared: Slots) -> None:
        self._shared, self._own = shared, MemorySlots()

    def _of(self, limit: Limit) -> Slots:
        return self._own if limit.window == 0 else self._shared

    def take(self, limit: Limit, hold: float) -> tuple[int, float]:
        """See :class:`Slots`."""
        return self._of(limit).take(limit, hold)

    def release(self, limit: Limit, slot: int, after: float) -> None:
        """See :class:`Slots`."""
        self._of(limit).release(limit, slot, after)

    def freeze(self, limit: Limit, seconds: float) -> None:
        """See :class:`Slots`."""
        self._of(limit).freeze(limit, seconds)


class Pace:
    """What one source waits through: its slots, and the wish to stop.

    ``stop`` ends every wait at once with :class:`Interrupted`, so that a signal takes effect between two requests.
    """

    def __init__(self, slots: Slots | None = None, stop: threading.Event | None = None, hold: float = 40.0) -> None:
        self.slots: Slots = slots or MemorySlots()
        self.stop = stop or threading.Event()
        self._hold = hold

    def sleep(self, seconds: float) -> None:
        """Wait, but not past the wish to stop. Raises ``Interrupted``."""
        if self.stop.wait(max(0.0, seconds)):
            raise Interrupted("stopped on request; what was done up to here is recorded")

    @contextmanager
    def request(self, limits: Sequence[Limit]) -> Iterator[None]:
        """Hold one slot of every limit around one request. An exception that leaves the block means that no answer
        came: the slot then stays taken until the request can no longer arrive."""
        if self.stop.is_set():
            self.sleep(0)
        # One order for everybody: two requests can never wait for each other.
        taken = [(limit, self._take(limit)) for limit in sorted(limits)]
        answered = False
        try:
            yield
            answered = True
        finally:
            for limit, slot in taken:
                if answered or limit.window == 0:
                    self.slots.release(limit, slot, limit.window)

    def _take(self, limit: Limit) -> int:
        while True:
            slot, wait = self.slots.take(limit, self._hold + limit.window)
            if slot >= 0:
                return slot
            # A gate's holder gives no time: look again soon, and never oversleep a slot that is released early.
            self.sleep(min(wait, 0.02 if limit.window == 0 else wait, 1.0))

    def freeze(self, limits: Sequence[Limit], seconds: float) -> None:
        """Keep everybody away from these keys: the vendor has locked us out."""
        for limit in limits:
            self.slots.freeze(limit, seconds)
