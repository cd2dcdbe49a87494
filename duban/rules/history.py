"""What became of a task's alert, step by step: every transition with its moment and its cause.

The ladder moves an alert; this module notes why, at the moment it moves, so that ``duban explain`` can tell the whole
story later, when the cells that caused it hold something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from duban.rules.memory import NORMAL, Alert, Transition

if TYPE_CHECKING:
    from duban.rules.context import Context
    from duban.rules.ladder import Explanation, Ladder

KEPT = 60  # transitions remembered of one task, the latest; a cycle from the due date to the delivery has five or six
_AFTER: Mapping[str, str] = {
    "T1": "临期", "T2": "轻微滞后", "T3": "滞后预警已发", "T6": "已说明", "T7": "超时未说明", "T8": "已升级",
    "T9": "已说明", "T10": "滞后预警已发", "T11": "已解除", "T12": NORMAL, "T15": NORMAL,
}  # fmt: skip
_STEP_OF: Mapping[str, str] = {"T1": "soon", "T2": "minor", "T3": "notice", "T10": "notice"}
_Fact = str | int | date | None


def with_history(
    context: Context, alert: Alert, began: str, moves: Sequence[str], explanation: Explanation, ladder: Ladder
) -> Alert:
    """Return an alert that was moved from ``began`` by ``moves`` with these transitions in its history.

    ``began`` is where the alert stood before the moves: the stored state, unless going live or changed rules moved it.
    """
    fresh = tuple(_transitions(context, alert, began, moves, explanation, ladder))
    if not fresh:
        return alert
    return replace(alert, history=(*known(context), *fresh)[-KEPT:])


def known(context: Context) -> tuple[Transition, ...]:
    """Return the history that is remembered of an item. A state that came from elsewhere stands at its beginning."""
    stored = context.memory.alert
    if stored.history or stored.state == NORMAL:
        return stored.history
    facts: dict[str, _Fact] = {
        "notices": stored.notices or None, "alert_at": stored.at, "deadline": stored.explain_deadline,
        "answered_at": stored.explained_at, "escalated_at": stored.escalated_at,
    }  # fmt: skip
    move = "imported" if context.memory.imported else "earlier"
    return (Transition(move, stored.at or context.world.now, "", stored.state, _cause(facts)),)


def _transitions(
    context: Context, alert: Alert, began: str, moves: Sequence[str], explanation: Explanation, ladder: Ladder
) -> Iterator[Transition]:
    stored, now = context.memory.alert, context.world.now
    if began != stored.state:
        live = stored.shadow and context.table.live
        facts: dict[str, _Fact] = {} if live else {"deadline": alert.explain_deadline}
        yield Transition("live" if live else "rules", now, stored.state, began, _cause(facts))
    state = began
    for move in moves:
        after = _AFTER.get(move, alert.state)
        facts = _facts(context, alert, move, explanation, ladder) | {"rule": ladder.rules.get(_STEP_OF.get(move, ""))}
        yield Transition(move, now, state, after, _cause(facts))
        state = after


def _facts(context: Context, alert: Alert, move: str, explanation: Explanation, ladder: Ladder) -> dict[str, _Fact]:
    """Return what made one transition happen, by the names that :mod:`explainhistory` words."""
    stored = context.memory.alert
    if move in {"T7", "T8"}:
        escalated = context.due_by(alert.explain_deadline, context.world.params.get("escalate_after_explain"))
        return {"deadline": alert.explain_deadline, "escalate_at": escalated if move == "T8" else None}
    if move in {"T6", "T9"}:
        deadline = alert.explain_deadline if alert.state == "已说明" else stored.explain_deadline
        return {"answered_at": explanation.at, "deadline": deadline, "new_due": explanation.new_due}
    if move == "T15":
        return {"extended_to": context.grants.extended_to, "approved_by": _approver(context, ladder)}
    if move in {"T11", "T12"} or not context.laddered:
        return {"status": context.status, "cycle": alert.cycle if move == "T12" else None}
    facts: dict[str, _Fact] = {
        "due": context.ladder_due, "due_from": _due_from(context, alert, move), "lag_days": context.lag_days,
    }  # fmt: skip
    if move in {"T3", "T10"}:
        facts |= {"notices": alert.notices, "deadline": alert.explain_deadline}
    return facts


def _due_from(context: Context, alert: Alert, move: str) -> str:
    """Where the date came from before the notice made it the baseline."""
    if context.due_from != "baseline":
        return context.due_from
    if move == "T10":
        return "accepted"
    return "cell" if alert.baseline_due == context.get("due") else "offered"


def _approver(context: Context, ladder: Ladder) -> str | None:
    grant = context.grants.waiver_of(ladder.rules.get("notice", "")) or context.grants.extension
    return grant.approved_by if grant is not None else None


def _cause(facts: Mapping[str, _Fact]) -> tuple[tuple[str, str], ...]:
    """Return facts as texts; those that are not known are left out."""
    return tuple(
        (name, fact.isoformat() if isinstance(fact, (date, datetime)) else str(fact))
        for name, fact in facts.items()
        if fact is not None
    )
