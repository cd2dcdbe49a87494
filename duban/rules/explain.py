"""Everything that led to the judgement of one item, as a value: ``duban explain`` prints it.

Every rule of the item's kind with why it holds or does not, every clock with the stretches of its life (their lengths
add up to the elapsed time exactly), the ladder's step, and who is told with every fallback. The sentences are in
:mod:`explainwords`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from duban.item import Item, Person, Ref, Value, fields_of
from duban.people import Directory
from duban.rules.calendar import Calendar
from duban.rules.clock import Clock, Mode, Segment
from duban.rules.compiled import CompiledBook
from duban.rules.context import Context, DueFrom
from duban.rules.evaluate import Judging, Snapshot, Verdict, judge
from duban.rules.explainhistory import history_data, move_said
from duban.rules.explainwords import said
from duban.rules.granting import approved_data
from duban.rules.history import known
from duban.rules.ladder import Explanation as Answer
from duban.rules.ladder import read_explanation
from duban.rules.memory import Alert, Transition
from duban.rules.recipients import Recipient, without_repeats
from duban.rules.sentences import recipients
from duban.rules.standing import judged_data
from duban.rules.tracing import NO_COLUMN, Trace, trace
from duban.rules.waivers import waiver_data
from duban.rules.world import World
from duban.wording import Language


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was tried: how it came out, its sentence and who is told when it holds."""

    trace: Trace
    text: str = ""
    to: tuple[Recipient, ...] = ()
    cc: tuple[Recipient, ...] = ()
    esc: tuple[Recipient, ...] = ()


@dataclass(frozen=True, slots=True)
class ClockLife:
    """One clock's life so far: from its start to its stop, else to now.

    ``wall`` is the elapsed time and the sum of the segments' lengths; ``counted`` is what the clock shows and the sum
    of their counted times.
    """

    name: str
    state: str
    mode: Mode
    duration: timedelta
    start: datetime
    end: datetime
    deadline: datetime
    stopped: bool
    wall: timedelta
    counted: timedelta
    segments: tuple[Segment, ...]
    cycle: int = 1


@dataclass(frozen=True, slots=True)
class Steps:
    """The life cycle of a task: where it stood, what happened now, and how its lag was counted.

    ``counted`` are the days of the lag; ``moves`` the transitions of catalogue section 7, T5, T13 and T14 among them.
    ``history`` are all transitions that are known, oldest first, those of now among them.
    """

    stored: Alert
    alert: Alert
    moves: tuple[str, ...]
    effective_due: date | None
    due_from: DueFrom
    ladder_due: date | None
    lag_days: int | None
    unit: str
    counted: tuple[date, ...]
    answer: Answer
    answered: bool
    history: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item is judged as it is, at ``now``. ``steps`` only for tasks. ``uncovered`` are the years without
    calendar data that its clocks or its lag reach into."""

    item: Item
    now: datetime
    verdict: Verdict
    unmapped: tuple[str, ...]
    tried: tuple[Tried, ...]
    clocks: tuple[ClockLife, ...]
    steps: Steps | None
    language: Language
    uncovered: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as one JSON document; durations in seconds, times with their offset."""
        item, verdict = self.item, self.verdict
        return {
            "source": item.ref.source, "table": item.ref.table, "record": item.ref.record,
            "code": item.code, "kind": item.kind, "title": item.title, "url": item.url, "now": self.now.isoformat(),
            "level": verdict.level, "state": verdict.state, "sla": verdict.sla, "rules": list(verdict.rules),
            "frozen": verdict.frozen, "values": {key: _json(value) for key, value in self.values().items()},
            **approved_data(verdict.approved),
            **judged_data(verdict.memory),
            "unreadable": dict(item.bad), "unmapped": list(self.unmapped), "uncovered_years": list(self.uncovered),
            "escalated_at": _json(verdict.alert.escalated_at), "escalated_to": verdict.alert.escalated_to,
            "judged": [self._tried(tried) for tried in self.tried], "clocks": [_clock(life) for life in self.clocks],
            "ladder": _ladder(self.steps, self.language) if self.steps else None,
            "messages": [
                {"template": n.template, "rule": n.rule, "to": list(n.to), "cc": list(n.cc), "esc": list(n.esc),
                 "why": list(n.why), "key": n.key, "told": n.told}
                for n in verdict.notices
            ],
        }  # fmt: skip

    def values(self) -> Mapping[str, Value]:
        """Return the fields that have a column, as they were read; ``None`` is an empty cell."""
        keys = [field.key for field in fields_of(self.item.kind) if field.type != "ignore"]
        return {key: self.item.get(key) for key in keys if key not in self.unmapped}

    def text(self, language: Language | None = None) -> str:
        """Return the explanation for people, ``language`` or the judgement's own."""
        return "\n".join(said(self, language or self.language))

    def _people(self, group: tuple[Recipient, ...]) -> list[dict[str, Any]]:
        return [
            {"name": person.name, "role": person.role, "why": person.why(self.language), "also": list(person.also)}
            for person in group
        ]

    def _tried(self, tried: Tried) -> dict[str, Any]:
        found = tried.trace
        entry = found.rule.entry
        seen = {each.text: each for each in (*found.let, *(each for term in found.terms for each in term.values))}
        return {
            "rule": found.rule.id,
            "name": entry.name.in_language(self.language) if entry.name else "",
            "level": entry.level,
            "holds": found.holds,
            "outcome": found.outcome,
            "because": list(found.because),
            "waiver": None if found.waiver is None else waiver_data(found.waiver),
            "terms": [{"part": term.part, "text": term.text, "state": term.state} for term in found.terms],
            "values": {text: _json(each.value) for text, each in seen.items() if each.value is not NO_COLUMN},
            "text": tried.text,
            "to": self._people(tried.to), "cc": self._people(tried.cc), "esc": self._people(tried.esc),
        }  # fmt: skip


def explain(
    book: CompiledBook,
    snapshot: Snapshot,
    what: Ref | str,
    *,
    now: datetime,
    zone: ZoneInfo,
    calendar: Calendar,
    directory: Directory,
    language: Language = "zh",
) -> Explanation:
    """Judge a snapshot and explain one of its items, named by its ref or its code.

    Raises ``LookupError`` when there is no such item, or several have the code.
    """
    clocks = Clock(calendar)
    judging = judge(book, snapshot, now=now, zone=zone, clocks=clocks, directory=directory, language=language)
    found = [c for c in judging.world.contexts if what in (c.item.ref, c.item.code)]
    if len(found) != 1:
        several = f"{len(found)} items have the code {what}; name one by source/table/record"
        raise LookupError(several if found else f"there is no item {what}")
    return explain_item(judging, found[0])


def explain_item(judging: Judging, context: Context) -> Explanation:
    """Explain one item of a judgement."""
    verdict, world, kind = judging.verdict(context), context.world, context.item.kind
    texts = {finding.rule: finding.text for finding in verdict.findings}
    rules = [rule for rule in judging.book.book.rules.values() if kind in rule.entry.of]
    mapped = context.table.mapped[kind]
    fields = [field.key for field in fields_of(kind) if field.type != "ignore"]
    lives = tuple(life for name in judging.book.book.clocks if (life := life_of(judging, context, name)) is not None)
    steps = _steps(context) if kind == "task" else None
    return Explanation(
        context.item,
        world.now,
        verdict,
        tuple(key for key in fields if key not in mapped),
        tuple(_try(judging, context, trace(judging, context, rule), texts.get(rule.id, "")) for rule in rules),
        lives,
        steps,
        world.language,
        _uncovered(world, lives, steps),
    )


def _try(judging: Judging, context: Context, found: Trace, text: str) -> Tried:
    if not found.holds:
        return Tried(found)
    ready = judging.rules_for(context).rules[found.rule.id]
    groups = without_repeats(*(recipients(group, context, context.world) for group in (ready.to, ready.cc, ready.esc)))
    return Tried(found, text, *groups)


def _uncovered(world: World, lives: Iterable[ClockLife], steps: Steps | None) -> tuple[int, ...]:
    """Return the years without data over which workdays were counted."""
    counting = [life for life in lives if life.mode != "wall"]
    spans = [(life.start, max(life.end, life.deadline, key=datetime.timestamp)) for life in counting]
    years = {year for start, end in spans for year in range(start.year, end.year + 1)}
    if steps is not None and steps.ladder_due is not None and steps.lag_days is not None and steps.unit == "workday":
        low, high = sorted((steps.ladder_due.year, world.today.year))
        years |= set(range(low, high + 1))
    return tuple(sorted(year for year in years if not world.calendar.covered(year)))


# --- clocks


def life_of(judging: Judging, context: Context, name: str) -> ClockLife | None:
    """Return a clock's life for an item, ``None`` where it never started."""
    entry, _ = judging.book.book.clocks[name]
    if context.item.kind not in entry.of:
        return None
    reading = context.clock(name)
    start, deadline, stopped, state = reading.start, reading.deadline, reading.stopped_at, reading.state
    if start is None and entry.engine and context.alert.at is not None and context.alert.explained_at is not None:
        # The ladder's own clock was answered: its conditions no longer hold, its life is in the stored times.
        start, deadline = context.alert.at, context.alert.explain_deadline
        stopped, state = context.alert.explained_at, context.alert.sla
    world = context.world
    if start is None or deadline is None or start.timestamp() > world.now.timestamp():
        return None
    end = stopped or world.now
    segments = tuple(world.clocks.segments(start, end, reading.mode, context.department, reading.pauses))
    wall = max(timedelta(0), end.astimezone(UTC) - start.astimezone(UTC))
    counted = max(timedelta(0), world.clocks.elapsed(start, end, reading.mode, context.department, reading.pauses))
    return ClockLife(
        name, state, reading.mode, reading.duration, start, end, deadline, stopped is not None, wall, counted, segments,
        reading.cycle,
    )  # fmt: skip


# --- the ladder


def _steps(context: Context) -> Steps:
    world, due = context.world, context.ladder_due
    unit = str(world.params.get("lag_unit", "workday"))
    days: tuple[date, ...] = ()
    if context.laddered and due is not None:
        passed = (due + timedelta(days=number) for number in range(1, (world.today - due).days + 1))
        days = tuple(day for day in passed if unit == "calendar" or world.calendar.is_workday(day))
    return Steps(
        context.memory.alert,
        context.alert,
        (*context.moves, *_standing(context)),
        context.effective_due,
        context.due_from,
        due,
        context.lag_days,
        unit,
        days,
        read_explanation(context, context.renewed),
        context.explained,
        context.alert.history or known(context),
    )


def _standing(context: Context) -> tuple[str, ...]:
    """The rows of the life cycle that keep a state: T13, T14, and T5 while a notice waits for its answer."""
    if context.status == "暂停":
        return ("T13",)
    if context.status is None:
        return ("T14",)
    return ("T5",) if context.alert.state == "滞后预警已发" and not context.moves else ()


# --- JSON


def _json(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Person():
            return value.name or value.id
        case tuple() | list():
            return [_json(member) for member in value]
        case Mapping():
            return {key: _json(member) for key, member in value.items()}
        case _:
            return value


def _clock(life: ClockLife) -> dict[str, Any]:
    return {
        "name": life.name, "state": life.state, "mode": life.mode, "hours": life.duration.total_seconds() / 3600,
        "start": life.start.isoformat(), "end": life.end.isoformat(), "deadline": life.deadline.isoformat(),
        "stopped": life.stopped, "cycle": life.cycle, "wall_seconds": life.wall.total_seconds(),
        "counted_seconds": life.counted.total_seconds(),
        "segments": [
            {"kind": part.kind, "start": part.start.isoformat(), "end": part.end.isoformat(),
             "seconds": part.length.total_seconds(), "counted_seconds": part.counted.total_seconds()}
            for part in life.segments
        ],
    }  # fmt: skip


def _ladder(steps: Steps, language: Language) -> dict[str, Any]:
    from_sentences = {move: move_said(move, language) for move in steps.moves}
    return {
        "stored": steps.stored.state, "state": steps.alert.state, "cycle": steps.alert.cycle,
        "notices": steps.alert.notices,
        "moves": [{"id": move, "sentence": sentence} for move, sentence in from_sentences.items()],
        "alert_at": _json(steps.alert.at), "explain_deadline": _json(steps.alert.explain_deadline),
        "baseline_due": _json(steps.alert.baseline_due), "due_cell": _json(steps.alert.due_cell),
        "accepted_due": _json(steps.alert.accepted_due), "effective_due": _json(steps.effective_due),
        "effective_due_from": steps.due_from, "ladder_due": _json(steps.ladder_due), "lag_days": steps.lag_days,
        "unit": steps.unit, "counted_days": _json(steps.counted),
        "explanation": {"parts": steps.answer.parts, "complete": steps.answer.complete, "at": _json(steps.answer.at),
                        "answers": steps.answered},
        "history": history_data(steps.history, language),
    }  # fmt: skip
