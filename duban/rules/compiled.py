"""A book compiled: every condition checked for every kind it is of, then turned into Python once per form of table.

Errors are found here with the place of the characters they are about. For a table, the rules that apply to it are
joined into one generated function per stratum (a rule that asks whether another holds is judged after it), so that
judging an item is one call and not one per rule (facts/rules-and-state section 1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, NamedTuple

from duban.errors import ConfigError, Problem
from duban.item import KINDS, fields_of
from duban.rules.book import ENGINE_PARAMS, Book, Place, Rule
from duban.rules.clocks import ClockRule
from duban.rules.context import Context, World
from duban.rules.entries import ClockEntry, Either, Tell
from duban.rules.ladder import Ladder
from duban.rules.language.compile import Code, Compiler
from duban.rules.language.contradiction import contradiction
from duban.rules.language.parse import LanguageError, Node, parse
from duban.rules.language.scope import Scope, field_names
from duban.rules.language.types import RUNTIME
from duban.rules.patterns import searcher
from duban.rules.recipients import OVER, ROLES
from duban.yamlfile import nearest

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_RECIPIENT = re.compile(r"\s*([A-Za-z_]+)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)

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


@dataclass(frozen=True, slots=True)
class TableRules:
    """What judges the items of one kind in one form of table: the fused functions, in strata; rules that do not apply."""

    strata: Mapping[int, Callable[[Context, World, Callable[[str], None]], None]]
    rules: Mapping[str, Ready]
    not_applicable: Mapping[str, tuple[str, ...]]
    ladder: Ladder


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
            **RUNTIME, "_search": search, "_captures": captures, "_params": book.params, "_pairs": book.pairs,
            "_seconds": lambda seconds: timedelta(seconds=seconds), "__builtins__": {},
        }  # fmt: skip

    def compiler(self, kind: str, mapped: frozenset[str] | None = None, clock: str | None = None) -> Compiler:
        """Return a compiler for conditions over one kind of item."""
        book = self.book
        return Compiler(Scope(kind, book.params, book.patterns, book.pairs, frozenset(book.rules), mapped, clock))

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
        problem = place.problem(str(error), part=part, offset=offset + error.start, width=error.end - error.start)
        if problem not in self.problems:
            self.problems.append(problem)

    def truth(self, compiler: Compiler, text: str, place: Place, part: Sequence[str | int] = ()) -> str:
        """Return the source of a condition, ``False`` after a mistake."""
        node = self.tree(text, place, part=part)
        if node is None:
            return "False"
        try:
            found = contradiction(node)
            if found is not None:
                raise found
            return compiler.truth(node)
        except LanguageError as error:
            self.mistake(error, place, part=part)
            return "False"

    def value(self, compiler: Compiler, text: str, place: Place, offset: int = 0, part: Sequence[str | int] = ()) -> Code | None:
        """Return the code of a value, ``None`` after a mistake."""
        node = self.tree(text, place, offset, part)
        if node is None:
            return None
        try:
            return compiler.value(node)
        except LanguageError as error:
            self.mistake(error, place, offset, part)
            return None

    def function(self, source: str) -> Expression:
        """Turn checked source into a function of (item, world)."""
        made: Expression = eval(f"lambda c, _w: {source}", self.environment)  # noqa: S307 - only source made by the compiler
        return made

    def sentence(self, compiler: Compiler, text: str, place: Place, part: Sequence[str | int]) -> Sentence:
        """Compile a text with expressions in braces; ``{{`` and ``}}`` are braces themselves."""
        parts, values, last = [""], [], 0
        for match in _BRACES.finditer(text):
            parts[-1] += text[last : match.start()]
            last = match.end()
            if match[1] is None:
                parts[-1] += match[0][0]
                continue
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
                then = self.recipients(compiler, entry.then, place)
                found.append(To(condition=condition, then=then, otherwise=self.recipients(compiler, entry.else_, place)))
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
        if inside is not None and role in OVER and match is not None:
            code = self.value(compiler, inside, place, match.start(2), (index,))
            if code is None:
                return None
            if code.type.name not in OVER[role][0]:
                wanted = " or ".join(OVER[role][0])
                error = LanguageError(f"{role}(…) takes {wanted}, this is a {code.type}", match.start(2), match.end(2))
                self.mistake(error, place, part=(index,))
            source = code.source
            if code.type.name == "links":
                source = "c.upstream"
            return To(role, self.function("None" if code.unknown else source))
        near = nearest(role, [*ROLES, *OVER])
        self.problems.append(place.problem(f"there is no role {entry!r}" + (f"; did you mean {near!r}?" if near else ""), part=(index,)))
        return None


class CompiledBook:
    """A checked book. Raises ``ConfigError`` with every mistake of every condition."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._work = Compilation(book)
        self._tables: dict[tuple[Any, ...], TableRules] = {}
        self._clocks: dict[tuple[str, str, frozenset[str]], ClockRule] = {}
        for name, (entry, place) in book.clocks.items():
            self._check_clock(name, entry, place)
        for rule in book.rules.values():
            for kind in rule.entry.of:
                self._check(rule, kind)
        self._check_ladder()
        self._check_suppression()
        self._order: Mapping[str, int] = {}
        if not self._work.problems:
            self._order = self._strata()
        self._check_params()
        if self._work.problems:
            raise ConfigError(self._work.problems)

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters in force."""
        return self.book.params

    def table_rules(self, kind: str, mapped: frozenset[str], tool: str, unknown: frozenset[str] = frozenset()) -> TableRules:
        """Return what judges items of a kind in a table with these columns. ``unknown``: kinds of item that some
        unreadable table may hold."""
        key = (kind, mapped, tool, unknown)
        if key not in self._tables:
            self._tables[key] = self._table(kind, mapped, tool, unknown)
        return self._tables[key]

    def needed_fields(self, kind: str, tool: str) -> list[str]:
        """Return the fields that enabled rules need or want of a kind in a tool, in the guide's order (C20)."""
        needed: set[str] = set()
        for rule in self.book.enabled():
            if kind in rule.entry.of and (not rule.entry.tools or tool in rule.entry.tools):
                needed |= self._needs(rule, kind) | set(rule.entry.wants)
        return [field.key for field in fields_of(kind) if field.key in needed]

    # --- the ladder's own messages

    @cached_property
    def tells(self) -> Mapping[str, tuple[str | Told, ...]]:
        """What each transition tells: ids of rules whose message it sends, or a message of its own."""
        if self.book.ladder is None:
            return {}
        entry, place = self.book.ladder
        return {
            transition: tuple(tell if isinstance(tell, str) else self._told(tell, place, (transition, i)) for i, tell in enumerate(tells))
            for transition, tells in entry.tells.items()
        }

    @cached_property
    def told_by_transition(self) -> frozenset[str]:
        """Rules whose message goes out with a transition of the ladder, never on first sight."""
        return frozenset(tell for tells in self.tells.values() for tell in tells if isinstance(tell, str))

    def _told(self, tell: Tell, place: Place, part: tuple[Any, ...]) -> Told:
        compiler = self._work.compiler("task")
        here = Place(place.document, (*place.location, "tells", *part))
        if tell.msg not in self.book.messages:
            self._add(here.problem(_no_such("message template", tell.msg, self.book.messages), part=("msg",)))
        sentences = {
            language: self._work.sentence(compiler, tell.text.in_language(language), here, ("text",)) for language in ("zh", "en")
        }
        to, cc = (self._work.recipients(compiler, group, Place(here.document, (*here.location, key))) for key, group in (("to", tell.to), ("cc", tell.cc)))
        return Told(tell.msg, sentences, to, cc)

    # --- one rule

    def _ready(self, rule: Rule, kind: str, mapped: frozenset[str] | None) -> Ready:
        work, entry = self._work, rule.entry
        compiler = work.compiler(kind, mapped, self._clock_of(rule, kind))
        self._define(compiler, rule)
        source = work.truth(compiler, entry.test or "false", rule.place("test"))
        if entry.when:
            source = f"({work.truth(compiler, entry.when, rule.place('when'))} and {source})"
        needs = frozenset(compiler.uses.fields if entry.need is None else entry.need)
        after = frozenset(compiler.uses.rules)
        sentences = {}
        for language in ("zh", "en"):
            text = entry.text.in_language(language) if entry.text else ""
            raw = rule.place("text")
            part = (language,) if raw.document.has((*raw.location, language)) else ()
            sentences[language] = work.sentence(compiler, text, raw, part)
        return Ready(
            rule, kind, work.function(source), source, needs, after, sentences,
            work.recipients(compiler, entry.to, rule.place("to")),
            work.recipients(compiler, entry.cc, rule.place("cc")),
            work.recipients(compiler, entry.esc, rule.place("esc")),
            tuple(self._extra(compiler, text, rule, index) for index, text in enumerate(entry.once_per)),
            self._clock_of(rule, kind), self._message_of(rule, kind), self._payload(compiler, rule),
        )  # fmt: skip

    def _extra(self, compiler: Compiler, text: str, rule: Rule, index: int) -> Expression:
        code = self._work.value(compiler, text, rule.place("once_per"), part=(index,))
        return self._work.function(code.source if code else "None")

    def _payload(self, compiler: Compiler, rule: Rule) -> Expression | None:
        if rule.entry.payload is None:
            return None
        code = self._work.value(compiler, rule.entry.payload, rule.place("payload"))
        return self._work.function(code.source if code and not code.unknown else "None")

    def _define(self, compiler: Compiler, rule: Rule) -> None:
        for name, text in rule.entry.let.items():
            code = self._work.value(compiler, text, rule.place("let"), part=(name,))
            if code is not None:
                compiler.define(name, code._replace(symbol=None))

    def _clock_of(self, rule: Rule, kind: str) -> str | None:
        clock = rule.entry.clock
        return clock.get(kind) if isinstance(clock, Mapping) else clock

    def _message_of(self, rule: Rule, kind: str) -> str | None:
        message = rule.entry.msg
        return message.get(kind) if isinstance(message, Mapping) else message

    def _needs(self, rule: Rule, kind: str) -> set[str]:
        if rule.entry.need is not None:
            return set(rule.entry.need)
        return set(self._ready(rule, kind, None).needs)

    # --- checks at load

    def _check(self, rule: Rule, kind: str) -> None:
        if not self._clock_is_right(rule, kind):
            return
        for key in ("need", "wants"):
            for index, name in enumerate(getattr(rule.entry, key) or ()):
                known = field_names(kind) if kind in KINDS else {}
                if name not in known.values():
                    near = nearest(name, set(known.values()))
                    hint = f"; did you mean {near!r}?" if near else ""
                    self._add(rule.place(key).problem(f"a {kind} has no field {name!r}{hint}", part=(index,)))
        self._ready(rule, kind, None)
        message = self._message_of(rule, kind)
        if message is not None and message not in self.book.messages:
            self._add(rule.place("msg").problem(_no_such("message template", message, self.book.messages)))

    def _clock_is_right(self, rule: Rule, kind: str) -> bool:
        clock = self._clock_of(rule, kind)
        if clock is None or (clock in self.book.clocks and kind in self.book.clocks[clock][0].of):
            return True
        place = rule.place("clock")
        if clock in self.book.clocks:
            self._add(place.problem(f"the clock {clock} is not of kind {kind}"))
        else:
            self._add(place.problem(_no_such("clock", clock, self.book.clocks)))
        return False

    def clock_rule(self, name: str, kind: str, mapped: frozenset[str]) -> ClockRule:
        """Return a clock compiled for items of a kind in a table with these columns."""
        key = (name, kind, mapped)
        if key not in self._clocks:
            self._clocks[key] = self._clock(name, kind, mapped)
        return self._clocks[key]

    def _clock(self, name: str, kind: str, mapped: frozenset[str] | None) -> ClockRule:
        work, (entry, place) = self._work, self.book.clocks[name]
        compiler = work.compiler(kind, mapped)

        def time(key: str) -> Expression | None:
            text = getattr(entry, key)
            code = work.value(compiler, text, place, part=(key,)) if text else None
            if code is None:
                return None
            if code.type.name != "datetime":
                work.mistake(LanguageError(f"a time is needed here, this is a {code.type}", 0, len(text)), place, part=(key,))
            return work.function("None" if code.unknown else code.source)

        def condition(key: str) -> Expression | None:
            text = getattr(entry, key)
            return work.function(work.truth(compiler, text, place, (key,))) if text else None

        return ClockRule(
            name, entry.within, time("start") or work.function("None"), time("stop"), condition("stop_when"),
            condition("when"), condition("running_when"), entry.shown, entry.engine,
        )  # fmt: skip

    def shown_clock(self, kind: str) -> str | None:
        """Return the clock whose deadline and state rows of this kind show."""
        return next((name for name, (entry, _) in self.book.clocks.items() if entry.shown and kind in entry.of), None)

    def _check_clock(self, name: str, entry: ClockEntry, place: Place) -> None:
        if not isinstance(self.book.params.get(entry.within), Mapping):
            self._add(place.problem(_no_such("clock parameter", entry.within, self.book.params), part=("within",)))
        self._work.used.add(entry.within)
        for kind in entry.of:
            self._clock(name, kind, None)

    def _check_ladder(self) -> None:
        if self.book.ladder is None:
            return
        entry, place = self.book.ladder
        named: list[tuple[tuple[str | int, ...], str]] = [(("steps", step), rule) for step, rule in entry.steps.items()]
        named += [(("escalated_by", index), rule) for index, rule in enumerate(entry.escalated_by)]
        for transition, tells in entry.tells.items():
            named += [(("tells", transition, i), tell) for i, tell in enumerate(tells) if isinstance(tell, str)]
        for part, rule_id in named:
            if rule_id not in self.book.rules:
                self._add(place.problem(_no_such("rule", rule_id, self.book.rules), part=part))
        _ = self.tells  # compiled here, so that its mistakes are found at load
        if entry.clock not in self.book.clocks:
            self._add(place.problem(_no_such("clock", entry.clock, self.book.clocks), part=("clock",)))

    def _check_suppression(self) -> None:
        for entry, place in self.book.suppression:
            for kind in entry.of:
                self._work.truth(self._work.compiler(kind), entry.when, place, ("when",))
            for index, pattern in enumerate(entry.keep):
                if not any(fnmatchcase(rule, pattern) for rule in self.book.rules):
                    self._add(place.problem(_no_such("rule", pattern, self.book.rules), part=("keep", index)))

    def _check_params(self) -> None:
        for name, place in self.book.param_places.items():
            if name not in self._work.used and name not in ENGINE_PARAMS:
                near = nearest(name, [other for other in self.book.params if other in self._work.used | ENGINE_PARAMS])
                hint = f"; did you mean {near!r}?" if near else ""
                self._add(place.problem(f"no rule uses the parameter {name}{hint}", on_key=True))

    def _add(self, problem: Problem) -> None:
        if problem not in self._work.problems:
            self._work.problems.append(problem)

    # --- strata and fused functions

    def _strata(self) -> dict[str, int]:
        after: dict[str, set[str]] = {}
        for rule in self.book.rules.values():
            for kind in rule.entry.of:
                after.setdefault(rule.id, set()).update(self._ready(rule, kind, None).after)
        depth: dict[str, int] = {}

        def place(rule_id: str, path: tuple[str, ...]) -> int:
            if rule_id in path:
                self._add(self.book.rules[rule_id].place("test").problem(f"rules wait for each other: {' -> '.join((*path, rule_id))}"))
                return 0
            if rule_id not in depth:
                depth[rule_id] = max((place(other, (*path, rule_id)) + 1 for other in after[rule_id]), default=0)
            return depth[rule_id]

        for rule_id in after:
            place(rule_id, ())
        return depth

    def _table(self, kind: str, mapped: frozenset[str], tool: str, unknown: frozenset[str]) -> TableRules:
        rules: dict[str, Ready] = {}
        absent: dict[str, tuple[str, ...]] = {}
        for rule in self.book.enabled():
            if kind not in rule.entry.of or (rule.entry.tools and tool not in rule.entry.tools):
                continue
            missing = self._needs(rule, kind) - mapped if kind in KINDS else set()
            if missing:
                absent[rule.id] = tuple(sorted(missing))
            elif not unknown & set(rule.entry.known):
                rules[rule.id] = self._ready(rule, kind, mapped if kind in KINDS else None)
        return TableRules(self._fused(kind, mapped, rules), rules, absent, self._ladder(rules))

    def _ladder(self, rules: Mapping[str, Ready]) -> Ladder:
        steps = self.book.ladder[0].steps if self.book.ladder else {}

        def predicate(step: str) -> Callable[[Context], bool] | None:
            ready = rules.get(steps.get(step, ""))  # type: ignore[call-overload]
            return None if ready is None else (lambda context: bool(ready.test(context, context.world)))

        return Ladder(predicate("soon"), predicate("minor"), predicate("notice"))

    def _fused(self, kind: str, mapped: frozenset[str], rules: Mapping[str, Ready]) -> dict[int, Any]:
        guards = self._guards(kind, mapped if kind in KINDS else None)
        functions: dict[int, Any] = {}
        for stratum in sorted({self._order[rule_id] for rule_id in rules}):
            lines = ["def judge(c, _w, hit):"]
            lines += [f" s{number} = {source}" for number, (source, _) in enumerate(guards)]
            for rule_id, ready in rules.items():
                if self._order[rule_id] != stratum:
                    continue
                quiet = [f"not s{n} and " for n, (_, keep) in enumerate(guards) if not _kept(rule_id, keep)]
                lines.append(f" if {''.join(quiet)}{ready.source}: hit({rule_id!r})")
            made: dict[str, Any] = {}
            exec("\n".join(lines), self._work.environment, made)  # noqa: S102 - only source made by the compiler
            functions[stratum] = made["judge"]
        return functions

    def _guards(self, kind: str, mapped: frozenset[str] | None) -> list[tuple[str, tuple[str, ...]]]:
        compiler = self._work.compiler(kind, mapped)
        return [
            (self._work.truth(compiler, entry.when, place, ("when",)), entry.keep)
            for entry, place in self.book.suppression
            if kind in entry.of
        ]


def _kept(rule_id: str, keep: tuple[str, ...]) -> bool:
    return any(fnmatchcase(rule_id, pattern) for pattern in keep)


def _no_such(what: str, name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f"there is no {what} {name!r}" + (f"; did you mean {near!r}?" if near else "")
