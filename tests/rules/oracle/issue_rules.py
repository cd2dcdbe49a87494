"""Rules of issues, disputes and risks, each with its clock (steps 4 and 5 of the guide)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from tests.rules.oracle.case import Case
from tests.rules.oracle.ladder import deadline_of, soon
from tests.rules.oracle.rulebook import INFO, RED, YELLOW, rule
from tests.rules.oracle.world import TERMINAL, Row

# The columns without which a clock does not run. RSK-01 names none, but no meeting can be seen without its column (C10).
CLOCK_NEEDS = {"issue": ("raised_at", "responded_at"), "dispute": ("submitted_at",), "risk": ("meeting_at",)}
CLOCK_PARAMS = {"issue": "issue_response", "dispute": "dispute_submit", "risk": "risk_meeting"}


def closed(row: Row) -> bool:
    """C21."""
    own_word = {"issue": None, "dispute": "已决策", "risk": "已关闭"}[row.kind]
    cell = {"issue": "resolved_at", "dispute": "decision", "risk": ""}[row.kind]
    return row.status in TERMINAL or (own_word is not None and row.status_text == own_word) or row.filled(cell)


@dataclass
class ShownClock:
    """The one clock of a row that 时限 and SLA状态 show (C23)."""

    start: datetime
    stop: datetime | None
    deadline: datetime
    state: str


def shown_clock(case: Case) -> ShownClock | None:
    """ISS-02, DSP-01 or RSK-01's clock; None where it does not apply."""
    row = case.row
    if not all(row.mapped(key) for key in CLOCK_NEEDS[row.kind]):
        return None
    start, stop = {"issue": _issue, "dispute": _dispute, "risk": _risk}[row.kind](case)
    if start is None or (row.kind == "risk" and row.get("level") != "重大"):
        return None
    param = CLOCK_PARAMS[row.kind]
    end = deadline_of(case.world, param, start)
    if stop is not None:
        return ShownClock(start, stop, end, "按时完成" if stop <= end else "超时完成")
    if closed(row):
        return None
    if case.now > end:
        return ShownClock(start, None, end, "已超时")
    return ShownClock(start, None, end, "即将超时" if soon(case.world, param, start) else "计时中")


def _issue(case: Case) -> tuple[datetime | None, datetime | None]:
    row = case.row
    answered = (
        row.filled("solution") or not row.mapped("solution") or not case.params["issue_response"]["requires_solution"]
    )
    return row.get("raised_at"), row.get("responded_at") if answered else None


def _dispute(case: Case) -> tuple[datetime | None, datetime | None]:
    return case.row.get("failed_at") or case.row.get("raised_at"), case.row.get("submitted_at")


def _risk(case: Case) -> tuple[datetime | None, datetime | None]:
    return case.row.get("raised_at"), case.row.get("meeting_at") if met(case) else None


def breached(case: Case) -> bool:
    clock = shown_clock(case)
    return clock is not None and clock.state == "已超时"


def late(case: Case) -> bool:
    clock = shown_clock(case)
    return clock is not None and clock.state == "超时完成" and clock.stop is not None and case.recent(clock.stop)


def clock_of_rule(case: Case, rule_id: str) -> datetime | None:
    """The start of the clock that a rule of an issue, dispute or risk goes by; None for other rules."""
    if case.row.kind in CLOCK_NEEDS and rule_id in ("SLA-01", "ISS-02", "DSP-01", "RSK-01"):
        clock = shown_clock(case)
        return clock.start if clock is not None else None
    keys = {"ISS-04": ("responded_at",), "DSP-04": ("submitted_at",)}
    return next((case.row.get(key) for key in keys.get(rule_id, ()) if case.row.get(key)), None)


# ---------- issues


@rule("ISS-01", "issue", YELLOW, need="owner")
def iss_01(case: Case) -> bool:
    return not closed(case.row) and case.row.empty("owner")


@rule("ISS-02", "issue", RED, need="raised_at responded_at")
def iss_02(case: Case) -> bool:
    return breached(case)


@rule("ISS-03", "issue", INFO)
def iss_03(case: Case) -> bool:
    return late(case)


@rule("ISS-04", "issue", YELLOW, on=False)
def iss_04(case: Case) -> bool:
    start = case.row.get("responded_at")
    if start is None or not case.row.mapped("resolved_at"):
        return False
    return case.now > deadline_of(case.world, "issue_unresolved", start) and not closed(case.row)


# ---------- disputes


@rule("DSP-01", "dispute", RED, need="submitted_at")
def dsp_01(case: Case) -> bool:
    return breached(case)


@rule("DSP-02", "dispute", INFO)
def dsp_02(case: Case) -> bool:
    return late(case)


@rule("DSP-03", "dispute", YELLOW, need="submitted_to")
def dsp_03(case: Case) -> bool:
    row, departments = case.row, case.world.departments
    if not row.filled("submitted_at"):
        return False
    initiator = case.project.get("initiator_dept") if case.project else None
    if initiator is None and row.filled("submitted_to"):  # whether it is the initiator cannot be told
        return False
    allowed = {"上级领导"} | {department.superior for department in departments.values() if department.superior}
    if initiator and initiator not in row.items("parties"):
        allowed.add(initiator)
        if initiator in departments:
            allowed |= {departments[initiator].head, departments[initiator].liaison}
    told = [name.strip() for name in re.split("[、,，;；/]", row.get("submitted_to") or "")]
    return not any(name and name in allowed for name in told)


@rule("DSP-04", "dispute", YELLOW)
def dsp_04(case: Case) -> bool:
    start = case.row.get("submitted_at")
    if start is None or not case.row.empty("decision"):
        return False
    return case.now > deadline_of(case.world, "dispute_decide", start) and not closed(case.row)


# ---------- risks


def met(case: Case) -> bool:
    """Was the special meeting held? (C22)"""
    meeting = case.row.get("meeting_at")
    return meeting is not None and meeting <= case.now


def _major_and_met(case: Case) -> bool:
    return case.row.get("level") == "重大" and met(case)


@rule("RSK-01", "risk", RED)
def rsk_01(case: Case) -> bool:
    return breached(case)


@rule("RSK-02", "risk", YELLOW, need="impact_scope")
def rsk_02(case: Case) -> bool:
    return _major_and_met(case) and case.row.empty("impact_scope")


@rule("RSK-03", "risk", YELLOW)
def rsk_03(case: Case) -> bool:
    return _major_and_met(case) and any(case.row.empty(key) for key in ("measures", "measure_owner", "measure_due"))


@rule("RSK-04", "risk", YELLOW)
def rsk_04(case: Case) -> bool:
    if not _major_and_met(case) or not case.row.empty("plan_link"):
        return False
    start = case.row.get("meeting_end") or case.row.get("meeting_at")
    return case.now > deadline_of(case.world, "risk_plan", start)


@rule("RSK-05", "risk", YELLOW, need="synced_depts")
def rsk_05(case: Case) -> bool:
    return case.row.filled("plan_link") and bool(case.missing("synced_depts"))


@rule("RSK-06", "risk", YELLOW)
def rsk_06(case: Case) -> bool:
    return not closed(case.row) and case.row.empty("level")


# ---------- a clock that is about to end


def _about_to_end(case: Case) -> bool:
    clock = shown_clock(case)
    return clock is not None and clock.state == "即将超时"


for _kind in ("issue", "dispute", "risk"):
    rule("SLA-01", _kind, YELLOW)(_about_to_end)
