"""Two cycles on one ledger take turns: a lock beside the ledger's file that dies with its process.

A killed run leaves nothing behind that the next one would have to wait for. A ledger in memory, or on a database
server, needs no file: there only the threads of this process take turns.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from duban.errors import Interrupted, StateError

_PATIENCE = 120.0  # seconds that one run waits for another


def turns(
    ledger_file: Path | None, stop: threading.Event, patience: float = _PATIENCE
) -> Callable[[], AbstractContextManager[None]]:
    """Return what a cycle holds while it judges and writes. Raises ``StateError`` when another run keeps the ledger,
    ``Interrupted`` when asked to stop while waiting for it."""
    inside = threading.Lock()

    @contextmanager
    def turn() -> Iterator[None]:
        with inside:
            if ledger_file is None:
                yield
                return
            handle = os.open(f"{ledger_file}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _wait(handle, ledger_file, stop, patience)
                yield
            finally:
                os.close(handle)  # gives the lock back too

    return turn


def _wait(handle: int, ledger_file: Path, stop: threading.Event, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if stop.wait(0.05):
                raise Interrupted("stopped on request while another duban was at work; nothing was changed") from None
            if time.monotonic() >= until:
                raise StateError(f"another duban is at work on {ledger_file}; wait for it or stop it") from None
        else:
            return
