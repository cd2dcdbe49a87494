"""Waivers files: what was approved, as people write it -> :class:`waivers.Waivers`. All mistakes at once.

    waivers:
      - item: RD-02                    # 编号: a code, or source/table/record; or a list
        extend_to: 2024-08-05          # 延期至
        approved_by: 林晓雯             # 批准人
        reason: 供应商交期推迟            # 原因
      - rules: [LAG-04, "EXP-*"]       # 规则: ids, a trailing * for any ending, all (全部)
        department: 研发部              # 部门; or item, project (项目), table (表): every scope given must fit
        approved_by: 高明
        reason: 双周集中测试，进度按节点计
        valid_from: 2024-07-15         # 生效日期
        valid_until: 2024-07-31        # 有效期: the last day on which it counts

The keys may be English or Chinese. An entry extends items, waives rules, or both. docs/waivers.md says more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from duban.errors import ConfigError, Problem
from duban.item import Person
from duban.people import Directory
from duban.rules.book import Rule
from duban.rules.waivers import Waiver, Waivers
from duban.yamlfile import Document, nearest, read_document

KEYS: Mapping[str, tuple[str, ...]] = {
    "item": ("编号", "任务编号", "事项"),
    "rules": ("规则", "规则编号", "rule"),
    "extend_to": ("延期至",),
    "approved_by": ("批准人",),
    "reason": ("原因", "延期原因", "豁免原因"),
    "valid_from": ("生效日期",),
    "valid_until": ("有效期", "有效期至"),
    "department": ("部门", "负责部门"),
    "project": ("项目", "所属项目"),
    "table": ("表",),
}
ROOT = ("waivers", "豁免与延期")
_SCOPES = ("item", "department", "project", "table")
_DATES = ("extend_to", "valid_from", "valid_until")
_ALL = frozenset({"*", "all", "全部", "所有"})
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|年(\d{1,2})月(\d{1,2})日)")
_NAMES = {name: key for key, others in KEYS.items() for name in (key, *others)}

Say = Callable[[Sequence["str | int"], str, bool], None]  # where in the list of entries, the sentence, about a key


def read_waivers(
    paths: Iterable[Path], *, rules: Mapping[str, Rule] | None, directory: Directory, tables: Iterable[str] = ()
) -> Waivers:
    """Read waivers files in order. ``rules`` are those of the book in force (``None``: not known, because its files
    have mistakes of their own), ``tables`` the names by which a table may be called. Raises ``ConfigError`` with every
    mistake of every file."""
    found, problems, known = Waivers(), list[Problem](), tuple(tables)
    for path in paths:
        try:
            document = read_document(path)
        except ConfigError as error:
            problems += error.problems
            continue
        mistakes: list[Problem] = []
        entries, prefix = _entries(document, mistakes)
        reading = WaiverReading(rules, directory, known, _sayer(document, prefix, mistakes))
        lines = [document.problem((*prefix, index), "").line for index in range(len(entries))]
        found += reading.read(entries, [f"{path.name}:{line}" for line in lines])
        problems += sorted(mistakes, key=lambda problem: (problem.line, problem.column))
    if problems:
        raise ConfigError(problems)
    return found


def _sayer(document: Document, prefix: tuple[str, ...], mistakes: list[Problem]) -> Say:
    def say(part: Sequence[str | int], message: str, on_key: bool) -> None:
        mistakes.append(document.problem((*prefix, *part), message, on_key=on_key))

    return say


def _entries(document: Document, problems: list[Problem]) -> tuple[list[Any], tuple[str, ...]]:
    """Return the list of entries and where it stands: under ``waivers``, or as the whole file."""
    value = document.value
    if isinstance(value, list):
        return value, ()
    if not isinstance(value, dict):
        problems.append(document.problem((), "a waivers file is a list of approvals under waivers:"))
        return [], ()
    problems += [
        document.problem((key,), f"there is no key {key!r} here{_hint(key, ROOT)}", on_key=True)
        for key in value
        if key not in ROOT
    ]
    root = next((key for key in ROOT if key in value), None)
    if root is None:
        if not value:
            problems.append(document.problem((), "the key 'waivers' is missing here; add it"))
        return [], ()
    if not isinstance(value[root], list):
        problems.append(document.problem((root,), f"{root!r} must be a list of approvals; write [] for none"))
        return [], (root,)
    return value[root], (root,)


class WaiverReading:
    """Reads entries; what is wrong with them is said. ``tables`` are the names by which tables may be called; without
    any, every name is taken."""

    def __init__(
        self, rules: Mapping[str, Rule] | None, directory: Directory, tables: Sequence[str], say: Say
    ) -> None:  # fmt: skip
        self._rules, self._directory, self._tables, self._say = rules, directory, tables, say

    def read(self, entries: Sequence[Any], origins: Sequence[str]) -> Waivers:
        """Return the approvals that have no mistake; ``origins`` say where each stands."""
        found = [self._one(entry, index, origins[index]) for index, entry in enumerate(entries)]
        return Waivers(tuple(waiver for waiver in found if waiver is not None))

    def _one(self, entry: Any, index: int, origin: str) -> Waiver | None:
        mistakes = 0

        def say(part: Sequence[str | int], message: str, *, on_key: bool = False) -> None:
            nonlocal mistakes
            mistakes += 1
            self._say((index, *part), message, on_key)

        if not isinstance(entry, Mapping):
            say((), "an approval is written with keys, like {item: RD-02, extend_to: 2024-08-05, approved_by: …}")
            return None
        written = _Entry(entry, say)
        scopes = {key: written.texts(key) for key in _SCOPES}
        rules = tuple("*" if rule in _ALL else rule for rule in written.texts("rules"))
        days = {key: written.day(key) for key in _DATES}
        approver, reason = written.text("approved_by"), written.text("reason")
        self._check_people(written, approver)
        self._check_rules(written, rules, scopes)
        departments = self._departments(written, scopes["department"])
        self._check_tables(written, scopes["table"])
        _check_whole(written, rules)
        _check_days(written, days)
        if mistakes:
            return None
        return Waiver(
            approver, reason, origin, scopes["item"], departments, scopes["project"], scopes["table"], rules, **days
        )

    def _check_people(self, written: _Entry, approver: str) -> None:
        known = self._directory
        if not approver or not (known.people or known.departments) or known.name_of(Person("", approver)) is not None:
            return
        names = {*known.people, *known.superiors}
        names |= {name for each in known.departments.values() for name in (each.head, each.liaison, *each.members)}
        hint = _hint(approver, sorted(filter(None, names))) or "; add this person to the directory"
        written.say("approved_by", f"the directory does not know the approver {approver!r}{hint}")

    def _check_rules(self, written: _Entry, rules: Sequence[str], scopes: Mapping[str, tuple[str, ...]]) -> None:
        for number, pattern in enumerate(rules if self._rules is not None else ()):
            assert self._rules is not None
            said = [rule for rule in self._rules.values() if fnmatchcase(rule.id, pattern)]
            if not said:
                hint = _hint(pattern, self._rules) or "; duban rules list shows them"
                written.say("rules", f"there is no rule {pattern!r}{hint}", number)
            elif all(rule.entry.of == ("system",) for rule in said):
                written.say("rules", f"{pattern} is about the whole system; switch it off with enabled: false", number)
            elif all(rule.entry.of == ("table",) for rule in said) and not _only_table(scopes):
                written.say("rules", f"{pattern} is about a table as a whole; name the table, and nothing else", number)

    def _departments(self, written: _Entry, names: Sequence[str]) -> tuple[str, ...]:
        """Return departments by their own names; an unknown one is said where there is a directory."""
        known = self._directory.departments
        found = []
        for number, name in enumerate(names):
            department = self._directory.department(name)
            if department is None and known:
                hint = _hint(name, [*known, *self._directory.aliases]) or "; add it to the directory"
                written.say("department", f"there is no department {name!r}{hint}", number)
            found.append(name if department is None else department.name)
        return tuple(found)

    def _check_tables(self, written: _Entry, names: Sequence[str]) -> None:
        for number, name in enumerate(names if self._tables else ()):
            if name not in self._tables:
                hint = _hint(name, self._tables) or f"; write one of {', '.join(self._tables)}"
                written.say("table", f"there is no table {name!r}{hint}", number)


class _Entry:
    """One entry under the English names of its keys."""

    def __init__(self, entry: Mapping[Any, Any], say: Callable[..., None]) -> None:
        self._say, self._written, self._values = say, dict[str, str](), dict[str, Any]()
        for name, value in entry.items():
            key = _NAMES.get(str(name))
            if key is None:
                hint = _hint(str(name), _NAMES) or f"; the keys here are {', '.join(KEYS)}"
                say((name,), f"there is no key {name!r} here{hint}", on_key=True)
            elif key in self._written:
                say((name,), f"{name!r} and {self._written[key]!r} are one key; keep one of them", on_key=True)
            else:
                self._written[key], self._values[key] = str(name), value

    def has(self, key: str) -> bool:
        """Tell whether the entry says anything under a key."""
        return self._values.get(key) is not None

    def say(self, key: str, message: str, *part: int) -> None:
        """Note a mistake at a key's value, at the entry where it has no such key."""
        name = self._written.get(key)
        inner = part if isinstance(self._values.get(key), list) else ()
        self._say((name, *inner) if name is not None else (), message)

    def text(self, key: str) -> str:
        """Return a text that must be there."""
        value = self._values.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is None or (isinstance(value, str) and not value.strip()):
            wanted = {"approved_by": "who approved this (approved_by)", "reason": "why (reason)"}[key]
            self.say(key, f"it must be said {wanted}; add it")
        else:
            self.say(key, f"{self._written[key]!r} must be one text")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a text or a list of texts; a number counts as the text it is written as."""
        value = self._values.get(key)
        if value is None:
            if key in self._written:
                self.say(key, f"{self._written[key]!r} must not be empty")
            return ()
        found = []
        for number, each in enumerate(value if isinstance(value, list) else [value]):
            plain = str(each).strip() if isinstance(each, (str, int)) and not isinstance(each, bool) else ""
            if not plain:
                self.say(key, f"{self._written[key]!r} must be a text or a list of texts", number)
            found.append(plain)
        if not found:
            self.say(key, f"{self._written[key]!r} must not be empty")
        return tuple(filter(None, found))

    def day(self, key: str) -> date | None:
        """Return a date, ``None`` where there is none."""
        if key not in self._written:
            return None
        day = _day(self._values[key])
        if day is None:
            self.say(key, f"{self._written[key]!r} must be a date such as 2024-08-05")
        return day


def _day(written: Any) -> date | None:
    found = _DAY.fullmatch(written.strip()) if isinstance(written, str) else None
    try:
        return date(*(int(part) for part in found.groups() if part is not None)) if found else None
    except ValueError:
        return None


def _check_whole(written: _Entry, rules: Sequence[str]) -> None:
    """What an entry is for, and for whom."""
    if not (written.has("rules") or written.has("extend_to")):
        written.say("", "an approval says extend_to (延期至), or which rules (规则) it waives; add one of them")
    if not any(written.has(key) for key in _SCOPES):
        written.say("", "say what it is for: item (编号), department (部门), project (项目) or table (表)")
    elif written.has("extend_to") and not written.has("item"):
        written.say("extend_to", "an extension names its items; add item (编号)")
    if rules and not written.has("valid_until"):
        written.say("rules", "a waived rule needs the last day on which it is waived; add valid_until (有效期)")


def _check_days(written: _Entry, days: Mapping[str, date | None]) -> None:
    extended, first, last = (days[key] for key in _DATES)
    if extended is not None and last is not None and last < extended:
        written.say("valid_until", f"it ends before the day that it extends to ({extended})")
    if first is not None and last is not None and last < first:
        written.say("valid_until", f"it ends before it begins ({first})")
    if extended is not None and first is not None and extended < first:
        written.say("valid_from", f"it begins after the day it extends to ({extended})")


def _only_table(scopes: Mapping[str, tuple[str, ...]]) -> bool:
    return bool(scopes["table"]) and not (scopes["item"] or scopes["department"] or scopes["project"])


def _hint(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""
