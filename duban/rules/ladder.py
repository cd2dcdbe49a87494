"""The life cycle of a lagging task: catalogue section 7, T1 to T14, and T15 of docs/waivers.md, as one pure step.

The ladder knows states, times and transitions. Which conditions make a task 临期, 轻微滞后 or 滞后预警 are rules of the
pack (``ladder: steps`` names them); they are handed in as predicates. Conventions C5 to C9, C18 and C25.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from duban.rules.context import Context, DueFrom
from duban.rules.history import with_history
from duban.rules.instants import is_after, later_of
from duban.rules.memory import Alert, Memory

SOON, MINOR, SENT, OVERDUE, ESCALATED = "临期", "轻微滞后", "滞后预警已发", "超时未说明", "已升级"
EXPLAINED, CLEARED, NORMAL = "已说明", "已解除", "正常"
OUTSTANDING = frozenset({SENT, OVERDUE, ESCALATED})
STEPS = {"soon": SOON, "minor": MINOR, "notice": SENT}
_ENDED = frozenset({"已完成", "取消"})


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the three cells 滞后原因, 调整计划, 调整后完成日期 say: how many are given, whether they are complete.

    Convention C9. ``at`` is the time that counts as the answer's, ``seen_at`` the first run that saw the present set.
    """

    parts: int = 0
    complete: bool = False
    at: datetime | None = None
    new_due: date | None = None
    seen_at: datetime | None = None


Predicate = Callable[[Context], bool]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The pack's steps as predicates (``None``: the rule is off or not applicable), and by which rules they are."""

    soon: Predicate | None
    minor: Predicate | None
    notice: Predicate | None
    rules: Mapping[str, str] = field(default_factory=dict)
    tells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def step(self, context: Context) -> str | None:
        """Return the highest step that holds: notice, minor, soon or None."""
        for name, predicate in (("notice", self.notice), ("minor", self.minor), ("soon", self.soon)):
            if predicate is not None and predicate(context):
                return name
        return None

    def is_waived(self, context: Context, move: str) -> bool:
        """Tell whether every rule that a transition tells of is waived for an item."""
        rules = self.tells.get(move, ())
        return bool(rules) and all(context.grants.waiver_of(rule) is not None for rule in rules)


def climb(context: Context, ladder: Ladder) -> None:
    """Move a task along the ladder at ``context.world.now`` and leave the outcome in the context."""
    _stand(context)
    memory = _remember_explanation(context)
    explanation = read_explanation(context, memory)
    alert = _start(context, explanation)
    began, moves = alert.state, list[str]()
    alert = _answer(alert, explanation, moves)
    if _ended(context):
        alert = _clear(alert, moves)
        if context.status == "取消" and alert.explained_late:  # ends the record of a late answer (EXP-03)
            alert = replace(alert, explained_late=False)
    else:
        alert = _withdraw(context, alert, explanation, ladder, moves)
        alert = _deadlines(context, alert, ladder, moves)
        if context.laddered:
            alert = _steps(context, alert, explanation, ladder, moves)
    context.moves = tuple(moves)
    measure(context, *effective_due(context, alert, explanation))
    _settle(context, with_history(context, alert, began, moves, explanation, ladder), explanation, memory)


def _stand(context: Context) -> None:
    status, params = context.status, context.world.params
    context.active = status in {"未开始", "进行中"}
    context.open = context.active or status is None or status == "待审核"
    context.terminal = status in _ENDED
    context.laddered = context.active or (status == "待审核" and not params.get("review_stops_lag", True))


def _ended(context: Context) -> bool:
    return context.terminal or (context.status == "待审核" and not context.laddered)


# --- explanations: convention C9


def _remember_explanation(context: Context) -> Memory:
    """Note when the present set of the three cells was first seen, and the last run that did not see it."""
    memory, now = context.memory, context.world.now
    bad = dict(context.item.bad)
    cells = [str(bad.get(key) or context.get(key) or "") for key in ("lag_reason", "adjust_plan", "new_due")]
    if not any(cells):
        return memory if memory.explanation is None else replace(memory, explanation=None, explained_seen_at=None)
    fingerprint = hashlib.blake2b("\x1f".join(cells).encode(), digest_size=8).hexdigest()
    if fingerprint == memory.explanation:
        return memory
    if memory.explanation is None and memory.imported and memory.explained_seen_at is not None:
        return replace(memory, explanation=fingerprint)
    known = memory != Memory() and not memory.imported
    unseen = context.table.last_read if known else None
    return replace(memory, explanation=fingerprint, explained_seen_at=now, explained_unseen_at=unseen)


def read_explanation(context: Context, memory: Memory) -> Explanation:
    """Return what the cells say, with the time that counts as the answer's."""
    reason, plan, new_due = (context.get(key) for key in ("lag_reason", "adjust_plan", "new_due"))
    parts = sum(1 for value in (reason, plan, new_due) if value)
    if not parts:
        return Explanation()
    at = _explained_at(context, memory)
    complete = parts == 3 and at is not None and new_due >= at.astimezone(context.world.zone).date()
    return Explanation(parts, complete, at, new_due, memory.explained_seen_at)


def _explained_at(context: Context, memory: Memory) -> datetime | None:
    """C9: the cell, but never earlier than a run that did not see it; else the first run that saw the set."""
    now, cell = context.world.now, context.get("explained_at")
    if cell is None:
        return memory.explained_seen_at
    local = cell.astimezone(context.world.zone)
    if local.time() == time(0):  # a bare day counts as its last minute
        cell = local.replace(hour=23, minute=59)
    cell = now if is_after(cell, now) else cell
    at: datetime = later_of(cell, memory.explained_unseen_at) if memory.explained_unseen_at else cell
    return at


def _counts(alert: Alert, explanation: Explanation) -> bool:
    """A complete explanation belongs to this cycle and, where a notice was sent, is not older than it.

    What a run of an earlier cycle saw is of that cycle, even if its cell names a bare day that is not over yet.
    """
    if not explanation.complete or explanation.at is None:
        return False
    seen_at, at = explanation.seen_at, explanation.at
    if alert.cycle_at is not None and seen_at is not None and is_after(alert.cycle_at, seen_at):
        return False
    return not any(is_after(limit, at) for limit in (alert.cycle_at, alert.at) if limit is not None)


# --- transitions


def _start(context: Context, explanation: Explanation) -> Alert:
    """Return the stored state, completed where an import left gaps (C25), forgotten where nobody was told of it."""
    alert = context.memory.alert
    if alert.shadow and context.table.live:
        # A cycle of its own: the keys of what was told before shadow mode must not silence the new notice.
        return Alert(cycle=alert.cycle + 1, history=alert.history)
    if alert.state in OUTSTANDING:
        return _by_rules_in_force(context, replace(alert, notices=max(1, alert.notices)))
    if alert.state == EXPLAINED and alert.accepted_due is None and explanation.new_due is not None:
        return _completed(context, replace(alert, notices=max(1, alert.notices)), explanation)
    return alert


def _by_rules_in_force(context: Context, alert: Alert) -> Alert:
    """Derive a running deadline from its stored start: a changed duration or mode holds for everybody (catalogue
    section 9). A deadline that moves back into the future takes the step that followed it back."""
    explain = context.world.params["explain"]
    if alert.at is None and alert.explain_deadline is not None:
        alert = replace(alert, at=_start_before(context, alert.explain_deadline))
    deadline = context.due_by(alert.at, explain)
    if deadline is None or deadline == alert.explain_deadline:
        return alert
    state, now = alert.state, context.world.now
    if alert.explain_deadline is not None and not is_after(now, deadline):
        state = SENT
    elif state == ESCALATED and not _escalates(context, deadline):
        state = OVERDUE
    return replace(alert, explain_deadline=deadline, state=state)


def _escalates(context: Context, deadline: datetime | None) -> bool:
    at = context.due_by(deadline, context.world.params["escalate_after_explain"])
    return at is not None and is_after(context.world.now, at)


def _start_before(context: Context, deadline: datetime) -> datetime:
    """Return the last minute from which the explanation clock reaches a stored deadline: the notice's own time was
    not stored, and a clock that runs is never started afresh (C18)."""
    explain = context.world.params["explain"]
    fewest, most = 0, 366 * 24 * 60
    while fewest < most:  # minutes before the deadline that are enough
        middle = (fewest + most) // 2
        reached = context.due_by(deadline - timedelta(minutes=middle), explain)
        if reached is not None and reached <= deadline:
            most = middle
        else:
            fewest = middle + 1
    return deadline - timedelta(minutes=fewest)


def _completed(context: Context, alert: Alert, explanation: Explanation) -> Alert:
    """An imported 已说明 without the answer's time or lateness: 说明提交时间 against the stored deadline decides (C25).
    Where nothing tells the time, no lateness is put on record."""
    told = context.get("explained_at") is not None or context.memory.explained_seen_at is not None
    at = alert.explained_at or (explanation.at if told else None)
    late = alert.explained_late
    if late is None and at is not None:
        late = alert.explain_deadline is not None and is_after(at, alert.explain_deadline)
    sla = alert.sla if late is None else "超时完成" if late else "按时完成"
    return replace(alert, accepted_due=explanation.new_due, explained_at=at, explained_late=late, sla=sla)


def _answer(alert: Alert, explanation: Explanation, moves: list[str]) -> Alert:
    """T6 and T9: a complete answer ends the clock, judged by its own time."""
    if alert.state not in OUTSTANDING or not _counts(alert, explanation):
        return alert
    late = bool(alert.explain_deadline and explanation.at and is_after(explanation.at, alert.explain_deadline))
    moves.append("T9" if late else "T6")
    return replace(
        alert, state=EXPLAINED, accepted_due=explanation.new_due, explained_at=explanation.at, explained_late=late,
        sla="超时完成" if late else "按时完成",
    )  # fmt: skip


def _clear(alert: Alert, moves: list[str]) -> Alert:
    """T11 and T4: the task is under review, done or cancelled."""
    if alert.state in OUTSTANDING or alert.state == EXPLAINED:
        moves.append("T11")
        return replace(alert, state=CLEARED, sla=alert.sla if alert.explained_at else "不适用")
    if alert.state in {SOON, MINOR}:
        moves.append("T4")
        return replace(alert, state=NORMAL)
    return alert


def _withdraw(context: Context, alert: Alert, explanation: Explanation, ladder: Ladder, moves: list[str]) -> Alert:
    """T15: somebody approved what the notice was about. It is taken back, as T12 starts a cycle of its own."""
    if alert.state not in OUTSTANDING or not _is_released(context, alert, explanation, ladder):
        return alert
    moves.append("T15")
    return _new_cycle(alert, context.world.now)


def _is_released(context: Context, alert: Alert, explanation: Explanation, ladder: Ladder) -> bool:
    """The rule of the notice is waived, or the task is not that late on an approved date."""
    if context.grants.waiver_of(ladder.rules.get("notice", "")) is not None:
        return True
    due, due_from = effective_due(context, alert, explanation)
    if due is None or due_from != "extended":
        return False
    if not context.laddered:  # paused, or of unknown status: no step can be asked for
        return due >= context.world.today
    measure(context, due, due_from)
    return ladder.step(context) != "notice"


def _new_cycle(alert: Alert, now: datetime) -> Alert:
    return Alert(
        cycle=alert.cycle + 1, cycle_at=now, escalated_at=alert.escalated_at, escalated_to=alert.escalated_to,
        history=alert.history,
    )  # fmt: skip


def _deadlines(context: Context, alert: Alert, ladder: Ladder, moves: list[str]) -> Alert:
    """T7 and T8: the clocks run on, also while a task is paused or its status unknown (T13, T14)."""
    now = context.world.now
    if alert.state not in OUTSTANDING or alert.explain_deadline is None:
        return alert
    if alert.state == SENT and is_after(now, alert.explain_deadline):
        moves.append("T7")
        alert = replace(alert, state=OVERDUE, sla="已超时")
    escalates = alert.state == OVERDUE and _escalates(context, alert.explain_deadline)
    if escalates and not ladder.is_waived(context, "T8"):
        moves.append("T8")
        alert = replace(alert, state=ESCALATED, escalated_at=now)
    return alert


def _steps(context: Context, alert: Alert, explanation: Explanation, ladder: Ladder, moves: list[str]) -> Alert:
    """T1 to T5, T10 and T12: what the due date says of an active task."""
    if alert.state == CLEARED:
        moves.append("T12")
        alert = _new_cycle(alert, context.world.now)
    if alert.state in OUTSTANDING:
        return alert
    measure(context, *effective_due(context, alert, explanation))
    context.explained = _counts(alert, explanation) or alert.state == EXPLAINED
    step = ladder.step(context)
    if alert.state == EXPLAINED:
        if step == "notice":
            moves.append("T10")
            return _notice(context, alert)
        return alert
    if step == "notice":
        moves.append("T3")
        return _notice(context, alert)
    state = STEPS[step] if step else NORMAL
    if state != alert.state:
        order = [NORMAL, SOON, MINOR]
        rising = order.index(state) > order.index(alert.state)
        moves.append({SOON: "T1", MINOR: "T2"}[state] if rising else "T4")
    return replace(alert, state=state)


def _notice(context: Context, alert: Alert) -> Alert:
    now, params = context.world.now, context.world.params
    return replace(
        alert, state=SENT, at=now, explain_deadline=context.due_by(now, params["explain"]),
        notices=alert.notices + 1, baseline_due=context.effective_due, due_cell=context.get("due"),
        accepted_due=None, explained_at=None, explained_late=None, sla="计时中",
    )  # fmt: skip


# --- what the outcome means


def effective_due(context: Context, alert: Alert, explanation: Explanation) -> tuple[date | None, DueFrom]:
    """Return the due date that counts, and where it comes from: C7, or an approved extension that is later."""
    due, due_from = _agreed_due(context, alert, explanation)
    extended = context.grants.extended_to
    return (extended, "extended") if extended is not None and (due is None or extended > due) else (due, due_from)


def _agreed_due(context: Context, alert: Alert, explanation: Explanation) -> tuple[date | None, DueFrom]:
    if alert.state in {EXPLAINED, CLEARED} and alert.accepted_due is not None:
        return alert.accepted_due, "accepted"
    if alert.state in OUTSTANDING and alert.baseline_due is not None:
        return alert.baseline_due, "baseline"
    if alert.state in {NORMAL, SOON, MINOR} and not alert.notices and _counts(alert, explanation):
        return explanation.new_due, "offered"
    return context.get("due"), "cell"


def measure(context: Context, due: date | None, due_from: DueFrom) -> None:
    """Set the due date that counts and the lag on it (C6, C8)."""
    world = context.world
    context.effective_due, context.due_from = due, due_from
    rolled = due
    if (
        due is not None
        and world.params.get("due_on_nonworkday") == "next_workday"
        and not world.calendar.is_workday(due)
    ):
        rolled = world.calendar.next_workday(due)
    context.ladder_due = rolled
    if context.laddered:
        if rolled is None:
            context.lag_days = 0
        elif world.params.get("lag_unit") == "calendar":
            context.lag_days = max(0, (world.today - rolled) // timedelta(days=1))
        else:
            context.lag_days = world.wd(rolled, world.today)
    else:
        context.lag_days = 0 if context.status == "待审核" else None


def _settle(context: Context, alert: Alert, explanation: Explanation, memory: Memory) -> None:
    context.alert = replace(alert, shadow=not context.table.live) if alert != context.memory.alert else alert
    context.explained = _counts(alert, explanation) or alert.state == EXPLAINED
    context.answered_at = alert.explained_at
    context.explanation_parts = explanation.parts
    context.renewed = memory if context.alert is memory.alert else replace(memory, alert=context.alert)
    context.forget_clocks()
