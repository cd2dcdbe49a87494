"""Rules of tasks that live on the ladder and its explanation clock (step 5 of the guide)."""

from __future__ import annotations

from fractions import Fraction

from tests.rules.oracle.case import Case
from tests.rules.oracle.days import workdays_between
from tests.rules.oracle.ladder import soon
from tests.rules.oracle.rulebook import INFO, RED, YELLOW, rule


@rule("DUE-01", "task", YELLOW, need="due status")
def due_01(case: Case) -> bool:
    return case.ladder.step == "DUE-01"


@rule("LAG-01", "task", YELLOW, need="due status")
def lag_01(case: Case) -> bool:
    return case.ladder.step == "LAG-01"


@rule("LAG-02", "task", RED, need="due status")
def lag_02(case: Case) -> bool:
    return case.ladder.step == "LAG-02"


@rule("LAG-03", "task", YELLOW, need="planned_start status")
def lag_03(case: Case) -> bool:
    start = case.row.get("planned_start")
    if case.row.status != "未开始" or case.ladder.lag != 0 or start is None:
        return False
    return start < case.today and case.workdays_since(start) >= case.params["start_lag_days"]


@rule("LAG-04", "task", YELLOW, need="planned_start due progress")
def lag_04(case: Case) -> bool:
    start, progress, due = case.row.get("planned_start"), case.row.get("progress"), case.ladder.rolled_due
    if case.row.status != "进行中" or start is None or progress is None or due is None:
        return False
    if case.ladder.lag != 0 or due < case.today:
        return False
    total = workdays_between(case.calendar, start, due) + case.calendar.workday(due) if start <= due else 0
    elapsed = workdays_between(case.calendar, start, case.today)
    return elapsed - Fraction(str(progress)) / 100 * total >= case.params["progress_lag_days"]


@rule("LAG-05", "task", YELLOW, need="upstream")
def lag_05(case: Case) -> bool:
    if case.row.status not in ("未开始", "进行中") or case.ladder.step == "LAG-02":
        return False
    return any(case.ladders[task.uid].step == "LAG-02" for task in case.world.upstreams(case.row))


def _explanation_is_due(case: Case) -> bool:
    """A notice is outstanding and the status does not end the demand."""
    return case.ladder.outstanding


@rule("EXP-01", "task", RED)
def exp_01(case: Case) -> bool:
    return _explanation_is_due(case) and case.now > case.ladder.explain_deadline


@rule("EXP-02", "task", YELLOW)
def exp_02(case: Case) -> bool:
    if not _explanation_is_due(case) or case.now > case.ladder.explain_deadline or case.ladder.noticed_now:
        return False
    row = case.row
    given = (row.filled("lag_reason"), row.filled("adjust_plan"), row.get("new_due") is not None)
    return any(given) and not all(given)


@rule("EXP-03", "task", INFO)
def exp_03(case: Case) -> bool:
    return case.past.on_record and case.past.late and case.recent(case.past.answered_at)


@rule("EXP-04", "task", RED)
def exp_04(case: Case) -> bool:
    return _explanation_is_due(case) and case.past.notices >= 2


@rule("EXP-05", "task", YELLOW)
def exp_05(case: Case) -> bool:
    return _explanation_is_due(case) and case.row.get("due") != case.past.due_cell


@rule("ESC-01", "task", RED)
def esc_01(case: Case) -> bool:
    return exp_01(case) and case.now > case.ladder.escalation_deadline


@rule("SLA-01", "task", YELLOW)
def sla_01(case: Case) -> bool:
    if not _explanation_is_due(case) or case.ladder.noticed_now:
        return False
    return soon(case.world, "explain", case.past.alert_at)
