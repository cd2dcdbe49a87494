"""Rules of tasks that look at the row and its neighbours: data quality, planning, RACI, statuses, closing."""

from __future__ import annotations

import re
from datetime import datetime

from tests.rules.oracle.case import Case
from tests.rules.oracle.rulebook import INFO, YELLOW, rule
from tests.rules.oracle.world import TERMINAL, Row

# The date columns of a task (fields.yaml).
DATES = ("planned_start", "due", "actual_start", "actual_finish", "accepted_at", "new_due",
         "submitted_at", "last_update", "explained_at")  # fmt: skip
RE_QUANTIFIED = re.compile(
    r"[0-9０-９]|[一二两三四五六七八九十百千万]+\s*(个|版|支|条|份|篇|张|人|名|家|天|日|次|项|套|场|万|亿|元|小时|分钟|工作日)"
    r"|≥|≤|不低于|不少于|不超过|至少|100%|全部"
)
RE_REVIEWER = re.compile(r"(?:通过|经)([\u4e00-\u9fa5]{2,6}?部)(?:门)?审[核批]")
ALLOWED_TRANSITIONS = (
    ("未开始", "进行中"), ("进行中", "待审核"), ("待审核", "已完成"), ("待审核", "进行中"),
    ("暂停", "未开始"), ("暂停", "进行中"),
)  # fmt: skip
ACCEPTED = ("通过", "合格", "验收通过", "同意", "Approved", "Accepted", "Pass")
REFUSED = ("不通过", "不合格", "驳回", "退回", "Rejected", "Fail")


# ---------- data quality


@rule("DQ-01", "task", YELLOW)
def dq_01(case: Case) -> bool:
    return any(case.row.mapped(key) and key in case.row.bad for key in DATES)


@rule("DQ-02", "task", YELLOW)
def dq_02(case: Case) -> bool:
    start, due, finish = (case.row.get(key) for key in ("planned_start", "due", "actual_finish"))
    return bool((start and due and start > due) or (finish and finish > case.today))


@rule("DQ-03", "task", YELLOW, need="owner")
def dq_03(case: Case) -> bool:
    known = {name for d in case.world.departments.values() for name in (d.head, d.superior, d.liaison, *d.members)}
    return any(name not in known for name in case.row.items("owner"))


@rule("DQ-04", "task", YELLOW, need="code")
def dq_04(case: Case) -> bool:
    code = case.row.get("code")
    return code is not None and sum(row.get("code") == code for row in case.world.rows) > 1


@rule("DQ-05", "task", YELLOW, need="upstream")
def dq_05(case: Case) -> bool:
    return any(not case.world.upstream(code) for code in case.row.items("upstream"))


# ---------- step 2 planning


@rule("PLN-02", "task", YELLOW, need="upstream planned_start")
def pln_02(case: Case) -> bool:
    return case.row.open and bool(inverted(case))


def inverted(case: Case) -> list[Row]:
    """The upstream tasks that are due after the task starts."""
    start, found = case.row.get("planned_start"), []
    for task in unfinished_upstreams(case):
        due = case.ladders[task.uid].effective_due
        if start is not None and due is not None and start < due:
            found.append(task)
    return found


def unfinished_upstreams(case: Case) -> list[Row]:
    """The upstream tasks that are neither 已完成 nor 取消."""
    return [task for task in case.world.upstreams(case.row) if task.status not in TERMINAL]


@rule("PLN-03", "task", YELLOW, need="input_req")
def pln_03(case: Case) -> bool:
    return case.row.open and case.row.empty("input_req")


@rule("PLN-04", "task", YELLOW, need="output")
def pln_04(case: Case) -> bool:
    return case.row.open and case.row.empty("output")


@rule("PLN-05", "task", YELLOW, need="due")
def pln_05(case: Case) -> bool:
    return case.row.open and case.row.empty("due")


@rule("PLN-06", "task", YELLOW, need="owner")
def pln_06(case: Case) -> bool:
    return case.row.open and case.row.empty("owner")


@rule("PLN-07", "task", YELLOW, need="standard")
def pln_07(case: Case) -> bool:
    return case.row.open and case.row.empty("standard")


@rule("PLN-08", "task", INFO, need="standard")
def pln_08(case: Case) -> bool:
    standard = case.row.get("standard")
    return case.row.open and standard is not None and not RE_QUANTIFIED.search(standard)


@rule("PLN-09", "task", YELLOW, need="standard reviewers")
def pln_09(case: Case) -> bool:
    demanded = RE_REVIEWER.findall(case.row.get("standard") or "")
    return case.row.open and any(name not in case.row.items("reviewers") for name in demanded)


@rule("PLN-12", "task", INFO, need="due")
def pln_12(case: Case) -> bool:
    due = case.ladder.effective_due
    return case.row.open and due is not None and not case.calendar.workday(due)


# ---------- step 3 RACI


@rule("RAC-01", "task", YELLOW, need="responsible_dept")
def rac_01(case: Case) -> bool:
    return case.row.open and case.row.empty("responsible_dept")


@rule("RAC-02", "task", YELLOW, need="accountable")
def rac_02(case: Case) -> bool:
    return case.row.open and len(case.row.items("accountable")) != 1


@rule("RAC-03", "task", INFO)
def rac_03(case: Case) -> bool:
    mapped = [key for key in ("consulted", "informed") if case.row.mapped(key)]
    return case.row.open and bool(mapped) and all(case.row.empty(key) for key in mapped)


@rule("RAC-04", "task", INFO, need="responsible_dept accountable", on=False)
def rac_04(case: Case) -> bool:
    return any(name in case.row.items("responsible_dept") for name in case.row.items("accountable"))


@rule("RAC-06", "task", INFO, need="responsible_dept", on=False)
def rac_06(case: Case) -> bool:
    return len(case.row.items("responsible_dept")) > 1


# ---------- step 4 statuses


@rule("STA-01", "task", YELLOW, need="status")
def sta_01(case: Case) -> bool:
    return case.row.status is None


@rule("STA-02", "task", YELLOW)
def sta_02(case: Case) -> bool:
    before, status = case.past.previous_status, case.row.status
    if before is None or status is None or before == status or status == "取消":
        return False
    if status == "暂停" and before not in TERMINAL:
        return False
    return (before, status) not in ALLOWED_TRANSITIONS


@rule("STA-03", "task", YELLOW, need="status actual_finish")
def sta_03(case: Case) -> bool:
    if case.row.status in (None, "取消"):
        return False
    return (case.row.status == "已完成") != case.row.filled("actual_finish")


@rule("STA-04", "task", YELLOW, need="status progress")
def sta_04(case: Case) -> bool:
    progress, status = case.row.get("progress"), case.row.status
    if progress is None:
        return False
    if progress == 100 and status in ("未开始", "进行中"):
        return True
    return (status == "已完成" and progress < 100) or (status == "未开始" and progress > 0)


@rule("STA-05", "task", YELLOW, need="last_update")
def sta_05(case: Case) -> bool:
    update: datetime | None = case.row.human_update
    if case.row.status != "进行中" or update is None:
        return False
    return case.workdays_since(update.date()) > case.params["stale_workdays"]


@rule("STA-06", "task", YELLOW)
def sta_06(case: Case) -> bool:
    mapped = [key for key in ("latest_note", "lag_reason") if case.row.mapped(key)]
    return case.row.status == "暂停" and bool(mapped) and all(case.row.empty(key) for key in mapped)


@rule("STA-07", "task", YELLOW, need="upstream")
def sta_07(case: Case) -> bool:
    if case.row.status not in ("进行中", "待审核", "已完成"):
        return False
    return bool(unfinished_upstreams(case))


@rule("VIS-01", "task", YELLOW, need="visibility", tools=("teambition",))
def vis_01(case: Case) -> bool:
    return case.row.status != "取消" and case.row.get("visibility") in ("involves", "participants")


# ---------- step 6 closing


@rule("ACC-01", "task", YELLOW, need="deliverable_link")
def acc_01(case: Case) -> bool:
    return case.row.status in ("待审核", "已完成") and case.row.empty("deliverable_link")


@rule("ACC-02", "task", YELLOW, need="status")
def acc_02(case: Case) -> bool:
    since = case.row.get("submitted_at") or case.row.human_update
    if case.row.status != "待审核" or since is None:
        return False
    return case.workdays_since(since.date()) > case.params["review_workdays"]


@rule("ACC-03", "task", YELLOW, need="acceptance_result")
def acc_03(case: Case) -> bool:
    return case.row.status == "已完成" and case.row.get("acceptance_result") not in ACCEPTED


@rule("ACC-04", "task", YELLOW, need="acceptance_result")
def acc_04(case: Case) -> bool:
    return case.row.status in ("待审核", "已完成") and case.row.get("acceptance_result") in REFUSED


@rule("CHG-01", "task", INFO, on=False)
def chg_01(case: Case) -> bool:
    signed = case.past.baseline_of_signature
    return signed is not None and any(case.row.get(key) != value for key, value in signed.items())
