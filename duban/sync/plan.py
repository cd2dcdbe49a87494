"""The plan: what a cycle would write and say, as data. Pure.

One change is one row's own cells, with what they hold and what they should hold. Only own columns, only cells that
differ, only rows of tables that were read completely. A plan that touches too many rows of one table is held.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from duban.connectors.base import Cell
from duban.connectors.columns import TableMapping
from duban.connectors.owncells import OwnValue, own_cell, same
from duban.item import Ref, Value
from duban.notify.message import Message, compose
from duban.rules.evaluate import Judgement, Verdict
from duban.rules.notices import Notice
from duban.sync.cells import own_values
from duban.sync.pulling import Pulled
from duban.sync.setup import HoldLimits, Setup

SHARE_FROM = 50  # rows: below this the share of a table says nothing
_ROUNDING = 1e-6  # 0.29 * 100 is 28.999999999999996, and 29 rows of 100 are not more than the share


class CellChange(NamedTuple):
    """One own cell: the column's id and heading, the own key, the value as read and as wanted, the cell to send."""

    column: str
    name: str
    field: str
    before: Value
    after: Value
    cell: Cell


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written in one row, and the rules that caused it."""

    ref: Ref
    code: str
    cells: tuple[CellChange, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A table whose changes wait for an admin's word."""

    source: str
    table: str
    changes: int
    limit: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a cycle would do outside.

    ``changes`` of live tables that are not held are written; those of shadow tables are only shown. ``silent`` are
    messages that count as told already. ``problems`` name own columns that cannot hold what they should.
    """

    now: datetime
    changes: tuple[Change, ...]
    messages: tuple[Message, ...]
    silent: tuple[Message, ...]
    held: tuple[Held, ...]
    unchanged: int
    problems: tuple[str, ...]
    shadow: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def is_held(self, ref: Ref) -> bool:
        """Tell whether a row belongs to a held table."""
        return any((held.source, held.table) == (ref.source, ref.table) for held in self.held)

    def is_shadow(self, ref: Ref) -> bool:
        """Tell whether a row belongs to a table in shadow mode."""
        return (ref.source, ref.table) in self.shadow

    @property
    def writable(self) -> tuple[Change, ...]:
        """The changes that may be written now."""
        return tuple(c for c in self.changes if not self.is_held(c.ref) and not self.is_shadow(c.ref))


def make_plan(
    judgement: Judgement,
    pulled: Sequence[Pulled],
    setup: Setup,
    *,
    now: datetime,
    told: Collection[str] = (),
    release: bool = False,
    unread: bool = False,
) -> Plan:
    """Return the plan of a judgement. ``told`` are the keys of messages that were told before; ``release`` lets held
    tables go; ``unread`` says that some table with tasks was never read."""
    tables = {(table.source, table.table): table for table in pulled if table.read == "complete" and table.mapping}
    changes: list[Change] = []
    problems: dict[str, None] = {}
    unchanged = 0
    for verdict in judgement.verdicts:
        table = tables.get((verdict.item.ref.source, verdict.item.ref.table))
        if verdict.frozen or table is None or table.mapping is None:
            continue
        wanted = own_values(verdict, now, setup.language, unread=unread)
        cells = _cells(verdict, wanted, table.mapping, setup, problems)
        if cells:
            changes.append(Change(verdict.item.ref, verdict.item.code, cells, verdict.rules))
        elif table.mapping.own:
            unchanged += 1
    held = () if release else tuple(_held(changes, tables.values(), setup.limits))
    shadow = frozenset(key for key, table in tables.items() if not table.live)
    plan = Plan(now, tuple(changes), (), (), held, unchanged, tuple(problems), shadow)
    spoken, silent = _messages(judgement, plan, setup, told)
    return Plan(now, plan.changes, spoken, silent, held, unchanged, plan.problems, shadow)


def _cells(
    verdict: Verdict, wanted: Mapping[str, OwnValue], mapping: TableMapping, setup: Setup, problems: dict[str, None]
) -> tuple[CellChange, ...]:
    own = dict(verdict.item.own)
    cells = []
    for key, column in mapping.own.items():
        if key not in wanted or same(wanted[key], own.get(key)):
            continue
        made = own_cell(wanted[key], column, setup.zone)
        if made.problem is not None:
            problems[f"{verdict.item.ref.source}/{verdict.item.ref.table}: {made.problem}"] = None
            continue
        cells.append(CellChange(column.id, column.name, key, own.get(key), wanted[key], made.cell))
    return tuple(cells)


def _held(changes: Sequence[Change], tables: Iterable[Pulled], limits: HoldLimits) -> Iterable[Held]:
    for table in tables:
        if not table.live:
            continue
        count = sum(1 for change in changes if (change.ref.source, change.ref.table) == (table.source, table.table))
        rows = len(table.items)
        if count > limits.records:
            yield Held(table.source, table.table, count, f"records: {limits.records}")
        elif rows >= SHARE_FROM and count > limits.share * rows + _ROUNDING:
            yield Held(table.source, table.table, count, f"share: {limits.share:g} of {rows} rows")


def _messages(
    judgement: Judgement, plan: Plan, setup: Setup, told: Collection[str]
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    spoken: dict[str, Message] = {}
    silent: dict[str, Message] = {}
    for verdict in judgement.verdicts:
        for notice in verdict.notices:
            if notice.key in told or plan.is_held(notice.ref):
                continue
            (silent if notice.told else spoken).setdefault(notice.key, _composed(notice, setup))
    return tuple(spoken.values()), tuple(silent.values())


def _composed(notice: Notice, setup: Setup) -> Message:
    to, cc, esc = (_named(names, setup) for names in (notice.to, notice.cc, notice.esc))
    return compose(
        setup.book.book.messages, notice.template, notice.variables, rule=notice.rule, ref=notice.ref,
        code=notice.code, to=to, cc=cc, key=notice.key, language=setup.language, esc=esc,
    )  # fmt: skip


def _named(names: Sequence[str], setup: Setup) -> tuple[str, ...]:
    """Return the names, the configured admins in the place of the role."""
    return tuple(name for each in names for name in (setup.admin if each == "admin" and setup.admin else (each,)))


def counts_by_table(changes: Iterable[Change]) -> Mapping[tuple[str, str], int]:
    """Return how many rows of each table a list of changes touches."""
    counts: dict[tuple[str, str], int] = {}
    for change in changes:
        key = (change.ref.source, change.ref.table)
        counts[key] = counts.get(key, 0) + 1
    return counts
