"""Conditions that can never hold: found from the constants that one ``and`` compares a value with.

Asked after the types were checked, so that the constants of one value can be ordered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from duban.rules.language import parse as tree
from duban.rules.language.parse import LanguageError, Node

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==", "in": "not in", "not in": "in"}


def contradiction(node: Node, given: Sequence[Node] = ()) -> LanguageError | None:
    """Return the first part that can never hold or never changes, ``None`` when there is none to be seen.

    ``given`` are conditions that hold whenever this one is asked (the rule's gate).
    """
    for part in _parts(node):
        if isinstance(part, tree.Binary):
            found = _constant(part)
            if found is not None:
                return found
        if isinstance(part, tree.Junction) and part.operator == "and":
            found = _impossible(part.terms)
            if found is not None:
                return found
    return _impossible([node], given) if given else None


def _parts(node: Node) -> Iterator[Node]:
    yield node
    for child in tree.children(node):
        yield from _parts(child)


def _constant(node: tree.Binary) -> LanguageError | None:
    if node.operator not in _MIRRORED:
        return None
    if isinstance(node.left, tree.Literal) and isinstance(node.right, tree.Literal):
        return LanguageError("this compares two constants and never changes", node.start, node.end)
    if _key(node.left) is not None and _key(node.left) == _key(node.right):
        return LanguageError("this compares a value with itself", node.start, node.end)
    return None


def _impossible(terms: Sequence[Node], given: Sequence[Node] = ()) -> LanguageError | None:
    known: dict[Any, _Possible] = {}
    for term in _conjuncts(given):
        _narrow(known, term)
    for term in _conjuncts(terms):
        if not _narrow(known, term):
            message = "together with what stands before, this can never hold"
            if given:
                message = "while the rule applies (its when), this can never hold"
            return LanguageError(message, term.start, term.end)
    return None


def _narrow(known: dict[Any, _Possible], term: Node) -> bool:
    compared = _compared(term)
    if compared is None:
        return True
    key, operator, value = compared
    if key is None:
        return True
    return known.setdefault(key, _Possible()).narrow(operator, value)


def _conjuncts(terms: Sequence[Node]) -> Iterator[Node]:
    for term in terms:
        if isinstance(term, tree.Junction) and term.operator == "and":
            yield from _conjuncts(term.terms)
        else:
            yield term


def _compared(node: Node) -> tuple[Any, str, Any] | None:
    """Return (what, comparison, constant) for a term that compares a value with constants."""
    if isinstance(node, tree.Not):
        inner = _compared(node.operand)
        return None if inner is None else (inner[0], _NEGATED[inner[1]], inner[2])
    if isinstance(node, tree.Call) and node.name in {"empty", "given"} and len(node.arguments) == 1:
        key = _key(node.arguments[0])
        return None if key is None else (key, "==" if node.name == "empty" else "!=", None)
    if isinstance(node, (tree.Name, tree.Attribute)):  # a condition by itself
        return _key(node), "==", True
    if not isinstance(node, tree.Binary):
        return None
    if node.operator in {"in", "not in"} and isinstance(node.right, tree.ListOf):
        values = [item.value for item in node.right.items if isinstance(item, tree.Literal)]
        key = _key(node.left)
        return (key, node.operator, frozenset(values)) if key and len(values) == len(node.right.items) else None
    return _of_constant(node) if node.operator in _MIRRORED else None


def _of_constant(node: tree.Binary) -> tuple[Any, str, Any] | None:
    sides = ((node.left, node.right, node.operator), (node.right, node.left, _MIRRORED[node.operator]))
    for one, other, operator in sides:
        key = _key(one)
        if key is not None and isinstance(other, tree.Literal):
            return key, operator, other.value
    return None


def _key(node: Node) -> Any:
    if isinstance(node, tree.Name):
        return node.name
    if isinstance(node, tree.Attribute):
        base = _key(node.base)
        return None if base is None else (base, node.name)
    return None


class _Possible:
    """What one value can still be: a set of constants, or an interval. ``None`` stands for empty."""

    def __init__(self) -> None:
        self.among: frozenset[Any] | None = None
        self.barred: set[Any] = set()
        self.low: tuple[Any, bool] | None = None  # bound, whether the bound itself is allowed
        self.high: tuple[Any, bool] | None = None

    def narrow(self, operator: str, value: Any) -> bool:
        """Take one more comparison in; false when nothing is left."""
        match operator:
            case "==" | "in":
                wanted = value if operator == "in" else frozenset([value])
                self.among = wanted if self.among is None else self.among & wanted
            case "!=" | "not in":
                self.barred |= value if operator == "not in" else {value}
            case ">" | ">=":
                self._above(value, operator == ">=")
            case _:
                self._below(value, operator == "<=")
        return self._left()

    def _above(self, value: Any, itself: bool) -> None:
        if self.low is None or (value, not itself) > (self.low[0], not self.low[1]):
            self.low = (value, itself)

    def _below(self, value: Any, itself: bool) -> None:
        if self.high is None or (value, itself) < self.high:
            self.high = (value, itself)

    def _left(self) -> bool:
        if self.among is not None:
            return any(self._fits(value) for value in self.among)
        if self.low is None or self.high is None:
            return True
        if self.low[0] == self.high[0]:
            return self.low[1] and self.high[1] and self.low[0] not in self.barred
        return bool(self.low[0] < self.high[0])

    def _fits(self, value: Any) -> bool:
        if value in self.barred:
            return False
        if value is None:  # an ordering never holds on an empty value
            return self.low is None and self.high is None
        low = self.low is None or value > self.low[0] or (self.low[1] and value == self.low[0])
        high = self.high is None or value < self.high[0] or (self.high[1] and value == self.high[0])
        return bool(low and high)
