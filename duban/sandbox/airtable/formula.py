"""Airtable's formulas, as far as clients and computed fields need them: parsing into functions of one row.

Grammar (facts/airtable section 8): AND OR NOT and the other calls of ``functions``; = != < <= > >=; & + - * /;
text in ' or "; {field} by name or id; bare one-word field names. A compiled formula is a function of a :class:`Scope`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, TypeAlias

from duban.sandbox.airtable.refusal import Refusal

Value: TypeAlias = Any  # str, float, bool, datetime, list of these, or None for BLANK


class CellError(Exception):
    """``#ERROR!``: it poisons whatever it is an argument of."""


class Scope(Protocol):
    """One row, as a formula sees it."""

    now: datetime

    def cell(self, field: str) -> Value:
        """Return a cell by field id."""
        ...

    def record_id(self) -> str:
        """Return RECORD_ID()."""
        ...

    def created(self) -> datetime:
        """Return CREATED_TIME()."""
        ...

    def modified(self, fields: Sequence[str]) -> datetime | None:
        """Return LAST_MODIFIED_TIME(fields…); no fields = every editable one."""
        ...


Compiled: TypeAlias = Callable[[Scope], Value]


class Call(NamedTuple):
    """One function: how many arguments it takes, and what it makes of their values and of the row."""

    least: int
    most: int
    value: Callable[[Scope, list[Value]], Value]


_TOKENS = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*|\.\d+)|(?P<text>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
    r"|\{(?P<field>(?:\\.|[^}\\])+)\}|(?P<word>[^\W\d]\w*)|(?P<sign><=|>=|!=|[-+*/&=<>(),]))",
    re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def syntax_error(message: str) -> Refusal:
    """Return the refusal of a formula."""
    return Refusal(422, "INVALID_FILTER_BY_FORMULA", f"The formula for filtering records is invalid: {message}")


def compile_formula(text: str, field_id: Callable[[str], str | None], calls: dict[str, Call]) -> Compiled:
    """Compile a formula; ``field_id`` finds a field by name or id. Raises ``Refusal`` (syntax, unknown fields)."""
    parser = _Parser(_tokens(text), field_id, calls)
    compiled = parser.comparison()
    parser.end()
    if parser.unknown:
        raise syntax_error(f"Unknown field names: {', '.join(name.lower() for name in parser.unknown)}")
    return compiled


def field_names(text: str) -> list[str]:
    """Return the names in braces, in order."""
    return [unescaped(token[1]) for token in _tokens(text) if token[0] == "field"]


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKENS.match(text, place)
        if match is None:
            raise syntax_error(f"unexpected text at position {place}")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        place = match.end()
    if not found:
        raise syntax_error("it is empty")
    return found


def unescaped(text: str) -> str:
    """Undo backslashes."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


class _Parser:
    def __init__(
        self, tokens: list[tuple[str, str]], field_id: Callable[[str], str | None], calls: dict[str, Call]
    ) -> None:
        self._tokens, self._place, self._field_id, self._calls = tokens, 0, field_id, calls
        self.unknown: list[str] = []

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._place += 1
        return token

    def _taken(self, *signs: str) -> str | None:
        if self._peek()[0] == "sign" and self._peek()[1] in signs:
            return self._next()[1]
        return None

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise syntax_error(f"unexpected {self._peek()[1]}")

    def comparison(self) -> Compiled:
        left = self._chain(("&",), lambda: self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._unary)))
        while sign := self._taken("=", "!=", "<", "<=", ">", ">="):
            right = self._chain(("&",), lambda: self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._unary)))
            left = _operation(sign, left, right)
        return left

    def _chain(self, signs: tuple[str, ...], part: Callable[[], Compiled]) -> Compiled:
        left = part()
        while sign := self._taken(*signs):
            left = _operation(sign, left, part())
        return left

    def _unary(self) -> Compiled:
        if self._taken("-"):
            inner = self._unary()
            return lambda row: -number(inner(row))
        return self._atom()

    def _atom(self) -> Compiled:
        kind, text = self._next()
        if kind == "number":
            constant = float(text)
            return lambda _: constant
        if kind == "text":
            words = unescaped(text[1:-1])
            return lambda _: words
        if kind == "field":
            return self._cell(unescaped(text))
        if kind == "word":
            return self._call(text) if self._taken("(") else self._cell(text)
        if (kind, text) == ("sign", "("):
            inner = self.comparison()
            self._close()
            return inner
        raise syntax_error(f"unexpected {text or 'end'}")

    def _cell(self, name: str) -> Compiled:
        field = self._field_id(name)
        if field is None:
            self.unknown.append(name)
            return lambda _: None
        return lambda row: row.cell(field)

    def _close(self) -> None:
        if not self._taken(")"):
            raise syntax_error("a bracket is not closed")

    def _call(self, name: str) -> Compiled:
        name = name.upper()
        if name == "LAST_MODIFIED_TIME":
            return self._last_modified()
        arguments: list[Compiled] = []
        if not self._taken(")"):
            arguments.append(self.comparison())
            while self._taken(","):
                arguments.append(self.comparison())
            self._close()
        call = self._calls.get(name)
        if call is None:
            raise syntax_error(f"unknown function {name}")
        if not call.least <= len(arguments) <= call.most:
            raise syntax_error(f"{name} does not take {len(arguments)} arguments")
        if name == "IF":
            return _if(arguments)
        return lambda row: call.value(row, [argument(row) for argument in arguments])

    def _last_modified(self) -> Compiled:
        fields: list[str] = []
        while not self._taken(")"):
            kind, text = self._next()
            if kind == "field" or (kind == "word" and self._field_id(text)):
                name = unescaped(text)
                field = self._field_id(name)
                if field is None:
                    self.unknown.append(name)
                fields.append(field or "")
            elif (kind, text) != ("sign", ","):
                raise syntax_error("LAST_MODIFIED_TIME takes fields only")
        return lambda row: row.modified(fields)


def _if(arguments: list[Compiled]) -> Compiled:
    def value(row: Scope) -> Value:
        if truthy(arguments[0](row)):
            return arguments[1](row)
        return arguments[2](row) if len(arguments) > 2 else None

    return value


def _operation(sign: str, left: Compiled, right: Compiled) -> Compiled:
    operate = _OPERATIONS[sign]
    return lambda row: operate(left(row), right(row))


# --- values


def truthy(value: Value) -> bool:
    """Airtable's truth: everything but 0, false, "", NaN, [] and blank."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return value not in (None, 0, False, "", [])


def text_of(value: Value) -> str:
    """Return a value as text, joined with ", " where it is a list."""
    if value is None or value is False:
        return ""
    if isinstance(value, bool):
        return "1"
    if isinstance(value, list):
        return ", ".join(text_of(part) for part in value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number(value: Value) -> float:
    """Return a value as a number: blank is 0, text is an error."""
    if value is None or value == "":
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, list) and len(value) == 1:
        return number(value[0])
    raise CellError


def moment(value: Value) -> datetime | None:
    """Return a value as a date-time: text is parsed, without a zone it is UTC."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    try:
        parsed = datetime.fromisoformat(text_of(value))
    except ValueError:
        raise CellError from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _equal(left: Value, right: Value) -> bool:
    if left is None or right is None:
        return not truthy(left) and not truthy(right)
    if isinstance(left, datetime) or isinstance(right, datetime):
        try:
            return moment(left) == moment(right)
        except CellError:
            return False
    if isinstance(left, int | float) and isinstance(right, int | float):
        return float(left) == float(right)
    return text_of(left) == text_of(right)


def _ordered(left: Value, right: Value) -> tuple[Any, Any]:
    if isinstance(left, datetime) or isinstance(right, datetime):
        first, second = moment(left), moment(right)
        if first is None or second is None:
            raise CellError
        return first, second
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    return number(left), number(right)


def _divided(left: Value, right: Value) -> float:
    top, bottom = number(left), number(right)
    if bottom == 0:
        return math.nan if top == 0 else math.copysign(math.inf, top)
    return top / bottom


_OPERATIONS: dict[str, Callable[[Value, Value], Value]] = {
    "=": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": lambda left, right: (pair := _ordered(left, right))[0] < pair[1],
    "<=": lambda left, right: (pair := _ordered(left, right))[0] <= pair[1],
    ">": lambda left, right: (pair := _ordered(left, right))[0] > pair[1],
    ">=": lambda left, right: (pair := _ordered(left, right))[0] >= pair[1],
    "&": lambda left, right: text_of(left) + text_of(right),
    "+": lambda left, right: number(left) + number(right),
    "-": lambda left, right: number(left) - number(right),
    "*": lambda left, right: number(left) * number(right),
    "/": _divided,
}
