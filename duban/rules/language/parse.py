"""Text of a condition -> tree. A Pratt-style parser over a small grammar; every node knows its characters.

    or | || | 或      and | && | 且 | 并且      not | ! | 非      == != < <= > >=  in  not in  matches
    + - * /           "text" 'text' 12 0.5 72h 3d 30m [a, b] true false null        name  a.b  f(x)
    any(u in upstream, …)  all  count  filter  each  max  min

One comparison per term (no chains). At most 4,000 characters, nested at most 40 deep; a chain like ``a + b + c``
counts one level for each term.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from duban.rules.language.spoken import spoken_word
from duban.rules.language.tokens import COMPARISONS, LanguageError, Token, tokens

# A level costs up to fifteen frames of the interpreter's stack here and three brackets in the Python made of it
# (CPython reads at most 200); both must hold at the deepest.
DEEPEST = 40
QUANTIFIERS = frozenset({"any", "all", "count", "filter", "each", "max", "min"})


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition and the characters it covers."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A value written in the condition: text, number, duration, true, false, null."""

    value: Any


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """A list written in the condition."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A field, a derived value, a parameter or a bound variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute(Node):
    """``base.name``."""

    base: Node
    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``name(arguments)``; ``base`` for ``u.holds("LAG-02")``."""

    name: str
    arguments: tuple[Node, ...]
    base: Node | None = None


@dataclass(frozen=True, slots=True)
class Each(Node):
    """``name(variable in source, body)``."""

    name: str
    variable: str
    source: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """``+ - * /`` and the comparisons."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Minus(Node):
    """A negative value."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Not(Node):
    """Negation."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Junction(Node):
    """``and`` or ``or`` over two or more terms."""

    operator: str
    terms: tuple[Node, ...]


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below one."""
    match node:
        case Binary():
            yield from (node.left, node.right)
        case Junction():
            yield from node.terms
        case Not() | Minus():
            yield node.operand
        case Call():
            yield from (*node.arguments, node.base) if node.base is not None else node.arguments
        case Each():
            yield from (node.source, node.body)
        case Attribute():
            yield node.base
        case ListOf():
            yield from node.items


@lru_cache(maxsize=8192)  # a book is compiled once per form of table, and once per set of parameters of its tests
def parse(source: str) -> Node:
    """Return the tree of a condition. Raises ``LanguageError``."""
    node = _Parser(tokens(source)).whole()
    _check_depth(node)
    return node


def _check_depth(root: Node) -> None:
    """Refuse what would exhaust the stack of whoever walks the tree (chains like a + b + … lean to the left)."""
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise LanguageError(f"the condition is nested deeper than {DEEPEST}", level[0].start, level[0].end)
        level = [child for node in level for child in children(node)]


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens, self._place, self._depth = found, 0, 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _is(self, *texts: str) -> bool:
        token = self._tokens[self._place]
        return token.kind == "op" and token.text in texts

    def _expect(self, text: str, why: str) -> Token:
        if not self._is(text):
            shown = repr(self._next.text) if self._next.text else "the end"
            message = f"expected {text!r} {why}, found {shown}"
            raise LanguageError(message, self._next.start, self._next.end, spoken_word(self._next.text))
        return self._take()

    def whole(self) -> Node:
        if self._next.kind == "end":
            raise LanguageError("the condition is empty", 0, 1)
        node = self._or()
        if self._next.kind != "end":
            hint = " (comparisons cannot be chained; join them with and)" if self._is(*COMPARISONS) else ""
            message = f"{self._next.text!r} is not expected here{hint}"
            raise LanguageError(message, self._next.start, self._next.end, spoken_word(self._next.text))
        return node

    def _or(self) -> Node:
        self._deeper()
        node = self._junction("or", lambda: self._junction("and", self._not))
        self._depth -= 1
        return node

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise LanguageError(f"the condition is nested deeper than {DEEPEST}", self._next.start, self._next.end)

    def _junction(self, operator: str, term: Any) -> Node:
        start, terms = self._next.start, [term()]
        while self._is(operator):
            self._take()
            terms.append(term())
        return terms[0] if len(terms) == 1 else Junction(start, self._end, operator, tuple(terms))

    @property
    def _end(self) -> int:
        """Where the last token taken ends: a closing parenthesis belongs to what it closes."""
        return self._tokens[self._place - 1].end

    def _not(self) -> Node:
        if self._is("not"):
            self._deeper()
            start = self._take().start
            operand = self._not()
            self._depth -= 1
            return Not(start, self._end, operand)
        return self._comparison()

    def _comparison(self) -> Node:
        start, left = self._next.start, self._sum()
        operator = self._comparison_operator()
        if operator is None:
            return left
        right = self._sum()
        return Binary(start, self._end, operator, left, right)

    def _comparison_operator(self) -> str | None:
        if self._is("not") and self._tokens[self._place + 1].text == "in":
            self._place += 2
            return "not in"
        if self._next.kind == "op" and self._next.text in COMPARISONS:
            return self._take().text
        return None

    def _sum(self) -> Node:
        return self._left_to_right(("+", "-"), lambda: self._left_to_right(("*", "/"), self._unary))

    def _left_to_right(self, operators: tuple[str, ...], operand: Any) -> Node:
        start = self._next.start
        left: Node = operand()
        while self._is(*operators):
            operator = self._take().text
            right = operand()
            left = Binary(start, self._end, operator, left, right)
        return left

    def _unary(self) -> Node:
        if self._is("-"):
            self._deeper()
            start = self._take().start
            operand = self._unary()
            self._depth -= 1
            return Minus(start, self._end, operand)
        return self._postfix(self._primary())

    def _postfix(self, node: Node) -> Node:
        while self._is("."):
            self._take()
            name = self._take()
            if name.kind != "name":
                raise LanguageError("a field name must follow the dot", name.start, name.end)
            if self._is("("):
                arguments, end = self._arguments()
                node = Call(node.start, end, name.text, arguments, node)
            else:
                node = Attribute(node.start, name.end, node, name.text)
        return node

    def _primary(self) -> Node:
        token = self._take()
        if token.kind in {"number", "duration", "text"}:
            return Literal(token.start, token.end, token.value)
        if token.kind == "name":
            return self._named(token)
        if token.kind == "op" and token.text == "(":
            node = self._or()
            self._expect(")", "to close the parenthesis")
            return node
        if token.kind == "op" and token.text == "[":
            self._deeper()
            items = self._list_items()
            self._depth -= 1
            end = self._expect("]", "to close the list").end
            return ListOf(token.start, end, items)
        shown = f"{token.text!r} is not expected here" if token.text else "the condition ends too early"
        raise LanguageError(shown, token.start, token.end)

    def _list_items(self) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._is("]"):
            items.append(self._sum())
            if not self._is(","):
                break
            self._take()
        return tuple(items)

    def _named(self, token: Token) -> Node:
        constants = {"true": True, "false": False, "null": None}
        if token.text in constants:
            return Literal(token.start, token.end, constants[token.text])
        if not self._is("("):
            return Name(token.start, token.end, token.text)
        if token.text in QUANTIFIERS and self._is_binder():
            return self._each(token)
        arguments, end = self._arguments()
        return Call(token.start, end, token.text, arguments)

    def _is_binder(self) -> bool:
        match self._tokens[self._place + 1 : self._place + 3]:
            case [name, keyword]:
                return name.kind == "name" and keyword.kind == "op" and keyword.text == "in"
            case _:
                return False

    def _each(self, token: Token) -> Node:
        self._take()
        variable = self._take().text
        self._take()
        source = self._sum()
        self._expect(",", f"after the list of {token.text}(…)")
        body = self._or()
        end = self._expect(")", f"to close {token.text}(…)").end
        return Each(token.start, end, token.text, variable, source, body)

    def _arguments(self) -> tuple[tuple[Node, ...], int]:
        opening = self._take()
        arguments: list[Node] = []
        while not self._is(")"):
            arguments.append(self._or())
            if not self._is(","):
                break
            self._take()
        if self._next.kind == "end":
            raise LanguageError("this parenthesis is never closed", opening.start, opening.end)
        return tuple(arguments), self._expect(")", "to close the call").end


__all__ = ["LanguageError", "children", "parse"]
