"""What people write who come from a spreadsheet or from plain Chinese -> what it is called here."""

from __future__ import annotations

import re
from typing import NamedTuple

# Words between values and around conditions.
_WORDS = {
    "等于": "==", "是": "==", "为": "==", "不等于": "!=", "不是": "!=", "不为": "!=", "大于": ">", "小于": "<",
    "早于": "<", "晚于": ">", "大于等于": ">=", "不小于": ">=", "不少于": ">=", "不低于": ">=",
    "小于等于": "<=", "不大于": "<=",
    "不超过": "<=", "不晚于": "<=", "超过": ">", "高于": ">", "低于": "<", "属于": "in", "在": "in", "不在": "not in",
    "不属于": "not in", "和": "and", "与": "and", "以及": "and", "同时": "and", "或者": "or", "不": "not",
    "匹配": "matches", "is": "==", "equals": "==", "like": "matches", "xor": "!=",
}  # fmt: skip
# Words for values.
_VALUES = {
    "是": "true", "真": "true", "否": "false", "假": "false", "空": "null", "无": "null", "none": "null", "nil": "null",
    "null": "null", "true": "true", "false": "false", "yes": "true", "no": "false", "今日": "today", "当天": "today",
    "当前时间": "now", "当前日期": "today", "此刻": "now",
}  # fmt: skip
_FUNCTIONS = {
    "包含": "contains", "含有": "contains", "search": "contains", "find": "contains", "开头是": "starts_with",
    "结尾是": "ends_with", "为空": "empty", "是空": "empty", "isblank": "empty", "isempty": "empty",
    "is_empty": "empty", "is_null": "empty", "非空": "given", "不为空": "given", "已填": "given", "exists": "given",
    "len": "length",
    "长度": "length", "字数": "length", "计数": "count", "个数": "count", "数量": "count", "countif": "count",
    "counta": "count", "工作日": "wd", "工作日数": "wd", "networkdays": "workdays", "workday": "next_workday",
    "是否工作日": "is_workday", "下一工作日": "next_workday", "日期": "day", "datevalue": "date", "小时": "hours",
    "分钟": "minutes", "任一": "any", "任意": "any", "存在": "any", "全部": "all", "所有": "all", "最大": "max",
    "最小": "min", "coalesce": "first", "ifnull": "first", "ifblank": "first", "regexmatch": "matches",
}  # fmt: skip
_UNITS = (
    (re.compile(r"\s*(?:个)?\s*(?:工作日|workdays?\b)"), "", 1),
    (re.compile(r"\s*(?:个)?\s*(?:天|日|自然日|days?\b)"), "d", 1),
    (re.compile(r"\s*(?:个)?\s*(?:小时|钟头|时|hours?\b|hrs?\b)"), "h", 1),
    (re.compile(r"\s*(?:分钟|分|minutes?\b|mins?\b)"), "m", 1),
    (re.compile(r"\s*(?:个)?\s*(?:周|星期|礼拜|weeks?\b|w\b)"), "d", 7),
)
_DAY = re.compile(
    r"([0-9]{4})(?:([-/.])([0-9]{1,2})\2([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)(?![0-9.])"
)


class Meant(NamedTuple):
    """A few characters that are nothing here: how many, what to say of them, what was meant."""

    length: int
    message: str
    suggestion: str | None


def spoken_word(word: str) -> str | None:
    """Return the operator that a word stands for."""
    lower = word.lower()
    return _WORDS.get(lower) or (lower if lower != word and lower in {"and", "or", "not", "in", "matches"} else None)


def spoken_name(word: str) -> str | None:
    """Return the value that a word stands for."""
    return _VALUES.get(word.casefold()) or spoken_word(word)


def spoken_function(word: str) -> str | None:
    """Return the function that a word stands for; ``if`` has none, conditions are joined."""
    return _FUNCTIONS.get(word.casefold()) or spoken_word(word)


def spoken_number(source: str, place: int, end: int) -> Meant | None:
    """Return what was meant by a number with something after it that is no unit here."""
    number = source[place:end]
    if day := _DAY.match(source, place):
        parts = [int(part) for part in (day[1], day[3] or day[5], day[4] or day[6])]
        written = 'date("{:04}-{:02}-{:02}")'.format(*parts)
        return Meant(day.end() - place, f"a day is written {written}", written)
    for unit, letter, times in _UNITS:
        if found := unit.match(source, end):
            if not letter:
                return Meant(found.end() - place, "workdays between two days are counted with wd(a, b)", "wd(a, b)")
            whole = f"{float(number) * times:g}{letter}"
            return Meant(found.end() - place, f"a duration is written {whole}, with d, h or m", whole)
    if source[end : end + 1] in {"%", "％"}:
        return Meant(end + 1 - place, f"a percentage is written as the plain number {number}", number)
    return None
