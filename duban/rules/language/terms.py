"""One term of a condition -> what it says of values: comparisons with constants that hold when it surely does.

The types were checked before: a term's parts have their :class:`Code`, and the source that was made of a value is its
name here, so that ``状态``, ``status`` and a ``let`` of it are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from duban.rules.language import parse as tree
from duban.rules.language.parse import Node
from duban.rules.language.possible import Possible
from duban.rules.language.types import LISTS, NULL, TEXT
from duban.rules.language.values import Code

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==", "in": "not in", "not in": "in"}
_TRUTHS = frozenset({True, False})
# How two values can stand to each other: smaller, equal, larger, one of them missing, both missing.
_ORDERS: Mapping[str, set[Any]] = {
    "<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1}, "==": {0, "both"}, "!=": {-1, 1, "one"},
}  # fmt: skip
_EITHER = Possible(empty=False, among=frozenset({-1, 0, 1, "one", "both"}))
_TRUTH = Possible(empty=False, among=_TRUTHS)
_TRUE = Possible(empty=False, among=frozenset({True}))
_COUNT = Possible(empty=False, low=(0, True), whole=True)


class Says(NamedTuple):
    """A term says that a value stands so to a constant; ``before`` is what the value can be at all."""

    about: Any
    operator: str
    value: Any
    before: Possible


# By a node's identity and whether it is to hold: the node, which must live as long as its number is used, and the rest.
Said: TypeAlias = "dict[tuple[int, bool], tuple[Node, tuple[tuple[Says, Possible | None], ...]]]"


class Terms:
    """Reads terms of conditions whose values were compiled: ``codes`` by the identity of their nodes.

    ``blind`` terms about missing values say nothing that could be set against others. ``said`` keeps what was found
    for the next question: a term is asked on many ways.
    """

    def __init__(self, codes: Mapping[int, Code], said: Said, *, blind: bool = False) -> None:
        self._codes, self._blind, self._said = codes, blind, said

    def said(self, node: Node, positive: bool) -> tuple[tuple[Says, Possible | None], ...]:
        """Return what holds when a term surely does (or surely does not), each with what it alone leaves possible."""
        found = self._said.get((id(node), positive))
        if found is None:
            says = self._says(node, positive)
            found = node, tuple((each, each.before.narrowed(each.operator, each.value)) for each in says)
            self._said[id(node), positive] = found
        return found[1]

    def _says(self, node: Node, positive: bool) -> Iterator[Says]:
        match node:
            case tree.Binary() if node.operator in MIRRORED:
                yield from self._compared(node, node.operator if positive else NEGATED[node.operator])
            case tree.Binary(operator="in" | "not in", right=tree.ListOf()):
                yield from self._listed(node, node.operator if positive else NEGATED[node.operator])
            case tree.Call(name="empty" | "given" | "absent") if node.base is None and len(node.arguments) == 1:
                yield from self._missing(node.arguments[0], (node.name != "given") is positive)
            case tree.Literal():
                yield Says("true", "==", bool(node.value) is positive, _TRUE)
            case _:
                yield from self._plain(node, positive)

    def unknown(self, node: Node) -> bool:
        """Tell whether a term can be neither true nor false, missing columns aside."""
        match node:
            case tree.Binary() if node.operator in MIRRORED:
                codes = self._code(node.left), self._code(node.right)
                return node.operator not in {"==", "!="} and any(code is None or code.nullable for code in codes)
            case tree.Binary(operator="in" | "not in") | tree.Literal():
                return False
            case tree.Call(name="empty" | "given" | "absent" | "mapped" | "holds"):
                return False
            case tree.Name() | tree.Attribute() | tree.Call():
                code = self._code(node)
                return code is None or code.nullable
            case _:
                return True

    def fixed(self, node: Node) -> bool:
        """Tell whether a term compares constants only: a parameter with a number, say."""
        return isinstance(node, tree.Binary) and all(
            code is not None and code.fixed is not ... for code in (self._code(node.left), self._code(node.right))
        )

    def by_parameter(self, node: Node) -> bool:
        """Tell whether a term compares with a parameter: its value may be one that switches the term off."""
        return isinstance(node, tree.Binary) and any(
            not isinstance(part, tree.Literal) and code is not None and code.fixed is not ...
            for part in _operands(node) if (code := self._code(part)) is not None
        )  # fmt: skip

    def _code(self, node: Node) -> Code | None:
        return self._codes.get(id(node))

    # --- comparisons

    def _compared(self, node: tree.Binary, operator: str) -> Iterator[Says]:
        left, right = self._code(node.left), self._code(node.right)
        if left is None or right is None or (left.fixed is not ... and right.fixed is not ...):
            return
        if left.fixed is not ...:
            left, right, operator = right, left, MIRRORED[operator]
        if right.type == NULL:
            yield from self._emptiness(left, operator == "==")
        elif right.fixed is not ...:
            yield Says(left.source, operator, right.fixed, _before(left))
        else:
            yield from self._two(left, right, operator)

    def _two(self, left: Code, right: Code, operator: str) -> Iterator[Says]:
        if left.source > right.source:
            left, right, operator = right, left, MIRRORED[operator]
        if left.source != right.source:
            yield Says((left.source, right.source), "in", frozenset(_ORDERS[operator]), _EITHER)
        if operator not in {"==", "!="} and not self._blind:
            for code in (left, right):
                if code.nullable and code.fixed is ...:
                    yield Says(code.source, "!=", None, _before(code))

    def _listed(self, node: tree.Binary, operator: str) -> Iterator[Says]:
        left = self._code(node.left)
        assert isinstance(node.right, tree.ListOf)
        members = [self._code(member) for member in node.right.items]
        values = [member.fixed for member in members if member is not None and member.fixed is not ...]
        if left is not None and left.fixed is ... and len(values) == len(members):
            yield Says(left.source, operator, frozenset(values), _before(left))

    # --- missing values, everything else

    def _missing(self, about: Node, missing: bool) -> Iterator[Says]:
        code = self._code(about)
        if code is not None:
            yield from self._emptiness(code, missing)

    def _emptiness(self, code: Code, missing: bool) -> Iterator[Says]:
        if self._blind:
            yield Says(("missing", code.source), "==", missing, _TRUTH)
        elif code.type.name in LISTS:
            yield Says(_length(code), "==" if missing else "!=", 0, _COUNT)
        else:
            yield Says(code.source, "==" if missing else "!=", None, _before(code))

    def _plain(self, node: Node, positive: bool) -> Iterator[Says]:
        code = self._code(node)
        if isinstance(node, (tree.Name, tree.Attribute)) and code is not None:
            if code.fixed is ... and code.constant is ...:  # a parameter is a switch, whichever way it stands
                yield Says(code.source, "==", positive, _before(code))
            return
        yield Says(("holds", self.shape(node)), "==", positive, _TRUTH)
        listed = node.right if isinstance(node, tree.Binary) and node.operator == "in" else None
        if isinstance(node, tree.Each) and node.name == "any":
            listed = node.source
        inside = self._code(listed) if listed is not None and positive else None
        if inside is not None and inside.type.name == "texts" and not self._blind:
            yield Says(_length(inside), ">", 0, _COUNT)

    def shape(self, node: Any) -> Any:
        """Return what two terms have in common that say the same."""
        if isinstance(node, tuple):
            return tuple(map(self.shape, node))
        if not isinstance(node, Node):
            return node
        code = self._code(node)
        if code is not None and not isinstance(node, tree.Each):
            return code.source
        parts = (getattr(node, each.name) for each in fields(node) if each.name not in {"start", "end", "variable"})
        return (type(node).__name__, *map(self.shape, parts))


def _operands(node: tree.Binary) -> tuple[Node, ...]:
    return (node.left, *node.right.items) if isinstance(node.right, tree.ListOf) else (node.left, node.right)


def _length(code: Code) -> str:
    return f"len({code.source} or ())"


@cache
def _set_of(options: tuple[str, ...]) -> frozenset[str]:
    return frozenset(options)


def _before(code: Code) -> Possible:
    """Return what a value can be at all."""
    if code.type.name == "bool":
        return Possible(empty=code.nullable, among=_TRUTHS)
    if code.type.options and code.type.closed:
        return Possible(empty=code.nullable, among=_set_of(code.type.options))
    if code.bounds is not None:
        low, high = code.bounds
        return Possible(
            empty=code.nullable, low=(low, True), high=None if high is None else (high, True), whole=True
        )
    written = code.type.name == TEXT.name and code.symbol is not None and code.symbol.field is not None
    return Possible(empty=code.nullable, barred=frozenset({""}) if written else frozenset())


__all__ = ["MIRRORED", "NEGATED", "Says", "Terms"]
