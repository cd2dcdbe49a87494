"""An explanation in words, Chinese and English: the lines that ``duban explain`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from duban.item import KINDS, fields_of
from duban.rules.recipients import Recipient
from duban.rules.tracing import NO_COLUMN, Seen, Trace
from duban.wording import Language, worded, worded_clock, worded_duration

if TYPE_CHECKING:
    from duban.rules.explain import ClockLife, Explanation, Steps, Tried

_COLOURS = {"critical": "红", "warn": "黄", "info": "绿"}
_MOVES: Mapping[str, tuple[str, str]] = {
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
}
_DUE: Mapping[str, tuple[str, str]] = {
    "accepted": ("已接受的调整后完成日期", "the accepted revised date"),
    "offered": ("预警之前主动说明的调整后完成日期", "the revised date, explained before any notice"),
    "baseline": ("预警时的基准日期（未说明前改期不算）", "the baseline of the notice; a silent change does not count"),
    "cell": ("截止日期单元格", "the due cell"),
}
_OUTCOMES: Mapping[str, tuple[str, str]] = {
    "off": ("规则已停用", "the rule is off"),
    "other_tool": ("只用于 {because}", "only for {because}"),
    "unmapped": ("本表没有列：{because}", "the table has no column for {because}"),
    "waiting": ("尚未读到全部 {because}", "not all items of kind {because} could be read"),
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


def move_said(move: str, language: Language) -> str:
    """Return the sentence of a transition of the life cycle."""
    return _pick(_MOVES[move], language)


def reason(found: Trace, language: Language) -> str:
    """Return in one sentence why a rule does not hold; an empty text for one that does."""
    if found.holds:
        return ""
    kinds = [kind for kind in found.rule.entry.of if kind in KINDS]
    names = {field.key: (field.zh, field.en) for kind in kinds for field in fields_of(kind)}
    because = (_pick(names[word], language) if word in names else word for word in found.because)
    term = found.decisive
    shown = f"{term.text}{_seen(term.values, language)}" if term is not None else ""
    separator = "、" if language == "zh" else ", "
    return _pick(_OUTCOMES[found.outcome], language).format(because=separator.join(because), term=shown)


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
    yield from _values(explanation, language)
    if explanation.steps is not None:
        yield from _ladder(explanation.steps, language)
    for life in explanation.clocks:
        yield from _clock(life, language)
    yield from _rules(explanation.tried, language)


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
    due = _pick(("计滞后的截止日期", "due date that counts"), language)
    yield f"  {due}: {worded(steps.effective_due, language)} - {_pick(_DUE[steps.due_from], language)}"
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


def _clock(life: ClockLife, language: Language) -> Iterator[str]:
    whole = worded_clock({"hours": life.duration.total_seconds() / 3600, "mode": life.mode}, language)
    title = _pick(("时钟", "clock"), language)
    until = _pick(("到期", "deadline"), language)
    yield f"{title} {life.name}: {whole}, {until} {worded(life.deadline, language)}, {life.state}"
    for part in life.segments:
        kind = _pick(_SEGMENTS[part.kind], language)
        length = worded_duration(part.length, language)
        yield f"  {worded(part.start, language)} -> {worded(part.end, language)}  {kind} {length}"
    total, counted = worded_duration(life.wall, language), worded_duration(life.counted, language)
    yield _pick((f"  共经过{total}，计时{counted}", f"  {total} elapsed, {counted} counted"), language)


def _rules(tried: tuple[Tried, ...], language: Language) -> Iterator[str]:
    held = [each for each in tried if each.trace.holds]
    yield _pick(
        (f"规则：成立 {len(held)}，试过 {len(tried)}", f"rules: {len(held)} hold of {len(tried)} tried"), language
    )
    for each in held:
        yield from _held(each, language)
    for each in tried:
        if not each.trace.holds:
            yield f"  {each.trace.rule.id} {_name(each, language)}: {reason(each.trace, language)}"


def _held(tried: Tried, language: Language) -> Iterator[str]:
    entry = tried.trace.rule.entry
    kept = _pick(("（沿用上次判断）", " (kept from the last judgement)"), language)
    mark = _COLOURS[entry.level or "info"]
    yield f"* {tried.trace.rule.id} {_name(tried, language)} [{mark}] {tried.text}" + (
        kept if tried.trace.outcome == "kept" else ""
    )
    for term in tried.trace.terms:
        yield f"    {term.part}: {term.text}{_seen(term.values, language)}"
    for title, group in (
        (_pick(("通知", "told"), language), tried.to),
        (_pick(("抄送", "copied"), language), tried.cc),
        (_pick(("上报", "escalated to"), language), tried.esc),
    ):
        if group:
            yield f"    {title}: " + ", ".join(_person(person) for person in group)


def _person(person: Recipient) -> str:
    return f"{person.name} ({person.role}{'; ' + person.why if person.why else ''})"


def _name(tried: Tried, language: Language) -> str:
    name = tried.trace.rule.entry.name
    return name.in_language(language) if name else ""
