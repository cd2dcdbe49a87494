"""What people would have been told: the recorded past judged again, by the rules in force and by changed ones.

A replay starts with what was remembered when it begins, and carries from step to step what it judges itself. A message
counts once, by its key, as in operation; what was told before the beginning is not told again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from duban.item import Item, Ref, fields_of
from duban.people import Directory
from duban.rules.bookrecord import BookChange, changes
from duban.rules.clock import Clock
from duban.rules.evaluate import Judgement, Snapshot
from duban.rules.memory import Memory
from duban.sync.judging import judged
from duban.sync.ledger import Ledger, Message
from duban.sync.setup import Setup
from duban.sync.timeline import Step, Timeline

NOWHERE = "-"
PAUSE = timedelta(days=1)  # a longer one between two runs is worth a word
Progress = Callable[[str, int, int], None]  # which replay, steps done, steps there are


class Warned(NamedTuple):
    """One message that was, or would have been, composed. ``rule`` is a rule's id or a transition (T6)."""

    key: str
    rule: str
    ref: Ref
    code: str
    department: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Column:
    """The messages of one side of the comparison, with their counts."""

    warned: Sequence[Warned]

    def by_rule(self) -> Mapping[str, int]:
        """Return the messages by rule."""
        return Counter(each.rule for each in self.warned)

    def by_department(self) -> Mapping[str, int]:
        """Return the messages by the department responsible at that time."""
        return Counter(each.department for each in self.warned)

    def by_week(self) -> Mapping[str, int]:
        """Return the messages by ISO week, like ``2024-W30``."""
        return Counter("{}-W{:02d}".format(*each.at.isocalendar()[:2]) for each in self.warned)


@dataclass(frozen=True, slots=True)
class Backtest:
    """The whole comparison. ``told`` is what was composed in fact, ``present`` what the rules in force would have told,
    ``changed`` what the changed ones would (``None`` where nothing is changed). ``recorded_since`` is where the record
    begins, ``pause`` the longest one between two runs that is longer than a day."""

    since: datetime
    until: datetime
    recorded_since: datetime | None
    runs: int
    steps: int
    pause: tuple[datetime, datetime] | None
    changes: Sequence[BookChange]
    told: Column
    present: Column
    changed: Column | None


def backtest(
    setup: Setup, ledger: Ledger, *, since: datetime, until: datetime, changed: Setup | None = None,
    every_run: bool = False, sources: Iterable[str] = (), progress: Progress | None = None,
) -> Backtest:  # fmt: skip
    """Replay the ledger's record from ``since`` to ``until`` by the rules of ``setup`` and, where given, ``changed``.
    Only messages about ``sources`` are counted, if any are named."""
    timeline = Timeline(ledger, since=since, until=until)
    known, books = ledger.messages(), ledger.books()
    only = frozenset(sources)

    def replayed(name: str, by: Setup) -> Column:
        told = partial(_say, progress, name, count)
        found = _Replay(by, timeline, known, books).run(every_run=every_run, told=told)
        return Column([each for each in found if not only or each.ref.source in only])

    count = sum(1 for moment in timeline.moments if every_run or moment.landmark)
    told = [each for each in _in_fact(timeline, known, setup) if not only or each.ref.source in only]
    return Backtest(
        since, until, timeline.recorded_since, len(timeline.moments), count, _pause(timeline),
        changes(setup.book.book, changed.book.book) if changed is not None else [], Column(told),
        replayed("present", setup), None if changed is None else replayed("changed", changed),
    )  # fmt: skip


def department_of(item: Item, directory: Directory) -> str:
    """Return the department that a message about an item counts for: the responsible one, the owner's, or the first
    that the row names."""
    responsible = item.get("responsible_dept")
    if isinstance(responsible, tuple) and responsible:
        return str(responsible[0])
    for key in ("owner", "measure_owner"):
        for person in item.get(key) or ():  # type: ignore[union-attr]
            home = directory.home(directory.name_of(person) or person.name)  # type: ignore[arg-type, union-attr]
            if home is not None:
                return home.name
    for field in fields_of(item.kind):
        value = item.get(field.key) if field.departments else None
        if value:
            return str(value[0] if isinstance(value, tuple) else value)
    return NOWHERE


def _say(progress: Progress | None, name: str, count: int, done: int) -> None:
    if progress is not None:
        progress(name, done, count)


def _in_fact(timeline: Timeline, known: Sequence[Message], setup: Setup) -> Iterable[Warned]:
    """Yield the messages that were composed in the recorded moments, sent or shown."""
    if not timeline.moments:
        return
    first, last = timeline.moments[0].at, timeline.moments[-1].at
    for message in known:
        at = message.created_at
        if at is None or not first <= at <= last or message.status == "known":
            continue
        item = timeline.item_at(message.ref, at)
        department = department_of(item, setup.directory) if item is not None else NOWHERE
        rule = message.rule or message.template
        yield Warned(message.key, rule, message.ref, message.code, department, at.astimezone(setup.zone))


def _pause(timeline: Timeline) -> tuple[datetime, datetime] | None:
    moments = sorted(moment.at for moment in timeline.moments)
    pairs = list(pairwise(moments))
    longest = max(pairs, key=lambda pair: pair[1] - pair[0], default=None)
    return longest if longest is not None and longest[1] - longest[0] > PAUSE else None


class _Replay:
    """One run through the record by one set of rules."""

    def __init__(
        self, setup: Setup, timeline: Timeline, known: Sequence[Message], books: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._setup, self._timeline, self._books = setup, timeline, books
        self._clocks = Clock(setup.calendar)
        self._memories: dict[Ref, Memory] = dict(timeline.memories)
        first = timeline.moments[0].at if timeline.moments else None
        # Whether a key was told to people, or only shown in shadow mode.
        self._told = {
            message.key: message.status != "shadow"
            for message in known
            if first is None or message.created_at is None or message.created_at < first
        }
        self._warned: list[Warned] = []

    def run(self, *, every_run: bool, told: Callable[[int], None]) -> list[Warned]:
        """Return the messages of the whole replay; ``told`` hears how many steps are done."""
        before: Sequence[Item] = ()
        for number, step in enumerate(self._timeline.steps(every_run=every_run), 1):
            self._timeline.written(self._memories, before, step.moment.at)
            snapshot = Snapshot(step.views, step.items, self._memories, step.doubtful, self._books, self._setup.waivers)
            self._take(judged(self._setup, snapshot, now=step.moment.at, clocks=self._clocks), step)
            before = step.items
            told(number)
        return self._warned

    def _take(self, judgement: Judgement, step: Step) -> None:
        at = step.moment.at.astimezone(self._setup.zone)
        for verdict in judgement.verdicts:
            place = verdict.item.ref[:2]
            if verdict.frozen or place in step.moment.held:
                continue
            self._memories[verdict.item.ref] = verdict.memory
            live = step.views[place].live
            for notice in verdict.notices:
                if self._told.get(notice.key, False) or (not live and notice.key in self._told):
                    continue
                self._told[notice.key] = live or notice.told
                if not notice.told:
                    department = department_of(verdict.item, self._setup.directory)
                    self._warned.append(Warned(notice.key, notice.rule, notice.ref, notice.code, department, at))
