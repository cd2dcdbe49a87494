"""Tree -> checked Python source. One pass: types are checked and the source is written together.

A condition has two sources, one that is true when it surely holds and one that is true when it surely does not
(``not`` is pushed down to the leaves), so unknown is neither. ``eval`` only ever sees source made here from checked
nodes: names from the scope, literals through ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import re2

from duban.rules.patterns import compiled as compiled_pattern

from duban.rules.language import parse as tree
from duban.rules.language.functions import FUNCTIONS, SPECIAL
from duban.rules.language.parse import LanguageError, Node
from duban.rules.language.scope import Scope, Symbol, attribute
from duban.rules.language.types import (
    BOOL, CLOCK, DURATION, LISTS, NULL, NUMBER, ORDERED, PAIRS, RANGE, TEXT, TEXTS, Type, item, items,
)  # fmt: skip
from duban.yamlfile import nearest

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}


class Code(NamedTuple):
    """The source of a value. ``unknown``: reads a column that the table does not have. ``constant``: its value."""

    source: str
    type: Type
    nullable: bool = False
    unknown: bool = False
    symbol: Symbol | None = None
    constant: Any = ...


@dataclass(slots=True)
class Uses:
    """What a condition reads: fields of its own item, and rules that must be judged before it."""

    fields: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)


class Compiler:
    """Compiles the expressions of one rule. ``context`` is the Python name of the item's context."""

    def __init__(self, scope: Scope, variables: Mapping[str, Code] | None = None, context: str = "c") -> None:
        self.scope, self.uses = scope, Uses()
        self._variables = dict(variables or {})
        self._context, self._depth = context, 0

    def define(self, name: str, code: Code) -> None:
        """Make a ``let`` name known to later expressions."""
        self._variables[name] = code

    # --- conditions

    def truth(self, node: Node, positive: bool = True) -> str:
        """Return the source that is true when the condition surely holds (or surely does not)."""
        if isinstance(node, tree.Not):
            return self.truth(node.operand, not positive)
        if isinstance(node, tree.Junction):
            joined = f" {node.operator if positive else ('or' if node.operator == 'and' else 'and')} "
            return "(" + joined.join(self.truth(term, positive) for term in node.terms) + ")"
        if isinstance(node, tree.Binary) and node.operator in {*_NEGATED, "matches"}:
            return self._comparison(node, positive)
        if isinstance(node, tree.Each) and node.name in {"any", "all"}:
            return self._quantified(node, positive)
        if isinstance(node, tree.Call) and node.name in {"empty", "given", "absent", "mapped", "holds"}:
            return self._predicate(node, positive)
        return self._plain(node, positive)

    def _plain(self, node: Node, positive: bool) -> str:
        code = self.value(node)
        if code.type != BOOL:
            raise LanguageError(f"a condition is needed here, this is a {code.type}", node.start, node.end)
        if code.unknown:
            return "False"
        if positive:
            return f"({code.source})"
        return f"({code.source} is False)" if code.nullable else f"(not {code.source})"

    def _comparison(self, node: tree.Binary, positive: bool) -> str:
        if node.operator == "matches":
            return self._match(node, positive)
        operator = node.operator if positive else _NEGATED[node.operator]
        if operator in {"in", "not in"}:
            return self._membership(node, operator)
        left, right = self.value(node.left), self.value(node.right)
        self._comparable(node, left, right)
        if left.unknown or right.unknown:
            return "False"
        if operator in {"==", "!="}:
            return self._equality(node, operator, left, right)
        if operator in {">", ">="}:
            left, right, operator = right, left, {">": "<", ">=": "<="}[operator]
        return _ordered(left, right, operator)

    def _comparable(self, node: tree.Binary, left: Code, right: Code) -> None:
        names = {left.type.name, right.type.name}
        if node.operator in {"==", "!="}:
            if NULL.name in names:
                return
            if left.type.name == right.type.name and left.type.name in {*ORDERED, "text", "bool"}:
                self._options(node.left, left, right)
                self._options(node.right, right, left)
                return
        elif left.type.name == right.type.name and left.type.name in ORDERED:
            return
        advice = ""
        if names == {"date", "datetime"}:
            advice = "; write day(…) around the one with a time"
        elif names & {"texts", "people", "items", "links"}:
            advice = '; a list is asked with "x" in list, count(list) or any(x in list, …)'
        raise LanguageError(f"{left.type} and {right.type} cannot be compared with {node.operator}{advice}", node.start, node.end)

    def _options(self, place: Node, literal: Code, other: Code) -> None:
        options = other.type.options
        if options and isinstance(literal.constant, str) and literal.constant not in options:
            raise LanguageError(
                f"this can never be {literal.constant!r}, only {', '.join(options)}",
                place.start, place.end, nearest(literal.constant, options),
            )  # fmt: skip

    def _equality(self, node: tree.Binary, operator: str, left: Code, right: Code) -> str:
        if NULL in {left.type, right.type}:
            about, place = (left, node.left) if right.type == NULL else (right, node.right)
            return self._emptiness(about, place, operator == "==")
        return f"({left.source} {operator} {right.source})"

    def _membership(self, node: tree.Binary, operator: str) -> str:
        if isinstance(node.left, tree.ListOf):
            pair, table = [self.value(part) for part in node.left.items], self.value(node.right)
            if table.type != PAIRS or len(pair) != 2:
                raise LanguageError("a list on the left needs a table of pairs on the right", node.start, node.end)
            return f"(({pair[0].source}, {pair[1].source}) {operator} {table.source})"
        left = self.value(node.left)
        if isinstance(node.right, tree.ListOf):
            members = [self.value(member) for member in node.right.items]
            for place, member in zip(node.right.items, members, strict=True):
                self._comparable(tree.Binary(place.start, place.end, "==", node.left, place), left, member)
            listed = "(" + "".join(f"{member.source}, " for member in members) + ")"
        else:
            right = self.value(node.right)
            if right.type != TEXTS or left.type.name != "text":
                raise LanguageError(f"{left.type} in {right.type} is not possible", node.start, node.end)
            if right.unknown:
                return "False"
            listed = f"({right.source} or ())" if right.nullable else right.source
        return "False" if left.unknown else f"({left.source} {operator} {listed})"

    def _match(self, node: tree.Binary, positive: bool) -> str:
        text = self._of_type(node.left, "text")
        name = self._pattern(node.right)
        if text.unknown:
            return "False"
        found = f"_search({name!r}, {text.source})"
        return f"({found} is True)" if positive else f"({found} is False)"

    def _pattern(self, node: Node) -> str:
        if isinstance(node, tree.Name) and node.name in self.scope.patterns:
            return node.name
        if isinstance(node, tree.Literal) and isinstance(node.value, str):
            try:
                compiled_pattern(node.value)
            except re2.error as error:
                raise LanguageError(f"not a pattern: {error}", node.start, node.end) from None
            return f"={node.value}"
        shown = node.name if isinstance(node, tree.Name) else ""
        raise LanguageError("a pattern of the pack or a text is needed here", node.start, node.end, nearest(shown, self.scope.patterns))

    def _quantified(self, node: tree.Each, positive: bool) -> str:
        inner, listed, variable, _ = self._binder(node)
        function = node.name if positive else ("all" if node.name == "any" else "any")
        return f"{function}({inner.truth(node.body, positive)} for {variable} in {listed})"

    def _predicate(self, node: tree.Call, positive: bool) -> str:
        if node.name == "holds":
            return self._holds(node, positive)
        if len(node.arguments) != 1:
            raise LanguageError(f"{node.name}(x) takes one value", node.start, node.end)
        about = self.value(node.arguments[0])
        if node.name == "mapped":
            if about.symbol is None or about.symbol.field is None:
                raise LanguageError("mapped(x) asks for a field", node.start, node.end)
            self.uses.fields.discard(about.symbol.field)
            return str(about.unknown is not positive)
        if node.name == "absent":
            if about.symbol is not None and about.symbol.field:
                self.uses.fields.discard(about.symbol.field)
            if about.unknown:
                return str(positive)
        elif about.unknown:
            return "False"
        return self._emptiness(about, node, (node.name in {"empty", "absent"}) is positive)

    def _emptiness(self, code: Code, node: Node, wanted: bool) -> str:
        if code.unknown:
            return "False"
        if code.type.name in LISTS:
            return f"(not {code.source})" if wanted else f"bool_({code.source})"
        if not code.nullable:
            raise LanguageError("this can never be empty", node.start, node.end)
        if code.symbol is not None and code.symbol.field is not None and code.type.name in ORDERED:
            holder = code.source.rsplit(".v[", 1)[0]
            bad = f"({holder}.bad and {code.symbol.field!r} in {holder}.bad)"
            missing = f"({code.source} is None and not {bad})"
            return missing if wanted else f"(not {missing})"
        return f"({code.source} is None)" if wanted else f"({code.source} is not None)"

    def _holds(self, node: tree.Call, positive: bool) -> str:
        literal = node.arguments[0] if len(node.arguments) == 1 else None
        if not isinstance(literal, tree.Literal) or not isinstance(literal.value, str):
            raise LanguageError('holds("RULE-ID") takes the id of one rule', node.start, node.end)
        if literal.value not in self.scope.rules:
            raise LanguageError(f"there is no rule {literal.value}", literal.start, literal.end, nearest(literal.value, self.scope.rules))
        holder = self._context
        if node.base is not None:
            base = self.value(node.base)
            if base.type.name != "item":
                raise LanguageError("holds is asked of an item", node.base.start, node.base.end)
            holder = base.source
        self.uses.rules.add(literal.value)
        return f"({literal.value!r} {'in' if positive else 'not in'} {holder}.hits)"

    # --- values

    def value(self, node: Node) -> Code:
        """Return the source of a value and its type."""
        match node:
            case tree.Literal():
                return _literal(node)
            case tree.Name():
                return self._name(node)
            case tree.Attribute():
                return self._attribute(node)
            case tree.Minus():
                code = self.value(node.operand)
                if code.type not in {NUMBER, DURATION}:
                    raise LanguageError(f"a {code.type} has no negative", node.start, node.end)
                return code._replace(source=f"_negative({code.source})", symbol=None, constant=...)
            case tree.Binary() if node.operator in "+-*/":
                return self._arithmetic(node)
            case tree.Each() if node.name not in {"any", "all"}:
                return self._collected(node)
            case tree.Call() if node.name not in {"empty", "given", "absent", "mapped", "holds"}:
                return self._call(node)
            case tree.ListOf():
                raise LanguageError("a list stands only to the right of in", node.start, node.end)
            case _:
                return Code(self.truth(node), BOOL)

    def _name(self, node: tree.Name) -> Code:
        if node.name in self._variables:
            return self._variables[node.name]
        symbol = self.scope.lookup(node.name)
        if symbol is None:
            about = f"of kind {self.scope.kind} " if self.scope.kind not in {"table", "system"} else ""
            raise LanguageError(f"there is no field {about}called {node.name!r}", node.start, node.end, nearest(node.name, self.scope.names()))
        if symbol.field is not None:
            self.uses.fields.add(symbol.field)
        return self._of_symbol(symbol, self._context, self.scope.is_mapped(symbol))

    def _of_symbol(self, symbol: Symbol, holder: str, mapped: bool = True) -> Code:
        constant: Any = ...
        if symbol.type in {NUMBER, BOOL} and "{c}" not in symbol.source and "[" not in symbol.source:
            constant = {"True": True, "False": False}.get(symbol.source, ...)
            constant = float(symbol.source) if constant is ... else constant
        return Code(symbol.source.replace("{c}", holder), symbol.type, symbol.nullable, not mapped, symbol, constant)

    def _attribute(self, node: tree.Attribute) -> Code:
        if isinstance(node.base, tree.Name) and node.base.name in {"project", "所属项目", "项目"} and node.base.name not in self._variables:
            symbol = self.scope.project()
            assert symbol is not None
            base = self._of_symbol(symbol, self._context)
        else:
            base = self.value(node.base)
        if base.type == CLOCK and node.name in {"hours", "mode", "requires_solution"}:
            types = {"hours": NUMBER, "mode": TEXT, "requires_solution": BOOL}
            return Code(f"{base.source}.get({node.name!r})", types[node.name], nullable=False)
        if base.type == RANGE and node.name in {"min", "max"}:
            return Code(f"{base.source}[{0 if node.name == 'min' else -1}]", NUMBER)
        if base.type.name != "item":
            raise LanguageError(f"a {base.type} has no field {node.name!r}", node.start, node.end)
        found = attribute(base.type.of, node.name)
        if found is None:
            from_kind = Scope(base.type.of).names()
            raise LanguageError(f"a {base.type.of} has no field {node.name!r}", node.start, node.end, nearest(node.name, from_kind))
        return self._of_symbol(found, base.source)

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
        nullable = left.nullable or right.nullable or node.operator == "/"
        source = f"{function}({left.source}, {right.source})" if nullable else f"({left.source} {node.operator} {right.source})"
        return Code(source, gives, nullable, unknown)

    def _binder(self, node: tree.Each) -> tuple[Compiler, str, str, Type]:
        source = self.value(node.source)
        if source.type.name not in LISTS - {"people"}:
            raise LanguageError(f"{node.name}(x in …) goes over a list, this is a {source.type}", node.source.start, node.source.end)
        listed, member = f"({source.source} or ())" if source.nullable else source.source, TEXT
        if source.type.name == "links":
            listed, member = f"{source.source.rsplit('.v[', 1)[0]}.upstream", item("task")
        elif source.type.name == "items":
            member = item(source.type.of)
        if source.unknown:
            listed = "()"
        variable = f"{self._context}{self._depth}"
        inner = Compiler(self.scope, {**self._variables, node.variable: Code(variable, member)}, self._context)
        inner._depth, inner.uses = self._depth + 1, self.uses
        return inner, listed, variable, member

    def _collected(self, node: tree.Each) -> Code:
        inner, listed, variable, member = self._binder(node)
        if node.name in {"count", "filter"}:
            condition = inner.truth(node.body)
            if node.name == "count":
                return Code(f"sum(1 for {variable} in {listed} if {condition})", NUMBER)
            gives = TEXTS if member == TEXT else items(member.of)
            return Code(f"tuple({variable} for {variable} in {listed} if {condition})", gives)
        value = inner.value(node.body)
        if node.name == "each":
            if value.type.name != "text":
                raise LanguageError(f"each(…) collects texts, this is a {value.type}", node.body.start, node.body.end)
            return Code(f"_distinct({value.source} for {variable} in {listed})", TEXTS)
        if value.type.name not in ORDERED:
            raise LanguageError(f"{node.name}(…) needs numbers or dates, this is a {value.type}", node.body.start, node.body.end)
        function = "_largest" if node.name == "max" else "_smallest"
        return Code(f"{function}({value.source} for {variable} in {listed})", value.type, nullable=True)

    # --- calls

    def _call(self, node: tree.Call) -> Code:
        if node.base is not None:
            raise LanguageError(f"{node.name}(…) is not asked of an item", node.start, node.end)
        if node.name == "first":
            return self._first(node)
        if node.name == "count":
            return self._count(node)
        if node.name == "captures":
            return self._captures(node)
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise LanguageError(
                f"there is no function {node.name}", node.start, node.start + len(node.name),
                nearest(node.name, [*FUNCTIONS, *SPECIAL, *tree.QUANTIFIERS]),
            )  # fmt: skip
        if len(node.arguments) != len(function.takes):
            raise LanguageError(f"{node.name} takes {len(function.takes)} values: {function.about}", node.start, node.end)
        given = [self._of_type(place, *wanted) for place, wanted in zip(node.arguments, function.takes, strict=True)]
        source = function.source.replace("{c}", self._context).format(*(code.source for code in given))
        return Code(source, function.gives, function.nullable, any(code.unknown for code in given))

    def _of_type(self, node: Node, *wanted: str) -> Code:
        code = self.value(node)
        if code.type.name not in wanted:
            shown = " or ".join(str(Type(name)) for name in wanted)
            raise LanguageError(f"a {shown} is needed here, this is a {code.type}", node.start, node.end)
        return code

    def _first(self, node: tree.Call) -> Code:
        values = [self.value(argument) for argument in node.arguments]
        if len(values) < 2 or len({value.type.name for value in values}) != 1:
            raise LanguageError("first(a, b, …) takes two or more values of one type", node.start, node.end)
        for value in values:
            if value.symbol is not None and value.symbol.field:
                self.uses.fields.discard(value.symbol.field)
        known = [value for value in values if not value.unknown]
        if not known:
            return values[0]
        return Code(f"_first({', '.join(value.source for value in known)})", known[0].type, nullable=True)

    def _count(self, node: tree.Call) -> Code:
        if len(node.arguments) != 1:
            raise LanguageError("count(list) takes one list", node.start, node.end)
        listed = self._of_type(node.arguments[0], *LISTS)
        return Code(f"len({listed.source} or ())", NUMBER, unknown=listed.unknown)

    def _captures(self, node: tree.Call) -> Code:
        if len(node.arguments) != 2:
            raise LanguageError("captures(text, pattern) takes two values", node.start, node.end)
        text = self._of_type(node.arguments[0], "text")
        return Code(f"_captures({self._pattern(node.arguments[1])!r}, {text.source})", TEXTS, unknown=text.unknown)


def _literal(node: tree.Literal) -> Code:
    value = node.value
    if value is None:
        return Code("None", NULL, constant=None)
    if isinstance(value, bool):
        return Code(repr(value), BOOL, constant=value)
    if isinstance(value, timedelta):
        return Code(f"_seconds({value.total_seconds()!r})", DURATION, constant=value)
    return Code(repr(value), TEXT if isinstance(value, str) else NUMBER, constant=value)


def _ordered(left: Code, right: Code, operator: str) -> str:
    if not left.nullable and not right.nullable:
        return f"({left.source} {operator} {right.source})"
    guards = [code.source for code in (left, right) if code.nullable]
    if all(_is_cheap(source) for source in guards):
        checks = " and ".join(f"{source} is not None" for source in guards)
        return f"({checks} and {left.source} {operator} {right.source})"
    return f"{'_less' if operator == '<' else '_at_most'}({left.source}, {right.source})"


def _is_cheap(source: str) -> bool:
    return "(" not in source


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
