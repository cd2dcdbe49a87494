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

from duban.errors import Problem
from duban.rules.book import Book, Place, Rule
from duban.rules.entries import Either
from duban.rules.language.compile import Code, Compiler
from duban.rules.language.contradiction import contradiction
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
    """One entry of a list of recipients: a role, maybe over a value; or a choice between two lists."""

    role: str = ""
    value: Expression | None = None
    condition: Expression | None = None
    then: tuple[To, ...] = ()
    otherwise: tuple[To, ...] = ()


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


class Compilation:
    """Compiles expressions of a book and collects every mistake with its place."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.problems: list[Problem] = []
        self.used: set[str] = set()
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
        return Compiler(Scope(kind, book.params, book.patterns, book.pairs, frozenset(book.rules), mapped, clock))

    # --- conditions and values

    def tree(self, text: str, place: Place, offset: int = 0, part: Sequence[str | int] = ()) -> Node | None:
        """Parse a condition; a mistake is collected and gives ``None``."""
        try:
            node = parse(text)
        except LanguageError as error:
            self.mistake(error, place, offset, part)
            return None
        names = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text))
        self.used |= names & set(self.book.params)
        return node

    def mistake(self, error: LanguageError, place: Place, offset: int = 0, part: Sequence[str | int] = ()) -> None:
        """Collect one mistake of a condition, once."""
        width = error.end - error.start
        self.add(place.problem(str(error), part=part, offset=offset + error.start, width=width))

    def add(self, problem: Problem) -> None:
        """Collect a problem, once: a rule of two kinds would say it twice."""
        if problem not in self.problems:
            self.problems.append(problem)

    def truth(
        self, compiler: Compiler, text: str, place: Place, part: Sequence[str | int] = (), *, given: str | None = None
    ) -> str:
        """Return the source of a condition, ``False`` after a mistake. ``given``: a condition that gates this one."""
        node = self.tree(text, place, part=part)
        if node is None:
            return "False"
        try:
            source = _readable(compiler.truth(node), text)
            found = contradiction(node, _gate(given))
            if found is not None:
                raise found
        except LanguageError as error:
            self.mistake(error, place, part=part)
            return "False"
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
        code = self.value(compiler, text, place, part=(name,))
        node = self.tree(text, place, part=(name,))
        if code is None or node is None:
            return
        try:
            compiler.define(name, code, node)
        except LanguageError as error:
            self.mistake(error, place, part=(name,))

    def function(self, source: str) -> Expression:
        """Turn checked source into a function of (item, world)."""
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
                condition = self.function(self.truth(compiler, entry.if_, place, (index, "if")))
                here = Place(place.document, (*place.location, index))
                then, otherwise = (
                    self.recipients(compiler, group, Place(here.document, (*here.location, key)))
                    for key, group in (("then", entry.then), ("else", entry.else_))
                )
                found.append(To(condition=condition, then=then, otherwise=otherwise))
                continue
            recipient = self._recipient(compiler, entry, place, index)
            if recipient is not None:
                found.append(recipient)
        return tuple(found)

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


def _gate(text: str | None) -> tuple[Node, ...]:
    if text is None:
        return ()
    try:
        return (parse(text),)
    except LanguageError:  # told where the gate itself is compiled
        return ()


def _readable(source: str, text: str) -> str:
    """Refuse what CPython could not read: let names in let names nest deeper than any one condition may."""
    if len(source) > _BRACKETS:
        steps = (1 if sign in "([" else -1 for sign in _QUOTED.sub("", source) if sign in "([)]")
        if max(accumulate(steps), default=0) > _BRACKETS:
            raise LanguageError("written out, this is nested too deeply; use fewer let names in it", 0, len(text))
    return source
