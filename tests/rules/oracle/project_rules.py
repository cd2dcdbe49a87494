"""Rules of projects: kick-off, readiness, weekly rhythm, closing."""

from __future__ import annotations

import re
from datetime import date, datetime

from tests.rules.oracle.case import Case
from tests.rules.oracle.days import DAY
from tests.rules.oracle.issue_rules import closed
from tests.rules.oracle.rulebook import INFO, RED, YELLOW, rule
from tests.rules.oracle.world import TERMINAL, Row

RE_NUMBER = re.compile("[0-9０-９]")
RE_TIMEBOUND = re.compile(
    r"\d+\s*(个月|天|周|日|月|季度|年|个工作日)\s*(之?内)|\d{1,2}月\d{1,2}日|\d{4}-\d{1,2}|[Qq][1-4]|[上下]半年|年底|月底|季度末"
)


def _alive(case: Case) -> bool:
    return case.row.get("phase") != "已归档"


def _executing(case: Case) -> bool:
    """phase != 已归档 and today >= exec_start; an empty exec_start makes it not applicable (C22)."""
    start = case.row.get("exec_start")
    return _alive(case) and start is not None and case.today >= start


def _held(case: Case, kind: str, key: str) -> list[date]:
    """The days on which such a meeting was held: rows of meetings, and the project's own date."""
    days = [start.date() for start in case.held(kind)]
    own = case.row.get(key)
    return [*days, own] if own is not None and own <= case.today else days


# ---------- step 1 kick-off


@rule("KIK-01", "project", YELLOW, need="brief_link")
def kik_01(case: Case) -> bool:
    return _alive(case) and case.row.empty("brief_link")


@rule("KIK-02", "project", YELLOW)
def kik_02(case: Case) -> bool:
    return _alive(case) and any(case.row.empty(key) for key in ("name", "background", "goal", "milestones"))


@rule("KIK-03", "project", INFO, need="goal")
def kik_03(case: Case) -> bool:
    goal = case.row.get("goal")
    return _alive(case) and goal is not None and not (RE_NUMBER.search(goal) and RE_TIMEBOUND.search(goal))


@rule("KIK-04", "project", YELLOW, need="participating_depts")
def kik_04(case: Case) -> bool:
    return _alive(case) and len(case.row.items("participating_depts")) < 2


@rule("KIK-05", "project", YELLOW, need="brief_synced_at")
def kik_05(case: Case) -> bool:
    return _alive(case) and case.row.filled("brief_link") and case.row.empty("brief_synced_at")


@rule("KIK-06", "project", YELLOW, need="confirmed_depts")
def kik_06(case: Case) -> bool:
    return _alive(case) and bool(case.missing("confirmed_depts"))


@rule("KIK-07", "project", YELLOW)
def kik_07(case: Case) -> bool:
    return _executing(case) and not _held(case, "启动会", "kickoff_at")


# ---------- steps 2 and 3


@rule("PLN-01", "project", YELLOW, need="stages")
def pln_01(case: Case) -> bool:
    tasks = case.world.belonging(case.row, "task")
    living = {task.get("stage") for task in tasks if task.status != "取消"}
    return _executing(case) and any(stage not in living for stage in case.row.items("stages"))


@rule("PLN-10", "project", YELLOW)
def pln_10(case: Case) -> bool:
    return _executing(case) and not _held(case, "需求评审会", "review_meeting_at")


@rule("PLN-11", "project", YELLOW)
def pln_11(case: Case) -> bool:
    return _executing(case) and case.row.empty("plan_table_link")


@rule("RES-03", "project", YELLOW)
def res_03(case: Case) -> bool:
    return _executing(case) and case.row.empty("resource_list_link")


@rule("RES-04", "project", INFO, on=False)
def res_04(case: Case) -> bool:
    asking = {row.get("req_dept") for row in case.world.belonging(case.row, "resource")}
    return any(name not in asking for name in case.row.items("participating_depts"))


@rule("SGN-01", "project", YELLOW, need="signed_plan_depts signed_resource_depts")
def sgn_01(case: Case) -> bool:
    return _executing(case) and bool(case.missing("signed_plan_depts") or case.missing("signed_resource_depts"))


# ---------- steps 4 and 5


@rule("COM-01", "project", YELLOW, need="im_group")
def com_01(case: Case) -> bool:
    return _executing(case) and case.row.empty("im_group")


def _weekly_duty(case: Case) -> bool:
    start = case.row.get("exec_start")
    return case.row.get("phase") == "执行" and bool(case.week) and start is not None and case.week[-1] >= start


@rule("MTG-01", "project", YELLOW)
def mtg_01(case: Case) -> bool:
    days = [start.date() for start in case.held("周例会")]
    return _weekly_duty(case) and not any(case.monday <= day < case.monday + 7 * DAY for day in days)


@rule("CHK-01", "project", YELLOW, need="last_check_at")
def chk_01(case: Case) -> bool:
    check: datetime | None = case.row.get("last_check_at")
    if case.row.empty("last_check_at"):
        return _weekly_duty(case)
    return _weekly_duty(case) and check is not None and check.date() < case.monday


# ---------- step 6 closing


def _retro(case: Case) -> date | None:
    """The day of the review that was held: the last meeting's, else the project's own date."""
    meetings = case.held("复盘会")
    if meetings:
        return max(meetings).date()
    own = case.row.get("retro_at")
    return own if own is not None and own <= case.today else None


@rule("RVW-01", "project", YELLOW)
def rvw_01(case: Case) -> bool:
    tasks = case.world.belonging(case.row, "task")
    if case.row.get("phase") not in ("执行", "收尾") or not tasks or any(t.status not in TERMINAL for t in tasks):
        return False
    finishes = [task.get("actual_finish") for task in tasks if task.get("actual_finish") is not None]
    if _retro(case) is not None or not finishes:
        return False
    return case.workdays_since(max(finishes)) > case.params["retro_workdays"]


@rule("RVW-02", "project", YELLOW)
def rvw_02(case: Case) -> bool:
    day = _retro(case)
    if day is None or not case.row.empty("review_report_link"):
        return False
    return case.workdays_since(day) > case.params["retro_report_workdays"]


@rule("ARC-01", "project", YELLOW)
def arc_01(case: Case) -> bool:
    day = _retro(case)
    if day is None or not case.row.empty("archive_link"):
        return False
    return case.workdays_since(day) > case.params["archive_workdays"]


@rule("ARC-02", "project", YELLOW)
def arc_02(case: Case) -> bool:
    links = ("brief_link", "plan_table_link", "resource_list_link", "review_report_link")
    return case.row.get("phase") == "已归档" and any(case.row.empty(key) for key in links)


def unfinished(case: Case) -> list[Row]:
    """What a project leaves undone: tasks that are not terminal, issues, disputes and risks that are not closed."""
    rows = [task for task in case.world.belonging(case.row, "task") if task.status not in TERMINAL]
    for kind in ("issue", "dispute", "risk"):
        rows += [row for row in case.world.belonging(case.row, kind) if not closed(row)]
    return rows


@rule("CLS-01", "project", RED)
def cls_01(case: Case) -> bool:
    return case.row.get("phase") == "已归档" and bool(unfinished(case))
