"""Which messages a judgement calls for, and the key under which each is sent once (convention C16).

A rule's message goes out on the first run in which the rule holds; the ladder's messages go out with its transitions,
and when several happen in one run only the last one's. Rules of level info are never told on their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from duban.item import Ref
from duban.rules.compiled import CompiledBook, Ready, Told
from duban.rules.context import Context
from duban.rules.granting import came_back
from duban.rules.recipients import Recipient, without_repeats
from duban.rules.sentences import fill, recipients
from duban.wording import worded_clock

GENERIC = "规范提醒"
_WITHDRAWN = "T15"


class Notice(NamedTuple):
    """One message to be sent: template, the rule or transition it comes from, who is told, the key, the variables.

    ``told`` marks one that counts as sent already: it belongs to a state that was imported.
    """

    template: str
    rule: str
    ref: Ref
    code: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    esc: tuple[str, ...]
    key: str
    variables: Mapping[str, Any]
    why: tuple[str, ...] = ()
    told: bool = False


def notices_of(context: Context, ready: Sequence[Ready], book: CompiledBook) -> tuple[Notice, ...]:
    """Return the messages for one item: of its rules, of the ladder's last transition, of a notice taken back."""
    by_id = {each.rule.id: each for each in ready}
    found = [
        _of_rule(context, each, book, told=_was_told(context, each.rule.id, book))
        for each in ready
        if each.rule.entry.level != "info" and each.rule.id not in book.told_by_transition
    ]
    for move in context.moves:
        if move != context.moves[-1] and move != _WITHDRAWN:
            continue
        for tell in book.tells.get(move, ()):
            if isinstance(tell, Told):
                found.append(_of_transition(context, tell, move, book))
            elif tell in by_id:
                found.append(_of_rule(context, by_id[tell], book))
    spoken = {notice.rule for notice in found}
    found += [
        _of_rule(context, each, book)
        for each in ready
        if each.rule.id in book.told_by_transition - spoken and came_back(context, each.rule.id)
    ]
    return tuple(notice for notice in found if notice.to or notice.cc or notice.esc)


def _was_told(context: Context, rule_id: str, book: CompiledBook) -> bool:
    """The step that an imported item stands on was told by whoever kept the state before."""
    if not context.memory.imported or book.book.ladder is None:
        return False
    states = {"soon": "临期", "minor": "轻微滞后"}
    step = next((step for step, rule in book.book.ladder[0].steps.items() if rule == rule_id), "")
    return states.get(step) == context.memory.alert.state and not context.moves


def _of_rule(context: Context, ready: Ready, book: CompiledBook, *, told: bool = False) -> Notice:
    world, entry = context.world, ready.rule.entry
    extra = [str(expression(context, world)) for expression in ready.once_per]
    if ready.clock is not None:
        extra.append(_stamp(context.clock(ready.clock).start))
    if day := came_back(context, ready.rule.id):  # it was waived and holds again: what was told before does not count
        extra.append(f"again {day}")
    groups = [recipients(group, context, world) for group in (ready.to, ready.cc, ready.esc)]
    rule = ready.rule.id
    words = {
        "text": fill(ready.sentences[world.language], context, world),
        "rule_name": entry.name.in_language(world.language) if entry.name else rule,
    }
    notice = _notice(context, book, (ready.message or GENERIC, rule), groups, words, extra=extra, clock=ready.clock)
    return notice._replace(told=told)


def _of_transition(context: Context, tell: Told, move: str, book: CompiledBook) -> Notice:
    world = context.world
    groups = [recipients(tell.to, context, world), recipients(tell.cc, context, world), []]
    words = {"text": fill(tell.sentences[world.language], context, world), "rule_name": tell.message}
    if move == _WITHDRAWN:  # it speaks of the notices that end, not of the cycle that begins
        words["notices"] = str(context.memory.alert.notices)
    return _notice(context, book, (tell.message, move), groups, words)


def _notice(
    context: Context,
    book: CompiledBook,
    what: tuple[str, str],
    groups: Sequence[Sequence[Recipient]],
    words: Mapping[str, str],
    *,
    extra: Sequence[str] = (),
    clock: str | None = None,
) -> Notice:
    item, alert = context.item, context.alert
    template, rule = what
    cleaned = without_repeats(*groups)
    to, cc, esc = (tuple(recipient.name for recipient in group) for group in cleaned)
    key = "|".join((rule, str(item.ref), str(alert.cycle), str(alert.notices), *extra))
    variables = {
        **_variables(context, clock),
        **words,
        "rule": rule,
        "to": to,
        "cc": cc,
        "escalate_to": esc or _escalation(context, book),
    }
    language = context.world.language
    why = tuple(f"{each.name}: {each.why(language)}" for group in cleaned for each in group if each.reasons)
    return Notice(template, rule, item.ref, item.code, to, cc, esc, key, variables, why)


def _escalation(context: Context, book: CompiledBook) -> tuple[str, ...]:
    """Return whom an unanswered notice would be escalated to: the recipients of the first rule that escalates."""
    if book.book.ladder is None or not context.alert.notices:
        return ()
    by = book.book.ladder[0].escalated_by[:1]
    rules = book.table_rules(context.item.kind, context.table.mapped[context.item.kind], context.table.tool).rules
    people = [person for rule in by if rule in rules for person in recipients(rules[rule].to, context, context.world)]
    return tuple(dict.fromkeys(person.name for person in people))


def _stamp(moment: Any) -> str:
    return moment.isoformat() if moment is not None else ""


def _variables(context: Context, clock: str | None) -> dict[str, Any]:
    """Return what a message template may say of an item (catalogue section 8)."""
    item, alert, world = context.item, context.alert, context.world
    reading = context.clock(clock) if clock is not None else None
    explain = world.params.get("explain")
    plain = ("project", "stage", "standard", "progress", "last_update", "new_due", "due")
    return {key: context.get(key) for key in plain} | {
        "code": item.code,
        "title": item.title,
        "kind": item.kind,
        "department": context.get("responsible_dept"),
        "owner": context.get("owner") or context.get("measure_owner"),
        "accountable": context.get("accountable"),
        "status": context.status or context.get("status_text"),
        "effective_due": context.effective_due,
        "baseline_due": alert.baseline_due,
        "lag_days": context.lag_days,
        "alert_at": alert.at,
        "notices": alert.notices,
        "explain_deadline": alert.explain_deadline,
        "escalate_at": context.escalate_at,
        "explained_at": alert.explained_at,
        "deadline": reading.deadline if reading else alert.explain_deadline,
        "remaining": _clock_time(reading.remaining, reading.mode) if reading else explain,
        "mode": worded_clock(explain, world.language) if explain else None,
        "initiator": context.initiator,
        "source": item.ref.source,
        "table": item.ref.table,
        "url": item.url,
        "downstream": _downstream(context) if alert.notices else (),
        "milestones": context.project.get("milestones"),
        "columns": ("滞后原因", "调整计划", "调整后完成日期"),
        "now": world.now,
        "state": alert.state,
    }


def _downstream(context: Context) -> tuple[tuple[Any, ...], ...]:
    """The tasks of the project that wait for this one: code, title, planned start, department."""
    waiting = context.world.waiting_for(context)
    return tuple((o.item.code, o.item.title, o.get("planned_start"), o.get("responsible_dept")) for o in waiting)


def _clock_time(duration: timedelta | None, mode: str) -> Mapping[str, Any] | None:
    return None if duration is None else {"hours": round(duration.total_seconds() / 3600, 1), "mode": mode}
