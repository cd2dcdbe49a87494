"""The rules of one form of table as one generated loop per stratum (:mod:`sharing`).

Judging a table is then one call per stratum and not one per item and rule (facts/rules-and-state section 1). A rule
that asks whether another holds is judged in a later stratum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from duban.rules.compilation import Compilation, Expression, Ready
from duban.rules.entries import SuppressionEntry
from duban.rules.sharing import loop


class Guard(NamedTuple):
    """One suppression compiled for a form of table."""

    source: str
    test: Expression
    entry: SuppressionEntry

    def silences(self, rule_id: str) -> bool:
        """Tell whether a rule may not hold while the guard holds."""
        return not any(fnmatchcase(rule_id, pattern) for pattern in self.entry.keep)


def strata(work: Compilation, after: Mapping[str, set[str]]) -> dict[str, int]:
    """Return how many rules must be judged before each; rules that wait for each other are a mistake of the book."""
    depth: dict[str, int] = {}
    for rule_id in after:
        path = [rule_id]  # by hand: a long chain of rules must not exhaust the interpreter's stack
        while path:
            here = path[-1]
            circle = next((other for other in sorted(after.get(here, ())) if other in path), None)
            if circle is not None:
                round_trip = [*path[path.index(circle) :], circle]
                shown = " -> ".join(round_trip if len(round_trip) < 9 else [*round_trip[:6], "…", circle])
                work.add(work.book.rules[circle].place("test").problem(f"rules wait for each other: {shown}"))
                depth[here] = 0
            waiting = next((other for other in sorted(after.get(here, ())) if other not in depth), None)
            if here not in depth and waiting is not None:
                path.append(waiting)
                continue
            if here not in depth:
                depth[here] = max((depth[other] + 1 for other in after.get(here, ())), default=0)
            path.pop()
    return depth


def fused(
    work: Compilation, guards: Sequence[Guard], rules: Mapping[str, Ready], order: Mapping[str, int]
) -> dict[int, Callable[..., None]]:
    """Return, per stratum, the function (contexts, world) that adds to every context's ``hits`` what holds of it."""
    functions: dict[int, Callable[..., None]] = {}
    for stratum in sorted({order[rule_id] for rule_id in rules}):
        functions[stratum] = loop(
            (
                (rule_id, [*(f"not {g.source}" for g in guards if g.silences(rule_id)), ready.source])
                for rule_id, ready in rules.items()
                if order[rule_id] == stratum
            ),
            work.environment,
        )
    return functions
