"""Filters and sorts of ``records/search`` (section 5): the whole matrix of operators, days in the base's zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from duban.sandbox.feishu.byhand import text_of
from duban.sandbox.feishu.refusal import Refusal
from duban.sandbox.feishu.table import Field, Record, Table, stored
from duban.sandbox.feishu.world import App

Test = Callable[[Record, Mapping[str, Any]], bool]
Arity = Mapping[str, tuple[int, int]]

ONE, ANY = (1, 1), (1, 10)
EMPTINESS: Arity = {"isEmpty": (0, 0), "isNotEmpty": (0, 0)}
TEXTS: Arity = {"is": ONE, "isNot": ONE, "contains": ONE, "doesNotContain": ONE, **EMPTINESS}
NUMBERS: Arity = {
    **dict.fromkeys(("is", "isNot", "isGreater", "isLess", "isGreaterEqual", "isLessEqual"), ONE), **EMPTINESS,
}  # fmt: skip
CHOICES: Arity = {"is": ONE, "isNot": ONE, "contains": ANY, "doesNotContain": ANY, **EMPTINESS}
DATES: Arity = {"is": (1, 2), "isGreater": (1, 2), "isLess": (1, 2), **EMPTINESS}
OPERATORS: Mapping[int, Arity] = {
    1: TEXTS, 13: TEXTS, 15: TEXTS, 22: TEXTS, 2: NUMBERS, 1005: NUMBERS, 3: CHOICES, 4: CHOICES, 11: CHOICES,
    18: CHOICES, 21: CHOICES, 23: CHOICES, 1003: CHOICES, 1004: CHOICES, 5: DATES, 1001: DATES, 1002: DATES,
    7: {"is": ONE}, 17: EMPTINESS,
}  # fmt: skip
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "is": lambda a, b: a == b, "isNot": lambda a, b: a != b, "isGreater": lambda a, b: a > b,
    "isLess": lambda a, b: a < b, "isGreaterEqual": lambda a, b: a >= b, "isLessEqual": lambda a, b: a <= b,
}  # fmt: skip
SPANS: Mapping[str, tuple[int, int]] = {  # days from today: first, and the one after the last
    "Today": (0, 1), "Tomorrow": (1, 2), "Yesterday": (-1, 0), "TheLastWeek": (-7, 0), "TheNextWeek": (1, 8),
    "TheLastMonth": (-30, 0), "TheNextMonth": (1, 31),
}  # fmt: skip


class Filter:
    """A compiled filter of one table for one caller."""

    def __init__(self, table: Table, app: App, user_id_type: str) -> None:
        self._table, self._app, self._user_id_type = table, app, user_id_type
        self._fields = {field.name: field for field in table.fields.values()}
        self._count = 0

    def compile(self, given: Any) -> Test | None:
        """Return the test of a ``filter`` object, ``None`` when it says nothing. Raises :class:`Refusal`."""
        if not given:
            return None
        return self._group(given, children=True)

    def _group(self, given: Any, *, children: bool) -> Test | None:
        if not isinstance(given, Mapping):
            raise Refusal(1254018)
        conditions, below = given.get("conditions") or [], given.get("children") or []
        if below and not children:
            raise Refusal(1254018)  # exactly one level of children
        tests = [self._condition(condition) for condition in conditions]
        tests += [test for child in below if (test := self._group(child, children=False))]
        if not tests:
            return None
        conjunction = given.get("conjunction")
        if conjunction not in {"and", "or"}:
            raise Refusal(1254018)
        every = all if conjunction == "and" else any
        return lambda record, cells: every(test(record, cells) for test in tests)

    def _condition(self, given: Any) -> Test:
        self._count += 1
        if self._count > 50 or not isinstance(given, Mapping):
            raise Refusal(1254018)
        field = self._fields.get(str(given.get("field_name")))
        operator, value = str(given.get("operator")), given.get("value")
        if field is None or not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise Refusal(1254018)
        arity = OPERATORS.get(field.type, {}).get(operator)
        if arity is None or not arity[0] <= len(value) <= arity[1]:
            raise Refusal(1254018)
        test = self._test(field, operator, value)
        return lambda record, cells: test(stored(self._table, record, field, cells))

    def _test(self, field: Field, operator: str, value: list[str]) -> Callable[[Any], bool]:
        if operator in EMPTINESS:
            return lambda cell: (cell is None) == (operator == "isEmpty")
        allowed = OPERATORS[field.type]
        if allowed is DATES:
            return self._dates(operator, value)
        if allowed is NUMBERS:
            return _numbers(operator, value[0])
        if allowed is TEXTS:
            return _texts(operator, value[0])
        if allowed is CHOICES:
            return self._choices(field, operator, set(value))
        if value[0] not in {"true", "false"}:
            raise Refusal(1254018)
        return lambda cell: bool(cell) == (value[0] == "true")

    def _choices(self, field: Field, operator: str, wanted: set[str]) -> Callable[[Any], bool]:
        names = {option["id"]: option["name"] for option in field.options} if field.type in {3, 4} else {}
        people = {person.union_id: person for person in self._table.base.world.people.values()}

        def held(cell: Any) -> set[str]:
            if cell is None:
                return set()
            if field.type in {11, 1003, 1004}:
                return {people[person].id_as(self._user_id_type, self._app.id) for person in cell}
            if field.type == 23:
                return {chat["id"] for chat in cell}
            return {names.get(held_id, held_id) for held_id in ([cell] if field.type == 3 else cell)}

        match operator:
            case "is":
                return lambda cell: held(cell) == wanted
            case "isNot":
                return lambda cell: held(cell) != wanted
            case "contains":
                return lambda cell: bool(held(cell) & wanted)
            case _:
                return lambda cell: not held(cell) & wanted

    def _dates(self, operator: str, value: list[str]) -> Callable[[Any], bool]:
        start, end = self._span(operator, value)
        if operator == "is":
            return lambda cell: cell is not None and start <= cell < end
        if operator == "isLess":
            return lambda cell: cell is not None and cell < start
        if self._table.base.world.switches.exact_date_includes_day:
            return lambda cell: cell is not None and cell > start
        return lambda cell: cell is not None and cell >= end

    def _span(self, operator: str, value: list[str]) -> tuple[float, float]:
        zone, word = self._table.base.zone, value[0]
        today = datetime.fromtimestamp(self._table.base.world.clock.now(), zone).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        if word == "ExactDate":
            if len(value) != 2 or not value[1].lstrip("-").isdigit():
                raise Refusal(1254018)
            moment = datetime.fromtimestamp(int(value[1]) / 1000, zone)
            first = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            return _ms(first), _ms(first + timedelta(days=1))
        if len(value) != 1 or (operator != "is" and word not in {"Today", "Tomorrow", "Yesterday"}):
            raise Refusal(1254018)
        if word in SPANS:
            return _ms(today + timedelta(days=SPANS[word][0])), _ms(today + timedelta(days=SPANS[word][1]))
        return _calendar_span(word, today)


def _calendar_span(word: str, today: datetime) -> tuple[float, float]:
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    spans = {
        "CurrentWeek": (monday, monday + timedelta(days=7)), "LastWeek": (monday - timedelta(days=7), monday),
        "CurrentMonth": (first, after), "LastMonth": (before, first),
    }  # fmt: skip
    if word not in spans:
        raise Refusal(1254018)
    return _ms(spans[word][0]), _ms(spans[word][1])


def _ms(moment: datetime) -> float:
    return moment.timestamp() * 1000


def _numbers(operator: str, text: str) -> Callable[[Any], bool]:
    try:
        wanted = float(text)
    except ValueError:
        raise Refusal(1254018) from None
    compare = COMPARE[operator]
    return lambda cell: operator == "isNot" if cell is None else compare(float(cell), wanted)


def _texts(operator: str, wanted: str) -> Callable[[Any], bool]:
    def text(cell: Any) -> str:
        if isinstance(cell, Mapping):
            return str(cell.get("text") or cell.get("full_address") or "")
        return "" if cell is None else text_of(cell)

    match operator:
        case "is":
            return lambda cell: text(cell) == wanted
        case "isNot":
            return lambda cell: text(cell) != wanted
        case "contains":
            return lambda cell: wanted in text(cell)
        case _:
            return lambda cell: wanted not in text(cell)


def sorted_rows(table: Table, rows: list[tuple[Record, Mapping[str, Any]]], given: Any) -> list[Any]:
    """Return the rows in the asked order; empty cells come last. Raises :class:`Refusal` 1254016."""
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > 100:
        raise Refusal(1254016)
    fields = {field.name: field for field in table.fields.values()}
    for entry in reversed(given):
        field = fields.get(str(entry.get("field_name"))) if isinstance(entry, Mapping) else None
        if field is None:
            raise Refusal(1254016)
        rows = _sorted_by(table, rows, field, descending=bool(entry.get("desc")))
    return rows


def _sorted_by(table: Table, rows: list[Any], field: Field, *, descending: bool) -> list[Any]:
    places = {option["id"]: place for place, option in enumerate(field.options)} if field.type == 3 else {}
    full: list[tuple[Any, Any]] = []
    empty: list[tuple[Any, Any]] = []
    for row in rows:
        value = stored(table, row[0], field, row[1])
        (empty if value is None else full).append((value, row))

    def key(entry: tuple[Any, Any]) -> Any:
        value = entry[0]
        if field.type == 3:
            return places.get(value, len(places))
        return value if isinstance(value, (int, float)) else text_of(value) if field.type == 1 else str(value)

    return [row for _, row in sorted(full, key=key, reverse=descending)] + [row for _, row in empty]
