"""The tests of a pack run over its mutants: which are killed, which survive, which no loader would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from duban.errors import ConfigError
from duban.rules.book import ENGINE_PARAMS, Book, merge
from duban.rules.calendar import load_calendar
from duban.rules.clock import Clock
from duban.rules.compiled import CompiledBook
from duban.rules.selftest import ZONE, each_result
from duban.rules.testreport import TestResult
from duban.yamlfile import Document

from .mutants import Mutant, mutants, mutated

Fate = Literal["killed", "survived", "refused"]


class Outcome(NamedTuple):
    """What became of a mutant: ``refused`` are those that the loader rejects; ``by`` is the test that failed."""

    mutant: Mutant
    place: str
    fate: Fate
    by: str = ""


class Trial:
    """A pack (its rules first, then what it needs) with its tests, which must pass unchanged."""

    def __init__(self, rules: Document, others: Sequence[Document]) -> None:
        self.rules = rules
        self._others = [other for other in others if "tests" not in other.value]
        self._clocks = Clock(load_calendar(["CN"], ZONE))
        book = merge([rules, *others])
        self._tests = book.tests
        self.results = list(each_result(CompiledBook(book), clocks=self._clocks))
        failed = [result.name for result in self.results if not result.passed]
        if failed or not self.results:
            raise ValueError(f"the tests must pass before anything is changed: {failed or 'there are none'}")
        self._reach = Reach(book, self.results)

    def outcomes(self, some: Iterable[Mutant] | None = None) -> Iterator[Outcome]:
        """Try the mutants (all of the rules file) one by one."""
        for mutant in mutants(self.rules) if some is None else some:
            yield self.outcome(mutant)

    def outcome(self, mutant: Mutant) -> Outcome:
        """Load a mutant and run the tests that it can reach, those of the changed rule first, until one fails."""
        place = mutant.place(self.rules)
        try:
            book = CompiledBook(replace(merge([mutated(self.rules, mutant), *self._others]), tests=self._tests))
        except ConfigError:
            return Outcome(mutant, place, "refused")
        for result in each_result(book, self._reach.order(mutant), clocks=self._clocks):
            if not result.passed:
                return Outcome(mutant, place, "killed", result.name)
        return Outcome(mutant, place, "survived")


class Reach:
    """Which tests a change can reach, the likeliest first.

    A change of one rule moves that rule and those that ask whether it holds, nothing else; so a test without items of
    its kinds, or one that compares none of these rules and says nothing of messages, levels or states, need not run.
    Everything else (engine parameters, the ladder, suppression, what a table lacks) is tried on all tests.
    """

    def __init__(self, book: Book, results: Sequence[TestResult]) -> None:
        self._results = results
        self._texts = {name: str(rule.entry.model_dump()) for name, rule in book.rules.items()}
        self._kinds = {name: frozenset(rule.entry.of) for name, rule in book.rules.items()}
        self._clocks = {name: str(entry.model_dump()) for name, (entry, _) in book.clocks.items()}
        self._ladder = str(book.ladder[0].model_dump()) if book.ladder else ""
        self._entries = [entry for entry, _ in book.tests]

    def order(self, mutant: Mutant) -> list[int]:
        """Return the indexes of the tests to run for a mutant."""
        of = mutant.of.split(".")[0]
        moved = self._moved(of)

        def distance(index: int) -> tuple[int, bool, int]:
            result, entry = self._results[index], self._entries[index]
            seen = -2 * bool(moved & result.fired) - bool(moved & result.silent)
            return seen, bool(entry.params or entry.enable), len(entry.steps)  # a book of its own costs the most

        everywhere = of in ENGINE_PARAMS or mutant.path[0] in {"ladder", "suppression"} or of in self._ladder or not moved
        chosen = (index for index in range(len(self._results)) if everywhere or self._reached(index, moved))
        return sorted(chosen, key=distance)

    def _moved(self, of: str) -> frozenset[str]:
        """The rules that a change may move: the rule itself, else those that name what was changed; and their heirs."""
        if of in self._texts:
            near = {of}
        else:
            names = {of, *(name for name, text in self._clocks.items() if f"'{of}'" in text)}
            near = {rule for rule, text in self._texts.items() if any(name in text for name in names)}
        asking = {rule for rule, text in self._texts.items() if any(f'holds("{name}")' in text for name in near)}
        return frozenset(near | asking)

    def _reached(self, index: int, moved: frozenset[str]) -> bool:
        entry = self._entries[index]
        moments = (entry, *entry.steps)
        if any({"table", "system"} & set(moment.expect) for moment in moments):
            return True
        if not {given["of"] for given in entry.given} & {kind for rule in moved for kind in self._kinds[rule]}:
            return False
        wide = any(moment.sends is not None or _says_more(moment.expect.values()) for moment in moments)
        return wide or bool(moved & self._results[index].compared)


def _says_more(expected: Iterable[Any]) -> bool:
    return any(isinstance(each, dict) and not set(each) <= {"rules", "findings"} for each in expected)


def rate(outcomes: Sequence[Outcome]) -> float:
    """Return the share of killed mutants among those that load, in percent."""
    fates = Counter(outcome.fate for outcome in outcomes)
    return 100 * fates["killed"] / max(1, fates["killed"] + fates["survived"])


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the survivors with their places, a line per sort of change, and the whole."""
    for outcome in outcomes:
        if outcome.fate == "survived":
            yield f"survived {outcome.place} {outcome.mutant.of} [{outcome.mutant.sort}] {outcome.mutant.what}"
    for sort in sorted({outcome.mutant.sort for outcome in outcomes}):
        of_sort = [outcome for outcome in outcomes if outcome.mutant.sort == sort]
        yield f"  {sort:<12} {_counts(of_sort)}"
    yield f"{len(outcomes)} mutants: {_counts(outcomes)}"


def _counts(outcomes: Sequence[Outcome]) -> str:
    fates = Counter(outcome.fate for outcome in outcomes)
    refused = f", {fates['refused']} refused at load (not counted)" if fates["refused"] else ""
    return f"{fates['killed']} killed, {fates['survived']} survived{refused}: {rate(outcomes):.1f} %"
