"""Conditions that can never hold, that always do, and parts of them that say nothing.

A condition is followed through its ``and`` and ``or``: what it says of each value (:mod:`terms`) is narrowed down until
nothing is left (:mod:`possible`). Only what is certain is told: calls, lists and patterns are taken as any truth, and
a condition with too many ways through is left alone. Asked after the types were checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from duban.rules.language import parse as tree
from duban.rules.language.parse import LanguageError, Node
from duban.rules.language.possible import Possible
from duban.rules.language.terms import MIRRORED, Terms
from duban.rules.language.types import BOOL
from duban.rules.language.values import Values

Facts: TypeAlias = "Mapping[Any, Possible]"
Demand: TypeAlias = "tuple[Node, bool]"  # a condition and whether it is to hold
_MOST = 3_000  # terms looked at for one question; beyond that nothing is said
_MOST_OF_ALL = 30_000  # for all questions about one condition

_TOGETHER = "together with what stands before, this can never hold"
_GATED = "while the rule applies (its when), this can never hold"
_NEVER = "this can never hold"
_DEAD = "this part can never hold here, so the or does not need it; leave it out or correct it"
_TWICE = "this stands here twice"
_ALWAYS = "this holds for every item, so it says nothing; leave it out or correct it"
_UNFAILING = "this is never false; to ask whether a value is there write given(…)"


def contradiction(
    node: Node, compiled: Values, given: Sequence[Node] = (), *, whole: bool = True
) -> LanguageError | None:
    """Return the first part that can never hold or never changes, ``None`` when there is none to be seen.

    ``compiled`` knows what the parts became. ``given`` are conditions that hold whenever this one is asked (the rule's
    gate). ``whole``: a condition that is nothing but ``true`` is a mistake, too.
    """
    search = _Search(compiled)
    if isinstance(node, tree.Literal):
        return search.error(_ALWAYS if node.value else _NEVER, node) if whole or not node.value else None
    parts = tuple(_parts(node))
    found = search.of(node, [(condition, True) for condition in given], parts)
    if found is not None:
        return found
    for part in parts:  # conditions inside lists
        if isinstance(part, tree.Each) and part.name in {"any", "all", "count", "filter"}:
            found = search.of(part.body, [], tuple(_parts(part.body)))
            if found is not None:
                return found
    return None


def excluded(guard: Node, conditions: Sequence[Node], compiled: Values) -> bool:
    """Tell whether a guard surely holds whenever all of the conditions do."""
    search = _Search(compiled)
    return search.holds_with(guard, [(condition, True) for condition in conditions])


def _parts(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(tuple(tree.children(part))))


class _Link(NamedTuple):
    """Demands that are still to be met: the first, and the others."""

    node: Node
    positive: bool
    rest: _Link | None


class _Search:
    def __init__(self, compiled: Values) -> None:
        self._codes, self._lets = compiled.codes, compiled.lets
        self._terms = Terms(compiled.codes, compiled.said[0])
        self._blind = Terms(compiled.codes, compiled.said[1], blind=True)
        self._left, self._all = _MOST, _MOST_OF_ALL

    @staticmethod
    def error(message: str, node: Node) -> LanguageError:
        return LanguageError(message, node.start, node.end)

    def of(self, root: Node, gate: list[Demand], parts: Sequence[Node]) -> LanguageError | None:
        """Return the first mistake of a condition; ``parts`` are its nodes."""
        for part in parts:
            found = self._constant(part)
            if found is not None:
                return found
        if not self._possible([*gate, (root, True)]):  # the strictest question first: it is nearly always answered yes
            if not gate or not self._possible([(root, True)]):
                return self._blamed(root, True, []) or self.error(_NEVER, root)
            if self._possible(gate):
                return self._blamed(root, True, gate, _GATED) or self.error(_GATED, root)
        dead = self._dead(root, True, gate) if any(map(_joins, parts)) else None
        return dead or self._unfailing(root)

    def holds_with(self, guard: Node, demands: list[Demand]) -> bool:
        sure = not any(self._terms.unknown(term) for term in _leaves(guard))
        return sure and not self._possible([*demands, (guard, False)]) and self._possible(demands)

    # --- what never changes by itself

    def _constant(self, node: Node) -> LanguageError | None:
        if isinstance(node, tree.Junction):
            return self._repeated(node.terms)
        if isinstance(node, tree.Each) and not _names(node.body, node.variable):
            message = f"nothing is asked of {node.variable} here; write {node.variable} or {node.variable}.…"
            return self.error(message, node.body)
        if not isinstance(node, tree.Binary):
            return None
        if isinstance(node.right, tree.ListOf) and node.operator in {"in", "not in"}:
            return self._repeated(node.right.items) or self._itself(node.left, *node.right.items)
        if node.operator not in MIRRORED:
            return None
        if all(self._is_constant(part) for part in (node.left, node.right)):
            return self.error("this compares two constants and never changes", node)
        found = self._itself(node.left, node.right)
        return None if found is None else self.error(found.message, node)

    def _itself(self, node: Node, *others: Node) -> LanguageError | None:
        code = self._codes.get(id(node))
        for other in others if code is not None and code.fixed is ... else ():
            found = self._codes.get(id(other))
            if code is not None and found is not None and found.source == code.source:
                return self.error("this compares a value with itself", other)
        return None

    def _is_constant(self, node: Node) -> bool:
        if isinstance(node, tree.Minus):
            return self._is_constant(node.operand)
        if isinstance(node, tree.Call) and node.name == "date":
            return True
        if isinstance(node, tree.Binary):
            return self._is_constant(node.left) and self._is_constant(node.right)
        return isinstance(node, tree.Literal)

    def _repeated(self, terms: Sequence[Node]) -> LanguageError | None:
        seen: set[Any] = set()
        for term in terms:
            shape = self._terms.shape(term)
            if shape in seen:
                return self.error(_TWICE, term)
            seen.add(shape)
        return None

    # --- what can never hold

    def _blamed(self, node: Node, positive: bool, before: list[Demand], message: str = "") -> LanguageError | None:
        """Return the term after which nothing is possible any more."""
        match node:
            case tree.Not():
                return self._blamed(node.operand, not positive, before, message)
            case tree.Junction() if (node.operator == "and") is positive:
                for term in node.terms:
                    here = (term, positive)
                    if not self._possible([*before, here]):
                        inner = term.operand if isinstance(term, tree.Not) else term
                        deeper = self._blamed(term, positive, before, message) if _joins(inner) else None
                        alone = not self._possible([here])
                        return deeper or self.error(_said(_NEVER if alone else message or _TOGETHER, positive), term)
                    before = [*before, here]
        return None

    def _dead(self, node: Node, positive: bool, around: list[Demand]) -> LanguageError | None:
        """Return a part of an ``or`` that can never hold beside what must hold with it."""
        match node:
            case tree.Not():
                return self._dead(node.operand, not positive, around)
            case tree.Junction() if (node.operator == "and") is positive:
                demands = [(term, positive) for term in node.terms]
                for place, term in enumerate(node.terms):
                    found = self._dead(term, positive, [*around, *demands[:place], *demands[place + 1 :]])
                    if found is not None:
                        return found
            case tree.Junction():
                open_at_all = not around or self._possible(around)
                for term in node.terms:
                    if open_at_all and not self._possible([*around, (term, positive)]):
                        return self.error(_said(_DEAD, positive), term)
                    found = self._dead(term, positive, around)
                    if found is not None:
                        return found
        return None

    # --- what always holds

    def _unfailing(self, root: Node) -> LanguageError | None:
        """Return a part that can never be false, and so asks nothing but whether its values are there."""
        for part, positive in _conditions(root, True):
            if not _joins(part):
                never = isinstance(part, tree.Binary) and self._narrowed(part, not positive, {}, self._terms) is None
                if never and not self._terms.fixed(part) and not self._terms.by_parameter(part):
                    about = _UNFAILING if self._terms.unknown(part) else _ALWAYS
                    return self.error(about if positive else _NEVER, part)
                continue
            sure = not any(self._terms.unknown(term) for term in _leaves(part))
            if not self._possible([(part, not positive)], blind=not sure):
                return self.error((_ALWAYS if sure else _UNFAILING) if positive else _NEVER, part)
        return None

    # --- ways through

    def _possible(self, demands: Sequence[Demand], *, blind: bool = False) -> bool:
        """Tell whether all demands can be met at once, as far as can be seen."""
        terms = self._blind if blind else self._terms
        start: _Link | None = None
        for node, positive in reversed(demands):
            start = _Link(node, positive, start)
        self._left = min(_MOST, self._all)
        waiting: list[tuple[_Link | None, Facts]] = [(start, {})]  # by hand: hundreds of terms would exhaust the stack
        while waiting:
            if self._way(*waiting.pop(), waiting, terms):
                return True
        return False

    def _way(
        self, chain: _Link | None, facts: Facts, waiting: list[tuple[_Link | None, Facts]], terms: Terms
    ) -> bool:
        """Follow one way to its end, or to where it forks; tell whether it met all demands."""
        while chain is not None and self._left > 0:
            node, positive, rest = chain
            match node:
                case tree.Not():
                    chain = _Link(node.operand, not positive, rest)
                case tree.Junction() if (node.operator == "and") is positive:
                    for term in reversed(node.terms):
                        rest = _Link(term, positive, rest)
                    chain = rest
                case tree.Junction():
                    waiting.extend((_Link(term, positive, rest), facts) for term in reversed(node.terms))
                    return False
                case tree.Name() if node.name in self._lets and self._is_condition(node):
                    chain = _Link(self._lets[node.name], positive, rest)
                case _:
                    narrowed = self._narrowed(node, positive, facts, terms)
                    if narrowed is None:
                        return False
                    chain, facts = rest, narrowed
        return True

    def _is_condition(self, node: Node) -> bool:
        code = self._codes.get(id(node))
        return code is not None and code.type == BOOL

    def _narrowed(self, node: Node, positive: bool, facts: Facts, terms: Terms) -> Facts | None:
        self._left, self._all = self._left - 1, self._all - 1
        found = dict(facts)
        for says, alone in terms.said(node, positive):
            known = found.get(says.about)
            left = alone if known is None else known.narrowed(says.operator, says.value)
            if left is None:
                # Zero for a threshold that counts switches a term off: that is what parameters are for.
                return facts if alone is None and terms.by_parameter(node) else None
            found[says.about] = left
        return found


def _said(message: str, positive: bool) -> str:
    """Return the sentence as it reads under a ``not``: what must fail there and cannot always holds."""
    return message if positive else message.replace("can never hold", "always holds").replace("so the or", "so the and")


def _names(node: Node, variable: str) -> bool:
    return any(isinstance(part, tree.Name) and part.name == variable for part in _parts(node))


def _joins(node: Node) -> bool:
    return isinstance(node, tree.Junction)


def _conditions(node: Node, positive: bool) -> Iterator[Demand]:
    """Yield the whole, its ``or`` and ``and``, and their terms, each with whether it is to hold."""
    if isinstance(node, tree.Not):
        yield from _conditions(node.operand, not positive)
        return
    yield node, positive
    if isinstance(node, tree.Junction):
        for term in node.terms:
            yield from _conditions(term, positive)


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node, (tree.Not, tree.Junction)):
        for child in tree.children(node):
            yield from _leaves(child)
    else:
        yield node
