"""Companies made up by chance: tables with random columns, rows of all kinds with cells near every threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.rules.oracle.chance import Chance, maybe
from tests.rules.oracle.engine import mapped_keys
from tests.rules.oracle.world import Department, Row, Table

DEPARTMENTS = ("市场部", "研发部", "销售部", "客服部", "法务部")
PEOPLE = ("何雨", "张磊", "马超", "白雪", "方律", "苏晨", "吴迪", "外包小林")
STAGES = ("产品研发", "物料制作", "推广执行")
STANDARDS = (
    "画面精美",
    "3版海报",
    "通过法务部审核",
    "至少两支短视频，经市场部门审批",
    "符合品牌调性",
    "五条,通过财务部审核",
)
GOALS = ("3个月内实现销售额5000万", "提升品牌", "8月1日上线", "市场份额15", "年底前完成")
STATUSES = ("未开始", "进行中", "待审核", "已完成", "暂停", "取消")
TOOLS = ("teambition", "feishu", "airtable", "workbook")
PARAM_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "lag_unit": ("calendar",), "lag_minor_days": (2,), "lag_notice_days": (1, 2, 5), "start_lag_days": (2, 3),
    "progress_lag_days": (1, 2, 5), "due_soon_workdays": (0, 1, 5), "due_on_nonworkday": ("next_workday",),
    "review_stops_lag": (False,), "sla_soon_fraction": (0.5, 0.1, 0.0), "stale_workdays": (2, 4),
    "review_workdays": (1, 2), "weekly_meeting_minutes": ((15, 45),), "weekly_lookback_weeks": (2, 3),
    "retro_workdays": (1, 3), "retro_report_workdays": (1, 2), "archive_workdays": (1, 3),
    "work_windows": (("08:30-12:00", "13:30-17:30"), ("10:00-19:00",)),
}  # fmt: skip
DURATIONS = ("explain", "escalate_after_explain", "issue_response", "dispute_submit", "dispute_decide", "risk_meeting",
             "risk_plan", "minutes", "issue_unresolved")  # fmt: skip
OFF_BY_DEFAULT = ("RAC-04", "RAC-06", "RES-04", "MTG-04", "ISS-04", "CHG-01")


@dataclass
class Company:
    """What stays the same through a history, and the rows as they are now (uid -> cells)."""

    chance: Chance
    tables: list[Table]
    projects: list[str]
    rows: dict[str, tuple[Table, str, dict[str, Any]]] = field(default_factory=dict)

    def snapshot(self) -> tuple[Row, ...]:
        """The rows as they are read now: once in a while one is not there."""
        found = []
        for uid, (table, kind, cells) in self.rows.items():
            if kind != "project" and self.chance.often(0.01):
                continue
            bad = frozenset(key for key, value in cells.items() if value == "下周五")
            good = {key: value for key, value in cells.items() if value is not None and key not in bad}
            found.append(Row(uid, table, kind, good, bad))
        return tuple(found)


def directory(chance: Chance) -> dict[str, Department]:
    """Departments with their people; now and then a vacant post, or one person in two posts."""
    found = {}
    for name, member in zip(DEPARTMENTS, PEOPLE, strict=False):
        head, superior, liaison = f"{name}长", chance.one(("高总", "周总", f"{name}上级")), f"{name}联络"
        if chance.often(0.1):
            liaison = member
        posts = ["" if chance.often(0.06) else person for person in (head, superior, liaison)]
        found[name] = Department(posts[0], posts[1], posts[2], (member,))
    return found


def changed_params(chance: Chance) -> dict[str, Any]:
    """Parameters that differ from the guide's: none, or one of fifty sets (a pack is compiled anew for each)."""
    return {} if chance.often(0.5) else _set_of_params(Chance(chance.random.randrange(50)))


def _set_of_params(chance: Chance) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name in chance.few(tuple(PARAM_CHOICES), 3):
        changed[name] = chance.one(PARAM_CHOICES[name])
    for name in chance.few(DURATIONS, 2):
        extra = {"requires_solution": chance.often(0.5)} if name == "issue_response" else {}
        changed[name] = {
            "hours": chance.one((2, 8, 24, 48)), "mode": chance.one(("wall", "workday24", "workhours")), **extra
        }  # fmt: skip
    return changed


def _columns(chance: Chance, kind: str) -> frozenset[str]:
    """All columns, or one of ten forms of table that lack some."""
    keys = mapped_keys(kind)
    if chance.often(0.6):
        return frozenset(keys)
    chance = Chance(chance.random.randrange(10))
    return frozenset(key for key in keys if key in ("project", "name") or chance.often(0.85))


def company(chance: Chance, now: datetime) -> Company:
    """A new company at its first moment."""
    tables = [
        Table(f"tasks{n}", chance.one(TOOLS), {"task": _columns(chance, "task")}, (), chance.often(0.4))
        for n in range(chance.one((1, 2, 3)))
    ]
    columns = _columns(chance, "issue") | _columns(chance, "dispute")
    both = {kind: columns & frozenset(mapped_keys(kind)) for kind in ("issue", "dispute")}
    tables.append(Table("problems", chance.one(TOOLS), both))
    tables += [
        Table(f"{kind}s", chance.one(TOOLS), {kind: _columns(chance, kind)})
        for kind in ("risk", "meeting", "resource", "project")
    ]
    made = Company(chance, tables, [f"项目{letter}" for letter in "AB"[: chance.one((1, 2))]])
    counts = {"project": len(made.projects), "task": chance.one((2, 4, 7)), "issue": 2, "dispute": 2, "risk": 2,
              "meeting": 3, "resource": 2}  # fmt: skip
    for kind, count in counts.items():
        for number in range(count):
            add_row(made, kind, number, now)
    return made


def climbers(chance: Chance, now: datetime) -> Company:
    """A company of few tasks that are late or about to be: for long climbs of the ladder."""
    table = Table("tasks", chance.one(TOOLS), {"task": frozenset(mapped_keys("task"))}, (), chance.often(0.5))
    made = Company(chance, [table], ["项目A"])
    for number in range(chance.one((1, 2, 3))):
        add_row(made, "task", number, now)
        cells = made.rows[f"tasks-task{number}"][2]
        cells.update(status_cells(chance, chance.one(("未开始", "进行中", "进行中", "进行中", "待审核"))))
        cells["due"] = chance.day_near(now, 9, 3)
    return made


def add_row(made: Company, kind: str, number: int, now: datetime) -> None:
    """One more row, in a table that holds its kind."""
    chance = made.chance
    table = chance.one([table for table in made.tables if kind in table.mapped])
    cells = {**MAKERS[kind](chance, now), "code": f"{kind[0].upper()}-{number:02}"}
    if kind == "issue" and chance.often(0.1):
        cells["code"] = "T-01"
    if kind == "project":
        cells["name"] = made.projects[number]
    else:
        cells["project"] = chance.one((*made.projects, *made.projects, *made.projects, None, "别的项目"))
    if kind == "task":
        cells["code"] = chance.one((cells["code"],) * 9 + ("T-00", None))
        codes = [f"T-{n:02}" for n in range(7)] + ["X-99"]
        cells["upstream"] = maybe(chance, 0.45, chance.few([code for code in codes if code != cells["code"]], 2))
    made.rows[f"{table.name}-{kind}{number}"] = (table, kind, cells)


def status_cells(chance: Chance, status: str | None) -> dict[str, Any]:
    """A status as a tool shows it: the canonical one and the cell's own text."""
    if status is None:
        return {"status": None, "status_text": chance.one((None, "开发完了", "未完成"))}
    return {"status": status, "status_text": chance.one((status, f"{status}✓"))}


def task(chance: Chance, now: datetime) -> dict[str, Any]:
    status = chance.one((*STATUSES, "进行中", "进行中", "进行中", "未开始", "未开始", None))
    done = status == "已完成"
    explained = explanation(chance, now) if chance.often(0.2) else {}
    return {
        **status_cells(chance, status),
        "title": "任务",
        "stage": maybe(chance, 0.9, chance.one(STAGES)),
        "initiator_dept": maybe(chance, 0.1, chance.one(DEPARTMENTS)),
        "responsible_dept": maybe(chance, 0.85, chance.few(DEPARTMENTS, chance.one((1, 1, 2)))),
        "owner": maybe(chance, 0.9, chance.few(PEOPLE, chance.one((1, 1, 1, 2)))),
        "accountable": maybe(chance, 0.85, chance.few((*DEPARTMENTS, "何雨", "某人"), chance.one((1, 1, 2)))),
        "consulted": maybe(chance, 0.5, chance.few(DEPARTMENTS, 2)),
        "informed": maybe(chance, 0.5, chance.few(DEPARTMENTS, 2)),
        "planned_start": maybe(chance, 0.85, chance.day_near(now, 25, 6)),
        "due": chance.one((None, "下周五")) if chance.often(0.08) else chance.day_near(now),
        "actual_finish": chance.day_near(now, 9, 2) if chance.often(0.8 if done else 0.07) else None,
        "progress": maybe(chance, 0.7, 100 if done and chance.often(0.8) else chance.one((0, 10, 20, 35, 40, 55, 60, 80, 90, 99, 100))),
        "input_req": maybe(chance, 0.8, "清单"),
        "output": maybe(chance, 0.8, "成品"),
        "standard": maybe(chance, 0.85, chance.one(STANDARDS)),
        "deliverable_link": maybe(chance, 0.6, "https://x.example/1"),
        "reviewers": maybe(chance, 0.5, chance.few(DEPARTMENTS, 2)),
        "submitted_at": maybe(chance, 0.4, chance.past(now, (24, 48, 72, 96))),
        "acceptor": maybe(chance, 0.5, chance.few(PEOPLE, 1)),
        "acceptance_result": maybe(chance, 0.6, chance.one(("通过", "不通过", "待定"))),
        "last_update": maybe(chance, 0.9, chance.past(now, (24, 72, 120, 144, 168, 192))),
        "latest_note": maybe(chance, 0.4, "有进展"),
        "visibility": maybe(chance, 0.8, chance.one(("members", "involves", "projectMembers", "participants"))),
        **explained,
    }  # fmt: skip


def explanation(chance: Chance, now: datetime) -> dict[str, Any]:
    """The three cells and the time of an explanation: complete most often, early, late, without a time, dated ahead."""
    given = chance.one((
        None, None, now, now - timedelta(minutes=10), now - timedelta(days=1), now - timedelta(days=9),
        now.replace(hour=0, minute=0), now + timedelta(hours=5), now.replace(hour=0, minute=0) - timedelta(days=1), "下周五",
    ))  # fmt: skip
    return {
        "lag_reason": maybe(chance, 0.92, chance.one(("缺人", "返工"))),
        "adjust_plan": maybe(chance, 0.92, chance.one(("加人", "加班"))),
        "new_due": chance.one((None, "下周五")) if chance.often(0.1) else chance.day_near(now, 2, 12),
        "explained_at": given,
    }


def issue(chance: Chance, now: datetime) -> dict[str, Any]:
    answered = chance.often(0.4)
    raised = chance.past(now, (1.5, 2, 2, 8, 24, 100))
    return {
        **status_cells(chance, chance.one((None, "未开始", "进行中", "已完成", "取消"))),
        "raised_at": chance.one((None, "下周五")) if chance.often(0.06) else raised,
        "raised_by": maybe(chance, 0.85, chance.one(DEPARTMENTS)),
        "owner": maybe(chance, 0.8, chance.few(PEOPLE, 1)),
        "responded_at": _stop(chance, now, raised, 2) if answered else None,
        "solution": maybe(chance, 0.8 if answered else 0.2, "切换备用"),
        "resolved_at": maybe(chance, 0.3, chance.past(now, (1, 5, 30))),
    }


def _stop(chance: Chance, now: datetime, start: datetime, hours: float) -> datetime:
    """When a clock was stopped: often at its deadline, give or take a minute; never in the future."""
    late = start + timedelta(hours=hours, minutes=chance.one((-1, 0, 1, 60)), days=chance.one((0, 0, 1, 3)))
    return min(now, late)


def dispute(chance: Chance, now: datetime) -> dict[str, Any]:
    raised = chance.past(now, (6, 18, 24, 24, 48, 72, 96))
    submitted = chance.often(0.5)
    status = chance.one((None, "未开始", "进行中", "已完成", "取消"))
    cells = status_cells(chance, status)
    if status is None and chance.often(0.3):
        cells["status_text"] = chance.one(("已决策", "待上报", "已上报"))
    return {
        **cells,
        "raised_at": maybe(chance, 0.9, raised),
        "raised_by": maybe(chance, 0.8, chance.one(DEPARTMENTS)),
        "parties": maybe(chance, 0.9, chance.few(DEPARTMENTS, 2)),
        "failed_at": maybe(chance, 0.6, chance.past(now, (18, 24, 24, 48, 72))),
        "submitted_at": chance.one((_stop(chance, now, raised, 24), chance.past(now, (48, 48, 72)))) if submitted else None,
        "submitted_to": maybe(chance, 0.85, chance.one((
            *DEPARTMENTS, "上级领导", "高总", "周总", "市场部长", "研发部联络", "何雨", "市场部、高总", "研发部/销售部", "某人",
        ))),
        "decision": maybe(chance, 0.3, "延长2日"),
    }  # fmt: skip


def risk(chance: Chance, now: datetime) -> dict[str, Any]:
    raised = chance.past(now, (18, 23, 24, 24, 48))
    met = _stop(chance, now, raised, 24) if chance.often(0.5) else None
    status = chance.one((None, "未开始", "进行中", "已完成", "取消"))
    cells = status_cells(chance, status)
    if status is None and chance.often(0.3):
        cells["status_text"] = chance.one(("已关闭", "跟踪中"))
    return {
        **cells,
        "raised_at": maybe(chance, 0.93, raised),
        "raised_by": maybe(chance, 0.8, chance.one(DEPARTMENTS)),
        "level": chance.one(("重大", "重大", "重大", "一般", "较大", None)),
        "impact_scope": maybe(chance, 0.5, "1-2周"),
        "measures": maybe(chance, 0.7, "备用"),
        "measure_owner": maybe(chance, 0.7, chance.few(PEOPLE, 1)),
        "measure_due": maybe(chance, 0.7, chance.one(("下周五", now.date(), now.date()))),
        "meeting_at": met or maybe(chance, 0.15, now + timedelta(hours=chance.one((1, 30)))),
        "meeting_end": met + timedelta(hours=1) if met and chance.often(0.6) else None,
        "plan_link": maybe(chance, 0.4, "https://x.example/2"),
        "synced_depts": maybe(chance, 0.6, chance.some(DEPARTMENTS, 0.8) or None),
    }


def meeting(chance: Chance, now: datetime) -> dict[str, Any]:
    start = chance.past(now, (1, 24, 48, 72, 120, 168))
    if chance.often(0.12):
        start = now + timedelta(minutes=chance.one((0, 1, 600, 3000)))
    return {
        "meeting_type": chance.one(("启动会", "周例会", "周例会", "周例会", "需求评审会", "复盘会", "风险协调会")),
        "start_at": maybe(chance, 0.95, start),
        "end_at": maybe(chance, 0.85, start + timedelta(minutes=chance.one((15, 29, 30, 45, 60, 61, 90)))),
        "attendee_depts": maybe(chance, 0.8, chance.some(DEPARTMENTS, 0.85) or None),
        "reported_depts": maybe(chance, 0.8, chance.some(DEPARTMENTS, 0.85) or None),
        "minutes_link": maybe(chance, 0.5, "https://x.example/3"),
        "minutes_to": maybe(chance, 0.8, chance.some(DEPARTMENTS, 0.85) or None),
        "open_questions": maybe(chance, 0.6, chance.one((0, 1, 3))),
        "report_link": maybe(chance, 0.4, "https://x.example/4"),
    }


def resource(chance: Chance, now: datetime) -> dict[str, Any]:
    return {
        "req_dept": maybe(chance, 0.9, chance.one(DEPARTMENTS)),
        "res_type": maybe(chance, 0.8, chance.one(("人力", "预算"))),
        "quantity": maybe(chance, 0.8, 10),
        "need_by": "下周五" if chance.often(0.06) else maybe(chance, 0.8, chance.day_near(now, 5, 4)),
        "provider": maybe(chance, 0.8, chance.one(DEPARTMENTS)),
        "res_status": maybe(chance, 0.8, chance.one(("已到位", "已确认", "待确认", "无需求", "别的"))),
    }


def project(chance: Chance, now: datetime) -> dict[str, Any]:
    return {
        "phase": chance.one(("启动", "规划", "执行", "执行", "执行", "收尾", "已归档", None)),
        "initiator_dept": maybe(chance, 0.92, chance.one(DEPARTMENTS)),
        "background": maybe(chance, 0.8, "背景"),
        "goal": maybe(chance, 0.85, chance.one(GOALS)),
        "milestones": maybe(chance, 0.8, "节点"),
        "participating_depts": maybe(chance, 0.92, chance.some(DEPARTMENTS, 0.6) or None),
        "stages": maybe(chance, 0.8, chance.some(STAGES, 0.7) or None),
        "brief_link": maybe(chance, 0.7, "https://x.example/5"),
        "brief_synced_at": maybe(chance, 0.7, chance.past(now, (48, 500))),
        "confirmed_depts": maybe(chance, 0.8, chance.some(DEPARTMENTS, 0.8) or None),
        "kickoff_at": maybe(chance, 0.4, chance.day_near(now, 9, 2)),
        "review_meeting_at": maybe(chance, 0.4, chance.day_near(now, 9, 2)),
        "plan_table_link": maybe(chance, 0.6, "https://x.example/6"),
        "resource_list_link": maybe(chance, 0.6, "https://x.example/7"),
        "signed_plan_depts": maybe(chance, 0.8, DEPARTMENTS if chance.often(0.5) else chance.some(DEPARTMENTS, 0.8) or None),
        "signed_resource_depts": maybe(chance, 0.8, DEPARTMENTS if chance.often(0.5) else chance.some(DEPARTMENTS, 0.8) or None),
        "im_group": maybe(chance, 0.5, "群"),
        "exec_start": maybe(chance, 0.9, chance.day_near(now, 15, 3)),
        "last_check_at": "下周五" if chance.often(0.04) else maybe(chance, 0.7, chance.past(now, (24, 72, 168, 240))),
        "retro_at": maybe(chance, 0.3, chance.day_near(now, 9, 2)),
        "review_report_link": maybe(chance, 0.4, "https://x.example/8"),
        "archive_link": maybe(chance, 0.4, "https://x.example/9"),
    }  # fmt: skip


MAKERS = {
    "task": task, "issue": issue, "dispute": dispute, "risk": risk, "meeting": meeting, "resource": resource,
    "project": project,
}  # fmt: skip
