"""TQL, the service's query language: the subset of facts/teambition section 9.1, strict where the guide is.

Keywords are upper case; ``AND`` binds tighter than ``OR`` (the facts leave that open). An unknown field, an operator
that the field does not know, or bad syntax raises :class:`BadQuery`; the service then refuses or, by setting, answers
an empty list as it has been seen to do.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from duban.sandbox.teambition.times import from_ms, read_instant, to_ms
from duban.sandbox.teambition.world import Project, Task

Test = Callable[[Task], bool]
Key = Callable[[Task], Any]


class BadQuery(Exception):
    """The query cannot be understood."""


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query: which tasks, and in which order (the last key first, as stable sorting wants it)."""

    test: Test
    order: tuple[tuple[Key, bool], ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What a query may refer to besides the task: now, the zone of time functions, the acting user, the project."""

    now: int
    zone: ZoneInfo
    user: str | None
    project: Project


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    arguments: tuple[str, ...]


_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<op>!=|>=|<=|!~|=|>|<|~)|(?P<mark>[(),])"
    r"|(?P<word>[^\s()'\",=!<>~]+))"
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
_SAME = ("=", "!=", "IN", "NOT IN")
_IDS: Mapping[str, Key] = {
    "taskflowstatusId": lambda t: t.status, "tfsId": lambda t: t.status,
    "scenariofieldconfigId": lambda t: t.type, "sfcId": lambda t: t.type,
    "tagId": lambda t: t.tags, "tasklistId": lambda t: t.tasklist, "stageId": lambda t: t.stage,
    "executorId": lambda t: t.executor, "creatorId": lambda t: t.creator, "involveMembers": lambda t: t.involved,
    "sprintId": lambda t: t.sprint or None, "parentTaskId": lambda t: t.parent or None, "id": lambda t: t.id,
}  # fmt: skip
_NUMBERS: Mapping[str, Key] = {"priority": lambda t: t.priority, "uniqueId": lambda t: t.number}
_FLAGS: Mapping[str, Key] = {"isDone": lambda t: t.done, "isArchived": lambda t: t.archived}
_DATES: Mapping[str, Key] = {
    "accomplished": lambda t: t.accomplished, "accomplishTime": lambda t: t.accomplished,
    "startDate": lambda t: t.start, "dueDate": lambda t: t.due,
    "created": lambda t: t.created, "updated": lambda t: t.updated,
}  # fmt: skip
_TEXTS: Mapping[str, Key] = {
    "text": lambda t: f"{t.content}\n{t.note}", "title": lambda t: t.content, "content": lambda t: t.content,
    "note": lambda t: t.note,
}  # fmt: skip


def compile_query(text: str | None, around: Around) -> Query:
    """Compile a query; no text means every task. Raises :class:`BadQuery`."""
    words = _tokens((text or "").strip().removeprefix("TQL:"))
    return _Parser(words, around).query()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadQuery(f"cannot read the query at {text[at : at + 10]!r}")
        kind = match.lastgroup or ""
        word = match.group(kind)
        found.append((kind, re.sub(r"\\(.)", r"\1", word[1:-1]) if kind == "text" else word))
        at = match.end()
    return found


class _Parser:
    def __init__(self, words: list[tuple[str, str]], around: Around) -> None:
        self._words, self._at, self._around = words, 0, around

    def query(self) -> Query:
        test: Test = _always if self._peek() in {None, "ORDER"} else self._any()
        order: list[tuple[Key, bool]] = []
        if self._take("ORDER"):
            self._expect("BY")
            order.append(self._order())
            while self._take(","):
                order.append(self._order())
        if self._at < len(self._words):
            raise BadQuery(f"{self._words[self._at][1]!r} is one word too many")
        return Query(test, tuple(reversed(order)))

    def _any(self) -> Test:
        tests = [self._all()]
        while self._take("OR"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda task: any(test(task) for test in tests)

    def _all(self) -> Test:
        tests = [self._term()]
        while self._take("AND"):
            tests.append(self._term())
        return tests[0] if len(tests) == 1 else lambda task: all(test(task) for test in tests)

    def _term(self) -> Test:
        if self._take("("):
            test = self._any()
            self._expect(")")
            return test
        name, sign = self._word("word"), self._sign()
        if sign not in {"IN", "NOT IN"}:
            return condition(name, sign, [self._value()], self._around)
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        return condition(name, sign, values, self._around)

    def _sign(self) -> str:
        if self._take("NOT"):
            self._expect("IN")
            return "NOT IN"
        return "IN" if self._take("IN") else self._word("op")

    def _value(self) -> Any:
        if self._at < len(self._words) and self._words[self._at][0] == "text":
            return self._word("text")
        word = self._word("word")
        if self._take("("):
            arguments = []
            while not self._take(")"):
                arguments.append(self._word("word"))
                self._take(",")
            return _Call(word, tuple(arguments))
        return {"null": None, "true": True, "false": False}.get(word, word)

    def _order(self) -> tuple[Key, bool]:
        name, direction = self._word("word"), self._word("word")
        key = next((table[name] for table in (_DATES, _NUMBERS, _IDS) if name in table), None)
        if key is None or direction not in {"ASC", "DESC"}:
            raise BadQuery(f"cannot order by {name} {direction}")
        return (lambda task: ((value := key(task)) is not None, value)), direction == "DESC"

    def _peek(self) -> str | None:
        return self._words[self._at][1] if self._at < len(self._words) else None

    def _take(self, word: str) -> bool:
        if self._at < len(self._words) and self._words[self._at] in {("word", word), ("mark", word)}:
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise BadQuery(f"{word} is missing")

    def _word(self, kind: str) -> str:
        if self._at >= len(self._words) or self._words[self._at][0] != kind:
            raise BadQuery(f"a {kind} is missing")
        self._at += 1
        return self._words[self._at - 1][1]


def _always(_: Task) -> bool:
    return True


def condition(name: str, sign: str, values: list[Any], around: Around) -> Test:
    """Compile one condition. Field names may carry the leading underscore of older texts."""
    name = name.removeprefix("_")
    if name.startswith("cf:"):
        return _custom(name[3:], sign, values, around)
    if name in _IDS:
        return _membership(_IDS[name], sign, [_user(value, around) for value in values])
    if name in _NUMBERS:
        return _membership(_NUMBERS[name], sign, [_number(value) for value in values])
    if name in _FLAGS and sign in {"=", "!="} and isinstance(values[0], bool):
        flag = _FLAGS[name]
        return lambda task: _COMPARE[sign](flag(task), values[0])
    if name in _DATES:
        return _ordering(_DATES[name], sign, _instant(values[0], around))
    if name in _TEXTS and sign in {"~", "!~"} and isinstance(values[0], str):
        text, part = _TEXTS[name], values[0]
        return lambda task: (part in text(task)) == (sign == "~")
    return _layer(name, sign, values[0], around)


def _layer(name: str, sign: str, value: Any, around: Around) -> Test:
    if name == "taskLayer" and sign == "=" and value in {"onlyTopLevel", "exceptTopLevel"}:
        return lambda task: (task.parent == "") == (value == "onlyTopLevel")
    if name == "exceedDueDate" and sign == "=" and value is True:
        return lambda task: task.due is not None and not task.done and task.due < around.now
    raise BadQuery(f"{name} cannot be asked with {sign}")


def _custom(field_id: str, sign: str, values: list[Any], around: Around) -> Test:
    field = around.project.fields.get(field_id)
    if field is None:
        raise BadQuery(f"no custom field {field_id}")
    if values[0] is None:
        return _membership(lambda task: True if task.cells.get(field_id) else None, sign, [None])
    if field.type in {"number", "date"}:
        read = _number if field.type == "number" else (lambda value: _instant(value, around))
        cast = float if field.type == "number" else read_instant

        def first(task: Task) -> Any:
            entries = task.cells.get(field_id)
            return cast(entries[0]["title"]) if entries else None

        return _ordering(first, sign, read(values[0]))

    def names(task: Task) -> list[str]:
        return [text for entry in task.cells.get(field_id, ()) for text in (entry["id"], entry["title"])]

    return _membership(names, sign, values)


def _membership(key: Key, sign: str, values: list[Any]) -> Test:
    if sign not in _SAME:
        raise BadQuery(f"{sign} does not fit here")
    wanted = set(values)

    def holds(task: Task) -> bool:
        have = key(task)
        within = bool(wanted.intersection(have or [None])) if isinstance(have, list) else have in wanted
        return within == (sign in {"=", "IN"})

    return holds


def _ordering(key: Key, sign: str, value: Any) -> Test:
    if sign not in _COMPARE or (value is None and sign not in {"=", "!="}):
        raise BadQuery(f"{sign} does not fit here")
    compare = _COMPARE[sign]
    if sign in {"=", "!="}:
        return lambda task: compare(key(task), value)
    return lambda task: (have := key(task)) is not None and compare(have, value)


def _user(value: Any, around: Around) -> Any:
    if isinstance(value, _Call):
        if value.name != "me" or around.user is None:
            raise BadQuery(f"{value.name}() has no answer here")
        return around.user
    return value


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise BadQuery(f"{value!r} is not a number") from None


def _instant(value: Any, around: Around) -> int | None:
    if value is None:
        return None
    if isinstance(value, _Call):
        return _edge(value, around)
    try:
        return read_instant(value, around.zone)
    except (TypeError, ValueError):
        raise BadQuery(f"{value!r} is not a date-time") from None


def _edge(call: _Call, around: Around) -> int:
    """startOf(d) and endOf(w,-1w): the edge of a day, week (from Monday), month or year, moved by an offset."""
    unit, *rest = call.arguments or ("",)
    offset = next((argument for argument in reversed(rest) if argument != "null"), "0d")
    moved = re.fullmatch(r"([+-]?\d+)([dwMy])", offset)
    if call.name not in {"startOf", "endOf"} or unit not in {"d", "w", "M", "y"} or moved is None:
        raise BadQuery(f"{call.name}({','.join(call.arguments)}) is not a time function")
    local = from_ms(around.now).astimezone(around.zone)
    start = _moved(_floor(local, unit), int(moved[1]), moved[2])
    return to_ms(start) if call.name == "startOf" else to_ms(_moved(start, 1, unit)) - 1


def _floor(moment: datetime, unit: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "w":
        return day - timedelta(days=day.weekday())
    if unit == "M":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "y" else day


def _moved(moment: datetime, count: int, unit: str) -> datetime:
    if unit in {"d", "w"}:
        return moment + timedelta(days=count * (7 if unit == "w" else 1))
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
    return moment.replace(year=months // 12, month=months % 12 + 1, day=1 if moment.day > 28 else moment.day)
