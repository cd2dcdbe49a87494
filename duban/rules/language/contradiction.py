"""Conditions that can never hold, or always do: found from the constants that one ``and`` compares a value with."""

from __future__ import annotations

from typing import Any

from duban.rules.language import parse as tree
from duban.rules.language.parse import LanguageError, Node

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def contradiction(node: Node) -> LanguageError | None:
    """Return the first part that can never hold or always holds, ``None`` when there is none to be seen."""
    if isinstance(node, tree.Binary):
        return _constant(node)
    if isinstance(node, tree.Not):
        return contradiction(node.operand)
    if isinstance(node, tree.Each):
        return contradiction(node.body)
    if not isinstance(node, tree.Junction):
        return None
    for term in node.terms:
        found = contradiction(term)
        if found is not None:
            return found
    return _impossible(node) if node.operator == "and" else None


def _constant(node: tree.Binary) -> LanguageError | None:
    if node.operator not in _MIRRORED:
        return None
    if isinstance(node.left, tree.Literal) and isinstance(node.right, tree.Literal):
        return LanguageError("this compares two constants and never changes", node.start, node.end)
    if _key(node.left) is not None and _key(node.left) == _key(node.right):
        return LanguageError("this compares a value with itself", node.start, node.end)
    return None


def _impossible(node: tree.Junction) -> LanguageError | None:
    known: dict[Any, _Possible] = {}
    for term in node.terms:
        compared = _compared(term)
        if compared is None:
            continue
        key, operator, value = compared
        possible = known.setdefault(key, _Possible())
        if not possible.narrow(operator, value):
            return LanguageError("together with what stands before, this can never hold", term.start, term.end)
    return None


def _compared(node: Node) -> tuple[Any, str, Any] | None:
    if not isinstance(node, tree.Binary):
        return None
    if node.operator == "in" and isinstance(node.right, tree.ListOf):
        values = [item.value for item in node.right.items if isinstance(item, tree.Literal)]
        key = _key(node.left)
        return (key, "in", frozenset(values)) if key and len(values) == len(node.right.items) else None
    if node.operator not in _MIRRORED:
        return None
    for one, other, operator in ((node.left, node.right, node.operator), (node.right, node.left, _MIRRORED[node.operator])):
        key = _key(one)
        if key is not None and isinstance(other, tree.Literal) and other.value is not None:
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
    """What one value can still be: a set of constants, or an interval."""

    def __init__(self) -> None:
        self.among: frozenset[Any] | None = None
        self.barred: set[Any] = set()
        self.low: tuple[Any, bool] | None = None  # bound, whether the bound itself is allowed
        self.high: tuple[Any, bool] | None = None

    def narrow(self, operator: str, value: Any) -> bool:
        """Take one more comparison in; false when nothing is left."""
        if operator in {"==", "in"}:
            wanted = value if operator == "in" else frozenset([value])
            self.among = wanted if self.among is None else self.among & wanted
        elif operator == "!=":
            self.barred.add(value)
        elif operator in {">", ">="}:
            bound = (value, operator == ">=")
            if self.low is None or (value, not bound[1]) > (self.low[0], not self.low[1]):
                self.low = bound
        elif self.high is None or (value, operator == "<=") < (self.high[0], self.high[1]):
            self.high = (value, operator == "<=")
        return self._left()

    def _left(self) -> bool:
        if self.among is not None:
            return any(self._fits(value) for value in self.among)
        if self.low is None or self.high is None:
            return True
        if self.low[0] == self.high[0]:
            return self.low[1] and self.high[1]
        return bool(self.low[0] < self.high[0])

    def _fits(self, value: Any) -> bool:
        if value in self.barred:
            return False
        low = self.low is None or value > self.low[0] or (self.low[1] and value == self.low[0])
        high = self.high is None or value < self.high[0] or (self.high[1] and value == self.high[0])
        return bool(low and high)
