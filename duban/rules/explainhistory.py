"""The history of an alert in words and as data: each transition with its moment and the facts that caused it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from duban.rules.memory import Transition
from duban.wording import Language, worded

MOVES: Mapping[str, tuple[str, str]] = {
    "T1": ("临近截止日期：正常 -> 临期", "the due date is near: 正常 -> 临期"),
    "T2": ("已过截止日期，未到预警天数：-> 轻微滞后", "past the due date, not yet at the notice: -> 轻微滞后"),
    "T3": (
        "滞后达到预警天数：发出预警，说明时限开始",
        "the lag reached the notice: it is sent and the time to explain starts",
    ),
    "T4": ("原先的级别不再成立，退回较低级别", "the step no longer holds: back to a lower one"),
    "T5": ("预警已发，等待说明，时限未到", "the notice waits for its answer; there is time left"),
    "T6": (
        "时限内收到完整说明：按调整后日期重新计滞后",
        "a complete answer in time: the lag counts from the revised date",
    ),
    "T7": ("时限已过而没有完整说明：超时未说明", "the time is over without a complete answer: 超时未说明"),
    "T8": ("超时后仍无完整说明：升级上报", "still no complete answer: escalated"),
    "T9": (
        "时限过后收到完整说明：记录逾期，按调整后日期计",
        "a complete answer after its deadline: the lateness is on record",
    ),
    "T10": ("调整后的日期再次滞后：再次预警并上报", "late again on the accepted date: a further notice, and escalated"),
    "T11": ("任务已提交审核、完成或取消：预警解除", "under review, done or cancelled: the alert is cleared"),
    "T12": ("任务重新进行：新一轮，之前的说明不再有效", "active again: a new cycle, earlier explanations do not count"),
    "T13": ("任务暂停：级别冻结，已开始的说明时限继续", "paused: the step is frozen, clocks that run go on"),
    "T14": ("状态无法识别：级别不变，已开始的说明时限继续", "the status is unknown: no step, clocks that run go on"),
    "T15": ("已批准延期或豁免：预警撤销，另起一轮", "an extension or waiver was approved: the notice is taken back"),
    "live": ("本表由影子模式转为正式：此前无人收到通知，重新开始", "the table went live: nobody had been told before"),
    "rules": ("参数已改：说明时限按现行参数重新计算", "a parameter changed: the deadline follows the one in force"),
    "imported": ("由 state import 导入的状态", "a state brought in by state import"),
    "earlier": ("更早的变化没有记录", "what happened before was not recorded"),
}
DUE: Mapping[str, tuple[str, str]] = {
    "accepted": ("已接受的调整后完成日期", "the accepted revised date"),
    "offered": ("预警之前主动说明的调整后完成日期", "the revised date, explained before any notice"),
    "baseline": ("预警时的基准日期（未说明前改期不算）", "the baseline of the notice; a silent change does not count"),
    "cell": ("截止日期单元格", "the due cell"),
    "extended": ("已批准的延期日期", "the approved extension"),
}
_FACTS: Mapping[str, tuple[str, str]] = {
    "rule": ("规则 {}", "rule {}"), "due": ("截止日期 {}", "due {}"), "due_from": ("{}", "{}"),
    "lag_days": ("滞后天数 {}", "lag {} days"), "notices": ("第{}次预警", "notice no. {}"),
    "alert_at": ("预警时间 {}", "notice sent {}"), "deadline": ("说明时限 {}", "to be explained by {}"),
    "escalate_at": ("升级时间 {}", "escalation at {}"), "escalated_at": ("上报时间 {}", "escalated {}"),
    "answered_at": ("说明时间 {}", "explained {}"), "new_due": ("调整后完成日期 {}", "revised due date {}"),
    "status": ("状态 {}", "status {}"), "cycle": ("第{}轮", "cycle {}"),
    "extended_to": ("延期至 {}", "extended to {}"), "approved_by": ("批准人 {}", "approved by {}"),
}  # fmt: skip
_INSTANTS = frozenset({"alert_at", "deadline", "escalate_at", "escalated_at", "answered_at"})
_DAYS = frozenset({"due", "new_due", "extended_to"})


def move_said(move: str, language: Language) -> str:
    """Return the sentence of a transition of the life cycle."""
    return MOVES[move][language == "en"]


def cause_said(step: Transition, language: Language) -> str:
    """Return the facts that caused a transition, in words; empty when none is known."""
    english = language == "en"
    facts = (_FACTS[name][english].format(_fact(name, text, language)) for name, text in step.cause)
    return (", " if english else "，").join(facts)


def _fact(name: str, text: str, language: Language) -> str:
    if name in _INSTANTS:
        return worded(datetime.fromisoformat(text), language)
    if name in _DAYS:
        return worded(date.fromisoformat(text), language)
    return DUE[text][language == "en"] if name == "due_from" else text


def history_said(steps: Sequence[Transition], language: Language) -> Iterator[str]:
    """Yield the lines of a history, oldest first."""
    if steps:
        yield ("预警经过", "history of the alert")[language == "en"]
    for step in steps:
        change = f"{step.before} -> {step.after}" if step.before else step.after
        cause = cause_said(step, language)
        known = f" ({cause})" if cause and language == "en" else f"（{cause}）" if cause else ""
        yield f"  {worded(step.at, language)}  {step.move} {change}  {move_said(step.move, language)}{known}"


def history_data(steps: Sequence[Transition], language: Language) -> list[dict[str, Any]]:
    """Return a history as JSON data."""
    return [
        {
            "move": step.move, "at": step.at.isoformat(), "before": step.before or None, "after": step.after,
            "sentence": move_said(step.move, language), "cause": dict(step.cause),
        }
        for step in steps
    ]  # fmt: skip
