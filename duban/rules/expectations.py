"""What a rule test says must hold at one moment: its names and values checked, before anything is judged.

    expect:
      T1: [LAG-02]                                 # exactly these rules, of those compared
      T2: {rules: [LAG-02], state: 滞后预警已发, findings: {LAG-02: {level: critical, to: [张三, 研发部负责人]}}}
      table: {task: [CFG-01]}                      # findings about a table; table: [...] where the test has only one
      system: []                                   # findings about the system itself
    sends:
      T1: [进度预警通知]                            # exactly these templates; 规范提醒 is not counted
      T2: [{msg: 规范提醒, rule: PLN-05, to: [张三]}]   # one of them, and who gets it

A table is called by the kind of its items, or by kind and tool (``task_teambition``) where there are several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args
from zoneinfo import ZoneInfo

from duban.rules.compiled import CompiledBook
from duban.rules.entries import Expectation, Level, Sent
from duban.rules.givens import Given, day, moment
from duban.rules.notices import GENERIC
from duban.yamlfile import nearest

TIMES = frozenset({"explain_deadline", "alert_at", "sla_due", "escalated_at", "explained_at"})
DAYS = frozenset({"effective_due", "baseline_due", "accepted_due"})
PLAIN = frozenset({
    "level", "state", "lag_days", "sla", "notices", "escalated_to", "cycle", "upstream", "waived", "extensions",
})  # fmt: skip
OF_ITEM = ("rules", "findings", "not_applicable", *sorted(TIMES | DAYS | PLAIN))
OF_SUBJECT = ("rules", "findings")  # of a table, of the system
OF_FINDING = ("level", "names", "to", "cc", "esc")
SYSTEM, TABLE = "system", "table"
LEVELS: tuple[str, ...] = get_args(Level)

Part = Sequence["str | int"]
Say = Callable[..., None]  # a mistake: where in the test, the sentence, on_key


@dataclass(frozen=True, slots=True)
class Words:
    """What the expectations of a test may name; :meth:`check` says every mistake of a moment."""

    book: CompiledBook
    compared: frozenset[str]
    given: Mapping[str, Given]
    tables: Mapping[str, str]  # how the test may call a table -> its name
    zone: ZoneInfo
    say: Say

    def check(self, step: Expectation, part: Part) -> None:
        """Say what a moment names that does not exist, and every value that cannot be."""
        for key in ("set", "sends"):
            self._check_items(getattr(step, key) or (), (*part, key))
        self._check_items((name for name in step.expect if name not in {SYSTEM, TABLE}), (*part, "expect"))
        for name, wanted in step.expect.items():
            here = (*part, "expect", name)
            if name == TABLE:
                self._check_tables(wanted, here)
            else:
                self._check_expected(wanted, here, OF_SUBJECT if name == SYSTEM else OF_ITEM)
        for name, messages in (step.sends or {}).items():
            for index, message in enumerate(messages):
                self._check_message(message, (*part, "sends", name, index))

    def _check_items(self, names: Iterable[str], part: Part) -> None:
        for name in names:
            if name not in self.given:
                hint = _or(nearest(name, (*self.given, SYSTEM, TABLE)))
                self.say((*part, name), f"no item of this test is called {name}{hint}", on_key=True)

    def _check_tables(self, wanted: Any, part: Part) -> None:
        if isinstance(wanted, list):
            if len(set(self.tables.values())) > 1:
                self.say(part, f"say which table: {', '.join(sorted(self.tables))}", on_key=True)
            self._check_expected(wanted, part, OF_SUBJECT)
            return
        if not isinstance(wanted, Mapping) or not wanted:
            self.say(part, "write the tables by the kinds of their items, like {task: [CFG-01]}", on_key=True)
            return
        for name, of_table in wanted.items():
            if name not in self.tables:
                hint = _or(nearest(name, self.tables))
                self.say((*part, name), f"this test has no table {name}{hint}", on_key=True)
            self._check_expected(of_table, (*part, name), OF_SUBJECT)

    def _check_expected(self, wanted: Any, part: Part, known: Sequence[str]) -> None:
        if isinstance(wanted, Mapping):
            for key in set(wanted) - set(known):
                self.say((*part, key), f"{key} cannot be expected{_or(nearest(key, known))}", on_key=True)
            if not wanted:
                self.say(part, "nothing is asserted of this item", on_key=True)
            for key in set(wanted) & (TIMES | DAYS):
                self._check_moment(wanted[key], key, (*part, key))
            self._check_findings(wanted.get("findings", {}), (*part, "findings"))
            for key in {"rules", "not_applicable"} & set(wanted):
                self._check_rules(wanted[key], (*part, key))
        else:
            self._check_rules(wanted, part)

    def _check_rules(self, rules: Any, part: Part) -> None:
        if not isinstance(rules, list):
            self.say(part, "write a list of rules, or {rules: […], state: …}", on_key=True)
            return
        for index, rule in enumerate(rules):
            self._check_rule(rule, (*part, index))

    def _check_rule(self, rule: Any, part: Part, *, on_key: bool = False) -> None:
        if rule not in self.book.book.rules:
            hint = _or(nearest(str(rule), self.book.book.rules))
            self.say(part, f"there is no rule {rule}{hint}", on_key=on_key)
        elif rule not in self.compared:
            message = f"{rule} is not among the rules that this test compares; name it under rules"
            self.say(part, message, on_key=on_key)

    def _check_moment(self, value: Any, key: str, part: Part) -> None:
        read = day(value) if key in DAYS else moment(value, self.zone)
        if value is not None and read is None:
            self.say(part, f"{value!r} is no {'date' if key in DAYS else 'time'}; write it like 2024-07-22 09:00")

    def _check_findings(self, wanted: Any, part: Part) -> None:
        if not isinstance(wanted, Mapping):
            self.say(part, "write the rules with what is expected of each, like {LAG-02: {level: critical}}")
            return
        for rule, details in wanted.items():
            here = (*part, rule)
            self._check_rule(rule, here, on_key=True)
            if not isinstance(details, Mapping) or not details:
                self.say(here, f"say of the finding one of {', '.join(OF_FINDING)}", on_key=True)
                continue
            for key in set(details) - set(OF_FINDING):
                hint = _or(nearest(key, OF_FINDING))
                self.say((*here, key), f"{key} cannot be expected of a finding{hint}", on_key=True)
            if details.get("level", LEVELS[0]) not in LEVELS:
                hint = _or(nearest(str(details["level"]), LEVELS))
                self.say((*here, "level"), f"a level is one of {', '.join(LEVELS)}{hint}")

    def _check_message(self, message: str | Sent, part: Part) -> None:
        template = message if isinstance(message, str) else message.msg
        known = [other for other in self.book.book.messages if other != GENERIC]
        if template == GENERIC:
            if isinstance(message, str):
                why = "is not listed: it goes out for every rule without a template of its own"
                self.say(part, f"{template} {why}; write {{msg: {GENERIC}, rule: …}} for one of them")
            elif message.rule is None:
                self.say(part, f"say of which rule: {{msg: {GENERIC}, rule: …}}")
        elif template not in known:
            self.say(part, f"there is no message {template}{_or(nearest(template, known))}")
        if not isinstance(message, str) and message.rule is not None:
            sources = (*self.book.book.rules, *self.book.tells)
            if message.rule not in sources:
                hint = _or(nearest(message.rule, sources))
                self.say((*part, "rule"), f"there is no rule or transition {message.rule}{hint}")


def expected_value(key: str, value: Any, zone: ZoneInfo) -> Any:
    """Return what is written for a key of an item as it is compared: days and times read, the rest as it is."""
    if key == "waived":
        return sorted(as_list(value))
    if value is None or key not in TIMES | DAYS:
        return value
    return day(value) if key in DAYS else moment(value, zone)


def as_list(value: Any) -> list[str]:
    """Return names that are written alone or in a list."""
    return [] if value is None else [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _or(near: str | None) -> str:
    return f"; did you mean {near!r}?" if near else ""
