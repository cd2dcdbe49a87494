"""Expressions of a book -> Python functions, with every mistake at its characters.

A :class:`Compilation` compiles the conditions, values, sentences and recipients of one book; what they add up to for a
table is :mod:`compiled`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Any, NamedTuple

from duban.errors import ConfigError, Problem
from duban.rules.book import MOST_PROBLEMS, Book, Place, Rule, words_of
from duban.rules.entries import Either
from duban.rules.language.compile import Code, Compiler
from duban.rules.language.contradiction import contradiction, excluded
from duban.rules.language.parse import LanguageError, Node, parse
from duban.rules.language.scope import Scope
from duban.rules.language.types import RUNTIME
from duban.rules.patterns import PatternError, compiled, searcher
from duban.rules.recipients import OVER, ROLES
from duban.rules.world import World
from duban.yamlfile import nearest

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_RECIPIENT = re.compile(r"\s*([A-Za-z_]+)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)
_QUOTED = re.compile(r"'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\"", re.DOTALL)
_BRACKETS = 150  # CPython reads at most 200 nested ones; a rule adds a few around its parts

Expression = Callable[[Any, World], Any]


class Sentence(NamedTuple):
    """A text with places for values: its parts and the expressions between them (one fewer)."""

    parts: tuple[str, ...]
    values: tuple[Expression, ...]


class To(NamedTuple):
    """One entry of a list of recipients: a role, maybe over a value; or a choice between two lists by a condition,
    whose ``text`` is kept for explanations."""

    role: str = ""
    value: Expression | None = None
    condition: Expression | None = None
    then: tuple[To, ...] = ()
    otherwise: tuple[To, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """One rule compiled for one kind: its finding as a function, its sentences, who is told."""

    rule: Rule
    kind: str
    test: Expression
    source: str
    needs: frozenset[str]
    after: frozenset[str]
    sentences: Mapping[str, Sentence]
    to: tuple[To, ...]
    cc: tuple[To, ...]
    esc: tuple[To, ...]
    once_per: tuple[Expression, ...]
    clock: str | None
    message: str | None
    payload: Expression | None


class Told(NamedTuple):
    """A message of a transition that is no rule's."""

    message: str
    sentences: Mapping[str, Sentence]
    to: tuple[To, ...]
    cc: tuple[To, ...]


class _Gate(NamedTuple):
    """A condition that was compiled first of all by a compiler: its source, and what it left there."""

    node: Node
    source: str
    codes: Mapping[int, Code]
    fields: set[str]
    rules: set[str]

    def entered(self, compiler: Compiler) -> str:
        """Leave the same in another compiler."""
        compiler.codes.update(self.codes)
        compiler.uses.fields |= self.fields
        compiler.uses.rules |= self.rules
        return self.source


class Compilation:
    """Compiles expressions of a book and collects every mistake with its place."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.problems: list[Problem] = []
        self._told: set[Problem] = set()
        self._rules = frozenset(book.rules)
        self.checking = False
        self.used: set[str] = set()  # every word of every condition
        self.read: set[str] = set()  # parameters, patterns and tables of pairs that conditions read
        self.asked: list[tuple[Rule, str, Compiler]] = []  # rules as they were checked, per kind
        self._in_view: dict[int, frozenset[str]] = {}
        self._gates: dict[Any, _Gate] = {}  # sound ones, by text and what its names mean
        self._said: dict[Any, tuple[dict[Any, Any], dict[Any, Any]]] = {}  # what terms say, where names mean the same
        search, captures = searcher(book.patterns)
        self.environment: dict[str, Any] = {
            **RUNTIME,
            "_search": search,
            "_captures": captures,
            "_params": book.params,
            "_pairs": book.pairs,
            "_seconds": lambda seconds: timedelta(seconds=seconds),
            "__builtins__": {},
        }
        for name, place in book.pattern_places.items():
            try:
                compiled(book.patterns[name])
            except PatternError as error:
                self.problems.append(place.problem(f"{name} is not a pattern: {error}"))

    def compiler(self, kind: str, mapped: frozenset[str] | None = None, clock: str | None = None) -> Compiler:
        """Return a compiler for conditions over one kind of item."""
        book = self.book
        made = Compiler(Scope(kind, book.params, book.patterns, book.pairs, self._rules, mapped, clock))
        made.read = self.read
        return made

    # --- conditions and values

    def tree(self, text: str, place: Place, offset: int = 0, part: Sequence[str | int] = ()) -> Node | None:
        """Parse a condition; a mistake is collected and gives ``None``."""
        try:
            node = parse(text)
        except LanguageError as error:
            self.mistake(error, place, offset, part)
            return None
        self.used |= words_of(text)
        return node

    def mistake(self, error: LanguageError, place: Place, offset: int = 0, part: Sequence[str | int] = ()) -> None:
        """Collect one mistake of a condition, once."""
        width = error.end - error.start
        self.add(place.problem(str(error), part=part, offset=offset + error.start, width=width))

    def add(self, problem: Problem) -> None:
        """Collect a problem, once: a rule of two kinds would say it twice. Raises ``ConfigError`` when there are more
        than anybody reads: finding the nearest right word for each of thousands would take minutes."""
        if problem not in self._told:
            self._told.add(problem)
            self.problems.append(problem)
        if len(self.problems) >= MOST_PROBLEMS:
            raise ConfigError(self.problems)

    def truth(
        self, compiler: Compiler, text: str, place: Place, part: Sequence[str | int] = (), *, given: Sequence[str] = ()
    ) -> str:
        """Return the source of a condition, ``False`` after a mistake. ``given``: conditions that gate this one, which
        the same compiler compiled before."""
        node = self.tree(text, place, part=part)
        if node is None:
            return "False"
        compiler.in_view, compiler.roots[text] = self.in_view(place), node
        scope = compiler.scope
        if scope.mapped is not None:
            return self._truth(compiler, node, text, place, part) or "False"
        # Asked once, when the book is checked. Many rules begin with one gate: it is compiled and checked once.
        fresh = not compiler.codes and not compiler.lets and not given
        names = scope.kind, scope.clock, compiler.in_view
        gate = self._gates.get((text, names)) if fresh else None
        if not compiler.lets:
            compiler.said = self._said.setdefault(names, ({}, {}))
        if gate is not None and gate.node is node:
            return gate.entered(compiler)
        source = self._truth(compiler, node, text, place, part, given)
        if fresh and source is not None:
            uses = compiler.uses
            self._gates[text, names] = _Gate(node, source, dict(compiler.codes), set(uses.fields), set(uses.rules))
        return source or "False"

    def _truth(
        self, compiler: Compiler, node: Node, text: str, place: Place, part: Sequence[str | int],
        given: Sequence[str] = (),
    ) -> str | None:  # fmt: skip
        try:
            source = _readable(compiler.truth(node), text)
            if compiler.scope.mapped is None:
                gate = [compiler.roots[each] for each in given if each in compiler.roots]
                found = contradiction(node, compiler, gate, whole=not given)
                if found is not None:
                    raise found
        except LanguageError as error:
            self.mistake(error, place, part=part)
            return None
        return source

    def value(
        self, compiler: Compiler, text: str, place: Place, offset: int = 0, part: Sequence[str | int] = ()
    ) -> Code | None:
        """Return the code of a value, ``None`` after a mistake."""
        node = self.tree(text, place, offset, part)
        if node is None:
            return None
        try:
            code = compiler.value(node)
            _readable(code.source, text)
        except LanguageError as error:
            self.mistake(error, place, offset, part)
            return None
        return code

    def define(self, compiler: Compiler, name: str, text: str, place: Place) -> None:
        """Compile a ``let`` name and make it known."""
        compiler.in_view = self.in_view(place)
        code = self.value(compiler, text, place, part=(name,))
        node = self.tree(text, place, part=(name,))
        if code is None or node is None:
            return
        try:
            compiler.define(name, code, node)
            compiler.lets[name] = node
        except LanguageError as error:
            self.mistake(error, place, part=(name,))

    def in_view(self, place: Place) -> frozenset[str]:
        """Return the parameters whose present value whoever wrote at a place could see: those of this file or one
        before, unchanged since. A later file may well make a condition of an earlier one impossible: that is how a
        threshold switches a rule off."""
        known = self._in_view.get(id(place.document))
        if known is None:
            order = {id(document): number for number, document in enumerate(self.book.documents)}
            here = order.get(id(place.document), -1)
            params = {
                name
                for name, written in self.book.param_places.items()
                if order.get(id(written.document), here + 1) <= here
                and written.location[:1] == ("params",)  # those of a test come after all files
                and written.document.value["params"][name] == self.book.params.get(name)
            }
            patterns = {
                name
                for name, written in self.book.pattern_places.items()
                if order.get(id(written.document), here + 1) <= here
            }
            known = self._in_view[id(place.document)] = frozenset(params | patterns)
        return known

    def function(self, source: str) -> Expression:
        """Turn checked source into a function of (item, world); while the book is checked, into one that is never
        called: making them would take a third of the time."""
        if self.checking:
            return _unmade
        # The source is made by the compiler from checked nodes.
        made: Expression = eval(f"lambda c, _w: {source}", self.environment)  # noqa: S307
        return made

    def time(self, compiler: Compiler, text: str, place: Place, part: Sequence[str | int]) -> Code | None:
        """Return the code of a time, ``None`` after a mistake or for anything else."""
        code = self.value(compiler, text, place, part=part)
        if code is not None and code.type.name != "datetime":
            error = LanguageError(f"a time is needed here, this is a {code.type}", 0, len(text))
            self.mistake(error, place, part=part)
            return None
        return code

    # --- texts and people

    def sentence(self, compiler: Compiler, text: str, place: Place, part: Sequence[str | int]) -> Sentence:
        """Compile a text with expressions in braces; ``{{`` and ``}}`` are braces themselves."""
        parts, values, last = [""], [], 0
        for match in _BRACES.finditer(text):
            parts[-1] += text[last : match.start()]
            last = match.end()
            if match[0] in {"{", "}"}:
                message = f"this {match[0]} has no other half; write {match[0] * 2} for the character itself"
                self.mistake(LanguageError(message, match.start(), match.end()), place, part=part)
            elif match[1] is None:
                parts[-1] += match[0][0]
            else:
                code = self.value(compiler, match[1], place, match.start(1), part)
                values.append(self.function(code.source if code and not code.unknown else "None"))
                parts.append("")
        parts[-1] += text[last:]
        return Sentence(tuple(parts), tuple(values))

    def recipients(self, compiler: Compiler, entries: Iterable[str | Either], place: Place) -> tuple[To, ...]:
        """Compile a list of recipients."""
        found = []
        for index, entry in enumerate(entries):
            if isinstance(entry, Either):
                condition = self.function(self.choice(compiler, entry, place, index))
                here = Place(place.document, (*place.location, index))
                then, otherwise = (
                    self.recipients(compiler, group, Place(here.document, (*here.location, key)))
                    for key, group in (("then", entry.then), ("else", entry.else_))
                )
                found.append(To(condition=condition, then=then, otherwise=otherwise, text=entry.if_))
                continue
            recipient = self._recipient(compiler, entry, place, index)
            if recipient is not None:
                found.append(recipient)
        return tuple(found)

    def choice(self, compiler: Compiler, entry: Either, place: Place, index: int) -> str:
        """Return the source of a choice's condition; one that always comes out the same way is a mistake."""
        source = self.truth(compiler, entry.if_, place, (index, "if"), given=compiler.gate)
        gate = [compiler.roots[text] for text in compiler.gate if text in compiler.roots]
        node = compiler.roots.get(entry.if_)
        if compiler.scope.mapped is None and node is not None and excluded(node, gate, compiler):
            error = LanguageError("while the rule holds this always does, so there is no choice", 0, len(entry.if_))
            self.mistake(error, place, part=(index, "if"))
        return source

    def _recipient(self, compiler: Compiler, entry: str, place: Place, index: int) -> To | None:
        match = _RECIPIENT.match(entry)
        role, inside = (match[1], match[2]) if match else (entry, None)
        if inside is None and role in ROLES:
            return To(role)
        if match is None or inside is None or role not in OVER:
            near = nearest(role, [*ROLES, *OVER])
            hint = f"; did you mean {near!r}?" if near else ""
            self.add(place.problem(f"there is no role {entry!r}{hint}", part=(index,)))
            return None
        code = self.value(compiler, inside, place, match.start(2), (index,))
        if code is None:
            return None
        if code.type.name not in OVER[role][0]:
            wanted = " or ".join(OVER[role][0])
            error = LanguageError(f"{role}(…) takes {wanted}, this is a {code.type}", match.start(2), match.end(2))
            self.mistake(error, place, part=(index,))
        source = f"{code.source.rsplit('.v[', 1)[0]}.upstream" if code.type.name == "links" else code.source
        return To(role, self.function("None" if code.unknown else source))


def _unmade(context: Any, world: World) -> Any:
    raise AssertionError(f"a condition was asked of {context} in {world} while its book was still checked")


def _readable(source: str, text: str) -> str:
    """Refuse what CPython could not read: let names in let names nest deeper than any one condition may."""
    if len(source) > _BRACKETS:
        steps = (1 if sign in "([" else -1 for sign in _QUOTED.sub("", source) if sign in "([)]")
        if max(accumulate(steps), default=0) > _BRACKETS:
            raise LanguageError("written out, this is nested too deeply; use fewer let names in it", 0, len(text))
    return source
