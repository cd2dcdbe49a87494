"""The alert life cycle of a task (catalogue section 7, C6 to C9): one run of one row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from tests.rules.oracle.days import Clock, counted, deadline, next_workday, wd
from tests.rules.oracle.world import ACTIVE, Row, World

OUTSTANDING = ("滞后预警已发", "超时未说明", "已升级")
BEFORE_NOTICE = ("正常", "临期", "轻微滞后")
STEP_OF = {"DUE-01": "临期", "LAG-01": "轻微滞后", None: "正常"}


@dataclass
class Past:
    """What is remembered of a row from run to run."""

    state: str = "正常"
    cycle: int = 1
    cycle_at: datetime | None = None
    notices: int = 0
    alert_at: datetime | None = None
    baseline_due: date | None = None
    due_cell: date | None = None
    accepted_due: date | None = None
    answered_at: datetime | None = None
    late: bool = False
    on_record: bool = False  # the lateness is on record (EXP-03)
    escalated_at: datetime | None = None
    # the three cells of the explanation: as they were last seen, since when, and the last run without them
    answer: tuple[Any, ...] = (None, None, None)
    seen_at: datetime | None = None
    unseen_at: datetime | None = None
    explained_at: datetime | None = None
    # statuses
    status: str | None = None
    previous_status: str | None = None
    # the machine's notion of a person's last change is the caller's business; messages that went out
    last_run: datetime | None = None
    sent: set[tuple[Any, ...]] = field(default_factory=set)
    baseline_of_signature: dict[str, Any] | None = None


@dataclass(frozen=True)
class Imported:
    """A state that was brought along from elsewhere: what ``state import`` takes, and no more (C25)."""

    status: str | None
    state: str
    alert_at: datetime | None = None
    explain_deadline: datetime | None = None
    notices: int = 0
    baseline_due: date | None = None
    due_cell: date | None = None


def begun(world: World, row: Row, imported: Imported) -> Past:
    """The past of a row whose state was imported.

    Where due_cell was not stored, baseline_due stands in for notice 1. Of an answer neither time nor lateness was
    stored: the cell's 说明提交时间 against the deadline decides.
    """
    past = Past(
        state=imported.state, notices=imported.notices, alert_at=imported.alert_at, status=imported.status,
        baseline_due=imported.baseline_due, due_cell=imported.due_cell,
    )  # fmt: skip
    if past.due_cell is None:
        past.due_cell = past.baseline_due if past.notices == 1 else row.get("due")
    ladder = Ladder(world, row, past)
    if past.state in ("临期", "轻微滞后"):  # the message of that step was sent by whoever kept the state
        ladder.see_explanation()
        if STEP_OF.get(ladder.step) == past.state:
            past.sent.add((ladder.step, 1, 0, ladder.effective_due))
    if past.state == "已说明":
        ladder.see_explanation()
        past.accepted_due, past.answered_at = row.get("new_due"), past.explained_at
        past.late = past.on_record = row.get("explained_at") is not None and past.explained_at > ladder.explain_deadline
    return past


def clock_of(world: World, name: str) -> tuple[Clock, float]:
    """The clock and the hours of a duration parameter."""
    param = world.params[name]
    return Clock(world.calendar, param["mode"], tuple(world.params["work_windows"])), param["hours"]


def deadline_of(world: World, name: str, start: datetime) -> datetime:
    clock, hours = clock_of(world, name)
    end = deadline(clock, start, hours)
    world.clocked.update((start.year, end.year))
    return end


def soon(world: World, name: str, start: datetime) -> bool:
    """0 <= remaining <= sla_soon_fraction * duration, in the clock's own mode (SLA-01)."""
    clock, hours = clock_of(world, name)
    if world.now > deadline(clock, start, hours):
        return False
    remaining = timedelta(hours=hours) - counted(clock, start, world.now)
    return timedelta(0) <= remaining <= timedelta(hours=hours) * world.params["sla_soon_fraction"]


@dataclass
class Ladder:
    """One row on the ladder in one run: what the rules and the messages ask for."""

    world: World
    row: Row
    past: Past
    transitions: list[str] = field(default_factory=list)

    # ---- the explanation (C9)

    def see_explanation(self) -> None:
        """Remember when the present three cells were first seen, and by that when the explanation was given."""
        row, past, now = self.row, self.past, self.world.now
        answer = tuple(row.get(key) for key in ("lag_reason", "adjust_plan", "new_due"))
        cell = row.get("explained_at")
        if answer != past.answer:
            past.answer, past.seen_at, past.unseen_at = answer, now, past.last_run
        if cell is None:
            past.explained_at = past.seen_at
            return
        if cell.time() == time(0):
            cell = datetime.combine(cell.date(), time(23, 59))
        cell = min(cell, now)
        past.explained_at = max(cell, past.unseen_at) if past.unseen_at else cell

    @property
    def complete(self) -> bool:
        """All three given, and the new date not before the day on which it was given."""
        past = self.past
        if any(value is None for value in past.answer) or past.explained_at is None:
            return False
        return past.answer[2] >= past.explained_at.date()

    @property
    def of_this_cycle(self) -> bool:
        """Given, and first seen, no earlier than the run that began this cycle (T12)."""
        past = self.past
        if past.cycle_at is None:
            return True
        return past.seen_at >= past.cycle_at and past.explained_at >= past.cycle_at

    @property
    def answers(self) -> bool:
        """Does a complete explanation answer the current notice?"""
        past = self.past
        if not self.complete or not self.of_this_cycle:
            return False
        return past.alert_at is not None and past.explained_at >= past.alert_at

    # ---- dates and lag (C6 to C8)

    @property
    def effective_due(self) -> date | None:
        past = self.past
        if past.accepted_due is not None:
            return past.accepted_due
        if past.state in OUTSTANDING:
            return past.baseline_due
        if past.notices == 0 and self.complete and self.of_this_cycle:
            return past.answer[2]
        return self.row.get("due")

    @property
    def rolled_due(self) -> date | None:
        """The effective due date as the ladder counts it (``due_on_nonworkday``)."""
        due = self.effective_due
        if due is not None and self.world.params["due_on_nonworkday"] == "next_workday":
            return next_workday(self.world.calendar, due)
        return due

    @property
    def active(self) -> bool:
        """Does the ladder apply? (C8)"""
        if self.row.status == "待审核":
            return not self.world.params["review_stops_lag"]
        return self.row.status in ACTIVE

    @property
    def stopped(self) -> bool:
        return self.row.status is not None and self.row.status != "暂停" and not self.active

    @property
    def lag(self) -> int:
        due = self.rolled_due
        if due is None:
            return 0
        if self.world.params["lag_unit"] == "calendar":
            return max(0, (self.world.today - due).days)
        return wd(self.world.calendar, due, self.world.today)

    @property
    def shown_lag(self) -> int | None:
        """滞后天数 as it is written in this run; None where the cell is left as it is (C8)."""
        if self.active:
            return self.lag
        return 0 if self.row.status == "待审核" else None

    @property
    def step(self) -> str | None:
        """The one rule of DUE-01, LAG-01 and LAG-02 that holds."""
        row, params = self.row, self.world.params
        if not self.active or not row.mapped("due") or not row.mapped("status"):
            return None
        lag, due = self.lag, self.rolled_due
        if lag >= params["lag_notice_days"]:
            return "LAG-02"
        if params["lag_minor_days"] <= lag < params["lag_notice_days"]:
            return "LAG-01"
        near = lag == 0 and due is not None and due >= self.world.today
        if near and wd(self.world.calendar, self.world.today, due) <= params["due_soon_workdays"]:
            return "DUE-01"
        return None

    # ---- deadlines

    @property
    def explain_deadline(self) -> datetime | None:
        return self._after("explain", self.past.alert_at)

    @property
    def escalation_deadline(self) -> datetime | None:
        return self._after("escalate_after_explain", self.explain_deadline)

    def _after(self, name: str, start: datetime | None) -> datetime | None:
        clock, hours = clock_of(self.world, name)
        return None if start is None else deadline(clock, start, hours)

    @property
    def outstanding(self) -> bool:
        return self.past.state in OUTSTANDING

    @property
    def noticed_now(self) -> bool:
        """Was the notice sent in this run (which starts the clock)?"""
        return self.outstanding and self.past.alert_at == self.world.now

    # ---- the life cycle

    def run(self) -> None:
        """Take every transition of this run, in the order in which they may follow each other."""
        self._use_clocks()
        self.see_explanation()
        if self.past.state == "已解除" and self.active:
            self._reopen()
        if self.outstanding:
            self._clock()
        if self.past.state in (*OUTSTANDING, "已说明") and self.stopped:
            self._move("T11", "已解除")
        if self.row.status == "取消":
            self.past.on_record = False
        if self.active:
            self._climb()
        elif self.stopped and self.past.state in ("临期", "轻微滞后"):
            self._move("T4", "正常")
        self._use_clocks()

    def _use_clocks(self) -> None:
        """Note the years that a running demand counts in (CFG-02)."""
        if self.outstanding:
            moments = (self.past.alert_at, self.explain_deadline, self.escalation_deadline)
            self.world.clocked.update(moment.year for moment in moments)

    def _move(self, transition: str, state: str) -> None:
        self.transitions.append(transition)
        self.past.state = state

    def _reopen(self) -> None:
        past = self.past
        self._move("T12", "正常")
        past.cycle, past.cycle_at = past.cycle + 1, self.world.now
        past.notices, past.alert_at, past.baseline_due, past.due_cell = 0, None, None, None
        past.accepted_due, past.answered_at, past.late = None, None, False

    def _clock(self) -> None:
        past, now = self.past, self.world.now
        if self.answers:
            late = past.explained_at > self.explain_deadline
            past.accepted_due, past.answered_at, past.late = past.answer[2], past.explained_at, late
            past.on_record = late
            self._move("T9" if late else "T6", "已说明")
            return
        if self.stopped:  # nobody is urged any more
            return
        if now > self.explain_deadline and past.state == "滞后预警已发":
            self._move("T7", "超时未说明")
        if now > self.escalation_deadline and past.state == "超时未说明":
            self._move("T8", "已升级")
            past.escalated_at = now

    def _climb(self) -> None:
        step, past = self.step, self.past
        if past.state == "已说明" and step == "LAG-02":
            self._notice("T10")
            past.escalated_at = self.world.now
        elif past.state in BEFORE_NOTICE:
            if step == "LAG-02":
                self._notice("T3")
            elif past.state != STEP_OF[step]:
                self._move("T1/T2/T4", STEP_OF[step])

    def _notice(self, transition: str) -> None:
        past = self.past
        baseline = self.effective_due
        past.alert_at, past.baseline_due, past.due_cell = self.world.now, baseline, self.row.get("due")
        past.notices += 1
        past.accepted_due, past.answered_at, past.late = None, None, False
        self._move(transition, "滞后预警已发")

    # ---- what is shown

    @property
    def sla(self) -> str:
        """SLA状态 of a task: the explanation clock."""
        if self.outstanding:
            if self.world.now > self.explain_deadline:
                return "已超时"
            return "即将超时" if soon(self.world, "explain", self.past.alert_at) else "计时中"
        if self.past.accepted_due is not None:
            return "超时完成" if self.past.late else "按时完成"
        return "不适用"
