"""Comparing instants. Python compares two times of one zone by what the clock on the wall shows (PEP 495), which is
wrong in the hour that a zone repeats when it sets its clocks back: what decides about deadlines asks here."""

from __future__ import annotations

from datetime import datetime


def is_after(a: datetime, b: datetime) -> bool:
    """Tell whether an aware time is later than another, to the microsecond."""
    return a.timestamp() > b.timestamp()


def same_instant(a: datetime | None, b: datetime | None) -> bool:
    """Tell whether two aware times are the same instant; a missing time is the same as none."""
    return a is not None and b is not None and a.timestamp() == b.timestamp()


def later_of(a: datetime, b: datetime) -> datetime:
    """Return the later of two aware times."""
    return b if is_after(b, a) else a
