"""Judging: (book, snapshot, now) -> judgement. Pure: the same arguments give the same answer, always.

Order: every item gets a context; statuses and explanations are compared with what is remembered; tasks climb the
ladder; the rules run, stratum by stratum; findings become sentences; the messages that these findings and transitions
call for are named. What is written, sent and stored is decided elsewhere (``sync``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from duban.item import Item, Ref, fields_of
from duban.people import Directory
from duban.rules.bookrecord import CLOCK
from duban.rules.calendar import Calendar
from duban.rules.clock import Clock
from duban.rules.clocks import remember_clocks
from duban.rules.compiled import CompiledBook, Ready, TableRules
from duban.rules.context import Context, TableView, signed_values
from duban.rules.granting import NOTHING_APPROVED, Approved, approve, grant, record_extension
from duban.rules.ladder import climb
from duban.rules.memory import Alert, Memory
from duban.rules.notices import Notice, notices_of
from duban.rules.sentences import fill, recipients
from duban.rules.standing import Books, Standing
from duban.rules.waivers import NO_WAIVERS, Waivers
from duban.rules.world import World
from duban.wording import Language

LEVELS = {"critical": "红", "warn": "黄", "info": "绿"}
_ORDER = {"绿": 0, "黄": 1, "红": 2}
_SKEW = timedelta(seconds=60)  # between our clock and the tool's: an edit this soon after our write may be our write


class Finding(NamedTuple):
    """One rule that holds now, with its sentence in the judgement's language."""

    rule: str
    name: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is judged: tables, items (the mirror), and what is remembered of each item.

    ``doubtful`` are rows that a complete read did not show for the first time: no tool has snapshots, so they are
    judged once more from the mirror, frozen, before they count as gone. ``books`` are the digests of the rules by
    which closed items may have been judged (:mod:`standing`), ``waivers`` what was approved in files.
    """

    tables: Mapping[tuple[str, str], TableView]
    items: Sequence[Item]
    memories: Mapping[Ref, Memory]
    doubtful: frozenset[Ref] = frozenset()
    books: Books = field(default_factory=dict)
    waivers: Waivers = NO_WAIVERS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What judging says of one item.

    ``frozen`` items belong to a table that was not read completely: nothing of theirs is resolved, written, sent or
    remembered. ``lag_days`` is ``None`` outside the ladder. ``memory`` is what to remember. A waived rule is in no
    finding; ``approved`` names it.
    """

    item: Item
    findings: tuple[Finding, ...]
    level: str
    state: str
    lag_days: int | None
    effective_due: date | None
    sla: str
    sla_due: datetime | None
    alert: Alert
    memory: Memory
    moves: tuple[str, ...]
    notices: tuple[Notice, ...]
    upstream: str
    frozen: bool
    approved: Approved = NOTHING_APPROVED

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules that hold, sorted."""
        return tuple(finding.rule for finding in self.findings)


class TableVerdict(NamedTuple):
    """What judging says of a table as a whole."""

    findings: tuple[Finding, ...]
    missing: tuple[str, ...]
    approved: Approved = NOTHING_APPROVED


class Judgement(NamedTuple):
    """The whole answer: verdicts in the order of the snapshot's items, tables, findings of the system itself."""

    verdicts: tuple[Verdict, ...]
    tables: Mapping[tuple[str, str], TableVerdict]
    system: tuple[Finding, ...]


class TableSubject:
    """A table, or the system, while rules about it are judged."""

    __slots__ = ("hits", "item", "missing_fields", "swapped_headings", "uncovered_years")

    def __init__(self, missing: Sequence[str] = (), swapped: Sequence[str] = (), uncovered: Sequence[str] = ()) -> None:
        self.uncovered_years = tuple(uncovered)
        self.missing_fields, self.swapped_headings = tuple(missing), tuple(swapped)
        self.hits: tuple[str, ...] = ()
        self.item: Item | None = None


def evaluate(
    book: CompiledBook,
    snapshot: Snapshot,
    *,
    now: datetime,
    zone: ZoneInfo,
    calendar: Calendar,
    directory: Directory,
    language: Language = "zh",
) -> Judgement:
    """Judge every item of a snapshot at ``now`` (aware). See the module."""
    clocks = Clock(calendar)
    return judge(book, snapshot, now=now, zone=zone, clocks=clocks, directory=directory, language=language).judgement()


def judge(
    book: CompiledBook,
    snapshot: Snapshot,
    *,
    now: datetime,
    zone: ZoneInfo,
    clocks: Clock,
    directory: Directory,
    language: Language = "zh",
) -> Judging:
    """Judge like :func:`evaluate` and return what was judged while it can still be asked why. ``clocks`` may serve
    many judgements: its tables take a tenth of a second to build."""
    world = World(now, zone, clocks.calendar, clocks, directory, book.params, book.clock_rule, language)
    world.waivers = snapshot.waivers
    return Judging(book, world, snapshot)


class Judging:
    """All items of a snapshot with their contexts after the ladder and the rules."""

    def __init__(self, book: CompiledBook, world: World, snapshot: Snapshot) -> None:
        self.book, self.world, self.snapshot = book, world, snapshot
        self._unknown = frozenset(
            kind
            for table in snapshot.tables.values()
            if not table.complete and not table.known
            for kind in table.mapped
        )
        self._rules: dict[tuple[int, str], TableRules] = {}
        self.standing = Standing(book.record, snapshot.books)
        self._prepare()
        self._run_rules()

    def judgement(self) -> Judgement:
        """Return the answer as a value."""
        verdicts = tuple(map(self.verdict, self.world.contexts))
        tables = {key: self.table_verdict(table) for key, table in self.snapshot.tables.items()}
        system = self.findings_about("system", TableSubject(uncovered=self.world.uncovered_years))
        return Judgement(verdicts, tables, system)

    def context_of(self, ref: Ref) -> Context | None:
        """Return what an item became, ``None`` for one that is not in the snapshot."""
        return next((context for context in self.world.contexts if context.item.ref == ref), None)

    def rules_for(self, context: Context) -> TableRules:
        """Return what judges an item."""
        return self.rules_of(context.table, context.item.kind)

    def rules_of(self, table: TableView, kind: str) -> TableRules:
        """Return what judges the items of a kind in a table of the snapshot."""
        key = (id(table), kind)
        if key not in self._rules:
            self._rules[key] = self.book.table_rules(kind, table.mapped[kind], table.tool, self._unknown)
        return self._rules[key]

    def _prepare(self) -> None:
        fresh, memories = Memory(), self.snapshot.memories
        for item in self.snapshot.items:
            table = self.snapshot.tables[item.ref.source, item.ref.table]
            self.world.add(Context(item, table, memories.get(item.ref, fresh), self.world))
        for context in self.world.contexts:
            grant(context)
            if context.item.kind == "task":
                climb(context, self.rules_for(context).ladder)
            _remember(context)
            record_extension(context)
        for context in self.world.contexts:
            clocks = self.book.remembered_clocks(context.item.kind, context.table.mapped[context.item.kind])
            if clocks:
                remember_clocks(clocks, context, self.world)

    def _run_rules(self) -> None:
        groups: dict[int, tuple[TableRules, list[Context]]] = {}
        for context in self.world.contexts:
            rules = self.rules_for(context)
            groups.setdefault(id(rules), (rules, []))[1].append(context)
        for stratum in sorted({stratum for rules, _ in groups.values() for stratum in rules.strata}):
            for rules, contexts in groups.values():
                if stratum in rules.strata:
                    rules.strata[stratum](contexts, self.world)

    # --- verdicts

    def verdict(self, context: Context) -> Verdict:
        """Return what judging says of one item."""
        frozen = not context.table.complete or context.item.ref in self.snapshot.doubtful
        rules = self.rules_for(context).rules
        changed = self.standing.changed(context)
        held: Sequence[str] = (*context.hits, *context.memory.findings) if frozen else context.hits
        held = [rule for rule in held if self.standing.lets(context, rule)] if changed else held
        ready, approved = approve(context, [rules[rule_id] for rule_id in sorted(set(held)) if rule_id in rules])
        findings = tuple(self._finding(each, context) for each in ready)
        self._escalate(context, ready)
        sla, sla_due = self._sla(context, changed)
        memory = context.memory if frozen else self._settled(context, findings, changed, (sla, sla_due))
        spoken = [each for each in ready if each.rule.id not in changed] if changed else ready
        return Verdict(
            context.item, findings, worst(findings), context.alert.state, context.lag_days, context.effective_due,
            sla, sla_due, context.alert, memory, context.moves,
            () if frozen else notices_of(context, spoken, self.book), upstream_state(context), frozen, approved,
        )  # fmt: skip

    def _finding(self, ready: Ready, context: Context | TableSubject) -> Finding:
        entry, language = ready.rule.entry, self.world.language
        assert entry.name is not None
        assert entry.level is not None
        return Finding(
            ready.rule.id,
            entry.name.in_language(language),
            entry.level,
            fill(ready.sentences[language], context, self.world),
        )

    def _escalate(self, context: Context, ready: Sequence[Ready]) -> None:
        """Note to whom and when an item was escalated: the ladder's T8 and T10, or a breach that names an esc."""
        if context.item.kind == "task":
            by = self.book.book.ladder[0].escalated_by if self.book.book.ladder else ()
            if context.moves and context.moves[-1] in {"T8", "T10"}:
                people = [r for each in ready if each.rule.id in by for r in recipients(each.to, context, self.world)]
            else:
                return
        elif context.alert.escalated_at is None:
            people = [r for each in ready if each.esc for r in recipients(each.esc, context, self.world)]
        else:
            return
        if people:
            names = ",".join(dict.fromkeys(person.name for person in people))
            context.alert = replace(context.alert, escalated_at=self.world.now, escalated_to=names)

    def _settled(
        self, context: Context, findings: Sequence[Finding], changed: frozenset[str], shown: tuple[str, datetime | None]
    ) -> Memory:
        """Return what to remember of a judged item: what is remembered already, where nothing changed."""
        memory, held = context.renewed, tuple(finding.rule for finding in findings)
        clock = None if context.item.kind == "task" else self.book.shown_clock(context.item.kind)
        kept = clock is not None and CLOCK + clock in changed
        closing = self.standing.closing(context, shown if clock is not None else ("", None), kept=kept)
        judged = self.standing.judged(memory, held, changed, self.world.now)
        same = memory.alert is context.alert and memory.findings == held and not memory.imported
        if same and memory.judged is judged and memory.closing is closing:
            return memory
        return replace(
            memory, alert=context.alert, findings=held, imported=False, judged=judged, closing=closing
        )  # fmt: skip

    def _sla(self, context: Context, changed: frozenset[str]) -> tuple[str, datetime | None]:
        if context.item.kind == "task":
            ladder = self.book.book.ladder
            if ladder is not None and context.notice_outstanding:
                return context.clock(ladder[0].clock).state, None
            return context.alert.sla, None
        clock = self.book.shown_clock(context.item.kind)
        if clock is None:
            return "不适用", None
        if CLOCK + clock in changed and context.memory.closing is not None:
            return context.memory.closing.sla, context.memory.closing.sla_due
        reading = context.clock(clock)
        return reading.state, reading.deadline

    # --- tables and the system

    def table_verdict(self, table: TableView) -> TableVerdict:
        """Return what judging says of a table."""
        subject, missing = self.table_subject(table)
        grants = self.world.waivers.of_table(table.source, table.name, self.world.today)
        found = self.findings_about("table", subject)
        waived = {each.rule: waiver for each in found if (waiver := grants.waiver_of(each.rule)) is not None}
        return TableVerdict(
            tuple(each for each in found if each.rule not in waived), missing, Approved(waived, grants)
        )

    def table_subject(self, table: TableView) -> tuple[TableSubject, tuple[str, ...]]:
        """Return a table as rules about it see it, and the keys of the needed fields that have no column."""
        missing: list[str] = []
        for kind, mapped in table.mapped.items():
            missing += [
                key for key in self.book.needed_fields(kind, table.tool) if key not in mapped and key not in missing
            ]
        chinese = self.world.language == "zh"
        names = {f.key: f.zh if chinese else f.en for kind in table.mapped for f in fields_of(kind)}
        return TableSubject([names[key] for key in missing], table.swapped_headings), tuple(missing)

    def findings_about(self, what: str, subject: TableSubject) -> tuple[Finding, ...]:
        """Return the findings of a table or of the system."""
        rules = self.book.table_rules(what, frozenset(), "")
        for _, function in sorted(rules.strata.items()):
            function([subject], self.world)
        return tuple(self._finding(rules.rules[rule_id], subject) for rule_id in sorted(subject.hits))


def worst(findings: Sequence[Finding]) -> str:
    """Return the colour of the worst severity, 绿 without findings (C13)."""
    return max((LEVELS[finding.level] for finding in findings), key=_ORDER.__getitem__, default="绿")


def upstream_state(context: Context) -> str:
    """Return how the tasks one waits for stand, in the order of the cell: code, status, lag when late."""
    if context.item.kind != "task":
        return ""
    language, parts = context.world.language, []
    for link in context.get("upstream") or ():
        found = context.world.linked(context, link)
        if not found:
            parts.append(f"{link} (not found)")
        for other in found:
            late = f" 滞后{other.lag_days}个工作日" if language == "zh" else f" {other.lag_days} workdays late"
            shown = other.status or other.get("status_text") or "?"
            parts.append(f"{other.item.code or link} {shown}{late if other.lag_days else ''}")
    return ",".join(parts)


# --- what is remembered


def human_fingerprint(item: Item) -> str:
    """Return a fingerprint of the cells that people edit: every value but the time of the last update."""
    last = item.get("last_update")
    cells = [repr(value) for value in item.values if value is None or value is not last]
    cells += map(repr, item.waiver)
    return hashlib.blake2b("\x1f".join((*cells, repr(item.bad))).encode(), digest_size=8).hexdigest()


def _remember(context: Context) -> None:
    """Keep the status span, the last human change (C17) and the signed baseline."""
    memory, status, now = context.renewed, context.item.get("status"), context.world.now
    changes: dict[str, object] = {}
    if isinstance(status, str) and status != memory.status:
        changes |= {"status": status, "status_since": now, "previous_status": memory.status}
    if memory.written_at is not None and context.table.machine_update:
        fingerprint = human_fingerprint(context.item)
        if fingerprint != memory.human:
            changes["human"] = fingerprint
    updated = _human_update(context, memory, changes)
    if updated != memory.human_at:
        changes["human_at"] = updated
    if context.item.kind == "task":
        signed = context.world.is_signed(context.project)
        if signed != bool(memory.baseline):
            changes["baseline"] = signed_values(context) if signed else ()
    if changes:
        context.renewed = replace(memory, **changes)  # type: ignore[arg-type]
        context.human_update = context.last_human_update(context.renewed)


def _human_update(context: Context, memory: Memory, changes: Mapping[str, object]) -> datetime | None:
    """Return when a person last changed the row (C17).

    Where the tool itself keeps 最近更新, our own writes move it too: after one, it counts only when a cell that people
    edit changed, or when it is clearly later than our write - and not later than now.
    """
    cell: datetime | None = context.get("last_update")
    if cell is None:
        return memory.human_at
    if memory.written_at is None or memory.human_at is None or not context.table.machine_update:
        return cell
    now = context.world.now
    if "human" in changes:
        return min(cell, now)
    return cell if memory.written_at + _SKEW < cell <= now else memory.human_at
