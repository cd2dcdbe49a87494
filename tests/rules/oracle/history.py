"""A history: one company judged at several moments, its cells changing in between. Judged by both, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.rules.oracle.days import Calendar
from tests.rules.oracle.engine import Engine
from tests.rules.oracle.judge import Judgement, judge
from tests.rules.oracle.ladder import Imported, Past, begun
from tests.rules.oracle.world import DEFAULTS, Department, Row, Table, World


@dataclass(frozen=True)
class Step:
    """One run: its moment and all rows as they are then."""

    now: datetime
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class History:
    """A company and its runs in the order of time."""

    tables: tuple[Table, ...]
    calendar: Calendar
    departments: Mapping[str, Department]
    steps: tuple[Step, ...] = ()
    params: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    switched_on: frozenset[str] = frozenset()
    imports: Mapping[str, Imported] = field(default_factory=dict)

    def pasts(self) -> dict[str, Past]:
        """What is remembered before the first run."""
        if not self.steps:
            return {}
        world = self.world(self.steps[0])
        return {row.uid: begun(world, row, self.imports[row.uid]) for row in world.rows if row.uid in self.imports}

    def world(self, step: Step) -> World:
        return World(
            step.now, self.tables, step.rows, self.calendar, self.params, self.departments, self.switched_on
        )  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """The first thing about which the oracle and the engine do not agree."""

    step: int
    now: datetime
    name: str
    what: str
    oracle: Any
    engine: Any

    def __str__(self) -> str:
        return (
            f"step {self.step} at {self.now}: {self.name}.{self.what}: oracle {self.oracle!r}, engine {self.engine!r}"
        )


def shown(world: World, judgement: Judgement) -> dict[str, dict[str, Any]]:
    """What the oracle says, in the words in which the engine's answers are put."""
    answers: dict[str, dict[str, Any]] = {}
    for row in world.rows:
        verdict = judgement.rows[row.uid]
        answers[row.uid] = {
            "rules": verdict.rules, "level": verdict.level, "state": verdict.state, "lag_days": verdict.lag_days,
            "notices": verdict.notices, "alert_at": verdict.alert_at, "explain_deadline": verdict.explain_deadline,
            "sla": verdict.sla, "sla_due": verdict.sla_due, "escalated_at": verdict.escalated_at, "told": sorted(told[0] for told in verdict.told), "people": sorted(verdict.told),
        }  # fmt: skip
    answers |= judgement.tables
    answers["system"] = {"rules": judgement.system}
    return answers


def first_difference(history: History, *, skip: Sequence[str] = ()) -> Difference | None:
    """Run a history through both; ``skip`` names things that are not compared."""
    engine, pasts = Engine(history.imports, history.steps[0].rows if history.steps else ()), history.pasts()
    for number, step in enumerate(history.steps):
        world = history.world(step)
        ours = shown(world, judge(world, pasts))
        theirs = engine.judge(world)
        for name, answer in ours.items():
            for what, value in answer.items():
                if what not in skip and theirs[name][what] != value:
                    return Difference(number, step.now, name, what, value, theirs[name][what])
    return None


def _smaller(history: History) -> list[History]:
    """The same history with one run, one row, one cell or one parameter less."""
    found = [replace(history, steps=(*history.steps[:n], *history.steps[n + 1 :])) for n in range(len(history.steps))]
    uids = {row.uid for step in history.steps for row in step.rows}
    for uid in sorted(uids):
        steps = tuple(replace(s, rows=tuple(r for r in s.rows if r.uid != uid)) for s in history.steps)
        found.append(replace(history, steps=steps))
    found += [
        replace(history, params={**history.params, name: DEFAULTS[name]})
        for name in history.params
        if history.params[name] != DEFAULTS[name]
    ]
    found += [
        replace(history, imports={key: value for key, value in history.imports.items() if key != uid})
        for uid in history.imports
    ]
    found += [replace(history, switched_on=history.switched_on - {rule}) for rule in sorted(history.switched_on)]
    if len(uids) <= 3:
        cells = {(row.uid, key) for step in history.steps for row in step.rows for key in (*row.cells, *row.bad)}
        found += [_without(history, uid, key) for uid, key in sorted(cells)]
    return found


def _without(history: History, uid: str, key: str) -> History:
    def bare(row: Row) -> Row:
        if row.uid != uid:
            return row
        cells = {name: value for name, value in row.cells.items() if name != key}
        return replace(row, cells=cells, bad=row.bad - {key})

    return replace(history, steps=tuple(replace(s, rows=tuple(map(bare, s.rows))) for s in history.steps))


def shrink(history: History, difference: Difference, *, skip: Sequence[str] = ()) -> tuple[History, Difference]:
    """Take away whatever is not needed for a difference of the same kind."""
    history = replace(history, steps=history.steps[: difference.step + 1])
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(history):
            found = first_difference(candidate, skip=skip)
            if found is not None and found.what == difference.what:
                history, difference, smaller = candidate, found, True
                break
    return history, difference
