"""Templates: the texts of messages as data, with placeholders that are checked when a file is read.

Templates are ``{name: {language: {title, body}}}``. A text holds placeholders, ``{english_name}`` or ``{{中文名}}``;
all spellings of one thing are the same placeholder. ``duban/rules/packs/messages.yaml`` holds those that come with
duban; rules files may lay others over them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from duban.errors import ConfigError, Problem
from duban.wording import Language
from duban.yamlfile import Document, Location, nearest

LANGUAGES: tuple[Language, ...] = ("zh", "en")
PARTS = ("title", "body")
Templates: TypeAlias = Mapping[str, Mapping[str, Mapping[str, str]]]

# Every placeholder with its Chinese spellings.
PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {
    "project": ("项目",), "code": ("任务编号", "编号"), "title": ("任务名称", "名称"), "kind": ("类型",),
    "stage": ("所属环节", "环节"), "department": ("负责部门",), "owner": ("负责人", "责任人"), "accountable": ("审批",),
    "standard": ("交付标准",), "status": ("当前状态", "状态"), "progress": ("进度",), "due": ("截止日期",),
    "effective_due": ("有效截止日期",), "baseline_due": ("原截止日期",), "lag_days": ("滞后天数",),
    "last_update": ("最近更新",), "alert_at": ("预警时间",), "notices": ("预警次数",),
    "explain_deadline": ("说明截止时间",), "escalate_at": ("升级时间",), "escalate_to": ("上报对象",),
    "new_due": ("调整后完成日期",), "explained_at": ("说明提交时间",), "deadline": ("截止时间", "时限"),
    "remaining": ("剩余时间",), "mode": ("计时方式",), "rule": ("规则编号",), "rule_name": ("规则名称",),
    "text": ("内容", "预警内容"), "to": ("主送",), "cc": ("抄送",), "initiator": ("发起部门",),
    "source": ("来源工具",), "table": ("数据表",), "url": ("链接",), "downstream": ("下游", "下游任务"),
    "milestones": ("临近里程碑", "里程碑"), "columns": ("三个列名", "填写位置"), "level": ("等级", "级别"),
    "now": ("当前时间",),
}  # fmt: skip
_NAMES = {spelling: name for name, chinese in PLACEHOLDERS.items() for spelling in (name, *chinese)}
_PLACEHOLDER = re.compile(r"\{\{\s*(?P<double>[^{}]*?)\s*\}\}|\{\s*(?P<single>[^{}]*?)\s*\}")


def fill(text: str, shown: Callable[[str], str]) -> str:
    """Return a text with every placeholder replaced by what ``shown`` says for its English name.

    One pass: braces inside a value stay what they are.
    """
    return _PLACEHOLDER.sub(lambda found: shown(_NAMES[_name(found)]), text)


def _name(found: re.Match[str]) -> str:
    return found["single"] if found["double"] is None else found["double"]


def check(document: Document, at: Location = ("messages",)) -> list[Problem]:
    """Return all mistakes of the templates that stand at a place of a file, if there are any: what is no text, a
    language that is not known, a placeholder that nothing fills, a brace that never closes."""
    if not document.has(at):
        return []
    templates: Any = document.value
    for key in at:
        templates = templates[key]
    return list(_mistakes(document, tuple(at), templates))


def _mistakes(document: Document, at: tuple[str | int, ...], templates: Any) -> Iterator[Problem]:
    if not isinstance(templates, dict):
        yield document.problem(at, "messages are written as {name: {zh: {title, body}}}")
        return
    for name, texts in templates.items():
        if not isinstance(texts, dict) or not texts:
            yield document.problem((*at, name), f"the message {name!r} needs a text with title and body, in zh or en")
            continue
        for language, parts in texts.items():
            here = (*at, name, language)
            if language not in LANGUAGES:
                yield document.problem(here, f"unknown language {language!r}; known are zh, en", on_key=True)
            elif not isinstance(parts, dict):
                yield document.problem(here, "a text has a title and a body")
            else:
                yield from _mistakes_of_text(document, here, parts)


def _mistakes_of_text(document: Document, at: tuple[str | int, ...], parts: dict[str, Any]) -> Iterator[Problem]:
    for part in parts.keys() - set(PARTS):
        yield document.problem((*at, part), f"unknown key {part!r}; a text has a title and a body", on_key=True)
    for part in PARTS:
        text = parts.get(part)
        if not isinstance(text, str):
            yield document.problem((*at, part), f"the {part} {'must be a text' if part in parts else 'is missing'}")
            continue
        for found in _PLACEHOLDER.finditer(text):
            if (name := _name(found)) not in _NAMES:
                near = nearest(name, _NAMES)
                message = f"unknown placeholder {found[0]}" + (f"; did you mean {near!r}?" if near else "")
                yield document.problem((*at, part), message, offset=found.start(), width=len(found[0]))
        rest = _PLACEHOLDER.sub(lambda found: " " * len(found[0]), text)
        if brace := re.search(r"[{}]", rest):
            message = "a brace without its partner; placeholders are written {code} or {{编号}}"
            yield document.problem((*at, part), message, offset=brace.start(), width=1)


@cache
def shipped_templates() -> Templates:
    """Return the templates that come with duban, read and checked once."""
    path = files("duban").joinpath("rules", "packs", "messages.yaml")
    document = Document(path.read_text(encoding="utf-8"), "messages.yaml")
    if problems := check(document):
        raise ConfigError(problems)
    templates: Templates = document.value["messages"]
    return templates
