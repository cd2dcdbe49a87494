"""Rules of meetings and of requested resources."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from tests.rules.oracle.case import Case
from tests.rules.oracle.days import DAY, midnight, next_workday
from tests.rules.oracle.ladder import deadline_of
from tests.rules.oracle.rulebook import INFO, YELLOW, rule


def held(case: Case, *kinds: str) -> bool:
    """A meeting of one of these kinds that has begun (C22)."""
    start = case.row.get("start_at")
    return case.row.get("meeting_type") in kinds and start is not None and start <= case.now


def _without_minutes(case: Case) -> bool:
    end = case.row.get("end_at")
    if case.row.filled("minutes_link") or end is None:
        return False
    return case.now > deadline_of(case.world, "minutes", end)


@rule("KIK-08", "meeting", YELLOW, need="attendee_depts")
def kik_08(case: Case) -> bool:
    return held(case, "启动会") and bool(case.missing("attendee_depts"))


@rule("KIK-09", "meeting", YELLOW, need="minutes_link")
def kik_09(case: Case) -> bool:
    if not held(case, "启动会"):
        return False
    return _without_minutes(case) or (case.row.filled("minutes_link") and bool(case.missing("minutes_to")))


@rule("KIK-10", "meeting", INFO, need="open_questions")
def kik_10(case: Case) -> bool:
    return held(case, "启动会") and (case.row.get("open_questions") or 0) > 0


@rule("MTG-04", "meeting", INFO, need="minutes_link", on=False)
def mtg_04(case: Case) -> bool:
    return held(case, "需求评审会", "风险协调会", "复盘会") and _without_minutes(case)


def _weekly(case: Case) -> bool:
    return held(case, "周例会") and case.row.get("start_at") >= midnight(case.monday)


@rule("MTG-02", "meeting", INFO, need="start_at end_at")
def mtg_02(case: Case) -> bool:
    end = case.row.get("end_at")
    if not _weekly(case) or end is None:
        return False
    least, most = case.params["weekly_meeting_minutes"]
    return not timedelta(minutes=least) <= end - case.row.get("start_at") <= timedelta(minutes=most)


@rule("MTG-03", "meeting", YELLOW, need="reported_depts")
def mtg_03(case: Case) -> bool:
    return _weekly(case) and bool(case.missing("reported_depts"))


@rule("RPT-01", "meeting", YELLOW, need="report_link")
def rpt_01(case: Case) -> bool:
    if not _weekly(case) or case.row.filled("report_link"):
        return False
    day = next_workday(case.calendar, case.row.get("start_at").date() + DAY)
    return case.now > datetime.combine(day, time(18))


# ---------- resources


@rule("RES-01", "resource", YELLOW)
def res_01(case: Case) -> bool:
    return any(case.row.empty(key) for key in ("res_type", "quantity", "need_by"))


@rule("RES-02", "resource", YELLOW, need="need_by res_status")
def res_02(case: Case) -> bool:
    need_by = case.row.get("need_by")
    if need_by is None or case.row.get("res_status") in ("已到位", "无需求"):
        return False
    return case.workdays_since(need_by) >= 1
