"""Judge a world: run every ladder, try every rule, gather what is shown and what is told. Read this first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.rules.oracle import (  # the imports enter the rules into the list
    issue_rules,
    lag_rules,
    meeting_rules,
    project_rules,
    task_rules,
)
from tests.rules.oracle.case import Case
from tests.rules.oracle.ladder import Ladder, Past
from tests.rules.oracle.people import STEP_TELLS, told_to
from tests.rules.oracle.rulebook import INFO, RED, RULES, YELLOW, Rule
from tests.rules.oracle.world import Row, Table, World

RULE_FILES = (issue_rules, lag_rules, meeting_rules, project_rules, task_rules)
ALSO_LISTED = {"task": ("consulted", "informed")}
PAUSED = re.compile(r"STA-02|STA-03|STA-06|VIS-01|DQ-\d+|EXP-0[1-5]|ESC-01|SLA-01")
UNKNOWN = re.compile(r"STA-01|PLN-\d+|RAC-\d+|DQ-\d+|VIS-01|CHG-01|EXP-0[1-5]|ESC-01|SLA-01")
TOLD_BY_RULE = {
    "DUE-01": "临期提醒", "LAG-01": "滞后提醒", "EXP-05": "擅自改期提醒", "STA-06": "暂停需说明", "ACC-02": "审核催办",
    "ISS-02": "突发问题超时", "DSP-01": "分歧待上报", "RSK-01": "风险会未开", "MTG-01": "例会缺失", "CHK-01": "核查缺失",
}  # fmt: skip
STEP_RULES = ("LAG-02", "EXP-01", "EXP-03", "EXP-04", "ESC-01")


Message = tuple[str, list[str], list[str], list[str]]


@dataclass
class Verdict:
    """What the guide says of one row at one moment."""

    rules: list[str]
    level: str
    state: str = "正常"
    lag_days: int | None = None
    notices: int = 0
    alert_at: datetime | None = None
    explain_deadline: datetime | None = None
    escalation_deadline: datetime | None = None
    escalated_at: datetime | None = None
    sla: str = "不适用"
    sla_due: datetime | None = None
    told: list[Message] = field(default_factory=list)
    transitions: list[str] = field(default_factory=list)


@dataclass
class Judgement:
    rows: dict[str, Verdict]
    tables: dict[str, dict[str, Any]]
    system: list[str]


def judge(world: World, pasts: dict[str, Past]) -> Judgement:
    """Judge every row at ``world.now``; ``pasts`` is what was remembered and is brought up to date."""
    for row in world.rows:
        pasts.setdefault(row.uid, Past())
        _remember_status(row, pasts[row.uid])
        _remember_signature(world, row, pasts[row.uid])
    ladders = {row.uid: Ladder(world, row, pasts[row.uid]) for row in world.of("task")}
    for ladder in ladders.values():
        ladder.run()
    rows = {row.uid: _verdict(Case(world, row, pasts[row.uid], ladders)) for row in world.rows}
    for past in pasts.values():  # a row that is away for once was not seen to have its explanation either
        past.last_run = world.now
    tables = {table.name: _judge_table(world, table) for table in world.tables}
    return Judgement(rows, tables, _judge_calendar(world, ladders))


def _remember_status(row: Row, past: Past) -> None:
    if row.status is not None and row.status != past.status:
        past.previous_status, past.status = past.status, row.status


def _remember_signature(world: World, row: Row, past: Past) -> None:
    project = world.project_of(row) if row.kind == "task" else None
    departments = project.items("participating_depts") if project else ()
    signed = project.items("signed_plan_depts") if project else ()
    if not departments or any(name not in signed for name in departments):
        past.baseline_of_signature = None
    elif past.baseline_of_signature is None:
        keys = ("due", "standard", "responsible_dept", "accountable")
        past.baseline_of_signature = {key: row.get(key) for key in keys}


def _verdict(case: Case) -> Verdict:
    row = case.row
    found = {rule.id: rule.level for rule in _tried(case) if rule.test(case)}
    rules = sorted(found)
    level = RED if RED in found.values() else YELLOW if YELLOW in found.values() else INFO
    verdict = Verdict(rules, level)
    if row.kind == "task":
        ladder, past = case.ladder, case.past
        verdict.state, verdict.lag_days, verdict.notices = past.state, ladder.shown_lag, past.notices
        verdict.alert_at, verdict.explain_deadline = past.alert_at, ladder.explain_deadline
        verdict.escalated_at = past.escalated_at
        verdict.escalation_deadline = ladder.escalation_deadline if ladder.outstanding else None
        verdict.sla, verdict.transitions = ladder.sla, ladder.transitions
    elif row.kind in ("issue", "dispute", "risk"):
        clock = issue_rules.shown_clock(case)
        if clock is not None:
            verdict.sla, verdict.sla_due = clock.state, clock.deadline
    verdict.told = list(_told(case, found))
    return verdict


def _tried(case: Case) -> Iterator[Rule]:
    """The rules that apply to this row at all: its kind, switched on, columns there, not suppressed (C15)."""
    row = case.row
    for rule in RULES.values():
        if rule.kind != row.kind or not (rule.on or rule.id in case.world.switched_on):
            continue
        if rule.tools and row.table.tool not in rule.tools:
            continue
        if not all(row.mapped(key) for key in rule.needs) or _suppressed(row, rule.id):
            continue
        yield rule


def _suppressed(row: Row, rule_id: str) -> bool:
    if row.kind != "task":
        return False
    if row.status == "取消":
        return True
    if row.status == "暂停":
        return not PAUSED.fullmatch(rule_id)
    return row.status is None and not UNKNOWN.fullmatch(rule_id)


def _told(case: Case, found: dict[str, str]) -> Iterator[Message]:
    """The messages of this run: template, to, cc, esc; each key once (C16), none that nobody gets."""
    past, transitions = case.past, case.ladder.transitions if case.row.kind == "task" else []
    if transitions:
        for template, rule_id in STEP_TELLS.get(transitions[-1], ()):
            if _first_time(past, (template, transitions[-1], past.cycle, past.notices)):
                yield template, *told_to(case, rule_id)
    for rule_id, level in sorted(found.items()):
        if rule_id in STEP_RULES or level == INFO:
            continue
        groups = told_to(case, rule_id)
        if any(groups) and _first_time(past, (rule_id, *_key(case, rule_id))):
            yield _template(rule_id, case.row.kind), *groups


def _key(case: Case, rule_id: str) -> Iterator[Any]:
    """What must differ for a rule to be told again."""
    yield from (case.past.cycle, case.past.notices)
    if rule_id in ("DUE-01", "LAG-01"):
        yield case.ladder.effective_due
    if rule_id in ("MTG-01", "CHK-01"):
        yield case.monday
    clock = issue_rules.clock_of_rule(case, rule_id)
    if clock is not None:
        yield clock


def _template(rule_id: str, kind: str) -> str:
    if rule_id == "SLA-01":
        return "说明时限将到" if kind == "task" else "时限将到"
    return TOLD_BY_RULE.get(rule_id, "规范提醒")


def _first_time(past: Past, key: tuple[Any, ...]) -> bool:
    if key in past.sent:
        return False
    past.sent.add(key)
    return True


# ---------- findings on tables and on the calendar


def _judge_table(world: World, table: Table) -> dict[str, Any]:
    missing = sorted({key for kind in table.mapped for key in _wanted(world, table, kind)} - _mapped(table))
    swapped = any(
        ("咨询" in heading and _letter(heading, "I")) or ("知会" in heading and _letter(heading, "C"))
        for heading in table.headings
    )
    rules = (["CFG-01"] if missing else []) + (["RAC-05"] if swapped else [])
    return {"rules": rules, "missing": missing}


def _letter(heading: str, letter: str) -> bool:
    return letter in re.findall("[A-Z]", heading.upper())


def _mapped(table: Table) -> set[str]:
    return set().union(*table.mapped.values())


def _wanted(world: World, table: Table, kind: str) -> set[str]:
    wanted = set(ALSO_LISTED.get(kind, ()))
    for rule in RULES.values():
        on = rule.on or rule.id in world.switched_on
        if rule.kind == kind and on and (not rule.tools or table.tool in rule.tools):
            wanted |= set(rule.needs)
    return wanted


def _judge_calendar(world: World, ladders: dict[str, Ladder]) -> list[str]:
    """CFG-02: a day that was counted lies in a year without calendar data."""
    used = {world.today.year, *world.clocked}
    used |= {ladder.effective_due.year for ladder in ladders.values() if ladder.row.open and ladder.effective_due}
    used |= {row.get("need_by").year for row in world.of("resource") if row.get("need_by")}
    return ["CFG-02"] if used - world.calendar.years else []
