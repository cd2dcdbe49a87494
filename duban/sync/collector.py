"""The garbage collector around a cycle, or a load of rules: what stays is no garbage, and looking for it costs.

With Python's own thresholds a cycle walks over all its rows again and again (2 to 4 times the whole load time,
facts/rules-and-state section 4). Rows, items and verdicts refer to each other in one direction only, so that nothing of
weight waits for the collector; it is asked rarely, not switched off.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = (50_000, 20, 100)
_lock = threading.Lock()
_inside = 0
_before = gc.get_threshold()


@contextmanager
def calm_collector() -> Iterator[None]:
    """Leave alone what exists and look rarely at what comes, until the last block of the process is left."""
    global _inside, _before  # noqa: PLW0603 - the collector is one for the process, so is this
    with _lock:
        _inside += 1
        if _inside == 1:
            _before = gc.get_threshold()
            gc.freeze()  # without collecting first: that would cost a small cycle more than its own work
            gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                gc.set_threshold(*_before)
                gc.unfreeze()
