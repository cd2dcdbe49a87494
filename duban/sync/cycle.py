"""One whole cycle. Read this first.

    pull (sources side by side) -> judge the mirror -> plan -> commit intents and outbox -> apply -> tell

``look`` is the first half and changes nothing anywhere; ``run_cycle`` does it all. What was committed before a crash is
finished or superseded by the next cycle, because every cycle starts from a fresh read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime

from duban.connectors.base import Traffic
from duban.connectors.columns import kinds_of
from duban.connectors.limits import Pace
from duban.connectors.settings import Table
from duban.item import Item, Ref
from duban.notify.channels import Channel
from duban.notify.message import Message
from duban.notify.outbox import Delivery, drain
from duban.rules.context import TableView
from duban.rules.evaluate import Judgement, Snapshot, human_fingerprint
from duban.rules.memory import Memory
from duban.sync.apply import Progress as WriteProgress
from duban.sync.apply import Writer, Written
from duban.sync.collector import calm_collector
from duban.sync.history import left_behind
from duban.sync.judging import judged
from duban.sync.ledger import Cycle, Intent, Ledger, Run, TableMemory, changed
from duban.sync.ledger import Message as Queued
from duban.sync.plan import Plan, make_plan
from duban.sync.pulling import Pulled, Watch, machine_update, pull_all
from duban.sync.restating import Restatement, since_last_run
from duban.sync.setup import Setup, Source


@dataclass(frozen=True, slots=True)
class Looked:
    """What a cycle saw and what it thinks of it."""

    now: datetime
    pulled: Sequence[Pulled]
    snapshot: Snapshot
    judgement: Judgement

    @property
    def complete(self) -> bool:
        """Every table was read completely."""
        return all(table.read == "complete" for table in self.pulled)

    @property
    def unmatched_waivers(self) -> tuple[str, ...]:
        """Sentences about approvals for items that are nowhere; none while the rows of some table are not known."""
        if not all(table.complete or table.known for table in self.snapshot.tables.values()):
            return ()
        return tuple(self.snapshot.waivers.strangers(self.snapshot.items))


@dataclass(frozen=True, slots=True)
class Result:
    """What a cycle did. ``restored`` are own cells that a person had changed, as (ref, column names); ``restated`` is
    what rules that changed since the last cycle did to open items."""

    run: str
    looked: Looked
    plan: Plan
    written: Sequence[Written]
    messages: Sequence[tuple[Message, str]]
    requests: Mapping[str, Traffic]
    restored: Sequence[tuple[Ref, tuple[str, ...]]] = ()
    restated: Restatement | None = None

    @property
    def failures(self) -> Sequence[Written]:
        """The rows that could not be written."""
        return [written for written in self.written if written.outcome != "written"]

    @property
    def exit_code(self) -> int:
        """0 complete, 3 incomplete, 4 held for approval."""
        unsent = any(status == "failed" for _, status in self.messages)
        if not self.looked.complete or self.failures or unsent or self.plan.problems:
            return 3
        return 4 if self.plan.held else 0


@dataclass(frozen=True, slots=True)
class Means:
    """How a cycle reaches the world outside: channels, the wish to stop, who is told of progress, the lock around
    judging and writing (two cycles on one ledger take turns)."""

    channels: Sequence[Channel] = ()
    pace: Pace = field(default_factory=Pace)
    watch: Watch = field(default_factory=Watch)
    writing: WriteProgress | None = None
    turn: Callable[[], AbstractContextManager[object]] = nullcontext


@calm_collector()
def look(setup: Setup, ledger: Ledger, *, now: datetime, watch: Watch | None = None) -> Looked:
    """Read and judge at ``now``; nothing is written anywhere, the ledger included."""
    return judge(setup, ledger, pull_all(setup, ledger.tables(), watch or Watch()), now=now)


def judge(setup: Setup, ledger: Ledger, pulled: Sequence[Pulled], *, now: datetime) -> Looked:
    """Judge what was read, together with what the ledger remembers of everything else."""
    known = ledger.tables()
    views: dict[tuple[str, str], TableView] = {}
    items: list[Item] = []
    for table in pulled:
        key = (table.source, table.table)
        views[key] = _view(table, known.get(key))
        complete = table.read == "complete"
        rows = list(table.items) if complete else list(ledger.items(*key))
        items += rows if rows or complete else list(table.items)
    for source in setup.others:
        for key, view in _remembered(source, known):
            views[key] = view
            items += ledger.items(*key)
    memories = ledger.memories(views, read=items)
    doubtful = [item for table in pulled for item in _unseen(table, ledger, memories)]
    items += doubtful
    snapshot = Snapshot(
        views, items, memories, frozenset(item.ref for item in doubtful), ledger.books(), setup.waivers
    )  # fmt: skip
    return Looked(now, pulled, snapshot, judged(setup, snapshot, now=now))


def _unseen(table: Pulled, ledger: Ledger, memories: Mapping[Ref, Memory]) -> Iterable[Item]:
    """Return the rows of the mirror that a complete read did not show. The mirror is only walked when it has another
    number of rows, or when a row is new: it may have come in the place of one that is missing."""
    if table.read != "complete":
        return ()
    key, there = (table.source, table.table), {item.ref for item in table.items}
    if ledger.count(*key) == len(there) and there <= memories.keys():
        return ()
    return (item for item in ledger.items(*key) if item.ref not in there)


def _view(table: Pulled, known: TableMemory | None) -> TableView:
    before = known.last_complete_at if known is not None else None
    if table.mapping is None or (table.read != "complete" and before is not None):
        return _frozen_view(table.source, table.tool, table.settings, table.live, known)
    mapped = {str(kind): table.mapping.mapped(kind) for kind in table.mapping.kinds}
    return TableView(
        table.source, table.table, table.tool, mapped, complete=table.read == "complete", known=before is not None,
        live=table.live, machine_update=machine_update(table.mapping), last_read=before,
        swapped_headings=table.mapping.raci_slips,
    )  # fmt: skip


def _frozen_view(source: str, tool: str, settings: Table, live: bool, known: TableMemory | None) -> TableView:
    """Return a table that was not read (completely) in this cycle, as it was when it last was."""
    form = known.columns if known is not None else {}
    mapped = {str(kind): frozenset[str]() for kind in kinds_of(settings)}
    mapped |= {kind: frozenset(fields) for kind, fields in form.get("mapped", {}).items()}
    before = known.last_complete_at if known is not None else None
    return TableView(
        source, settings.label, tool, mapped, complete=False, known=before is not None, live=live, last_read=before
    )


def _remembered(
    source: Source, known: Mapping[tuple[str, str], TableMemory]
) -> Iterable[tuple[tuple[str, str], TableView]]:
    for settings in source.tables:
        key = (source.name, settings.label)
        live = source.modes[settings.label] == "live"
        yield key, _frozen_view(source.name, source.tool, settings, live, known.get(key))


def plan_of(looked: Looked, setup: Setup, ledger: Ledger, *, release: bool = False) -> Plan:
    """Return the plan of what was seen, without the messages that were told before."""
    tables = looked.snapshot.tables.values()
    unread = any("task" in table.mapped and not table.complete and not table.known for table in tables)
    return make_plan(
        looked.judgement, looked.pulled, setup, now=looked.now, told=_told(looked, ledger), release=release,
        unread=unread,
    )  # fmt: skip


def restated_since(looked: Looked, setup: Setup, ledger: Ledger) -> Restatement | None:
    """Return what the rules changed since the last cycle do to what was seen; ``None`` where they are the same."""
    sources = {table.source for table in looked.pulled}
    return since_last_run(setup, ledger, looked.snapshot, sources, looked.now)


def _told(looked: Looked, ledger: Ledger) -> set[str]:
    """A message that was only shown in shadow mode counts as told while its table stays there."""
    keys: dict[bool, list[str]] = {True: [], False: []}
    for verdict in looked.judgement.verdicts:
        live = looked.snapshot.tables[verdict.item.ref.source, verdict.item.ref.table].live
        keys[live] += [notice.key for notice in verdict.notices]
    return ledger.told(keys[True]) | ledger.told(keys[False], shadow=True)


@calm_collector()
def run_cycle(
    setup: Setup, ledger: Ledger, *, now: datetime, run: str, clock: Callable[[], datetime],
    means: Means | None = None, release: bool = False,
) -> Result:  # fmt: skip
    """Do one cycle at ``now``. ``clock`` only dates the run in the ledger's list; nothing is judged by it.

    Raises ``Interrupted`` when asked to stop, with everything that was done recorded.
    """
    means = means or Means()
    before = {source.name: replace(source.connector.traffic) for source in setup.sources}
    pulled = pull_all(setup, ledger.tables(), means.watch)
    with means.turn():
        mode = "live" if any(table.live for table in pulled) else "shadow"
        ledger.begin(Run(run, now, clock(), mode, setup.fingerprint))
        ledger.close_observed(
            (item for table in pulled if table.read == "complete" for item in table.items), run=run, at=now
        )
        looked = judge(setup, ledger, pulled, now=now)
        plan = plan_of(looked, setup, ledger, release=release)
        restored, restated = _restored(plan, ledger), restated_since(looked, setup, ledger)
        intents = _commit(looked, plan, setup, ledger, run)
        schemas = {(table.source, table.table): table.schema for table in pulled if table.schema is not None}
        sources = {source.name: source for source in setup.sources}
        writer = Writer(sources, schemas, ledger, intents, now, means.watch.stop, means.writing)
        written = writer.write(plan.writable)
        quiet = {(table.source, table.table) for table in pulled if not table.live}
        deliveries = [
            d
            for source in setup.sources
            for d in drain(ledger, means.channels, now, means.pace, source=source.name, quiet=quiet)
        ]
        requests = {source.name: _since(before[source.name], source.connector.traffic) for source in setup.sources}
        result = Result(run, looked, plan, written, _messages(plan, deliveries), requests, restored, restated)
        ledger.end(run, _named(result.exit_code), {"written": len(written) - len(result.failures)}, at=clock())
    return result


def _commit(looked: Looked, plan: Plan, setup: Setup, ledger: Ledger, run: str) -> Mapping[Ref, str]:
    """Write the cycle down before anything leaves; return the intents' ids by row."""
    touched = {change.ref for change in plan.writable}
    wanted: dict[Ref, Memory] = {}
    for verdict in looked.judgement.verdicts:
        ref = verdict.item.ref
        if verdict.frozen or plan.is_held(ref):  # nobody is told of a held table, so none of its clocks may start
            continue
        wanted[ref] = (
            replace(verdict.memory, human=human_fingerprint(verdict.item)) if ref in touched else verdict.memory
        )
    intents = [
        Intent(c.ref, {x.field: x.after for x in c.cells}, {x.field: x.before for x in c.cells}) for c in plan.writable
    ]
    messages = [_queued(m, "shadow" if plan.is_shadow(m.ref) else "queued") for m in plan.messages]
    messages += [_queued(m, "known") for m in plan.silent]
    tables = [table.as_read(accepted=setup.accept_missing) for table in looked.pulled]
    read, held = {table.source for table in looked.pulled}, {(held.source, held.table) for held in plan.held}
    trace = left_behind(setup, looked.snapshot.tables, read, held, run=run, now=looked.now)
    cycle = Cycle(tables, changed(looked.snapshot.memories, wanted), intents, messages, trace)
    committed = ledger.commit_cycle(cycle, run=run, now=looked.now)
    return {intent.ref: intent.id for intent in committed.intents}


def _queued(message: Message, status: str) -> Queued:
    return Queued(
        message.key, message.template, message.rule, message.ref, message.code, message.to, message.cc, message.words,
        status,  # type: ignore[arg-type]
    )  # fmt: skip


def _restored(plan: Plan, ledger: Ledger) -> list[tuple[Ref, tuple[str, ...]]]:
    """Return the own cells that somebody else changed since duban wrote them: they are restored, and it is said."""
    last = ledger.last_written([change.ref for change in plan.writable])
    found = []
    for change in plan.writable:
        ours = last.get(change.ref, {})
        names = tuple(
            cell.name for cell in change.cells if cell.field in ours and ours[cell.field] == cell.after != cell.before
        )
        if names:
            found.append((change.ref, names))
    return found


def _messages(plan: Plan, deliveries: Sequence[Delivery]) -> list[tuple[Message, str]]:
    shown = [(message, "shadow") for message in plan.messages if plan.is_shadow(message.ref)]
    tried = [(delivery.message, delivery.status) for delivery in deliveries]
    seen = {message.key for message, _ in (*shown, *tried)}
    return [*shown, *tried, *((message, "queued") for message in plan.messages if message.key not in seen)]


def _since(before: Traffic, after: Traffic) -> Traffic:
    return Traffic(
        after.read - before.read,
        after.write - before.write,
        after.retried - before.retried,
        after.refused - before.refused,
    )


def _named(code: int) -> str:
    return {0: "complete", 3: "incomplete", 4: "held"}[code]
