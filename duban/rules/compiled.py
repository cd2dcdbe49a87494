"""A book compiled: every condition checked for every kind it is of, then turned into Python once per form of table.

Errors are found here with the place of the characters they are about (:mod:`bookchecks` asks for what is not a
condition). For a table, the rules that apply to it are joined into one generated function per stratum (:mod:`fusing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from duban.errors import ConfigError
from duban.item import KINDS, fields_of
from duban.rules.book import Book, Place, Rule
from duban.rules.bookchecks import check_book, check_rule
from duban.rules.bookrecord import BookRecord, book_text, record_of
from duban.rules.clocks import ClockRule
from duban.rules.compilation import Compilation, Expression, Ready, Sentence, To, Told
from duban.rules.context import Context
from duban.rules.entries import Tell
from duban.rules.fusing import Guard, fused, strata
from duban.rules.ladder import Ladder
from duban.rules.language.compile import Compiler
from duban.rules.world import World


@dataclass(frozen=True, slots=True)
class TableRules:
    """What judges the items of one kind in one form of table.

    ``strata`` are the loops over items; ``rules`` those that apply; ``not_applicable`` those whose fields have no
    column, with the fields; ``waiting`` those that need items of a kind that some unreadable table may hold.
    """

    strata: Mapping[int, Callable[[Sequence[Any], World], None]]
    rules: Mapping[str, Ready]
    not_applicable: Mapping[str, tuple[str, ...]]
    waiting: frozenset[str]
    guards: tuple[Guard, ...]
    ladder: Ladder


class CompiledBook:
    """A checked book. Raises ``ConfigError`` with every mistake of every condition."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.work = Compilation(book)
        self.work.checking = True
        self._tables: dict[tuple[Any, ...], TableRules] = {}
        self._clocks: dict[tuple[str, str, frozenset[str]], ClockRule] = {}
        for name, (entry, _) in book.clocks.items():
            for clocked in entry.of:
                self._clock(name, clocked, None)
        self._needed: dict[tuple[str, str], frozenset[str]] = {}
        after: dict[str, set[str]] = {}
        for rule in book.rules.values():
            for kind in rule.entry.of:
                if check_rule(self.work, rule, kind):
                    ready = self.ready(rule, kind, None)
                    self._needed[rule.id, kind] = ready.needs
                    after.setdefault(rule.id, set()).update(ready.after)
        self.work.checking = False
        _ = self.tells  # compiled here, so that its mistakes are found at load
        check_book(self.work)
        self._order = {} if self.work.problems else strata(self.work, after)
        if self.work.problems:
            raise ConfigError(self.work.problems)

    @cached_property
    def record(self) -> BookRecord:
        """Fingerprint, digests and versions: by what items stand judged."""
        return record_of(self.book)

    @cached_property
    def text(self) -> str:
        """The rules as one text, for the ledger: every cycle leaves it behind, and it never changes."""
        return book_text(self.book)

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters in force."""
        return self.book.params

    def table_rules(
        self, kind: str, mapped: frozenset[str], tool: str, unknown: frozenset[str] = frozenset()
    ) -> TableRules:
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
                needed |= self._needed[rule.id, kind] | set(rule.entry.wants)
        return [field.key for field in fields_of(kind) if field.key in needed]

    # --- the ladder's own messages

    @cached_property
    def tells(self) -> Mapping[str, tuple[str | Told, ...]]:
        """What each transition tells: ids of rules whose message it sends, or a message of its own."""
        if self.book.ladder is None:
            return {}
        entry, place = self.book.ladder
        return {
            transition: tuple(
                tell if isinstance(tell, str) else self._told(tell, place, (transition, i))
                for i, tell in enumerate(tells)
            )
            for transition, tells in entry.tells.items()
        }

    @cached_property
    def told_by_transition(self) -> frozenset[str]:
        """Rules whose message goes out with a transition of the ladder, never on first sight."""
        return frozenset(tell for tells in self.tells.values() for tell in tells if isinstance(tell, str))

    def _told(self, tell: Tell, place: Place, part: tuple[Any, ...]) -> Told:
        compiler = self.work.compiler("task")
        here = Place(place.document, (*place.location, "tells", *part))
        sentences = self._sentences(compiler, tell.text, Place(here.document, (*here.location, "text")))
        to, cc = (
            self.work.recipients(compiler, group, Place(here.document, (*here.location, key)))
            for key, group in (("to", tell.to), ("cc", tell.cc))
        )
        return Told(tell.msg, sentences, to, cc)

    # --- one rule

    def rule_compiler(self, rule: Rule, kind: str, mapped: frozenset[str] | None) -> Compiler:
        """Return a compiler that knows the names of a rule: its clock's values and its ``let``."""
        compiler = self.work.compiler(kind, mapped, rule.clock_of(kind))
        for name, text in rule.entry.let.items():
            self.work.define(compiler, name, text, rule.place("let"))
        return compiler

    def ready(self, rule: Rule, kind: str, mapped: frozenset[str] | None) -> Ready:
        """Return a rule compiled for a kind in a table with these columns (``None``: all)."""
        work, entry = self.work, rule.entry
        compiler = self.rule_compiler(rule, kind, mapped)
        gate = work.truth(compiler, entry.when, rule.place("when")) if entry.when else None
        given = (entry.when,) if entry.when else ()
        source = work.truth(compiler, entry.test or "false", rule.place("test"), given=given)
        source = source if gate is None else f"({gate} and {source})"
        compiler.gate = tuple(text for text in (entry.when, entry.test) if text)
        if mapped is None:
            work.asked.append((rule, kind, compiler))
        needs = frozenset(compiler.uses.fields if entry.need is None else entry.need)
        after = frozenset(compiler.uses.rules)
        once = (work.value(compiler, text, rule.place("once_per"), part=(i,)) for i, text in enumerate(entry.once_per))
        return Ready(
            rule,
            kind,
            work.function(source),
            source,
            needs,
            after,
            self._sentences(compiler, entry.text, rule.place("text")) if entry.text else {},
            work.recipients(compiler, entry.to, rule.place("to")),
            work.recipients(compiler, entry.cc, rule.place("cc")),
            work.recipients(compiler, entry.esc, rule.place("esc")),
            tuple(work.function(code.source if code else "None") for code in once),
            rule.clock_of(kind),
            rule.message_of(kind),
            self._payload(compiler, rule),
        )

    def _sentences(self, compiler: Compiler, text: Any, place: Place) -> dict[str, Sentence]:
        sentences: dict[str, Sentence] = {}
        for language in ("zh", "en"):
            said = text.in_language(language)
            if language == "en" and said == text.in_language("zh"):  # written once, for both
                sentences[language] = sentences["zh"]
                continue
            part = (language,) if place.document.has((*place.location, language)) else ()
            sentences[language] = self.work.sentence(compiler, said, place, part)
        return sentences

    def _payload(self, compiler: Compiler, rule: Rule) -> Expression | None:
        if rule.entry.payload is None:
            return None
        code = self.work.value(compiler, rule.entry.payload, rule.place("payload"))
        return self.work.function(code.source if code and not code.unknown else "None")

    # --- clocks

    def clock_rule(self, name: str, kind: str, mapped: frozenset[str]) -> ClockRule:
        """Return a clock compiled for items of a kind in a table with these columns."""
        key = (name, kind, mapped)
        if key not in self._clocks:
            self._clocks[key] = self._clock(name, kind, mapped)
        return self._clocks[key]

    def remembered_clocks(self, kind: str, mapped: frozenset[str]) -> tuple[ClockRule, ...]:
        """Return the clocks of a kind that pause or have several cycles, in a table with these columns."""
        return tuple(self.clock_rule(name, kind, mapped) for name in self._remembered.get(kind, ()))

    @cached_property
    def _remembered(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, (entry, _) in self.book.clocks.items():
            for kind in entry.of if entry.reopens or entry.pause_when else ():
                found.setdefault(kind, []).append(name)
        return found

    def shown_clock(self, kind: str) -> str | None:
        """Return the clock whose deadline and state rows of this kind show."""
        shown = [name for name, (entry, _) in self.book.clocks.items() if entry.shown and kind in entry.of]
        return shown[-1] if shown else None  # a team's own comes after the guide's

    def _clock(self, name: str, kind: str, mapped: frozenset[str] | None) -> ClockRule:
        work, (entry, place) = self.work, self.book.clocks[name]
        compiler = work.compiler(kind, mapped)
        never = work.function("None")

        def condition(text: str | None, key: str) -> Expression | None:
            return work.function(work.truth(compiler, text, place, (key,))) if text else None

        start = work.time(compiler, entry.start, place, ("start",))
        stop = work.time(compiler, entry.stop, place, ("stop",)) if entry.stop else None
        # A table that has no column for the stop event could only ever show breaches: the clock is not for it (C10).
        applies = start is not None and not start.unknown and not (stop is not None and stop.unknown)
        return ClockRule(
            name,
            entry.within,
            work.function(start.source) if start is not None and applies else never,
            work.function(stop.source) if stop is not None else None,
            condition(entry.stop_when, "stop_when"),
            condition(entry.when, "when"),
            condition(entry.running_when, "running_when"),
            entry.shown,
            entry.engine,
            condition(entry.pause_when, "pause_when"),
            entry.reopens,
        )

    # --- one form of table

    def _table(self, kind: str, mapped: frozenset[str], tool: str, unknown: frozenset[str]) -> TableRules:
        rules: dict[str, Ready] = {}
        absent: dict[str, tuple[str, ...]] = {}
        waiting: set[str] = set()
        columns = mapped if kind in KINDS else None
        for rule in self.book.enabled():
            if kind not in rule.entry.of or (rule.entry.tools and tool not in rule.entry.tools):
                continue
            missing = self._needed[rule.id, kind] - mapped if kind in KINDS else frozenset()
            if missing:
                absent[rule.id] = tuple(field.key for field in fields_of(kind) if field.key in missing)
            elif unknown & set(rule.entry.known):
                waiting.add(rule.id)
            else:
                rules[rule.id] = self.ready(rule, kind, columns)
        guards = self._guards(kind, columns)
        functions = fused(self.work, guards, rules, self._order)
        return TableRules(functions, rules, absent, frozenset(waiting), guards, self._ladder(rules))

    def _ladder(self, rules: Mapping[str, Ready]) -> Ladder:
        steps = self.book.ladder[0].steps if self.book.ladder else {}
        tells = {move: tuple(t for t in told if isinstance(t, str)) for move, told in self.tells.items()}

        def predicate(step: str) -> Callable[[Context], bool] | None:
            ready = rules.get(steps.get(step, ""))  # type: ignore[call-overload]
            return None if ready is None else (lambda context: _holds(ready, context))

        return Ladder(
            predicate("soon"), predicate("minor"), predicate("notice"), dict(steps), tells  # type: ignore[arg-type]
        )  # fmt: skip

    def _guards(self, kind: str, mapped: frozenset[str] | None) -> tuple[Guard, ...]:
        compiler = self.work.compiler(kind, mapped)
        found = []
        for entry, place in self.book.suppression:
            if kind in entry.of:
                source = self.work.truth(compiler, entry.when, place, ("when",))
                found.append(Guard(source, self.work.function(source), entry))
        return tuple(found)


def _holds(ready: Ready, context: Context) -> bool:
    """A rule that is waived for an item is no step of its ladder."""
    return bool(ready.test(context, context.world)) and context.grants.waiver_of(ready.rule.id) is None


__all__ = ["CompiledBook", "Ready", "Sentence", "TableRules", "To", "Told"]
