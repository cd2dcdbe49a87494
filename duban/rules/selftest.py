"""The tests that are written in rules files: items, moments on a simulated clock, what must hold at each.

    tests:
      - name: 周五傍晚的突发问题
        now: 2024-07-19T17:30:00+08:00
        given: [{of: issue, 编号: Q1, 提出时间: 2024-07-19 15:00, 责任人: 张三}]
        expect: {Q1: [ISS-02]}                       # exactly these, of the rules compared
        sends: {Q1: [突发问题超时]}                   # exactly these templates; 规范提醒 is not listed
        steps:
          - now: 2024-07-19 18:00
            set: {Q1: {响应时间: 2024-07-19 17:50, 解决方案: 启用备用产线}}
            expect: {Q1: {rules: [ISS-03], sla: 超时完成}}

Compared are the rules that ``rules:`` names (``LAG-*`` for any ending), else those that the file itself defines or
changes, else all. What an item is (``given``) is told in :mod:`givens`; what is remembered goes from one moment to the
next as it does between two cycles, so a second moment without changes sends nothing again.

Unless the caller says otherwise, tests run in China's calendar with a small directory (:data:`DIRECTORY`): six
departments, each with its head (市场部负责人), superior (市场部上级), liaison (市场部联络人) and one member.
``params`` of a test override the book's. A test that names what does not exist, or that asserts nothing, fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from duban.errors import ConfigError, Problem
from duban.item import KINDS
from duban.people import Department, Directory
from duban.rules.book import Place, Rule
from duban.rules.calendar import Calendar, load_calendar
from duban.rules.clock import Clock
from duban.rules.compiled import CompiledBook
from duban.rules.entries import Expectation, TestEntry
from duban.rules.evaluate import Judging, Verdict, judge
from duban.rules.explainwords import reason
from duban.rules.givens import Given, day, headings, moment, read_cells, read_given, snapshot
from duban.rules.notices import GENERIC
from duban.rules.testreport import TestReport, TestResult
from duban.rules.tracing import trace
from duban.wording import worded
from duban.yamlfile import nearest

ZONE = ZoneInfo("Asia/Shanghai")
_MEMBERS = {"市场部": "李四", "研发部": "张三", "销售部": "王五", "客服部": "赵六", "物流部": "钱七", "法务部": "孙八"}
DIRECTORY = Directory(
    {
        name: Department(name, f"{name}负责人", f"{name}上级", f"{name}联络人", (f"{name}联络人", member))
        for name, member in _MEMBERS.items()
    }
)
_TIMES = frozenset({"explain_deadline", "alert_at", "sla_due", "escalated_at", "explained_at"})
_DAYS = frozenset({"effective_due", "baseline_due", "accepted_due"})
_PLAIN = frozenset({"level", "state", "lag_days", "sla", "notices", "escalated_to", "cycle", "upstream"})
_ASKED = ("rules", *sorted(_TIMES | _DAYS | _PLAIN))


def run_tests(
    book: CompiledBook,
    *,
    zone: ZoneInfo = ZONE,
    calendar: Calendar | None = None,
    directory: Directory = DIRECTORY,
) -> TestReport:
    """Run the tests of all files of a book. Tests write nothing and send nothing; mistakes in them are results."""
    world = _Fixture(book, zone, Clock(calendar or load_calendar(["CN"], zone)), directory)
    runs = [_Run(world, entry, place) for entry, place in book.book.tests]
    results = tuple(run.result() for run in runs)
    fired = {rule for run in runs for rule in run.fired}
    silent = {rule for run in runs for rule in run.silent}
    counted = [rule for rule in _counted(book, runs) if set(rule.entry.of) & set(KINDS)]
    return TestReport(
        results,
        tuple(sorted(rule.id for rule in counted if rule.id not in fired)),
        tuple(sorted(rule.id for rule in counted if rule.id not in silent)),
    )


def _counted(book: CompiledBook, runs: Sequence[_Run]) -> Iterator[Rule]:
    """The rules that tests should cover: those of the files that have tests, and those that a test names."""
    named = {rule for run in runs for rule in run.compared}
    return (rule for rule in book.book.enabled() if rule.id in named)


class _Fixture:
    """What all tests of a book share; a book per set of parameters."""

    def __init__(self, book: CompiledBook, zone: ZoneInfo, clocks: Clock, directory: Directory) -> None:
        self.book, self.zone, self.directory = book, zone, directory
        self._clocks = clocks
        self._books: dict[str, CompiledBook] = {"{}": book}
        self._clock_of: dict[str, Clock] = {}

    def with_params(self, params: Mapping[str, Any], place: Place) -> CompiledBook:
        """Return the book with a test's parameters. Raises ``ConfigError``, pointing into the test."""
        key = json.dumps(params, sort_keys=True, default=str)
        if key not in self._books:
            before = self.book.book
            here = {name: Place(place.document, (*place.location, "params", name)) for name in params}
            merged = {
                name: {**before.params[name], **value}
                if isinstance(value, Mapping) and isinstance(before.params.get(name), Mapping)
                else value
                for name, value in params.items()
            }
            changed = replace(before, params={**before.params, **merged}, param_places={**before.param_places, **here})
            self._books[key] = CompiledBook(changed)
        return self._books[key]

    def clocks(self, book: CompiledBook) -> Clock:
        """Return clocks with the working hours of a book."""
        windows = [str(window) for window in book.params.get("work_windows", ())]
        key = ",".join(windows)
        if key not in self._clock_of:
            calendar = self._clocks.calendar.with_default_hours(windows) if windows else self._clocks.calendar
            same = calendar.hours == self._clocks.calendar.hours
            self._clock_of[key] = self._clocks if same else Clock(calendar)
        return self._clock_of[key]


class _Run:
    """One test."""

    def __init__(self, fixture: _Fixture, entry: TestEntry, place: Place) -> None:
        self.fixture, self.entry, self.place = fixture, entry, place
        self.problems: list[Problem] = []
        self.fired: set[str] = set()
        self.silent: set[str] = set()
        self.compared: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._asserted = False

    def result(self) -> TestResult:
        """Run the test and return how it went."""
        try:
            self._run()
        except ConfigError as error:
            self.problems += error.problems
        spot = self.place.problem("", on_key=False)
        return TestResult(self.entry.name, spot.path, spot.line, tuple(self.problems))

    def _say(self, part: Sequence[str | int], sentence: str, *, on_key: bool = False) -> None:
        self.problems.append(self.place.problem(sentence, part=part, on_key=on_key))

    def _say_of_given(self, part: Sequence[str | int], sentence: str) -> None:
        of_field = len(part) > 1 and part[-1] != "of"
        self._say(("given", *part), sentence, on_key=of_field)

    def _run(self) -> None:
        entry = self.entry
        book = self.fixture.with_params(entry.params, self.place)
        self.compared = self._compared(book)
        given = read_given(entry.given, self.fixture.zone, self._say_of_given)
        unmapped = self._unmapped()
        moments = list(self._moments())
        last: datetime | None = None
        for step, part in moments:
            now = self._now(step, part, last)
            for name, cells in step.set.items():
                self._set(given, name, cells, (*part, "set", name))
            self._check_names(book, step, part, given)
            if now is None or self.problems:
                continue  # the mistakes of all steps are told at once; nothing is judged with them
            shot = snapshot(given, unmapped, self.fixture.directory, self.fixture.zone, last)
            judging = judge(
                book, shot, now=now, zone=self.fixture.zone, clocks=self.fixture.clocks(book),
                directory=self.fixture.directory,
            )  # fmt: skip
            self._compare(judging, given, step, part)
            last = now
        if not self.problems and not self._asserted:
            self._say((), "this test asserts nothing; say under expect or sends what must hold")

    # --- what the test says

    def _compared(self, book: CompiledBook) -> frozenset[str]:
        rules = book.book.rules
        if self.entry.rules is None:
            path = self.place.document.path
            own = {rule.id for rule in rules.values() if any(at.document.path == path for at in rule.places.values())}
            return frozenset(own or rules)
        for index, pattern in enumerate(self.entry.rules):
            if not any(fnmatchcase(rule, pattern) for rule in rules):
                self._say(("rules", index), f"there is no rule {pattern}" + _or(nearest(pattern, rules)))
        return frozenset(rule for rule in rules if any(fnmatchcase(rule, pattern) for pattern in self.entry.rules))

    def _moments(self) -> Iterator[tuple[Expectation, tuple[str | int, ...]]]:
        entry = self.entry
        if entry.expect or entry.sends is not None or not entry.steps:
            yield Expectation(now=entry.now, expect=entry.expect, sends=entry.sends), ()
        for index, step in enumerate(entry.steps):
            now = step.now if step.now is not None or index or entry.expect or entry.sends else entry.now
            yield step.model_copy(update={"now": now}), ("steps", index)

    def _now(self, step: Expectation, part: tuple[str | int, ...], last: datetime | None) -> datetime | None:
        if step.now is None:
            self._say(part, "this moment has no now; write one like 2024-07-22 09:00")
            return None
        now = moment(step.now, self.fixture.zone)
        if now is None:
            self._say((*part, "now"), f"{step.now!r} is no time; write it like 2024-07-22 09:00")
        elif last is not None and now < last:
            self._say((*part, "now"), "the clock of a test never goes back; order its steps by time")
        return now

    def _unmapped(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for kind, names in self.entry.unmapped.items():
            if kind not in KINDS:
                self._say(("unmapped", kind), f"there is no kind {kind!r}" + _or(nearest(kind, KINDS)), on_key=True)
                continue
            for index, name in enumerate(names):
                key = headings(kind).get(name.casefold())
                if key is None:
                    sentence = f"a {kind} has no field {name!r}" + _or(nearest(name, headings(kind)))
                    self._say(("unmapped", kind, index), sentence)
                else:
                    found.setdefault(kind, []).append(key)
        return found

    def _set(self, given: Mapping[str, Given], name: str, cells: Any, part: tuple[str | int, ...]) -> None:
        if name in given:  # an unknown name is said with the others
            changed = read_cells(given[name].kind, cells, lambda at, text: self._say((*part, *at), text, on_key=True))
            given[name].cells.update(changed)

    def _check_names(
        self, book: CompiledBook, step: Expectation, part: tuple[str | int, ...], given: Mapping[str, Given]
    ) -> None:
        for key in ("set", "expect", "sends"):
            for name in getattr(step, key) or ():
                if name not in given:
                    sentence = f"no item of this test is called {name}" + _or(nearest(name, given))
                    self._say((*part, key, name), sentence, on_key=True)
        for name, wanted in step.expect.items():
            self._check_expected(book, wanted, (*part, "expect", name))
        for name, templates in (step.sends or {}).items():
            for index, template in enumerate(templates):
                known = [other for other in book.book.messages if other != GENERIC]
                if template not in known:
                    why = "is not listed: it goes out for every rule without a template of its own"
                    sentence = f"{template} {why}" if template == GENERIC else f"there is no message {template}"
                    self._say((*part, "sends", name, index), sentence + _or(nearest(template, known)))

    def _check_expected(self, book: CompiledBook, wanted: Any, part: tuple[str | int, ...]) -> None:
        if isinstance(wanted, Mapping):
            for key in set(wanted) - set(_ASKED):
                self._say((*part, key), f"{key} cannot be expected" + _or(nearest(key, _ASKED)), on_key=True)
            if not wanted:
                self._say(part, "nothing is asserted of this item", on_key=True)
            for key in set(wanted) & (_TIMES | _DAYS):
                self._check_moment(wanted[key], key, (*part, key))
        rules = wanted.get("rules", []) if isinstance(wanted, Mapping) else wanted
        if not isinstance(rules, list):
            self._say(part, "write a list of rules, or {rules: […], state: …}", on_key=True)
            return
        for index, rule in enumerate(rules):
            at = (*part, "rules", index) if isinstance(wanted, Mapping) else (*part, index)
            if rule not in book.book.rules:
                self._say(at, f"there is no rule {rule}" + _or(nearest(str(rule), book.book.rules)))
            elif rule not in self.compared:
                self._say(at, f"{rule} is not among the rules that this test compares; name it under rules")

    def _check_moment(self, value: Any, key: str, part: tuple[str | int, ...]) -> None:
        read = day(value) if key in _DAYS else moment(value, self.fixture.zone)
        if value is not None and read is None:
            self._say(part, f"{value!r} is no {'date' if key in _DAYS else 'time'}; write it like 2024-07-22 09:00")

    # --- what is found

    def _compare(
        self, judging: Judging, given: Mapping[str, Given], step: Expectation, part: tuple[str | int, ...]
    ) -> None:
        by_ref = {each.ref: each for each in given.values()}
        for context in judging.world.contexts:
            verdict = judging.verdict(context)
            item = by_ref[context.item.ref]
            item.memory = verdict.memory
            fresh = [n for n in verdict.notices if n.key not in self._told]
            self._told |= {notice.key for notice in fresh}
            sent = sorted(n.template for n in fresh if not n.told and n.template != GENERIC)
            if item.name in step.expect:
                self._compare_item(judging, verdict, step.expect[item.name], (*part, "expect", item.name))
            if step.sends is not None and item.name in step.sends:
                self._asserted = True
                wanted = sorted(step.sends[item.name])
                if wanted != sent:
                    sentence = f"{self._at(judging)} {item.name}: expected to send {_list(wanted)}, sent {_list(sent)}"
                    self._say((*part, "sends", item.name), sentence, on_key=True)

    def _compare_item(self, judging: Judging, verdict: Verdict, wanted: Any, part: tuple[str | int, ...]) -> None:
        asked = wanted if isinstance(wanted, Mapping) else {"rules": wanted}
        name = f"{self._at(judging)} {part[-1]}"
        if "rules" in asked:
            self._asserted |= bool(self.compared)
            self._compare_rules(judging, verdict, frozenset(asked["rules"]), part)
        for key in sorted(set(asked) - {"rules"}):
            self._asserted = True
            found, expected = _answer(verdict, key), self._expected(key, asked[key])
            if found != expected:
                sentence = f"{name}: {key} expected {_shown(expected)}, found {_shown(found)}"
                self._say((*part, key), sentence, on_key=True)

    def _compare_rules(
        self, judging: Judging, verdict: Verdict, wanted: frozenset[str], part: tuple[str | int, ...]
    ) -> None:
        found = frozenset(verdict.rules) & self.compared
        context = judging.context_of(verdict.item.ref)
        assert context is not None
        applicable = frozenset(judging.rules_for(context).rules) & self.compared
        self.fired |= wanted & found
        self.silent |= applicable - wanted - found
        texts = {finding.rule: finding.text for finding in verdict.findings}
        for rule_id in sorted(found - wanted):
            sentence = f"{self._at(judging)} {part[-1]}: {rule_id} is not expected, but holds: {texts[rule_id]}"
            self._say(part, sentence, on_key=True)
        for rule_id in sorted(wanted - found):
            rule = judging.book.book.rules[rule_id]
            if context.item.kind in rule.entry.of:
                why = reason(trace(judging, context, rule), "zh")
            else:
                why = f"it is of {', '.join(rule.entry.of)}, this is a {context.item.kind}"
            sentence = f"{self._at(judging)} {part[-1]}: {rule_id} is expected, but does not hold: {why}"
            self._say(part, sentence, on_key=True)

    def _at(self, judging: Judging) -> str:
        return f"{judging.world.now:%Y-%m-%d %H:%M}"

    def _expected(self, key: str, value: Any) -> Any:
        if value is None or key in _PLAIN:
            return value
        return day(value) if key in _DAYS else moment(value, self.fixture.zone)


def _answer(verdict: Verdict, key: str) -> Any:
    alert = verdict.alert
    answers: dict[str, Any] = {
        "level": verdict.level, "state": verdict.state, "lag_days": verdict.lag_days, "sla": verdict.sla,
        "sla_due": verdict.sla_due, "effective_due": verdict.effective_due, "upstream": verdict.upstream,
        "alert_at": alert.at,
    }  # fmt: skip
    return answers[key] if key in answers else getattr(alert, key)


def _shown(value: Any) -> str:
    return worded(value) if isinstance(value, (date, type(None))) else str(value)


def _list(templates: Sequence[str]) -> str:
    return "、".join(templates) or "nothing"


def _or(near: str | None) -> str:
    return f"; did you mean {near!r}?" if near else ""
