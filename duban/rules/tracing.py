"""Why a rule holds for an item, or why it does not: its conditions asked again, term by term, with the values seen.

Slow compared with judging (every term is compiled anew), so only done for what somebody asks about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from duban.rules.book import Rule
from duban.rules.compilation import Expression
from duban.rules.context import Context
from duban.rules.evaluate import Judging, TableSubject
from duban.rules.language import parse as tree
from duban.rules.language.compile import Compiler
from duban.rules.language.parse import Node, parse
from duban.rules.waivers import Waiver

Outcome = Literal[
    "holds", "kept", "off", "other_tool", "unmapped", "waiting", "suppressed", "closed", "gate_false", "gate_unknown",
    "false", "unknown", "waived",
]  # fmt: skip
State = Literal["true", "false", "unknown"]
NO_COLUMN = object()  # the value of a field that the table has no column for


class Seen(NamedTuple):
    """One value that a condition read: how it is written there, and what it was (``NO_COLUMN`` where there is none).

    Items appear by their codes.
    """

    text: str
    value: Any


class Term(NamedTuple):
    """One term of a rule's gate (``when``) or test, with what it came to and the values that it read."""

    part: Literal["when", "test"]
    text: str
    state: State
    values: tuple[Seen, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What had no value."""
        return tuple(seen.text for seen in self.values if seen.value is None or seen.value is NO_COLUMN)


@dataclass(frozen=True, slots=True)
class Trace:
    """One rule tried on one item.

    ``because`` are the fields without a column, the tools it is for, the kinds of item that are not known, or the
    condition that suppressed it. ``terms`` are empty when the rule was not asked at all; ``let`` are its own names.
    ``waiver`` is the approval that silences a rule which would hold.
    """

    rule: Rule
    outcome: Outcome
    because: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    let: tuple[Seen, ...] = ()
    waiver: Waiver | None = None

    @property
    def holds(self) -> bool:
        """Whether the finding is listed."""
        return self.outcome in {"holds", "kept"}

    @property
    def decisive(self) -> Term | None:
        """The term that kept the rule from holding, if one did."""
        order = {"gate_false": "false", "gate_unknown": "unknown", "false": "false", "unknown": "unknown"}
        part = "when" if self.outcome.startswith("gate") else "test"
        wanted = order.get(self.outcome)
        return next((term for term in self.terms if term.part == part and term.state == wanted), None)


def trace(judging: Judging, context: Context, rule: Rule) -> Trace:
    """Return how a rule of the item's kind was judged for it."""
    entry, rules = rule.entry, judging.rules_for(context)
    if not entry.enabled:
        return Trace(rule, "off")
    if entry.tools and context.table.tool not in entry.tools:
        return Trace(rule, "other_tool", entry.tools)
    if rule.id in rules.not_applicable:
        return Trace(rule, "unmapped", rules.not_applicable[rule.id])
    if rule.id in rules.waiting:
        return Trace(rule, "waiting", entry.known)
    mapped = context.table.mapped[context.item.kind]
    asked = _Asking(judging, rule, context, judging.book.rule_compiler(rule, context.item.kind, mapped))
    terms, outcome = asked.both(), _outcome(judging, rule, context)
    if outcome is not None:
        waiver = context.grants.waiver_of(rule.id) if outcome in {"holds", "kept"} else None
        return Trace(rule, outcome if waiver is None else "waived", (), terms, asked.let, waiver)
    for guard in rules.guards:
        if guard.silences(rule.id) and guard.test(context, context.world):
            return Trace(rule, "suppressed", (guard.entry.when,), terms, asked.let)
    return Trace(rule, _fell(terms), (), terms, asked.let)


def trace_subject(judging: Judging, subject: TableSubject, rule: Rule, waived: Mapping[str, Waiver]) -> Trace:
    """Return how a rule about tables or the system was judged. ``subject`` was judged already."""
    if not rule.entry.enabled:
        return Trace(rule, "off")
    (kind,) = rule.entry.of
    asked = _Asking(judging, rule, subject, judging.book.rule_compiler(rule, kind, None))
    terms = asked.both()
    if rule.id in waived:
        return Trace(rule, "waived", (), terms, asked.let, waived[rule.id])
    return Trace(rule, "holds" if rule.id in subject.hits else _fell(terms), (), terms, asked.let)


def _outcome(judging: Judging, rule: Rule, context: Context) -> Outcome | None:
    """How a rule came out that held, or that held before; ``None`` for one that its conditions decide."""
    held = rule.id in context.memory.findings
    if rule.id in context.hits:
        return "holds" if held or rule.id not in judging.standing.changed(context) else "closed"
    if held and (not context.table.complete or context.item.ref in judging.snapshot.doubtful):
        return "kept"
    return None


def _fell(terms: tuple[Term, ...]) -> Outcome:
    """Which part of its conditions kept a rule from holding."""
    gate = {term.state for term in terms if term.part == "when"}
    if gate - {"true"}:
        return "gate_false" if "false" in gate else "gate_unknown"
    return "false" if "false" in {term.state for term in terms if term.part == "test"} else "unknown"


class _Asking:
    """Asks a rule's terms for one item, or for a table."""

    def __init__(self, judging: Judging, rule: Rule, subject: Context | TableSubject, compiler: Compiler) -> None:
        self._entry, self._subject, self._world, self._compiler = rule.entry, subject, judging.world, compiler
        self._book = judging.book
        self._constants = frozenset((*self._book.book.patterns, *self._book.book.pairs))
        self.let = tuple(self._seen(name, tree.Name(0, 0, name)) for name in rule.entry.let)

    def both(self) -> tuple[Term, ...]:
        """Return the terms of the gate and of the test."""
        return (*self.terms("when", self._entry.when), *self.terms("test", self._entry.test))

    def terms(self, part: Literal["when", "test"], text: str | None) -> Iterator[Term]:
        """Yield the terms that a condition joins with and; the condition itself when it joins none."""
        if text is None:
            return
        root = parse(text)
        joined = isinstance(root, tree.Junction) and root.operator == "and"
        for node in tree.children(root) if joined else [root]:
            values = {seen.text: seen for seen in self._values(node, text, frozenset())}
            shown = text[node.start : node.end] if joined else text
            yield Term(part, shown, self._state(node), tuple(values.values()))

    def _state(self, node: Node) -> State:
        for positive, state in ((True, "true"), (False, "false")):
            if self._run(self._book.work.function(self._compiler.truth(node, positive))):
                return state  # type: ignore[return-value]
        return "unknown"

    def _values(self, node: Node, text: str, bound: frozenset[str]) -> Iterator[Seen]:
        written = text[node.start : node.end]
        match node:
            case tree.Name():
                if node.name not in bound | self._constants:
                    yield self._seen(written, node)
                return
            case tree.Attribute():
                if _root(node) not in bound:
                    yield self._seen(written, node)
                return
            case tree.Each():
                if node.name not in {"any", "all"} and not bound:
                    yield self._seen(written, node)
                yield from self._values(node.source, text, bound)
                yield from self._values(node.body, text, bound | {node.variable})
                return
            case tree.Call() if not bound and node.name not in {"empty", "given", "absent", "mapped", "first"}:
                yield self._seen(written, node)
        for child in tree.children(node):
            yield from self._values(child, text, bound)

    def _seen(self, written: str, node: Node) -> Seen:
        code = self._compiler.value(node)
        if code.unknown:
            return Seen(written, NO_COLUMN)
        source = f"{code.source.rsplit('.v[', 1)[0]}.upstream" if code.type.name == "links" else code.source
        return Seen(written, _plain(self._run(self._book.work.function(source))))

    def _run(self, expression: Expression) -> Any:
        return expression(self._subject, self._world)


def _root(node: Node) -> str:
    while isinstance(node, tree.Attribute):
        node = node.base
    return node.name if isinstance(node, tree.Name) else ""


def _plain(value: Any) -> Any:
    """Items by their codes; everything else as it is."""
    if isinstance(value, Context):
        return value.item.code or value.item.title or value.item.ref.record
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return tuple(_plain(member) for member in value)
    return value
