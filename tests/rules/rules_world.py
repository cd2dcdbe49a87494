"""The shipped rules, China's calendar and a little timeline of tasks, for the tests of duban.rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from duban.rules.book import Book, merge, pack_files, read_book
from duban.rules.calendar import load_calendar
from duban.rules.clock import Clock
from duban.rules.compiled import CompiledBook
from duban.rules.evaluate import Judging, Verdict, judge
from duban.rules.givens import Given, read_given, snapshot
from duban.rules.selftest import DIRECTORY
from duban.yamlfile import Document, read_document

ZONE = ZoneInfo("Asia/Shanghai")
# A task about which no rule of the guide has anything to say.
QUIET: Mapping[str, Any] = {
    "of": "task", "编号": "T1", "任务名称": "物料设计", "所属项目": "新品上市", "所属环节": "物料制作", "负责部门": "市场部",
    "负责人": "李四", "审批": "销售部", "咨询": "法务部", "知会": "客服部", "状态": "进行中", "计划开始": "2024-07-01",
    "截止日期": "2024-07-17", "输入要求": "产品卖点清单", "输出物": "海报3版", "交付标准": "3版海报，一次通过",
    "审核方": "法务部",
}  # fmt: skip


@cache
def clocks() -> Clock:
    return Clock(load_calendar(["CN"], ZONE))


@cache
def guide() -> CompiledBook:
    return CompiledBook(read_book(["guide"]))


def overlay(text: str, path: str = "ours.yaml") -> CompiledBook:
    """The guide with a team's file over it."""
    return CompiledBook(overlaid(text, path))


def overlaid(text: str, path: str = "ours.yaml") -> Book:
    return merge([*guide_documents(), Document(text, path)])


@cache
def guide_documents() -> tuple[Document, ...]:
    return tuple(map(read_document, pack_files("guide")))


def with_params(**params: Any) -> CompiledBook:
    before = guide().book
    return CompiledBook(replace(before, params={**before.params, **params}))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def given(*entries: Mapping[str, Any]) -> dict[str, Given]:
    mistakes: list[str] = []
    found = read_given(entries, ZONE, lambda _, sentence: mistakes.append(sentence))
    assert not mistakes, mistakes
    return found


@dataclass
class Timeline:
    """Items that are judged again and again, with what is remembered of them; ``told`` are the keys of all messages."""

    items: dict[str, Given]
    book: CompiledBook = field(default_factory=guide)
    last: datetime | None = None
    told: set[str] = field(default_factory=set)
    unmapped: Mapping[str, Sequence[str]] = field(default_factory=dict)
    judging: Judging | None = None

    @classmethod
    def of(cls, *entries: Mapping[str, Any], book: CompiledBook | None = None, **unmapped: Sequence[str]) -> Timeline:
        return cls(given(*entries), book or guide(), unmapped=unmapped)

    def run(self, now: str, **cells: Any) -> Verdict:
        """Change cells of the first item, judge at a moment, remember; the verdict of the first item."""
        first = next(iter(self.items.values()))
        if cells:
            first.cells.update(given({"of": first.kind, **cells})[str(cells.get("code", "#1"))].cells)
        return self.again(at(now))[first.name][0]

    def again(self, now: datetime) -> dict[str, tuple[Verdict, list[str]]]:
        """Judge at a moment; per item its verdict and the templates that are sent for the first time."""
        shot = snapshot(self.items, self.unmapped, DIRECTORY, ZONE, self.last)
        self.judging = judge(self.book, shot, now=now, zone=ZONE, clocks=clocks(), directory=DIRECTORY)
        answer = {}
        by_ref = {each.ref: each for each in self.items.values()}
        for verdict in self.judging.judgement().verdicts:
            fresh = [notice for notice in verdict.notices if notice.key not in self.told]
            self.told |= {notice.key for notice in fresh}
            name = by_ref[verdict.item.ref].name
            self.items[name].memory = verdict.memory
            answer[name] = verdict, [n.template for n in fresh if not n.told and n.template != "规范提醒"]
        self.last = now
        self.sent = {name: sent for name, (_, sent) in answer.items()}
        return answer
