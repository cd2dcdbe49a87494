"""Which messages a judgement calls for, and the key under which each is sent once (convention C16).

A rule's message goes out on the first run in which the rule holds; the ladder's messages go out with its transitions,
and when several happen in one run only the last one's. Rules of level info are never told on their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from duban.item import Ref
from duban.rules.compiled import CompiledBook, Ready, Told
from duban.rules.context import Context
from duban.rules.recipients import Recipient, without_repeats
from duban.rules.sentences import fill, recipients
from duban.wording import worded_clock

GENERIC = "规范提醒"


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
    """Return the messages for one item: of its rules, and of the ladder's last transition."""
    found = []
    by_id = {each.rule.id: each for each in ready}
    for each in ready:
        if each.rule.entry.level != "info" and each.rule.id not in book.told_by_transition:
            found.append(_of_rule(context, each, each.rule.id, book, told=_was_told(context, each.rule.id, book)))
    if context.moves:
        for tell in book.tells.get(context.moves[-1], ()):
            if isinstance(tell, Told):
                found.append(_of_transition(context, tell, context.moves[-1], book))
            elif tell in by_id:
                found.append(_of_rule(context, by_id[tell], tell, book))
    return tuple(notice for notice in found if notice.to or notice.cc or notice.esc)


def _was_told(context: Context, rule_id: str, book: CompiledBook) -> bool:
    """The step that an imported item stands on was told by whoever kept the state before."""
    if not context.memory.imported or book.book.ladder is None:
        return False
    states = {"soon": "临期", "minor": "轻微滞后"}
    step = next((step for step, rule in book.book.ladder[0].steps.items() if rule == rule_id), "")
    return states.get(step) == context.memory.alert.state and not context.moves


def _of_rule(context: Context, ready: Ready, rule: str, book: CompiledBook, *, told: bool = False) -> Notice:
    world = context.world
    extra = [str(expression(context, world)) for expression in ready.once_per]
    if ready.clock is not None:
        extra.append(_stamp(context.clock(ready.clock).start))
    text = fill(ready.sentences[world.language], context, world)
    to, cc, esc = (recipients(group, context, world) for group in (ready.to, ready.cc, ready.esc))
    entry = ready.rule.entry
    name = entry.name.in_language(world.language) if entry.name else rule
    return _notice(
        context,
        ready.message or GENERIC,
        rule,
        (to, cc, esc),
        extra,
        {"text": text, "rule_name": name},
        ready.clock,
        book,
        told=told,
    )


def _of_transition(context: Context, tell: Told, move: str, book: CompiledBook) -> Notice:
    world = context.world
    text = fill(tell.sentences[world.language], context, world)
    groups: list[Sequence[Recipient]] = [recipients(tell.to, context, world), recipients(tell.cc, context, world), []]
    return _notice(context, tell.message, move, groups, [], {"text": text, "rule_name": tell.message}, None, book)


def _notice(
    context: Context, template: str, rule: str, groups: Iterable[Sequence[Recipient]], extra: Sequence[str],
    words: Mapping[str, str], clock: str | None, book: CompiledBook, *, told: bool = False,
) -> Notice:  # fmt: skip
    item, alert = context.item, context.alert
    to, cc, esc = without_repeats(*groups)
    names = [tuple(recipient.name for recipient in group) for group in (to, cc, esc)]
    parts = [rule, str(item.ref), str(alert.cycle), str(alert.notices), *extra]
    why = tuple(f"{r.name}: {r.why}" for group in (to, cc, esc) for r in group if r.why)
    escalate_to = names[2] or _escalation(context, book)
    variables = {
        **_variables(context, clock),
        **words,
        "rule": rule,
        "to": names[0],
        "cc": names[1],
        "escalate_to": escalate_to,
    }
    return Notice(
        template, rule, item.ref, item.code, names[0], names[1], names[2], "|".join(parts), variables, why, told
    )


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
    plain = {
        key: context.get(key) for key in ("project", "stage", "standard", "progress", "last_update", "new_due", "due")
    }
    reading = context.clock(clock) if clock is not None else None
    waiting = (
        [other for other in world.of_project(context.project, "task") if _waits(other, item.code)]
        if alert.notices
        else []
    )
    return plain | {
        "code": item.code, "title": item.title, "kind": item.kind, "department": context.get("responsible_dept"),
        "owner": context.get("owner") or context.get("measure_owner"), "accountable": context.get("accountable"),
        "status": context.status or context.get("status_text"), "effective_due": context.effective_due,
        "baseline_due": alert.baseline_due, "lag_days": context.lag_days, "alert_at": alert.at, "notices": alert.notices,
        "explain_deadline": alert.explain_deadline, "escalate_at": context.escalate_at if alert.explain_deadline else None,
        "explained_at": alert.explained_at, "deadline": reading.deadline if reading else alert.explain_deadline,
        "remaining": _clock_time(reading.remaining, reading.mode) if reading else world.params.get("explain"),
        "mode": worded_clock(world.params["explain"], world.language) if "explain" in world.params else None,
        "initiator": context.initiator, "source": item.ref.source, "table": item.ref.table, "url": item.url,
        "downstream": tuple((o.item.code, o.item.title, o.get("planned_start"), o.get("responsible_dept")) for o in waiting), "milestones": context.project.get("milestones"),
        "columns": ("滞后原因", "调整计划", "调整后完成日期"), "now": world.now, "state": alert.state,
    }  # fmt: skip


def _clock_time(duration: timedelta | None, mode: str) -> Mapping[str, Any] | None:
    return None if duration is None else {"hours": round(duration.total_seconds() / 3600, 1), "mode": mode}


def _waits(other: Context, code: str) -> bool:
    return bool(code) and code in (other.get("upstream") or ())
