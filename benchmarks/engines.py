"""Ten task rules of the shipped pack in the languages of zen-engine, CEL and rule-engine.

The same conditions, written as each language wants them: an ordering on an empty value must be guarded in all three
(in ours it never holds), and the pack's guards (cancelled, paused) stand in the rules, because they have none. Names
are those of :func:`benchmarks.rules.row_of`. Each maker imports its package when called; it raises
``ModuleNotFoundError`` where the package is not installed.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = dict[str, Any]
# A name, how rows get their form, how they are asked: a list of truths for every row.
Way = tuple[str, Callable[[Sequence[Row]], Any], Callable[[Any], Any]]

_ACTIVE = 'status not in ["取消", "暂停"]'
_MOVES = ("未开始>进行中", "进行中>待审核", "待审核>已完成", "待审核>进行中", "暂停>未开始", "暂停>进行中")
ZEN: Mapping[str, str] = {
    "DQ-02": 'status != "取消" and ((planned_start != null and due != null and planned_start > due)'
    " or (actual_finish != null and actual_finish > today))",
    "RAC-02": f"{_ACTIVE} and open and len(accountable) != 1",
    "RAC-03": f"{_ACTIVE} and open and len(consulted) == 0 and len(informed) == 0",
    "STA-02": 'status != "取消" and status != null and previous_status != null and previous_status != status'
    ' and (status != "暂停" or previous_status in ["已完成", "取消"])'
    f' and (previous_status + ">" + status) not in {json.dumps(_MOVES, ensure_ascii=False)}',
    "STA-03": 'status != null and status != "取消" and ((status == "已完成" and actual_finish == null)'
    ' or (status != "已完成" and actual_finish != null))',
    "STA-04": f'{_ACTIVE} and progress != null and ((progress >= 100 and status in ["未开始", "进行中"])'
    ' or (status == "已完成" and progress < 100) or (status == "未开始" and progress > 0))',
    "STA-05": 'status == "进行中" and idle_workdays != null and idle_workdays > 5',
    "LAG-03": 'status == "未开始" and lag_days == 0 and planned_start != null and planned_start < today'
    " and started_workdays >= 1",
    "LAG-04": 'status == "进行中" and progress != null and lag_days == 0 and ladder_due != null and ladder_due >= today'
    " and planned_start != null and workdays_gone - progress / 100 * workdays_planned >= 3",
    "EXP-02": 'status != "取消" and notice_outstanding and (laddered or status not in ["待审核", "已完成", "取消"])'
    " and explain_deadline != null and now <= explain_deadline and not notice_sent_now"
    " and explanation_parts > 0 and explanation_parts < 3",
}
TEN = tuple(ZEN)


def _cel(text: str) -> str:
    text = re.sub(r"(\([^()]*\)|\w+) not in (\[[^\]]*\])", r"!(\1 in \2)", text)
    text = text.replace(" and ", " && ").replace(" or ", " || ").replace("not notice", "!notice")
    return text.replace("len(", "size(").replace("/ 100", "/ 100.0").replace("progress >= 100 ", "progress >= 100.0 ")


def _rule_engine(text: str) -> str:
    return re.sub(r"len\((\w+)\)", r"\1.length", text)


def _names(text: str, row: Row) -> list[str]:
    return sorted(set(re.findall(r"\w+", re.sub(r'"[^"]*"', "", text))) & set(row))


def _own_names(rows: Sequence[Row]) -> list[list[Row]]:
    wanted = [_names(text, rows[0]) for text in ZEN.values()]
    return [[{name: row[name] for name in names} for names in wanted] for row in rows]


def _listed(texts: Mapping[str, str]) -> str:
    return "[" + ", ".join(texts.values()) + "]"


def zen_engine() -> list[Way]:
    zen = importlib.import_module("zen")
    each = [zen.compile_expression(text).evaluate for text in ZEN.values()]
    every = zen.compile_expression(_listed(ZEN)).evaluate

    def encoded(rows: Sequence[Row]) -> list[bytes]:
        return [json.dumps(row, ensure_ascii=False).encode() for row in rows]

    return [
        ("each rule, own names", _own_names, lambda rows: [[each[n](r) for n, r in enumerate(own)] for own in rows]),
        ("one list, rows as dicts", list, lambda rows: [every(row) for row in rows]),
        ("one list, rows as JSON", encoded, lambda rows: [every(row) for row in rows]),
    ]  # fmt: skip


def cel() -> list[Way]:
    package = importlib.import_module("cel")
    texts = {rule_id: _cel(text) for rule_id, text in ZEN.items()}
    each = [package.compile(text).execute for text in texts.values()]
    every = package.compile(_listed(texts)).execute

    def contexts(rows: Sequence[Row]) -> list[Any]:
        return [package.Context(row) for row in rows]

    return [
        ("each rule, contexts made before", contexts, lambda rows: [[f(row) for f in each] for row in rows]),
        ("one list, contexts made before", contexts, lambda rows: [every(row) for row in rows]),
    ]


def rule_engine() -> list[Way]:
    package = importlib.import_module("rule_engine")
    texts = {rule_id: _rule_engine(text) for rule_id, text in ZEN.items()}
    each = [package.Rule(text).matches for text in texts.values()]
    every = package.Rule(_listed(texts)).evaluate
    return [
        ("each rule, rows as dicts", list, lambda rows: [[f(row) for f in each] for row in rows]),
        ("one list, rows as dicts", list, lambda rows: [every(row) for row in rows]),
    ]


ENGINES: Mapping[str, Callable[[], list[Way]]] = {
    "zen-engine": zen_engine, "common-expression-language": cel, "rule-engine": rule_engine,
}  # fmt: skip
