"""What one value can still be, after some comparisons with constants: a set, or an interval without some members."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

_ENUMERABLE = 1_000  # members of an interval of whole numbers that are looked at one by one


class Possible(NamedTuple):
    """What a value can be. ``empty`` and ``there``: whether it can be missing, and whether it can be anything else.

    ``among`` are the only values that are left, ``barred`` those that are not; ``low`` and ``high`` are the ends of an
    interval with whether the end itself belongs to it. ``whole`` numbers have nothing between one and the next.
    """

    empty: bool = True
    there: bool = True
    among: frozenset[Any] | None = None
    barred: frozenset[Any] = frozenset()
    low: tuple[Any, bool] | None = None
    high: tuple[Any, bool] | None = None
    whole: bool = False

    def narrowed(self, operator: str, value: Any) -> Possible | None:
        """Take one more comparison in; ``None`` when nothing is left."""
        match operator:
            case "==" | "in":
                found = self._within(frozenset([value]) if operator == "==" else value)
            case "!=" | "not in":
                found = self._without(frozenset([value]) if operator == "!=" else value)
            case ">" | ">=":
                found = self._above(value, operator == ">=")
            case _:
                found = self._below(value, operator == "<=")
        return found if found.empty or found.has_a_value() else None

    def _within(self, values: Iterable[Any]) -> Possible:
        wanted = frozenset(values)
        there = wanted - {None}
        among = there if self.among is None else self.among & there
        return self._replace(empty=self.empty and None in wanted, there=self.there and bool(there), among=among)

    def _without(self, values: Iterable[Any]) -> Possible:
        gone = frozenset(values)
        return self._replace(empty=self.empty and None not in gone, barred=self.barred | (gone - {None}))

    def _above(self, value: Any, itself: bool) -> Possible:
        if self.whole:
            value, itself = (math.ceil(value) if itself else math.floor(value) + 1), True
        if self.low is not None and (self.low[0], not self.low[1]) >= (value, not itself):
            value, itself = self.low
        return self._replace(empty=False, low=(value, itself))

    def _below(self, value: Any, itself: bool) -> Possible:
        if self.whole:
            value, itself = (math.floor(value) if itself else math.ceil(value) - 1), True
        if self.high is not None and self.high <= (value, itself):
            value, itself = self.high
        return self._replace(empty=False, high=(value, itself))

    def has_a_value(self) -> bool:
        """Tell whether it can be anything but missing."""
        if not self.there:
            return False
        if self.among is not None:
            return any(self._fits(value) for value in self.among)
        if self.low is None or self.high is None:
            return True
        low, high = self.low[0], self.high[0]
        if low == high:
            return self.low[1] and self.high[1] and low not in self.barred
        if self.whole and 0 <= high - low < _ENUMERABLE:
            return any(number not in self.barred for number in range(low, high + 1))
        return bool(low < high)

    def _fits(self, value: Any) -> bool:
        if value in self.barred or (self.whole and value != math.floor(value)):
            return False
        low = self.low is None or value > self.low[0] or (self.low[1] and value == self.low[0])
        high = self.high is None or value < self.high[0] or (self.high[1] and value == self.high[0])
        return bool(low and high)
