"""The results of the tests in rules files, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from duban.errors import Problem


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test went: where it stands, and everything that is wrong with it or with the rules.

    ``compared`` are the rules that it looks at, ``enabled`` those that it switches on; ``fired`` and ``silent`` those
    that held, or applied and did not hold, where the test says so.
    """

    __test__ = False  # not a test of ours for pytest to collect

    name: str
    path: str
    line: int
    problems: tuple[Problem, ...]
    compared: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()
    fired: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class TestReport:
    """All results, and the rules among those compared that no test makes fire, or keeps silent where they apply.

    ``counted`` is how many rules the tests should cover.
    """

    __test__ = False

    results: tuple[TestResult, ...]
    never_fired: tuple[str, ...]
    never_silent: tuple[str, ...]
    counted: int = 0

    @property
    def passed(self) -> bool:
        """Whether there are tests and all of them passed."""
        return bool(self.results) and all(result.passed for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Return the report as one JSON document."""
        return {
            "version": 1,
            "passed": self.passed,
            "tests": [
                {
                    "name": result.name,
                    "file": result.path,
                    "line": result.line,
                    "passed": result.passed,
                    "problems": [
                        {"file": p.path, "line": p.line, "column": p.column, "message": p.message}
                        for p in result.problems
                    ],
                }
                for result in self.results
            ],
            "coverage": {
                "rules": self.counted,
                "fired": self.counted - len(self.never_fired),
                "silent": self.counted - len(self.never_silent),
                "never_fired": list(self.never_fired),
                "never_silent": list(self.never_silent),
            },
        }

    def text(self) -> str:
        """Return the report for people: failures with their places, then one line about all."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if not self.results:
            yield "there are no tests; write some under tests: in a rules file"
            return
        for result in self.results:
            yield f"{'ok  ' if result.passed else 'FAIL'} {result.name}"
            for problem in result.problems:
                yield from (f"     {line}" for line in str(problem).splitlines())
        for what, rules in (("makes fire", self.never_fired), ("keeps silent", self.never_silent)):
            if rules:
                yield f"rules that no test {what}: {', '.join(rules)}"
        fired, silent = self.counted - len(self.never_fired), self.counted - len(self.never_silent)
        yield f"rules compared: {self.counted}; {fired} are seen to fire, {silent} to keep silent"
        failed = sum(1 for result in self.results if not result.passed)
        yield f"{len(self.results)} tests, {len(self.results) - failed} passed, {failed} failed"
