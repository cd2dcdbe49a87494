"""The rules of one form of table as one generated function per stratum.

Judging an item is then one call and not one per rule (facts/rules-and-state section 1). A rule that asks whether
another holds is judged in a later stratum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from duban.rules.compilation import Compilation, Expression, Ready
from duban.rules.entries import SuppressionEntry


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

    def place(rule_id: str, path: tuple[str, ...]) -> int:
        if rule_id in path:
            circle = " -> ".join((*path[path.index(rule_id) :], rule_id))
            work.add(work.book.rules[rule_id].place("test").problem(f"rules wait for each other: {circle}"))
            return 0
        if rule_id not in depth:
            depth[rule_id] = max((place(other, (*path, rule_id)) + 1 for other in after.get(rule_id, ())), default=0)
        return depth[rule_id]

    for rule_id in after:
        place(rule_id, ())
    return depth


def fused(
    work: Compilation, guards: Sequence[Guard], rules: Mapping[str, Ready], order: Mapping[str, int]
) -> dict[int, Callable[..., None]]:
    """Return, per stratum, the function (context, world, hit) that calls ``hit`` with every rule that holds."""
    functions: dict[int, Callable[..., None]] = {}
    for stratum in sorted({order[rule_id] for rule_id in rules}):
        lines = ["def judge(c, _w, hit):"]
        lines += [f" s{number} = {guard.source}" for number, guard in enumerate(guards)]
        for rule_id, ready in rules.items():
            if order[rule_id] == stratum:
                quiet = [f"not s{n} and " for n, guard in enumerate(guards) if guard.silences(rule_id)]
                lines.append(f" if {''.join(quiet)}{ready.source}: hit({rule_id!r})")
        made: dict[str, Any] = {}
        exec("\n".join(lines), work.environment, made)  # noqa: S102 - only source made by the compiler
        functions[stratum] = made["judge"]
    return functions
