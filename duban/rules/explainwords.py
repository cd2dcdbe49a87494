"""An explanation in words, Chinese and English: the lines that ``duban explain`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from duban.item import KINDS, fields_of
from duban.rules.explainhistory import DUE, history_said, move_said
from duban.rules.granting import Approved
from duban.rules.recipients import ROLE_NAMES, Recipient
from duban.rules.tracing import NO_COLUMN, Seen, Trace
from duban.rules.waivers import refusal_said, waiver_said, what_said
from duban.wording import Language, worded, worded_clock, worded_duration

if TYPE_CHECKING:
    from duban.rules.entries import RuleEntry
    from duban.rules.explain import ClockLife, Explanation, Steps, Tried

_COLOURS = {"critical": "红", "warn": "黄", "info": "绿"}
_OUTCOMES: Mapping[str, tuple[str, str]] = {
    "off": ("规则已停用", "the rule is off"),
    "other_tool": ("只用于 {because}", "only for {because}"),
    "unmapped": ("本表没有列：{because}", "the table has no column for {because}"),
    "waiting": ("尚未读到全部{because}", "not all items of kind {because} could be read"),
    "closed": (
        "本项关闭之后这条规则才改动：按关闭时的规则判断",
        "the rule changed after this item was closed: it stands as it was judged then",
    ),
    "suppressed": ("在 {because} 时不适用", "silent while {because}"),
    "gate_false": ("前提不成立：{term}", "its gate does not hold: {term}"),
    "gate_unknown": ("前提无法判断：{term}", "its gate is unknown: {term}"),
    "false": ("不成立：{term}", "does not hold: {term}"),
    "unknown": ("无法判断：{term}", "unknown: {term}"),
}
_SEGMENTS = {
    "running": ("计时", "running"),
    "paused": ("暂停", "paused"),
    "rest_day": ("休息日", "rest day"),
    "off_hours": ("非工作时间", "off hours"),
}


def _pick(pair: tuple[str, str], language: Language) -> str:
    return pair[0] if language == "zh" else pair[1]


def reason(found: Trace, language: Language) -> str:
    """Return in one sentence why a rule does not hold; an empty text for one that does."""
    if found.holds:
        return ""
    if found.waiver is not None:
        return _pick(("已豁免：", "waived "), language) + waiver_said(found.waiver, language)
    kinds = [kind for kind in found.rule.entry.of if kind in KINDS]
    names = {field.key: (field.zh, field.en) for kind in kinds for field in fields_of(kind)}
    because = (_pick(names[word], language) if word in names else word for word in found.because)
    term = found.decisive
    shown = f"{term.text}{_seen(term.values, language)}" if term is not None else ""
    separator = "、" if language == "zh" else ", "
    return _pick(_OUTCOMES[found.outcome], language).format(because=separator.join(because), term=shown)


def because(found: Trace, language: Language) -> str:
    """Return the conditions of a rule with the values that they read: why a finding holds."""
    separator = "；" if language == "zh" else "; "
    return separator.join(f"{term.part}: {term.text}{_seen(term.values, language)}" for term in found.terms)


def _seen(values: Iterable[Seen], language: Language) -> str:
    parts = [f"{seen.text} = {_value(seen.value, language)}" for seen in values]
    if not parts:
        return ""
    return f"（{'，'.join(parts)}）" if language == "zh" else f" ({', '.join(parts)})"


def _value(value: Any, language: Language) -> str:
    if value is NO_COLUMN:
        return _pick(("没有此列", "no column"), language)
    if isinstance(value, Mapping) and "hours" in value:
        return worded_clock(value, language)
    return worded(value, language)


# --- the whole


def said(explanation: Explanation, language: Language) -> Iterator[str]:
    """Yield the lines of an explanation."""
    item, verdict = explanation.item, explanation.verdict
    yield f"{item.code or item.ref.record} {item.title}  ({item.ref})  {worded(explanation.now, language)}"
    head = {
        _pick(("级别", "level"), language): verdict.level,
        _pick(("状态", "state"), language): verdict.state,
        "SLA": verdict.sla,
        _pick(("规则", "rules"), language): ", ".join(verdict.rules) or "-",
    }
    yield "  " + " · ".join(f"{name} {value}" for name, value in head.items())
    yield from _judged(explanation, language)
    yield from _warnings(explanation, language)
    yield from _values(explanation, language)
    if explanation.steps is not None:
        yield from _ladder(explanation.steps, language)
    yield from _approved(explanation.verdict.approved, language)
    for life in explanation.clocks:
        yield from _clock(life, language)
    yield from _rules(explanation.tried, language)


def _judged(explanation: Explanation, language: Language) -> Iterator[str]:
    """By which versions of the rules the item stands judged, and since when."""
    memory, since = explanation.verdict.memory, {"zh": " ({} 起)", "en": " (since {})"}[language]
    if memory.judged:
        parts = [
            f"{each.rule} v{each.version}" + (since.format(worded(each.since, language)) if each.since else "")
            for each in memory.judged
        ]
        yield "  " + _pick(("规则版本", "rule versions"), language) + ": " + ", ".join(parts)
    if memory.closing is not None:
        said = _pick(("{} 已关闭，按规则 {} 判断", "closed {}, judged by the rules {}"), language)
        yield "  " + said.format(worded(memory.closing.at, language), memory.closing.book)


def _warnings(explanation: Explanation, language: Language) -> Iterator[str]:
    """What the reader must know before anything else."""
    if explanation.verdict.frozen:
        yield _pick(
            ("  ! 本行所在的表这次没有完整读到：用上次读到的内容判断，已有的预警保持不变，不写入也不通知",
             "  ! its table was not read completely: judged as read last, findings kept, nothing written or sent"),
            language,
        )  # fmt: skip
    if explanation.uncovered:
        years = worded(tuple(map(str, explanation.uncovered)), language)
        yield _pick(
            (f"  ! {years}年没有放假安排数据，该年的工作日按周一至周五计算（CFG-02）",
             f"  ! there is no holiday data for {years}: Monday to Friday is used there (CFG-02)"),
            language,
        )  # fmt: skip


def _values(explanation: Explanation, language: Language) -> Iterator[str]:
    names = {field.key: _pick((field.zh, field.en), language) for field in fields_of(explanation.item.kind)}
    bad = dict(explanation.item.bad)
    yield _pick(("读到的值", "values as read"), language)
    for key, value in explanation.values().items():
        if key in bad:
            yield f"  {names[key]}: {bad[key]} " + _pick(("（无法识别）", "(not readable)"), language)
        elif value is not None:
            yield f"  {names[key]}: {worded(value, language)}"
    empty = [names[key] for key, value in explanation.values().items() if value is None and key not in bad]
    for title, keys in (
        (_pick(("空", "empty"), language), empty),
        (_pick(("没有此列", "no column"), language), [names[key] for key in explanation.unmapped]),
    ):
        if keys:
            yield f"  {title}: {worded(tuple(keys), language)}"


def _ladder(steps: Steps, language: Language) -> Iterator[str]:
    yield _pick(("预警状态", "life cycle"), language) + f": {steps.stored.state} -> {steps.alert.state}"
    for move in steps.moves:
        yield f"  {move} {move_said(move, language)}"
    yield from history_said(steps.history, language)
    due = _pick(("计滞后的截止日期", "due date that counts"), language)
    yield f"  {due}: {worded(steps.effective_due, language)} - {_pick(DUE[steps.due_from], language)}"
    if steps.lag_days is not None and steps.counted:
        unit = _pick(("个工作日", "workdays") if steps.unit == "workday" else ("天", "days"), language)
        days = ", ".join(f"{day:%m-%d}" for day in steps.counted)
        yield _pick(("  滞后", "  lag"), language) + f": {steps.lag_days} {unit} ({days})"
    if steps.answer.parts:
        answers = _pick(
            ("算作答复", "counts as the answer") if steps.answered else ("不算答复", "does not count"), language
        )
        parts = _pick(("说明", "explanation"), language)
        yield f"  {parts}: {steps.answer.parts}/3, {worded(steps.answer.at, language)}, {answers}"


def _approved(approved: Approved, language: Language) -> Iterator[str]:
    """What somebody approved for the item, and what of it does not count."""
    grants = approved.grants
    counting = (*((grants.extension,) if grants.extension is not None else ()), *grants.waivers)
    if not (approved.extensions or counting or grants.refused):
        return
    times = _pick((f"已延期{approved.extensions}次", f"extended {approved.extensions} times"), language)
    yield _pick(("批准（延期与豁免）", "approvals"), language) + f": {times}"
    for waiver in dict.fromkeys(counting):
        yield f"  {what_said(waiver, language)}: {waiver_said(waiver, language)}"
    no = _pick(("不算", "does not count"), language)
    for refused in grants.refused:
        yield f"  {no}: {refusal_said(refused, language)}"


def _clock(life: ClockLife, language: Language) -> Iterator[str]:
    whole = worded_clock({"hours": life.duration.total_seconds() / 3600, "mode": life.mode}, language)
    title = _pick(("时钟", "clock"), language)
    until = _pick(("到期", "deadline"), language)
    yield f"{title} {life.name}: {whole}, {until} {_instant(life.deadline, language)}, {life.state}"
    for part in life.segments:
        kind, length = _pick(_SEGMENTS[part.kind], language), _length(part.length, language)
        yield f"  {_instant(part.start, language)} -> {_instant(part.end, language)}  {kind} {length}"
    total, counted = _length(life.wall, language), _length(life.counted, language)
    yield _pick((f"  共经过{total}，计时{counted}", f"  {total} elapsed, {counted} counted"), language)


def _instant(moment: datetime, language: Language) -> str:
    """A time as people read it, with its seconds where it has some."""
    said = worded(moment, language)
    if not moment.second and not moment.microsecond:
        return said
    exact = f":{moment.second:02}" + (f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else "")
    return said.replace(" (", f"{exact} (")


def _length(duration: timedelta, language: Language) -> str:
    """A duration without a loss, so that what is shown adds up: seconds are said where there are some."""
    seconds = (duration % timedelta(minutes=1)).total_seconds()
    whole = worded_duration(duration, language)
    if not seconds:
        return whole
    rest = f"{seconds:.6f}".rstrip("0").rstrip(".") + _pick(("秒", " s"), language)
    if duration < timedelta(minutes=1):
        return rest
    return f"{whole}{rest}" if language == "zh" else f"{whole} {rest}"


def _rules(tried: tuple[Tried, ...], language: Language) -> Iterator[str]:
    held = [each for each in tried if each.trace.holds]
    yield _pick(
        (f"规则：成立 {len(held)}，试过 {len(tried)}", f"rules: {len(held)} hold of {len(tried)} tried"), language
    )
    for each in held:
        yield from _held(each, language)
    for each in tried:
        if not each.trace.holds:
            yield f"  {each.trace.rule.id} {named(each.trace.rule.entry, language)}: {reason(each.trace, language)}"


def held_lines(found: Trace, text: str, language: Language) -> Iterator[str]:
    """Yield the lines about a rule that holds: its sentence, its conditions with the values seen."""
    entry = found.rule.entry
    kept = _pick(("（沿用上次判断）", " (kept from the last judgement)"), language)
    mark = _COLOURS[entry.level or "info"]
    yield f"* {found.rule.id} {named(entry, language)} [{mark}] {text}" + (kept if found.outcome == "kept" else "")
    for term in found.terms:
        yield f"    {term.part}: {term.text}{_seen(term.values, language)}"


def _held(tried: Tried, language: Language) -> Iterator[str]:
    yield from held_lines(tried.trace, tried.text, language)
    for title, group in (
        (_pick(("通知", "told"), language), tried.to),
        (_pick(("抄送", "copied"), language), tried.cc),
        (_pick(("上报", "escalated to"), language), tried.esc),
    ):
        if group:
            yield f"    {title}: " + ", ".join(_person(person, language) for person in group)


def _person(person: Recipient, language: Language) -> str:
    roles = [_pick(ROLE_NAMES[role], language) for role in (person.role, *person.also)]
    separator = "；" if language == "zh" else "; "
    return f"{person.name} ({separator.join(filter(None, (worded(tuple(roles), language), person.why(language))))})"


def named(entry: RuleEntry, language: Language) -> str:
    """Return a rule's name."""
    return entry.name.in_language(language) if entry.name else ""
