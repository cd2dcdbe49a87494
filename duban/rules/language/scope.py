"""Which names a condition may use, and what they mean for one kind of item.

Fields by key or by any unambiguous Chinese heading of ``guide/fields.yaml``, derived values (:data:`DERIVED`),
collections of the snapshot, parameters of the pack, and - in a rule with a clock - the clock's values.
Sources are templates in which ``{c}`` stands for the context of the item (see ``rules.context``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from duban.item import KINDS, Field, Kind, fields_of, places_of, statuses
from duban.rules.language.types import (
    BOOL,
    CLOCK,
    DATE,
    DATETIME,
    DURATION,
    NUMBER,
    PAIRS,
    PEOPLE,
    RANGE,
    TEXT,
    TEXTS,
    Type,
    item,
    items,
)  # fmt: skip

STATUSES = ("未开始", "进行中", "待审核", "已完成", "暂停", "取消")
STATES = ("正常", "临期", "轻微滞后", "滞后预警已发", "已说明", "超时未说明", "已升级", "已解除")


class Symbol(NamedTuple):
    """What a name means: its type, its source, whether it may be missing, and the field it reads, if any.

    ``bounds``: a whole number from the first on, to the second where there is one.
    """

    type: Type
    source: str
    nullable: bool = True
    field: str | None = None
    bounds: tuple[int, int | None] | None = None


class Derived(NamedTuple):
    """A value that the engine computes for an item: names in both languages, type, attribute of the context."""

    key: str
    zh: str
    type: Type
    nullable: bool
    about: str


_WORLD = (
    Derived("now", "现在", DATETIME, False, "the moment of judging"),
    Derived("today", "今天", DATE, False, "the local date of now"),
    Derived("week_monday", "上周周一", DATE, False, "Monday of W, the last completed week (convention C12)"),
    Derived("week_sunday", "上周周日", DATE, False, "Sunday of W"),
    Derived("week_last_workday", "上周最后工作日", DATE, True, "the last workday of W; missing when W has none"),
    Derived("lookback_start", "回溯起点", DATE, False, "records of lateness are listed when not older than this day"),
)
_EVERY = (
    *_WORLD,
    Derived("same_code", "同编号行数", NUMBER, False, "how many rows of all tools have this item's code"),
    Derived("unreadable_dates", "无法识别的日期", TEXTS, False, "date fields whose cell is not a date"),
    Derived("initiator", "发起部门名称", TEXT, True, "the initiating department, of the item or of its project"),
    Derived("project_phase", "所在项目阶段", TEXT, True, "the phase of the item's project"),
)
_TASK = (
    Derived("active", "进行阶段", BOOL, False, "status 未开始 or 进行中"),
    Derived("open", "未关闭", BOOL, False, "未开始, 进行中, 待审核 or unknown"),
    Derived("terminal", "已终结", BOOL, False, "已完成 or 取消"),
    Derived(
        "laddered", "计滞后", BOOL, False, "the lag ladder applies: active, or 待审核 when review_stops_lag is false"
    ),
    Derived("lag_days", "滞后天数", NUMBER, True, "workdays past the effective due date; missing outside the ladder"),
    Derived("effective_due", "有效截止日期", DATE, True, "the due date that counts (convention C7)"),
    Derived(
        "ladder_due",
        "计滞后截止日期",
        DATE,
        True,
        "the effective due date, rolled to a workday where due_on_nonworkday says so",
    ),
    Derived("previous_status", "原状态", Type("text", options=STATUSES), True, "the status before the present one"),
    Derived("status_since", "现状态起始", DATETIME, True, "when a run first saw the present status"),
    Derived("alert_state", "预警状态", Type("text", options=STATES), False, "where the item stands in the life cycle"),
    Derived("alert_at", "预警时间", DATETIME, True, "when the current notice was sent"),
    Derived("explain_deadline", "说明截止时间", DATETIME, True, "until when the current notice is to be answered"),
    Derived("notices", "预警次数", NUMBER, False, "notices of this cycle"),
    Derived("notice_outstanding", "预警未了结", BOOL, False, "state 滞后预警已发, 超时未说明 or 已升级"),
    Derived("notice_sent_now", "本次发出预警", BOOL, False, "the notice is sent in this run"),
    Derived("explained", "已有效说明", BOOL, False, "a complete explanation answers the current notice"),
    Derived("explanation_parts", "说明已填项数", NUMBER, False, "how many of reason, plan and new date are given"),
    Derived("answered_at", "答复时间", DATETIME, True, "when the last notice was answered, as it counts (C9)"),
    Derived("explained_late", "说明逾期", BOOL, False, "the last notice was answered after its deadline"),
    Derived(
        "explanation_note",
        "说明提示",
        TEXT,
        False,
        "a sentence when the explanation does not answer the notice, else empty",
    ),
    Derived("escalate_at", "升级时间", DATETIME, True, "when an unanswered notice is escalated"),
    Derived("stored_due", "预警时截止日期", DATE, True, "the due cell as it was at the notice"),
    Derived("human_update", "最近人工更新", DATETIME, True, "the last change by a person"),
    Derived("changed_since_signing", "签字后变更项", TEXTS, False, "fields that differ from the signed baseline"),
    Derived("extensions", "延期次数", NUMBER, False, "how often an extension of the due date was approved so far"),
)
_CLOSABLE = (
    Derived("status_since", "现状态起始", DATETIME, True, "when a run first saw the present status"),
    Derived("closed", "已关闭", BOOL, False, "nothing is left to do (convention C21)"),
)
_TABLE = (
    Derived("missing_fields", "缺少字段", TEXTS, False, "fields needed by enabled rules that have no column"),
    Derived("swapped_headings", "字母不符标题", TEXTS, False, "headings that join 咨询 with I or 知会 with C"),
)
_SYSTEM = (Derived("uncovered_years", "无日历年份", TEXTS, False, "years used by clocks without calendar data"),)

# Derived numbers are whole, and these are the smallest and the largest that each can be.
BOUNDS: Mapping[str, tuple[int, int | None]] = {
    "same_code": (1, None), "lag_days": (0, None), "notices": (0, None), "explanation_parts": (0, 3),
    "extensions": (0, None), "cycle": (1, None),
}  # fmt: skip

DERIVED: Mapping[str, tuple[Derived, ...]] = {
    **dict.fromkeys(KINDS, _EVERY),
    "task": _EVERY + _TASK,
    **dict.fromkeys(("issue", "dispute", "risk"), _EVERY + _CLOSABLE),
    "table": _WORLD + _TABLE,
    "system": _WORLD + _SYSTEM,
}

# In a rule that has a clock.
CLOCK_VALUES = (
    Derived("running", "计时中", BOOL, False, "started, not stopped, not past its deadline"),
    Derived("breached", "已超时", BOOL, False, "not stopped and now is after the deadline"),
    Derived("stopped", "已停止", BOOL, False, "the stop event was seen"),
    Derived("stopped_late", "逾期停止", BOOL, False, "stopped after the deadline"),
    Derived("started_now", "本次开始", BOOL, False, "the engine itself set the start in this run"),
    Derived("deadline", "到期时间", DATETIME, True, "start + duration in the clock's mode"),
    Derived("start", "起算时间", DATETIME, True, "when the clock started"),
    Derived("stopped_at", "停止时间", DATETIME, True, "the stop event's own time"),
    Derived("remaining", "剩余时长", DURATION, True, "clock time left, never below zero"),
    Derived("duration", "时限时长", DURATION, False, "the clock's whole length"),
    Derived("paused", "计时暂停中", BOOL, False, "the clock stands still now (its pause_when holds)"),
    Derived("cycle", "计时轮次", NUMBER, False, "1, and one more each time the item was opened again (reopens)"),
)

_COLLECTIONS = {"tasks": "task", "issues": "issue", "disputes": "dispute", "risks": "risk", "meetings": "meeting",
                "resources": "resource"}  # fmt: skip
_TYPES: Mapping[str, Type] = {
    "text": TEXT, "url": TEXT, "select": TEXT, "multi_select": TEXTS, "person": PEOPLE, "links": Type("links"),
    "number": NUMBER, "percent": NUMBER, "date": DATE, "datetime": DATETIME,
}  # fmt: skip


def _field_type(field: Field) -> Type:
    if field.key == "status":
        aliases = tuple((word.casefold(), canonical) for word, canonical, _ in statuses())
        return Type("text", options=STATUSES, aliases=aliases)
    if field.values:
        options = tuple(name for name, _ in field.values)
        aliases = tuple((word.casefold(), name) for name, words in field.values for word in (name, *words))
        return Type("text", options=options, closed=False, aliases=aliases)
    return _TYPES[field.type]


@cache
def field_names(kind: Kind) -> Mapping[str, str]:
    """Every way to name a field of a kind -> its key: the key, the Chinese name, unambiguous Chinese synonyms."""
    names: dict[str, str | None] = {}
    for spoken in ("zh", "synonyms"):
        for known in fields_of(kind):
            for word in (known.zh,) if spoken == "zh" else known.synonyms:
                for form in _spellings(word):
                    if spoken == "synonyms" and form in names and names[form] != known.key:
                        if not any(form in _spellings(other.zh) for other in fields_of(kind)):
                            names[form] = None
                        continue
                    names[form] = known.key
    for known in fields_of(kind):
        names[known.key] = known.key
    names |= {"status_text": "status_text", "status_flag": "status_flag"} if "status" in names else {}
    return {form: key for form, key in names.items() if key is not None}


def _spellings(word: str) -> Iterator[str]:
    bare = re.sub(r"[（(].*?[)）]", "", word).strip()
    for form in {word, bare, re.sub(r"[（()）\s]", "", word)}:
        if re.fullmatch(r"[A-Za-z_\u3400-\u9fff][A-Za-z0-9_\u3400-\u9fff%]*", form) and re.search(
            r"[\u3400-\u9fff]", form
        ):
            yield form


@cache
def symbols(kind: str) -> Mapping[str, Symbol]:
    """Return every name of a kind that needs no parameters and no clock."""
    found: dict[str, Symbol] = {}
    for value in DERIVED[kind]:
        holder = "_w" if value in _WORLD else "{c}"
        symbol = Symbol(value.type, f"{holder}.{value.key}", value.nullable, None, BOUNDS.get(value.key))
        found[value.key] = symbol
        found.setdefault(value.zh, symbol)
    if kind in KINDS:
        known = {known.key: known for known in fields_of(kind) if known.type != "ignore"}
        for name, key in field_names(kind).items():
            place = places_of(kind)[key]
            if key in known:
                found[name] = Symbol(_field_type(known[key]), f"{{c}}.v[{place}]", True, key)
            elif key in {"status_text", "status_flag"}:
                found[name] = Symbol(TEXT, f"{{c}}.v[{place}]", True, "status")
        if kind == "project":
            found |= {name: Symbol(items(of), f"{{c}}.collected({of!r})", False) for name, of in _COLLECTIONS.items()}
    return found


@dataclass(frozen=True)
class Scope:
    """The names of one rule for one kind of item.

    ``mapped`` are the fields that the table has columns for (``None``: all, for checking at load). ``clock`` is the
    name of the rule's clock. ``rules`` are the ids that ``holds`` may name. ``variables`` are the rule's ``let``.
    """

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    pairs: Mapping[str, Any] = field(default_factory=dict)
    rules: frozenset[str] = frozenset()
    mapped: frozenset[str] | None = None
    clock: str | None = None

    def lookup(self, name: str) -> Symbol | None:
        """Return what a name means here, or ``None``."""
        if self.clock is not None:
            for value in CLOCK_VALUES:
                if name in {value.key, value.zh}:
                    source = f"{{c}}.clock({self.clock!r}).{value.key}"
                    return Symbol(value.type, source, value.nullable, None, BOUNDS.get(value.key))
        known = symbols(self.kind).get(name)
        if known is not None:
            return known
        if name in self.params:
            return _parameter(name, self.params[name], written_out=self.mapped is not None)
        if name in self.pairs:
            return Symbol(PAIRS, f"_pairs[{name!r}]", False)
        return None

    def constant(self, name: str) -> Any:
        """Return the value of a parameter, ``None`` for any other name."""
        return self.params[name] if self.is_parameter(name) else None

    def is_parameter(self, name: str) -> bool:
        """Tell whether a name means a parameter here: fields, derived values and a clock's values come first."""
        if name not in self.params or name in symbols(self.kind):
            return False
        return self.clock is None or all(name not in {value.key, value.zh} for value in CLOCK_VALUES)

    def project(self) -> Symbol | None:
        """Return the project of an item, for ``project.field``."""
        return Symbol(item("project"), "{c}.project", False) if self.kind in KINDS else None

    def is_mapped(self, symbol: Symbol) -> bool:
        """Tell whether the table has a column for what this symbol reads."""
        return symbol.field is None or self.mapped is None or symbol.field in self.mapped

    def names(self) -> list[str]:
        """Return every name, for suggestions."""
        known = [*symbols(self.kind), *self.params, *self.pairs]
        if self.clock is not None:
            known += [form for value in CLOCK_VALUES for form in (value.key, value.zh)]
        return known


def attribute(kind: str, name: str) -> Symbol | None:
    """Return what ``item.name`` means for an item of a kind."""
    return symbols(kind).get(name)


def _parameter(name: str, value: Any, *, written_out: bool) -> Symbol:
    """Return what a parameter means. Written out it is fastest; by name it stays apart from others of its value."""
    if isinstance(value, bool):
        return Symbol(BOOL, repr(value) if written_out else f"_params[{name!r}]", False)
    if isinstance(value, (int, float)):
        return Symbol(NUMBER, repr(value) if written_out else f"_params[{name!r}]", False)
    if isinstance(value, timedelta):
        return Symbol(DURATION, f"_params[{name!r}]", False)
    if isinstance(value, dict):
        return Symbol(CLOCK, f"_params[{name!r}]", False)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return Symbol(TEXTS, f"_params[{name!r}]", False)
    if isinstance(value, list):
        return Symbol(RANGE, f"_params[{name!r}]", False)
    return Symbol(TEXT, repr(str(value)) if written_out else f"_params[{name!r}]", False)
