"""The comparisons of rules - ``rules restate`` and ``rules backtest`` - as JSON and as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from duban.rules.bookrecord import BookChange
from duban.sync.backtest import Backtest, Column
from duban.sync.report import stamp
from duban.sync.restating import Restated, Restatement, Stand
from duban.wording import Language, worded

_NAMES: Mapping[str, tuple[str, str]] = {
    "level": ("级别", "level"),
    "state": ("预警状态", "state"),
    "lag_days": ("滞后天数", "lag days"),
    "effective_due": ("计滞后的截止日期", "due date that counts"),
    "explain_deadline": ("说明截止时间", "explanation due"),
    "sla": ("SLA状态", "SLA"),
    "sla_due": ("时限", "SLA due"),
}
_WORDS: Mapping[str, tuple[str, str]] = {
    "restated": (
        "{now} · 规则变更 {changes} 处 · 未关闭 {opened} 项中 {items} 项判断不同 · 已关闭 {closed} 项保持不变",
        "{now} · {changes} changes of rules · {items} of {opened} open items differ · {closed} closed items are left",
    ),
    "since": ("与 {at} 那次运行的规则比较", "compared with the rules of the run of {at}"),
    "unknown": (
        "{at} 那次运行的规则没有记录或本版本无法读取：与当时记住的结果比较，其中也有时间推移的影响",
        "the rules of the run of {at} are not at hand: compared with what was remembered, where time plays a part",
    ),
    "never": ("还没有任何运行的记录：先运行一次 duban sync", "no run is recorded yet: run duban sync once"),
    "same": ("规则没有变化", "the rules are the same"),
    "wording": ("（判断不变）", " (judges alike)"),
    "because": ("因为", "because of"),
    "rules": ("规则", "rules"),
    "counts": ("各规则：", "by rule: "),
    "messages": (
        "现在同步，按原规则会发 {0} 条消息，按新规则 {1} 条",
        "a sync now would send {0} messages by the old rules, {1} by the new",
    ),
    "passed": (
        "另有 {0} 项与上次运行不同，只因时间推移（两套规则都一样）",
        "{0} open items differ from the last run because time has passed, by either rules",
    ),
    "backtested": (
        "{since} 至 {until} · 记录 {runs} 次运行，判断 {steps} 次 · 实际 {told} 条 · 现行规则 {present} 条{changed}",
        "{since} to {until} · {runs} runs, {steps} judged · told {told} · by the rules in force {present}{changed}",
    ),
    "changed": (" · 变更后 {} 条", " · by the changed rules {}"),
    "later": (
        "记录从 {0} 开始；更早的无法回放",
        "the record begins at {0}; nothing before can be replayed",
    ),
    "empty": ("这段时间没有运行的记录", "no run is recorded in this time"),
    "pause": (
        "{0} 至 {1} 没有运行：这期间该发的，计在下一次运行",
        "no run between {0} and {1}: what came due then counts in the next run",
    ),
    "rule": ("规则", "rule"),
    "department": ("部门", "department"),
    "week": ("周", "week"),
    "told": ("实际", "told"),
    "present": ("现行规则", "in force"),
    "after": ("变更后", "changed"),
}


def _say(word: str, language: Language, *values: object, **named: object) -> str:
    return _WORDS[word][0 if language == "zh" else 1].format(*values, **named)


# --- restate


def restatement_document(found: Restatement, zone: ZoneInfo) -> dict[str, Any]:
    """Return ``rules restate --json``."""
    return {
        "version": 1, "now": stamp(found.now, zone), "since": stamp(found.since, zone), "rules_known": found.known,
        "changes": change_data(found.changes),
        "open": found.opened, "closed": found.closed, "changed_by_time": found.passed,
        "messages": {"before": found.messages[0], "after": found.messages[1]},
        "by_rule": {rule: {"comes": came, "goes": went} for rule, (came, went) in found.by_rule.items()},
        "items": [_restated_data(each, zone) for each in found.items],
    }  # fmt: skip


def change_data(changes: Sequence[BookChange]) -> list[dict[str, Any]]:
    """Return what differs between two books as JSON data."""
    return [{"part": each.part, "text": each.text, "wording": each.wording} for each in changes]


def _restated_data(each: Restated, zone: ZoneInfo) -> dict[str, Any]:
    ref = each.item.ref
    return {
        "source": ref.source, "table": ref.table, "record": ref.record, "code": each.item.code,
        "kind": each.item.kind, "title": each.item.title, "comes": list(each.came), "goes": list(each.went),
        "before": _stand_data(each.before, zone), "after": _stand_data(each.after, zone),
        "because": list(each.because),
    }  # fmt: skip


def _stand_data(stand: Stand, zone: ZoneInfo) -> dict[str, Any]:
    return {name: stamp(value, zone) if isinstance(value, date) else list(value) if name == "rules" else value
            for name, value in asdict(stand).items()}  # fmt: skip


def restatement_lines(found: Restatement, language: Language, zone: ZoneInfo) -> Iterator[str]:
    """Yield ``rules restate`` for people: the summary first and last."""
    if found.since is None:
        yield _say("never", language)
        return
    summary = _say(
        "restated", language, now=_time(found.now, language, zone), changes=len(found.changes), items=len(found.items),
        opened=found.opened, closed=found.closed,
    )  # fmt: skip
    yield summary
    yield _say("since" if found.known else "unknown", language, at=_time(found.since, language, zone))
    if found.known and not found.changes:
        yield _say("same", language)
    yield from change_lines(found.changes, language)
    place = ""
    for each in found.items:
        here = f"{each.item.ref.source} / {each.item.ref.table}"
        if here != place:
            place = here
            yield f"\n{here}"
        yield from _restated_lines(each, language, zone)
    if found.items:
        yield ""
    counts = " · ".join(f"{rule} +{came} -{went}" for rule, (came, went) in found.by_rule.items())
    if counts:
        yield _say("counts", language) + counts
    if found.known and found.changes:
        yield _say("messages", language, *found.messages)
    if found.known and found.passed:
        yield _say("passed", language, found.passed)
    yield summary


def change_lines(changes: Sequence[BookChange], language: Language) -> Iterator[str]:
    """Yield what differs between two books, a line each."""
    for each in changes:
        yield f"  {each.text}" + (_say("wording", language) if each.wording else "")


def _restated_lines(each: Restated, language: Language, zone: ZoneInfo) -> Iterator[str]:
    parts = []
    if each.came or each.went:
        moved = [*(f"-{rule}" for rule in each.went), *(f"+{rule}" for rule in each.came)]
        parts.append(f"{_say('rules', language)} {' '.join(moved)}")
    for name, pair in each.moved.items():
        before, after = (_shown(value, language, zone) for value in pair)
        parts.append(f"{_NAMES[name][0 if language == 'zh' else 1]} {before} → {after}")
    separator = "；" if language == "zh" else "; "
    yield f"  {each.item.code or each.item.ref.record}  {each.item.title}  {separator.join(parts)}"
    if each.because:
        yield f"    {_say('because', language)} {separator.join(each.because)}"


def _shown(value: object, language: Language, zone: ZoneInfo) -> str:
    return _time(value, language, zone) if isinstance(value, datetime) else worded(value, language)


def _time(moment: datetime, language: Language, zone: ZoneInfo) -> str:
    return worded(moment.astimezone(zone), language)


# --- backtest


def backtest_document(found: Backtest, zone: ZoneInfo) -> dict[str, Any]:
    """Return ``rules backtest --json``."""
    columns = {"told": found.told, "present": found.present, "changed": found.changed}
    return {
        "version": 1, "since": stamp(found.since, zone), "until": stamp(found.until, zone),
        "recorded_since": stamp(found.recorded_since, zone), "runs": found.runs, "steps": found.steps,
        "pause": [stamp(moment, zone) for moment in found.pause] if found.pause else None,
        "changes": change_data(found.changes),
        **{name: None if column is None else _column_data(column, zone) for name, column in columns.items()},
    }  # fmt: skip


def _column_data(column: Column, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "messages": len(column.warned), "by_rule": dict(sorted(column.by_rule().items())),
        "by_department": dict(sorted(column.by_department().items())),
        "by_week": dict(sorted(column.by_week().items())),
        "each": [
            {"at": stamp(each.at, zone), "rule": each.rule, "code": each.code, "source": each.ref.source,
             "table": each.ref.table, "record": each.ref.record, "department": each.department, "key": each.key}
            for each in column.warned
        ],
    }  # fmt: skip


def backtest_lines(found: Backtest, language: Language, zone: ZoneInfo) -> Iterator[str]:
    """Yield ``rules backtest`` for people: the summary first and last, between them one table per rule, department and
    week."""
    changed = "" if found.changed is None else _say("changed", language, len(found.changed.warned))
    summary = _say(
        "backtested", language, since=_time(found.since, language, zone), until=_time(found.until, language, zone),
        runs=found.runs, steps=found.steps, told=len(found.told.warned), present=len(found.present.warned),
        changed=changed,
    )  # fmt: skip
    yield summary
    if found.recorded_since is not None and found.recorded_since > found.since:
        yield _say("later", language, _time(found.recorded_since, language, zone))
    if not found.runs:
        yield _say("empty", language)
        return
    if found.pause is not None:
        yield _say("pause", language, *(_time(moment, language, zone) for moment in found.pause))
    yield from change_lines(found.changes, language)
    for title, count in (("rule", Column.by_rule), ("department", Column.by_department), ("week", Column.by_week)):
        columns = [column for column in (found.told, found.present, found.changed) if column is not None]
        counts = [count(column) for column in columns]
        yield ""
        heads = ("told", "present", "after")[: len(columns)]
        yield _row([_say(title, language), *(_say(head, language) for head in heads)])
        for name in sorted({name for each in counts for name in each}):
            yield _row([name, *(str(each.get(name, 0)) for each in counts)])
    yield ""
    yield summary


def _row(cells: Sequence[str]) -> str:
    first = cells[0] + " " * max(1, 16 - _width(cells[0]))
    return "  " + first + "".join(" " * max(1, 12 - _width(cell)) + cell for cell in cells[1:])


def _width(text: str) -> int:
    return sum(2 if ord(sign) > 0x2E80 else 1 for sign in text)
