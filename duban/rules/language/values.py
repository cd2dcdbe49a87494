"""Tree -> checked Python source, for values: names, arithmetic, lists, calls. Conditions are in :mod:`compile`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any, NamedTuple

from duban.rules.language import parse as tree
from duban.rules.language.functions import FUNCTIONS, SPECIAL
from duban.rules.language.parse import LanguageError, Node
from duban.rules.language.scope import Scope, Symbol, attribute
from duban.rules.language.spoken import spoken_function, spoken_name
from duban.rules.language.types import (
    BOOL,
    CLOCK,
    DATE,
    DURATION,
    LISTS,
    NULL,
    NUMBER,
    ORDERED,
    PAIRS,
    RANGE,
    RUNTIME,
    TEXT,
    TEXTS,
    Type,
    item,
    items,
)
from duban.rules.patterns import PatternError
from duban.rules.patterns import compiled as compiled_pattern
from duban.yamlfile import nearest

_PREDICATES = frozenset({"empty", "given", "absent", "mapped", "holds"})
_PROJECT = frozenset({"project", "所属项目", "项目"})
_DEEPEST_LISTS = 3  # lists over lists over lists: what a project of some thousand rows bears
_LONGEST_LET = 4_000  # characters of source: let names are written out, and twice of twice of twice grows fast


class Code(NamedTuple):
    """The source of a value. ``unknown``: reads a column that the table does not have. ``constant``: its value.

    ``fixed`` is a constant that may be reasoned with: one that is written there, or a parameter's number that whoever
    wrote the condition could see. ``bounds``: a whole number from the first on, to the second where there is one.
    """

    source: str
    type: Type
    nullable: bool = False
    unknown: bool = False
    symbol: Symbol | None = None
    constant: Any = ...
    fixed: Any = ...
    bounds: tuple[int, int | None] | None = None


@dataclass(slots=True)
class Uses:
    """What a condition reads: fields of its own item, and rules that must be judged before it."""

    fields: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)


class Bound(NamedTuple):
    """A list that is gone through: how its members are compiled, its source, the Python name, type of a member."""

    inner: Values
    listed: str
    variable: str
    member: Type
    unknown: bool


class Values(ABC):
    """Compiles values. ``context`` is the Python name of the item's context."""

    def __init__(self, scope: Scope, variables: Mapping[str, Code] | None = None, context: str = "c") -> None:
        self.scope, self.uses = scope, Uses()
        self._variables = dict(variables or {})
        self._context = context
        self.depth = 0  # how many lists are gone through around this
        self.codes: dict[int, Code] = {}  # what each part of the conditions became, by the node's identity
        self.said: tuple[dict[Any, Any], dict[Any, Any]] = {}, {}  # what terms say of values, kept for `terms`
        self.lets: dict[str, Node] = {}  # what let names stand for
        self.roots: dict[str, Node] = {}  # the conditions compiled so far; they keep their nodes' identity
        self.gate: tuple[str, ...] = ()  # those that hold wherever people are told
        self.in_view: Container[str] = ()  # parameters whose value may be reasoned with
        self.read: set[str] = set()  # parameters, patterns and tables of pairs that were read

    @abstractmethod
    def truth(self, node: Node, positive: bool = True) -> str:
        """Return the source that is true when a condition surely holds (or surely does not)."""

    def define(self, name: str, code: Code, node: Node) -> None:
        """Make a ``let`` name known to later expressions."""
        if len(code.source) > _LONGEST_LET:
            raise LanguageError("written out, this let is too long; use fewer let names in it", node.start, node.end)
        self._variables[name] = code._replace(symbol=None)

    def value(self, node: Node) -> Code:
        """Return the source of a value and its type."""
        code = self.codes[id(node)] = self._value(node)
        return code

    def _value(self, node: Node) -> Code:
        match node:
            case tree.Literal():
                return _literal(node)
            case tree.Name():
                return self._name(node)
            case tree.Attribute():
                return self._attribute(node)
            case tree.Minus():
                return self._minus(node)
            case tree.Binary() if node.operator in "+-*/":
                return self._arithmetic(node)
            case tree.Each() if node.name not in {"any", "all"}:
                return self._collected(node)
            case tree.Call() if node.name not in _PREDICATES:
                return self._call(node)
            case tree.ListOf():
                raise LanguageError("a list stands only to the right of in", node.start, node.end)
            case _:  # a condition used as a value keeps its third state
                yes, no = self.truth(node), self.truth(node, positive=False)
                return Code(f"(True if {yes} else False if {no} else None)", BOOL, nullable=True)

    def _minus(self, node: tree.Minus) -> Code:
        code = self.value(node.operand)
        if code.type not in {NUMBER, DURATION}:
            raise LanguageError(f"a {code.type} has no negative", node.start, node.end)
        fixed = ... if code.fixed is ... else -code.fixed
        return Code(f"_negative({code.source})", code.type, code.nullable, code.unknown, fixed=fixed)

    # --- names

    def _name(self, node: tree.Name) -> Code:
        if node.name in self._variables:
            return self._variables[node.name]
        symbol = self.scope.lookup(node.name)
        if symbol is None:
            raise self._no_such_name(node)
        if symbol.field is not None:
            self.uses.fields.add(symbol.field)
        code = self._of_symbol(symbol, self._context, self.scope.is_mapped(symbol))
        constant = self.scope.constant(node.name)
        if symbol.type == PAIRS or constant is not None:
            self.read.add(node.name)
        if constant is None:
            return code
        number = isinstance(constant, (int, float)) and not isinstance(constant, bool)
        return code._replace(constant=constant, fixed=constant if number and node.name in self.in_view else ...)

    def _no_such_name(self, node: tree.Name) -> LanguageError:
        about = f"of kind {self.scope.kind} " if self.scope.kind not in {"table", "system"} else ""
        known = [*self._variables, *self.scope.names()]
        message = f"there is no field {about}called {node.name!r}"
        return LanguageError(message, node.start, node.end, spoken_name(node.name) or nearest(node.name, known))

    def _of_symbol(self, symbol: Symbol, holder: str, mapped: bool = True) -> Code:
        source = symbol.source.replace("{c}", holder)
        return Code(source, symbol.type, symbol.nullable, not mapped, symbol, bounds=symbol.bounds)

    def _attribute(self, node: tree.Attribute) -> Code:
        base = self._base(node)
        if base.type == CLOCK and node.name in {"hours", "mode", "requires_solution"}:
            types = {"hours": NUMBER, "mode": TEXT, "requires_solution": BOOL}
            return Code(
                f"{base.source}.get({node.name!r})", types[node.name], nullable=node.name == "requires_solution"
            )
        if base.type == RANGE and node.name in {"min", "max"}:
            return Code(f"{base.source}[{0 if node.name == 'min' else -1}]", NUMBER)
        if base.type.name != "item":
            raise LanguageError(f"a {base.type} has no field {node.name!r}", node.start, node.end)
        found = attribute(base.type.of, node.name)
        if found is None:
            near = nearest(node.name, Scope(base.type.of).names())
            raise LanguageError(f"a {base.type.of} has no field {node.name!r}", node.start, node.end, near)
        return self._of_symbol(found, base.source)._replace(unknown=base.unknown)

    def _base(self, node: tree.Attribute) -> Code:
        base = node.base
        if isinstance(base, tree.Name) and base.name in _PROJECT and base.name not in self._variables:
            symbol = self.scope.project()
            if symbol is None:
                raise LanguageError(f"a rule of the {self.scope.kind} has no project", base.start, base.end)
            return self._of_symbol(symbol, self._context)
        if isinstance(base, tree.Attribute) and base.name in _PROJECT:  # u.project.goal: the project, not its name
            owner = self._base(base)
            if owner.type.name == "item" and owner.type.of != "project":
                return Code(f"{owner.source}.project", item("project"), unknown=owner.unknown)
        return self.value(base)

    # --- arithmetic

    def _arithmetic(self, node: tree.Binary) -> Code:
        left, right = self.value(node.left), self.value(node.right)
        gives = _ARITHMETIC.get((left.type.name, node.operator, right.type.name))
        if gives is None:
            raise LanguageError(f"{left.type} {node.operator} {right.type} is not possible", node.start, node.end)
        unknown = left.unknown or right.unknown
        if gives == TEXTS:
            function = "_without" if node.operator == "-" else "_together"
            return Code(f"{function}({left.source}, {right.source})", TEXTS, unknown=unknown)
        function = {"+": "_add", "-": "_subtract", "*": "_multiply", "/": "_divide"}[node.operator]
        source = f"{function}({left.source}, {right.source})"
        return Code(source, gives, nullable=True, unknown=unknown, fixed=_folded(function, left.fixed, right.fixed))

    # --- lists

    def _binder(self, node: tree.Each) -> Bound:
        source = self.value(node.source)
        if source.type.name not in LISTS - {"people"}:
            message = f"{node.name}(x in …) goes over a list, this is a {source.type}"
            raise LanguageError(message, node.source.start, node.source.end)
        if self.depth >= _DEEPEST_LISTS:
            message = f"lists are gone through at most {_DEEPEST_LISTS} deep; this would take too long"
            raise LanguageError(message, node.start, node.end)
        listed, member = f"({source.source} or ())" if source.nullable else source.source, TEXT
        if source.type.name == "links":
            listed, member = f"{source.source.rsplit('.v[', 1)[0]}.upstream", item("task")
        elif source.type.name == "items":
            member = item(source.type.of)
        variable = f"{self._context}{self.depth}"
        inner = type(self)(self.scope, {**self._variables, node.variable: Code(variable, member)}, self._context)
        inner.depth, inner.uses, inner.codes, inner.in_view = self.depth + 1, self.uses, self.codes, self.in_view
        inner.read = self.read
        return Bound(inner, "()" if source.unknown else listed, variable, member, source.unknown)

    def _collected(self, node: tree.Each) -> Code:
        inner, listed, variable, member, unknown = self._binder(node)
        if node.name in {"count", "filter"}:
            condition = inner.truth(node.body)
            if node.name == "count":
                source = f"sum(1 for {variable} in {listed} if {condition})"
                return Code(source, NUMBER, unknown=unknown, bounds=(0, None))
            gives = TEXTS if member == TEXT else items(member.of)
            return Code(f"tuple({variable} for {variable} in {listed} if {condition})", gives, unknown=unknown)
        value = inner.value(node.body)
        if node.name == "each":
            if value.type.name != "text":
                message = f"each(…) collects texts, this is a {value.type}"
                raise LanguageError(message, node.body.start, node.body.end)
            return Code(f"_distinct({value.source} for {variable} in {listed})", TEXTS, unknown=unknown)
        if value.type.name not in ORDERED:
            message = f"{node.name}(…) needs numbers or dates, this is a {value.type}"
            raise LanguageError(message, node.body.start, node.body.end)
        function = "_largest" if node.name == "max" else "_smallest"
        source = f"{function}({value.source} for {variable} in {listed})"
        return Code(source, value.type, nullable=True, unknown=unknown)

    # --- calls

    def _call(self, node: tree.Call) -> Code:
        if node.base is not None:
            raise LanguageError(f"{node.name}(…) is not asked of an item", node.start, node.end)
        special = {"first": self._first, "count": self._count, "captures": self._captures, "date": _date}
        if node.name in special:
            return special[node.name](node)
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise self._no_such_function(node)
        if len(node.arguments) != len(function.takes):
            message = f"{node.name} takes {len(function.takes)} values: {function.about}"
            raise LanguageError(message, node.start, node.end)
        given = [self._of_type(place, *wanted) for place, wanted in zip(node.arguments, function.takes, strict=True)]
        if node.name == "at":
            _check_clock_time(given[1], node.arguments[1])
        source = function.source.replace("{c}", self._context).format(*(code.source for code in given))
        unknown, bounds = any(code.unknown for code in given), (0, None) if node.name == "length" else None
        return Code(source, function.gives, function.nullable, unknown, bounds=bounds)

    def _no_such_function(self, node: tree.Call) -> LanguageError:
        end = node.start + len(node.name)
        if not node.arguments and self.scope.lookup(node.name.lower()) is not None:
            message = f"{node.name}() is a value and is written without ( )"
            return LanguageError(message, node.start, node.end, node.name.lower())
        near = spoken_function(node.name) or nearest(node.name, [*FUNCTIONS, *SPECIAL, *tree.QUANTIFIERS])
        return LanguageError(f"there is no function {node.name}", node.start, end, near)

    def _of_type(self, node: Node, *wanted: str) -> Code:
        code = self.value(node)
        if code.type.name not in wanted:
            shown = " or ".join(str(Type(name)) for name in wanted)
            raise LanguageError(f"a {shown} is needed here, this is a {code.type}", node.start, node.end)
        return code

    def _first(self, node: tree.Call) -> Code:
        before = set(self.uses.fields)
        values = [self.value(argument) for argument in node.arguments]
        if len(values) < 2 or len({value.type.name for value in values}) != 1:
            raise LanguageError("first(a, b, …) takes two or more values of one type", node.start, node.end)
        for value in values:  # one of them is enough, so none is needed for itself
            if value.symbol is not None and value.symbol.field and value.symbol.field not in before:
                self.uses.fields.discard(value.symbol.field)
        known = [value for value in values if not value.unknown]
        if not known:
            return values[0]
        return Code(f"_first({', '.join(value.source for value in known)})", known[0].type, nullable=True)

    def _count(self, node: tree.Call) -> Code:
        if len(node.arguments) != 1:
            raise LanguageError("count(list) takes one list", node.start, node.end)
        listed = self._of_type(node.arguments[0], *sorted(LISTS))
        return Code(f"len({listed.source} or ())", NUMBER, unknown=listed.unknown, bounds=(0, None))

    def _captures(self, node: tree.Call) -> Code:
        if len(node.arguments) != 2:
            raise LanguageError("captures(text, pattern) takes two values", node.start, node.end)
        text = self._of_type(node.arguments[0], "text")
        name = self._pattern(node.arguments[1], captures=True)
        return Code(f"_captures({name!r}, {text.source})", TEXTS, unknown=text.unknown)

    def _pattern(self, node: Node, *, captures: bool = False) -> str:
        if isinstance(node, tree.Name) and node.name in self.scope.patterns:
            name, text = node.name, self.scope.patterns[node.name]
            self.read.add(name)
        elif isinstance(node, tree.Literal) and isinstance(node.value, str):
            name, text = f"={node.value}", node.value
        else:
            near = nearest(node.name if isinstance(node, tree.Name) else "", self.scope.patterns)
            raise LanguageError("a pattern of the pack or a text is needed here", node.start, node.end, near)
        try:
            pattern = compiled_pattern(text)
        except PatternError as error:
            if isinstance(node, tree.Name):  # told where the pack writes it
                return name
            raise LanguageError(f"not a pattern: {error}", node.start, node.end) from None
        if captures and not pattern.groups:
            raise LanguageError("captures needs a pattern with a group in ( )", node.start, node.end)
        return name


def _literal(node: tree.Literal) -> Code:
    value = node.value
    if value is None:
        return Code("None", NULL, constant=None, fixed=None)
    if isinstance(value, bool):
        return Code(repr(value), BOOL, constant=value, fixed=value)
    if isinstance(value, timedelta):
        return Code(f"_seconds({value.total_seconds()!r})", DURATION, constant=value, fixed=value)
    return Code(repr(value), TEXT if isinstance(value, str) else NUMBER, constant=value, fixed=value)


def _date(node: tree.Call) -> Code:
    literal = node.arguments[0] if len(node.arguments) == 1 else None
    if isinstance(literal, tree.Literal) and isinstance(literal.value, str):
        try:
            day = date.fromisoformat(literal.value)
        except ValueError:
            message = f"{literal.value!r} is no day of the calendar; write it like 2024-07-31"
            raise LanguageError(message, literal.start, literal.end) from None
        return Code(f"_date({day.year}, {day.month}, {day.day})", DATE, constant=day, fixed=day)
    raise LanguageError('date("2024-07-31") takes a day that is written here', node.start, node.end)


def _folded(function: str, left: Any, right: Any) -> Any:
    """Return what two constants come to; ``...`` where one is none, or the result is nothing to reason with."""
    if left is ... or right is ... or isinstance(left, str):
        return ...
    operation: Any = RUNTIME[function]
    found = operation(left, right)
    return ... if found is None else found


def _check_clock_time(code: Code, node: Node) -> None:
    if not isinstance(code.constant, str):
        raise LanguageError('at(day, "18:00") takes a time that is written here or a parameter', node.start, node.end)
    try:
        time.fromisoformat(code.constant)
    except ValueError:
        message = f"{code.constant!r} is no time of day; write it like 18:00"
        raise LanguageError(message, node.start, node.end) from None


_ARITHMETIC: Mapping[tuple[str, str, str], Type] = {
    **{("number", operator, "number"): NUMBER for operator in "+-*/"},
    **{(day, operator, "duration"): Type(day) for day in ("date", "datetime") for operator in "+-"},
    **{(day, "-", day): DURATION for day in ("date", "datetime")},
    **{("duration", operator, "duration"): DURATION for operator in "+-"},
    ("duration", "*", "number"): DURATION,
    ("number", "*", "duration"): DURATION,
    ("duration", "/", "number"): DURATION,
    ("texts", "-", "texts"): TEXTS,
    ("texts", "+", "texts"): TEXTS,
    ("text", "+", "text"): TEXT,
}
