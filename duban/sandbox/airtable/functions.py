"""The functions that formulas of the simulated Airtable know. Dates inside formulas are UTC (facts, section 8)."""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from duban.sandbox.airtable.formula import Call, CellError, Scope, Value, moment, number, text_of, truthy

_MANY = 1000
_SECONDS = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0}
_SHORT = {"ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month",
          "y": "year"}  # fmt: skip


def _unit(value: Value) -> str:
    text = text_of(value)
    unit = _SHORT.get(text) or text.lower().removesuffix("s")
    if unit not in {*_SECONDS, "month", "year"}:
        raise CellError
    return unit


def _both(values: list[Value]) -> tuple[datetime, datetime]:
    first, second = moment(values[0]), moment(values[1])
    if first is None or second is None:
        raise CellError
    return first, second


def _is_after(_: Scope, values: list[Value]) -> bool:
    first, second = _both(values)
    return first > second


def _is_before(_: Scope, values: list[Value]) -> bool:
    first, second = _both(values)
    return first < second


def _is_same(_: Scope, values: list[Value]) -> bool:
    """Without a unit, seconds are compared: a third party's guess."""
    first, second = _both(values)
    unit = _unit(values[2]) if len(values) > 2 else "second"
    forms = {"year": "%Y", "month": "%Y%m", "day": "%Y%m%d", "hour": "%Y%m%d%H", "minute": "%Y%m%d%H%M"}
    if unit == "week":
        return first.isocalendar()[:2] == second.isocalendar()[:2]
    form = forms.get(unit, "%Y%m%d%H%M%S")
    return first.strftime(form) == second.strftime(form)


def _date_add(_: Scope, values: list[Value]) -> datetime | None:
    start, count, unit = moment(values[0]), number(values[1]), _unit(values[2])
    if start is None:
        return None
    if unit in _SECONDS:
        return start + timedelta(seconds=count * _SECONDS[unit])
    months = start.year * 12 + start.month - 1 + int(count) * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _date_difference(_: Scope, values: list[Value]) -> float:
    first, second = _both(values)
    unit = _unit(values[2]) if len(values) > 2 else "second"
    if unit in _SECONDS:
        return float(math.trunc((first - second).total_seconds() / _SECONDS[unit]))
    months = (first.year - second.year) * 12 + first.month - second.month
    return float(math.trunc(months / 12)) if unit == "year" else float(months)


def _today(row: Scope, _: list[Value]) -> datetime:
    return row.now.replace(hour=0, minute=0, second=0, microsecond=0)


def _search(_: Scope, values: list[Value]) -> Value:
    """Case-insensitive; blank when absent."""
    place = text_of(values[1]).lower().find(text_of(values[0]).lower())
    return None if place < 0 else float(place + 1)


def _find(_: Scope, values: list[Value]) -> float:
    """Case-sensitive; 0 when absent."""
    return float(text_of(values[1]).find(text_of(values[0])) + 1)


def _error(_: Scope, __: list[Value]) -> Value:
    raise CellError


def _value(_: Scope, values: list[Value]) -> float:
    try:
        return float(text_of(values[0]))
    except ValueError:
        raise CellError from None


def _flat(values: list[Value]) -> list[Any]:
    return [part for value in values for part in (value if isinstance(value, list) else [value])]


def _text(make: Callable[[str], Value]) -> Call:
    return Call(1, 1, lambda _, values: make(text_of(values[0])))


def _fold(make: Callable[[list[float]], float]) -> Call:
    return Call(1, _MANY, lambda _, values: make([number(part) for part in _flat(values) if part is not None]))


CALLS: dict[str, Call] = {
    "AND": Call(1, _MANY, lambda _, values: all(truthy(value) for value in values)),
    "OR": Call(1, _MANY, lambda _, values: any(truthy(value) for value in values)),
    "NOT": Call(1, 1, lambda _, values: not truthy(values[0])),
    "IF": Call(2, 3, lambda _, values: values),  # compiled apart: only one branch is evaluated
    "TRUE": Call(0, 0, lambda _, __: True),
    "FALSE": Call(0, 0, lambda _, __: False),
    "BLANK": Call(0, 0, lambda _, __: None),
    "ERROR": Call(0, 1, _error),
    "RECORD_ID": Call(0, 0, lambda row, _: row.record_id()),
    "CREATED_TIME": Call(0, 0, lambda row, _: row.created()),
    "NOW": Call(0, 0, lambda row, _: row.now),
    "TODAY": Call(0, 0, _today),
    "IS_AFTER": Call(2, 2, _is_after),
    "IS_BEFORE": Call(2, 2, _is_before),
    "IS_SAME": Call(2, 3, _is_same),
    "DATETIME_PARSE": Call(1, 2, lambda _, values: moment(values[0])),
    "DATEADD": Call(3, 3, _date_add),
    "DATETIME_DIFF": Call(2, 3, _date_difference),
    "SEARCH": Call(2, 2, _search),
    "FIND": Call(2, 2, _find),
    "LOWER": _text(str.lower),
    "UPPER": _text(str.upper),
    "TRIM": _text(str.strip),
    "LEN": _text(lambda text: float(len(text))),
    "VALUE": Call(1, 1, _value),
    "CONCATENATE": Call(1, _MANY, lambda _, values: "".join(text_of(value) for value in values)),
    "ARRAYJOIN": Call(1, 2, lambda _, values: (text_of(values[1]) if len(values) > 1 else ", ").join(
        text_of(part) for part in _flat(values[:1]))),
    "SUM": _fold(sum),
    "MIN": _fold(lambda numbers: min(numbers, default=0.0)),
    "MAX": _fold(lambda numbers: max(numbers, default=0.0)),
    "ROUND": Call(1, 2, lambda _, values: round(number(values[0]), int(number(values[1])) if len(values) > 1 else 0)),
}  # fmt: skip
