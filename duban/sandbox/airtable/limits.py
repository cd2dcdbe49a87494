"""Airtable's limits as the simulator enforces them: 5 requests a second per base, 50 per user, a monthly cap.

The windows slide (facts/airtable section 14, 28). After a breach, ``strict`` refuses every call of that base for 30 s;
``soft`` refuses only while the window is full (a live test of pyairtable suggests that this is often so). A refused
call does not count and does not prolong the lock-out: what the real service does there is unknown.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Literal

LimitMode = Literal["strict", "soft", "off"]
PER_BASE, PER_USER, WINDOW, LOCK_OUT = 5, 50, 1.0, 30.0


class Limiter:
    """Counts requests in sliding windows, on the simulator's clock."""

    def __init__(self) -> None:
        self._seen: defaultdict[str, deque[float]] = defaultdict(deque)
        self._locked: dict[str, float] = {}
        self.calls_this_month = 0
        self.breaches = 0

    def admit(self, now: float, base: str | None, user: str, mode: LimitMode) -> float:
        """Count one call: 0.0 when it may pass, else the seconds until the next one may."""
        if mode == "off":
            return 0.0
        keys = [(f"user:{user}", PER_USER)] + ([(f"base:{base}", PER_BASE)] if base else [])
        waits = [self._wait(now, key, limit, mode) for key, limit in keys]
        if max(waits) > 0:
            self.breaches += 1
            return max(waits)
        for key, _ in keys:
            self._seen[key].append(now)
        return 0.0

    def _wait(self, now: float, key: str, limit: int, mode: LimitMode) -> float:
        if mode == "strict" and self._locked.get(key, now) > now:
            return self._locked[key] - now
        seen = self._seen[key]
        while seen and seen[0] <= now - WINDOW:
            seen.popleft()
        if len(seen) < limit:
            return 0.0
        if mode == "strict":
            self._locked[key] = now + LOCK_OUT
            return LOCK_OUT
        return seen[0] + WINDOW - now
