"""What a change of rules does to the items that are open: the old rules and the new at the same moment, side by side.

Time passes between two runs and moves items too, so the rules of the last run and the new ones both judge the same
mirror at the same ``now``: what differs then differs because of the rules. Nothing is written anywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from duban.item import Item
from duban.rules.bookrecord import CLOCK, BookChange, Parts, changes
from duban.rules.compiled import CompiledBook
from duban.rules.context import TableView
from duban.rules.evaluate import Judgement, Snapshot, Verdict
from duban.rules.memory import Memory
from duban.sync.history import rules_of, with_rules
from duban.sync.judging import judged
from duban.sync.ledger import Ledger, TableMemory
from duban.sync.setup import Setup


@dataclass(frozen=True, slots=True)
class Stand:
    """How an item stands: what its row would show. Times are aware."""

    rules: tuple[str, ...]
    level: str
    state: str
    lag_days: int | None
    effective_due: date | None
    explain_deadline: datetime | None
    sla: str
    sla_due: datetime | None


@dataclass(frozen=True, slots=True)
class Restated:
    """One open item that the new rules judge otherwise. ``because`` are the changes of the rules that may cause it."""

    item: Item
    before: Stand
    after: Stand
    because: tuple[str, ...]

    @property
    def came(self) -> tuple[str, ...]:
        """The rules that hold only now."""
        return tuple(rule for rule in self.after.rules if rule not in self.before.rules)

    @property
    def went(self) -> tuple[str, ...]:
        """The rules that hold no longer."""
        return tuple(rule for rule in self.before.rules if rule not in self.after.rules)

    @property
    def moved(self) -> Mapping[str, tuple[object, object]]:
        """What else differs, by its key: (before, after)."""
        names = [each.name for each in fields(Stand) if each.name != "rules"]
        pairs = {name: (getattr(self.before, name), getattr(self.after, name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True, slots=True)
class Restatement:
    """The whole comparison at ``now``.

    ``since`` is the run whose rules are compared with (``None``: no run is recorded); ``known`` tells that those rules
    are at hand - else what was remembered is compared, and time plays its part. ``opened`` and ``closed`` count items;
    ``passed`` the open ones that differ from what is remembered because time has passed. ``messages`` count what a
    sync would send by the old rules and by the new.
    """

    now: datetime
    since: datetime | None
    known: bool
    changes: Sequence[BookChange]
    items: Sequence[Restated]
    opened: int
    closed: int
    passed: int
    messages: tuple[int, int]

    @property
    def by_rule(self) -> Mapping[str, tuple[int, int]]:
        """On how many items each rule comes and goes."""
        came = Counter(rule for each in self.items for rule in each.came)
        went = Counter(rule for each in self.items for rule in each.went)
        return {rule: (came[rule], went[rule]) for rule in sorted(came | went)}


def restate(setup: Setup, ledger: Ledger, *, now: datetime) -> Restatement:
    """Compare the rules of the last recorded run with those of ``setup`` over the ledger's mirror at ``now``."""
    snapshot = mirrored(setup, ledger)
    last = ledger.last_moment()
    old = rules_of(ledger, last, setup.book) if last is not None else None
    told = {True: ledger.told(), False: ledger.told(shadow=True)}
    return compared(setup, snapshot, old, now=now, since=last.at if last else None, told=told)


def since_last_run(setup: Setup, ledger: Ledger, snapshot: Snapshot, sources: Iterable[str], now: datetime) -> (
    Restatement | None
):
    """Return what the rules changed since the last cycle of these sources do to what was just read; ``None`` where they
    are the same, or where nothing is recorded of those."""
    last = ledger.last_moment(set(sources))
    if last is None or last.book == setup.book.record.fingerprint:
        return None
    old = rules_of(ledger, last, setup.book)
    return None if old is None else compared(setup, snapshot, old, now=now, since=last.at)


def compared(
    setup: Setup, snapshot: Snapshot, old: CompiledBook | None, *, now: datetime, since: datetime | None,
    told: Mapping[bool, Collection[str]] | None = None,
) -> Restatement:  # fmt: skip
    """Compare the judgement by ``old`` with that by the setup's rules; without ``old`` what is remembered counts.
    ``told`` are the keys of messages that count as told, in live tables (``True``) and in the others."""
    after = judged(setup, snapshot, now=now)
    before = None if old is None else judged(with_rules(setup, old), snapshot, now=now)
    found = changes(old.book, setup.book.book) if old is not None else []
    causes = _Causes(old, setup.book, found)
    items, opened, closed, passed = [], 0, 0, 0
    for number, verdict in enumerate(after.verdicts):
        if verdict.memory.closing is not None:
            closed += 1
            continue
        opened += 1
        memory = snapshot.memories.get(verdict.item.ref)
        then = before.verdicts[number] if before is not None else None
        one, other = (_stand(then) if then is not None else _remembered(memory, verdict)), _stand(verdict)
        if one != other:
            items.append(Restated(verdict.item, one, other, causes.of(verdict.item.kind, one, other)))
        if then is not None and memory is not None and _moved_on(memory, then):
            passed += 1
    messages = (_unsaid(before, snapshot, told), _unsaid(after, snapshot, told))
    return Restatement(now, since, old is not None, found, items, opened, closed, passed, messages)


def mirrored(setup: Setup, ledger: Ledger) -> Snapshot:
    """Return the ledger's mirror as a snapshot: every configured table that was read, as it was last read."""
    known = ledger.tables()
    views: dict[tuple[str, str], TableView] = {}
    for source in (*setup.sources, *setup.others):
        for settings in source.tables:
            memory = known.get((source.name, settings.label))
            if memory is not None and memory.last_complete_at is not None:
                live = source.modes[settings.label] == "live"
                views[source.name, settings.label] = _view((source.name, settings.label), source.tool, memory, live)
    items = [item for place in views for item in ledger.items(*place)]
    memories = ledger.memories(views)
    return Snapshot(views, items, memories, books=ledger.books(), waivers=setup.waivers)


def _view(place: tuple[str, str], tool: str, memory: TableMemory, live: bool) -> TableView:
    mapped = {kind: frozenset(names) for kind, names in memory.columns.get("mapped", {}).items()}
    return TableView(
        *place, tool, mapped, live=live, machine_update=bool(memory.columns.get("machine_update")),
        last_read=memory.last_complete_at,
    )  # fmt: skip


def _stand(verdict: Verdict) -> Stand:
    return Stand(
        verdict.rules, verdict.level, verdict.state, verdict.lag_days, verdict.effective_due,
        verdict.alert.explain_deadline, verdict.sla, verdict.sla_due,
    )  # fmt: skip


def _remembered(memory: Memory | None, verdict: Verdict) -> Stand:
    """What is remembered of an item, the rest as it is judged now."""
    memory = memory or Memory()
    return Stand(
        memory.findings, verdict.level, memory.alert.state, verdict.lag_days, verdict.effective_due,
        memory.alert.explain_deadline, verdict.sla, verdict.sla_due,
    )  # fmt: skip


def _moved_on(memory: Memory, then: Verdict) -> bool:
    return memory.findings != then.rules or memory.alert.state != then.state


def _unsaid(judgement: Judgement | None, snapshot: Snapshot, told: Mapping[bool, Collection[str]] | None) -> int:
    if judgement is None or told is None:
        return 0
    return len({
        notice.key for verdict in judgement.verdicts for notice in verdict.notices
        if not notice.told and notice.key not in told[snapshot.tables[notice.ref[:2]].live]
    })  # fmt: skip


class _Causes:
    """Which changes of the rules may have moved an item: those of parts that decide what differs."""

    def __init__(self, old: CompiledBook | None, new: CompiledBook, found: Sequence[BookChange]) -> None:
        self._books = [Parts(book.book) for book in (old, new) if book is not None]
        self._new = new
        self._changes = [change for change in found if not change.wording]

    def of(self, kind: str, before: Stand, after: Stand) -> tuple[str, ...]:
        rules = set(before.rules) ^ set(after.rules)
        parts = {f"rule {rule}" for rule in rules}
        if (before.sla, before.sla_due) != (after.sla, after.sla_due):
            shown = self._new.shown_clock(kind)
            parts |= {CLOCK + shown} if shown is not None else set()
        if kind == "task" and (before.state, before.explain_deadline, before.lag_days) != (
            after.state, after.explain_deadline, after.lag_days
        ):  # fmt: skip
            parts.add("ladder")
        decisive = {name for book in self._books for part in parts for name in book.reads(part)}
        direct = tuple(change.text for change in self._changes if change.part in decisive)
        return direct or tuple(change.text for change in self._changes)
