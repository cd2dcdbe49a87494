"""Many conditions as one loop over items, in which what they share is asked once.

A rule arrives as source made by the compiler: a conjunction over ``c`` (the item's context) and ``_w`` (the world). The
conjunctions become a tree, like words in a dictionary: rules that begin with the same condition (the guards, ``open``,
``status == …``) stand below one ``if``. Values of the item that are read more than once on a way through the tree are
kept in locals, and what does not depend on the item is worked out before the loop. Conditions have no effects and raise
nothing, so neither order nor number of their evaluations can be seen.
"""

from __future__ import annotations

import ast
import dis
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duban.rules.context import Context

_SLOTS = frozenset(Context.__slots__)


def _passed_on() -> dict[str, tuple[str, ...]]:
    """Return the properties of a context that only pass on what a slot holds (``self.alert.state``), with the way."""
    found = {}
    for name, value in vars(Context).items():
        if isinstance(value, property) and value.fget is not None:
            steps = [step for step in dis.get_instructions(value.fget) if step.opname != "RESUME"]
            way = tuple(str(step.argval) for step in steps[1:-1])
            plain = ["LOAD_FAST", *("LOAD_ATTR" for _ in way), "RETURN_VALUE"]
            if [step.opname for step in steps] == plain and way and way[0] in _SLOTS:
                found[name] = way
    return found


_WAYS = _passed_on()
_MOVING = frozenset({"hits", "v"})  # hits grow while rules are judged; v is kept as a whole
# Functions of the runtime that take any value, and whose result depends on their arguments alone.
_TOTAL = frozenset({"_seconds", "_add", "_subtract", "_multiply", "_divide", "_negative"})
_SCOPES = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.Lambda)
_ORDERINGS = {"_less": ast.Lt(), "_at_most": ast.LtE()}
_LOAD = ast.Load()


def loop(rules: Iterable[tuple[str, Sequence[str]]], environment: Mapping[str, Any]) -> Callable[..., None]:
    """Return a function (contexts, world) that adds to every context's ``hits`` the rules that hold of it.

    ``rules`` are ids with the sources of conditions that must all hold.
    """
    root = _Branch()
    for rule_id, sources in rules:
        tests = [(test, text) for test, text in _conjuncts(sources) if not _is_constant(test, True)]
        if any(_is_constant(test, False) for test, _ in tests):
            continue
        branch = root
        for text, test in {text: test for test, text in tests}.items():  # each once
            branch = branch.below.setdefault(text, _Branch([test]))
        branch.hits.append(rule_id)
    return _compiled(_Writer(root), environment)


@dataclass(slots=True)
class _Branch:
    """Conditions, what else is asked where they hold, and the rules that then hold."""

    tests: list[ast.expr] = field(default_factory=list)
    below: dict[str, _Branch] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)  # by its own conditions and all below

    def prepare(self) -> None:
        """Join what has one way on, and count what is read."""
        while self.tests and not self.hits and len(self.below) == 1:
            (only,) = self.below.values()
            self.tests, self.below, self.hits = [*self.tests, *only.tests], only.below, only.hits
        # Cheap conditions first. One that asks whether a value is there stays before those that use it: they hold all
        # that it holds, so they cost no less.
        self.tests.sort(key=_cost)
        self.reads = _reads(self.tests)
        for branch in self.below.values():
            branch.prepare()
            self.reads += branch.reads


def _cost(test: ast.AST) -> int:
    """Return about how long a condition takes: calls and properties cost most."""
    match test:
        case ast.Call() | ast.GeneratorExp() | ast.ListComp():
            own = 20
        case ast.Attribute(value=ast.Name(id="c"), attr=name) if name not in _SLOTS:
            own = 5
        case _:
            own = 0
    return own + sum(map(_cost, ast.iter_child_nodes(test)))


def _conjuncts(sources: Sequence[str]) -> Iterator[tuple[ast.expr, str]]:
    for source in sources:
        text = source.encode()  # columns of the tree count bytes
        terms: list[ast.expr] = [ast.parse(source, mode="eval").body]
        while terms:
            term = _folded(terms.pop(0))
            if isinstance(term, ast.BoolOp) and isinstance(term.op, ast.And):
                terms[:0] = term.values
            else:
                written = text[term.col_offset : term.end_col_offset].decode()
                term = _without_not(term)
                unequal = isinstance(term, ast.Compare) and isinstance(term.ops[0], ast.NotEq)
                yield term, ast.dump(term) if unequal else written


def _without_not(term: ast.expr) -> ast.expr:
    """Return ``not a == b`` as ``a != b``, so that a rule's own condition is known again as the guard's."""
    match term:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(ops=[ast.Eq()]) as inner):
            inner.ops = [ast.NotEq()]
            return inner
        case _:
            return term


def _is_constant(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value) is value


def _folded(node: ast.expr) -> ast.expr:
    """Return a condition without constants in ``and``, ``or`` and ``not``."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _folded(node.operand)
        node.operand = inner
        return _constant(not inner.value, node) if isinstance(inner, ast.Constant) else node
    if not isinstance(node, ast.BoolOp):
        return node
    ends = isinstance(node.op, ast.Or)  # the constant that decides the whole
    values = [_folded(value) for value in node.values]
    if any(_is_constant(value, ends) for value in values):
        return _constant(ends, node)
    node.values = [value for value in values if not isinstance(value, ast.Constant)]
    if len(node.values) == 1:
        return node.values[0]
    return node if node.values else _constant(not ends, node)


def _constant(value: bool, place: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Constant(value), place)


# --- what is read


def _read(node: ast.AST) -> str | None:
    """Return the name of the local for what a node reads of the item: ``v_`` a field, ``a_`` a slot of the context,
    ``p_`` a property of it; ``None`` for what may not be kept."""
    match node:
        case ast.Attribute(value=ast.Name(id="c"), attr=name) if name not in _MOVING:
            return f"a_{name}" if name in _SLOTS else f"p_{name}"
        case ast.Subscript(value=values, slice=ast.Constant(value=place)) if _is_values(values):
            return f"v_{place!r}"
        case _:
            return None


def _is_values(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="c"), attr="v"):
            return True
        case _:
            return False


def _reads(tests: Iterable[ast.AST]) -> Counter[str]:
    found: Counter[str] = Counter()
    waiting = list(tests)
    while waiting:
        node = waiting.pop()
        name = _read(node)
        if name is not None:
            found[name] += 1
        elif not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def _source_of(name: str) -> ast.expr:
    """Return what a local stands for; ``v`` is the local of the item's values."""
    kind, _, which = name.partition("_")
    if kind == "v":
        return ast.Subscript(ast.Name("v", _LOAD), ast.Constant(int(which)), _LOAD)
    found: ast.expr = ast.Name("c", _LOAD)
    for step in _WAYS.get(which, (which,)):
        found = ast.Attribute(found, step, _LOAD)
    return found


def _is_steady(node: ast.AST) -> bool:
    """Tell whether a node is the same for all items and worth keeping: of the world, of a table, or made of such."""
    match node:
        case ast.Attribute(value=ast.Name(id="_w")) | ast.Subscript(value=ast.Name(), slice=ast.Constant()):
            return True
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in _TOTAL:
            return all(isinstance(argument, ast.Constant) or _is_steady(argument) for argument in arguments)
        case _:
            return False


# --- what is written


class _Writer(ast.NodeTransformer):
    """Writes the statements of a tree; ``steady`` are the locals that are made before the loop, by their text."""

    def __init__(self, root: _Branch) -> None:
        root.prepare()
        self.steady: dict[str, tuple[str, ast.expr]] = {}
        self._kept: frozenset[str] = frozenset()
        self.body = [_assign("v", ast.Attribute(ast.Name("c", _LOAD), "v", _LOAD))] if _uses_values(root) else []
        self.body += self._statements(root, self._kept)

    def _statements(self, branch: _Branch, kept: frozenset[str]) -> list[ast.stmt]:
        ways = list(branch.below.values())
        here = sorted(name for name in branch.reads if name not in kept and _is_shared(name, ways))
        kept |= frozenset(here)
        found: list[ast.stmt] = [_assign(name, _source_of(name)) for name in here]
        if branch.hits:
            found.append(_hit(branch.hits))
        for way in ways:
            found += self._asked(way, way.tests, kept)
        return found

    def _asked(self, branch: _Branch, tests: Sequence[ast.expr], kept: frozenset[str]) -> list[ast.stmt]:
        """Ask these conditions of a branch in turn. What one of them reads before all else, and is read again after
        it, goes into a local on the way."""
        for place, test in enumerate(tests):
            first = _first_read(test)
            if first is None or first in kept:
                continue
            if _reads(tests[place:])[first] + sum(below.reads[first] for below in branch.below.values()) > 1:
                rest = [_assign(first, _source_of(first)), *self._asked(branch, tests[place:], kept | {first})]
                return [ast.If(self._all(tests[:place], kept), rest, [])] if place else rest
        return [ast.If(self._all(tests, kept), self._statements(branch, kept), [])]

    def _all(self, tests: Sequence[ast.expr], kept: frozenset[str]) -> ast.expr:
        self._kept = kept
        visited = [self.visit(test) for test in tests]
        return visited[0] if len(visited) == 1 else ast.BoolOp(ast.And(), visited)

    def visit(self, node: ast.AST) -> Any:
        """Return a node with locals in the place of what is kept. Inside a comprehension nothing is: its locals
        would be cells, slow for everybody."""
        if isinstance(node, _SCOPES):
            return node
        if _is_steady(node):
            assert isinstance(node, ast.expr)
            name = self.steady.setdefault(ast.dump(node), (f"k_{len(self.steady)}", node))[0]
            return ast.Name(name, _LOAD)
        name_of = _read(node)
        if name_of is not None:
            return ast.Name(name_of, _LOAD) if name_of in self._kept else _source_of(name_of)
        return _inline(self.generic_visit(node))


def _inline(node: ast.AST) -> ast.AST:
    """Write ``_less(5, value)`` out, so that it costs no call."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[left, right]) if name in _ORDERINGS:
            kept: list[ast.expr] = [
                side if isinstance(side, ast.Constant) else ast.Name(f"o_{place}", _LOAD)
                for place, side in enumerate((left, right))
            ]
            known = [
                ast.Compare(ast.NamedExpr(ast.Name(name.id, ast.Store()), side), [ast.IsNot()], [ast.Constant(None)])
                for name, side in zip(kept, (left, right), strict=True)
                if isinstance(name, ast.Name)
            ]
            if not known:
                return node
            return ast.BoolOp(ast.And(), [*known, ast.Compare(kept[0], [_ORDERINGS[name]], [kept[1]])])
        case _:
            return node


def _uses_values(root: _Branch) -> bool:
    return any(name.startswith("v_") for name in root.reads)


def _is_shared(name: str, ways: Sequence[_Branch]) -> bool:
    """Tell whether a value of the item is kept for several ways."""
    return not name.startswith("p_") and sum(bool(way.reads[name]) for way in ways) > 1


def _first_read(test: ast.AST) -> str | None:
    """Return the local for what a condition reads before all else, whatever it then finds."""
    while (name := _read(test)) is None:
        inner = next((child for child in ast.iter_child_nodes(test) if isinstance(child, ast.expr)), None)
        if inner is None or isinstance(test, _SCOPES):
            return None
        test = inner
    return name


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _hit(rule_ids: Sequence[str]) -> ast.stmt:
    """``c.hits += (ids,)``."""
    ids = ast.Tuple([ast.Constant(rule_id) for rule_id in rule_ids], _LOAD)
    return ast.AugAssign(ast.Attribute(ast.Name("c", _LOAD), "hits", ast.Store()), ast.Add(), ids)


def _compiled(writer: _Writer, environment: Mapping[str, Any]) -> Callable[..., None]:
    function = ast.parse("def judge(contexts, _w):\n for c in contexts:\n  pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    every = function.body[0]
    assert isinstance(every, ast.For)
    every.body = writer.body or every.body
    function.body[:0] = [_assign(name, value) for name, value in writer.steady.values()]
    module = ast.fix_missing_locations(ast.Module([function], []))
    made: dict[str, Any] = {}
    # Only nodes that the language's compiler wrote, and the few above.
    exec(compile(module, "<rules>", "exec"), dict(environment), made)  # noqa: S102
    judge: Callable[..., None] = made["judge"]
    return judge
