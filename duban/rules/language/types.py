"""The types of the rule language, and the runtime operations that know about missing values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple


class Type(NamedTuple):
    """The type of an expression. ``of`` is the kind of item for items; ``options`` the words a text can be.

    ``closed``: it can be no other word. An open one keeps what a tool calls it when that is none of the options nor
    one of ``aliases``, (word, the option it is read as).
    """

    name: str
    of: str = ""
    options: tuple[str, ...] = ()
    closed: bool = True
    aliases: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return _SHOWN.get(self.name, self.name) + (f" of kind {self.of}" if self.of else "")


TEXT = Type("text")
NUMBER = Type("number")
BOOL = Type("bool")
DATE = Type("date")
DATETIME = Type("datetime")
DURATION = Type("duration")
TEXTS = Type("texts")
PEOPLE = Type("people")
PAIRS = Type("pairs")
NULL = Type("null")
CLOCK = Type("clock")  # a parameter {hours, mode}
RANGE = Type("range")  # a parameter [smallest, largest]

_SHOWN = {
    "texts": "list of texts", "people": "list of people", "items": "list of items", "item": "item",
    "bool": "condition", "clock": "clock parameter", "pairs": "table of pairs", "links": "list of linked items",
}  # fmt: skip

ORDERED = frozenset({"number", "date", "datetime", "duration"})
LISTS = frozenset({"texts", "people", "items", "links"})


def items(kind: str) -> Type:
    """Return the type of a list of items."""
    return Type("items", kind)


def item(kind: str) -> Type:
    """Return the type of one item."""
    return Type("item", kind)


# --- runtime: called from generated code; every one keeps unknown (None) unknown

_UNHELD = (OverflowError, ValueError)  # a date past the year 9999, a duration of NaN hours


def less(left: Any, right: Any) -> bool:
    """``left < right``, false when either is missing."""
    return left is not None and right is not None and bool(left < right)


def at_most(left: Any, right: Any) -> bool:
    """``left <= right``, false when either is missing."""
    return left is not None and right is not None and bool(left <= right)


def add(left: Any, right: Any) -> Any:
    """``left + right``; missing when either is, or when no date or number can hold the result."""
    if left is None or right is None:
        return None
    try:
        return left + right
    except _UNHELD:
        return None


def subtract(left: Any, right: Any) -> Any:
    """``left - right``; missing as in :func:`add`."""
    if left is None or right is None:
        return None
    try:
        return left - right
    except _UNHELD:
        return None


def multiply(left: Any, right: Any) -> Any:
    """``left * right``; missing as in :func:`add`."""
    if left is None or right is None:
        return None
    try:
        return left * right
    except _UNHELD:
        return None


def divide(left: Any, right: Any) -> Any:
    """``left / right``; missing as in :func:`add`, and when ``right`` is zero."""
    if left is None or not right:
        return None
    try:
        return left / right
    except _UNHELD:
        return None


def negative(value: Any) -> Any:
    """``-value``; missing when it is."""
    return None if value is None else -value


def without(left: Iterable[str] | None, right: Iterable[str] | None) -> tuple[str, ...]:
    """The members of ``left`` that are not in ``right``, in order."""
    gone = frozenset(right or ())
    return tuple(member for member in left or () if member not in gone)


def together(left: Iterable[str] | None, right: Iterable[str] | None) -> tuple[str, ...]:
    """Both lists, each member once, in order."""
    return tuple(dict.fromkeys((*(left or ()), *(right or ()))))


def distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    """The values that are there, each once, in order."""
    return tuple(dict.fromkeys(value for value in values if value is not None))


def largest(values: Iterable[Any]) -> Any:
    """The largest value that is there, or missing."""
    return max((value for value in values if value is not None), default=None)


def smallest(values: Iterable[Any]) -> Any:
    """The smallest value that is there, or missing."""
    return min((value for value in values if value is not None), default=None)


def first(*values: Any) -> Any:
    """The first value that is there, or missing."""
    return next((value for value in values if value is not None), None)


RUNTIME = {
    "_less": less, "_at_most": at_most, "_add": add, "_subtract": subtract, "_multiply": multiply, "_divide": divide,
    "_negative": negative, "_without": without, "_together": together, "_distinct": distinct, "_largest": largest,
    "_smallest": smallest, "_first": first, "_date": date,
    "bool_": bool, "any": any, "all": all, "sum": sum, "len": len, "tuple": tuple,
    "True": True, "False": False, "None": None,
}  # fmt: skip
