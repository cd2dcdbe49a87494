"""The demonstration: the guide's own example in three simulated tools, before and after duban.

``play`` does what ``duban plan`` and ``duban sync`` do, and tells it in a few lines; nothing of it is prepared: the
tables are read back from the simulators.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duban.sandbox.example.seed import Place, Seeded
from duban.sandbox.launch import plain_cells
from duban.sync.cycle import Result
from duban.sync.plan import Plan
from duban.sync.report import plan_document, stamp, sync_document
from duban.wording import Language, worded

# What is shown of the three task tables: code, name, status and due date as each tool calls them, then duban's own.
_HUMAN: Mapping[str, tuple[str, str, str, str]] = {
    "tb_rd": ("任务编号", "标题", "任务状态", "截止时间"),
    "fs_task": ("任务编号", "任务描述", "进展", "预计完成日期"),
    "at_tasks": ("Task ID", "Name", "Status", "Due date"),
}
_OWN = ("alert_level", "alert_state", "lag_days", "alert_rules", "explain_deadline")
_COLOURS = {"红": "bold red", "黄": "yellow", "绿": "green"}
_TOOLS = {"feishu": "飞书多维表格 Feishu", "teambition": "Teambition", "airtable": "Airtable"}
_GENERIC = "规范提醒"
_ROWS_BEFORE, _MESSAGES = 4, 8
_WIDE = 110  # cells; below, tables go without names and deadlines
_TIME = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?")  # the year of the example is always the same

_WORDS: Mapping[str, tuple[str, str]] = {
    "head": ("督办演示：{}，时刻 {}", "duban demo: {}, at {}"),
    "started": ("三个工具的模拟器已在本机启动，例子已放入：", "three simulated tools serve here, with the example:"),
    "rows": ("{} 行", "{} rows"),
    "folder": (
        "配置、通讯录和密钥写在 {}/，上一次运行的状态已导入",
        "configuration, directory and keys are in {}/; the state of the run before is imported",
    ),
    "before": ("之前：预警列还是空的", "before: duban's columns are empty"),
    "after": (
        "之后：三个工具里的预警列已写好（绿色的行从略）",
        "after: duban's columns are filled in all three tools (green rows left out)",
    ),
    "more": ("……另有 {} 行", "… {} more rows"),
    "plan": (
        "duban plan：将写入 {} 行，发送 {} 条消息；只写督办自己的列，例如 {}：",
        "duban plan: {} rows to write, {} messages to send; only duban's own columns, such as {}:",
    ),
    "sync": (
        "duban sync：写入 {} 行，失败 {} 行；红 {}，黄 {}，绿 {}；消息 {} 条，例如：",
        "duban sync: {} rows written, {} failed; red {}, yellow {}, green {}; {} messages, such as:",
    ),
    "others": ("……以及 {} 条其他提醒", "… and {} more"),
    "again": ("再运行一次 duban sync：写入 {} 行，消息 {} 条", "duban sync once more: {} rows written, {} messages"),
    "serving": (
        "模拟器继续运行，按 Ctrl-C 结束。在另一个终端试试：", "the simulators go on until Ctrl-C. In another terminal:",
    ),
    "next": (
        "模拟器已停止。运行 duban demo --serve 让它们保持运行，再在另一个终端试试（端口以其输出为准）：",
        "the simulators have stopped. duban demo --serve keeps them up; then, in another terminal, with its ports:",
    ),
    "explain": ("逐条说明 RD-02 的判断", "why RD-02 is judged so"),
    "edit": ("像负责人那样填写滞后原因、调整计划和新日期", "answer the notice as the owner does"),
    "sync_again": ("一小时后再同步：RD-02 变为“已说明”", "sync an hour later: RD-02 becomes 已说明"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Steps:
    """What the demonstration does, one function each; made by the command line around one open ledger."""

    plan: Callable[[], Plan]
    sync: Callable[[], Result]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it. Cells are by table and record id, as the tools hold them."""

    before: Mapping[str, Mapping[str, Mapping[str, Any]]]
    after: Mapping[str, Mapping[str, Mapping[str, Any]]]
    plan: Plan
    first: Result
    second: Result
    fingerprint: str

    @property
    def good(self) -> bool:
        """Everything was written and told the first time, nothing the second time."""
        quiet = not self.second.plan.changes and not self.second.messages
        return quiet and self.first.exit_code == 0 and self.second.exit_code == 0


class Teller:
    """Tells the story on a console, in one language."""

    def __init__(self, out: Console, language: Language, seeded: Seeded, folder: Path) -> None:
        self.out, self.language, self._seeded, self._folder = out, language, seeded, folder
        self._zone: ZoneInfo = seeded.scenario.zone

    def say(self, word: str, *values: object) -> str:
        """Return one of the demonstration's sentences."""
        return _WORDS[word][0 if self.language == "zh" else 1].format(*values)

    def opening(self, now: datetime) -> None:
        """Say what was started and where."""
        moment = worded(now.astimezone(self._zone), self.language)
        self.out.print(f"[bold]{escape(self.say('head', self._seeded.scenario.title, moment))}[/]")
        self.out.print(self.say("started"))
        for tool, service in self._seeded.services.items():
            count = sum(len(place.records) for place in self._places(tool))
            self.out.print(f"  {_TOOLS[tool]:<22} {service.url}  {self.say('rows', count)}")
        self.out.print(self.say("folder", self._folder))

    def _places(self, tool: str) -> Iterator[Place]:
        yield from (place for place in self._seeded.places.values() if place.sheet.tool == tool)

    # --- tables

    def before(self) -> None:
        """Show the first rows of the task tables."""
        self.out.print(f"\n[bold]{self.say('before')}[/]")
        for place, rows in self._task_rows():
            self._grid(place, rows[:_ROWS_BEFORE])
            if len(rows) > _ROWS_BEFORE:
                self.out.print(self.say("more", len(rows) - _ROWS_BEFORE))

    def after(self) -> None:
        """Show every row of the task tables that is not green."""
        self.out.print(f"\n[bold]{self.say('after')}[/]")
        for place, rows in self._task_rows():
            level = self._own(place)["alert_level"]
            self._grid(place, [row for row in rows if row.get(level) != "绿"])

    def _task_rows(self) -> Iterator[tuple[Place, list[dict[str, Any]]]]:
        for key in _HUMAN:
            place = self._seeded.places[key]
            yield place, list(place.rows().values())

    @staticmethod
    def _own(place: Place) -> Mapping[str, str]:
        return {own.key: heading for heading, own in place.sheet.own.items()}

    def _grid(self, place: Place, rows: Sequence[Mapping[str, Any]]) -> None:
        own = self._own(place)
        headings = [*_HUMAN[place.sheet.key], *(own[key] for key in _OWN)]
        if self.out.width < _WIDE:
            del headings[-1], headings[1]
        level = headings.index(own["alert_level"])
        title = f"{_TOOLS[place.sheet.tool]} · {place.sheet.container}"
        grid = Table(title=title, title_justify="left", title_style="", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in headings:
            grid.add_column(heading, no_wrap=heading != own["alert_rules"], overflow="ellipsis")
        for row in rows:
            cells = [escape(self._text(row.get(heading))) for heading in headings]
            colour = _COLOURS.get(cells[level])
            cells[level] = f"[{colour}]{cells[level]}[/]" if colour else cells[level]
            grid.add_row(*cells)
        self.out.print(grid)

    def _text(self, cell: Any) -> str:
        """Return a cell as short as a table needs it; every tool has its own form of a time."""
        if isinstance(cell, str) and len(cell) > 16 and cell.endswith("Z"):
            cell = datetime.fromisoformat(cell)
        if isinstance(cell, datetime):
            local = cell.astimezone(self._zone)
            return f"{local:%m-%d}" if not local.hour and not local.minute else f"{local:%m-%d %H:%M}"
        if isinstance(cell, str) and _TIME.fullmatch(cell):
            return cell[5:]
        if isinstance(cell, float):
            return f"{cell:g}"
        return "" if cell is None else str(cell)

    # --- what is planned and done

    def plan(self, plan: Plan) -> None:
        """Say what would be written, with one row as an example."""
        example = next((change for change in plan.changes if change.code == "RD-03"), plan.changes[0])
        self.out.print(f"\n[bold]{self.say('plan', len(plan.changes), len(plan.messages), example.code)}[/]")
        cells = [
            f"{cell.name} → {worded(cell.after, self.language)}" for cell in example.cells if cell.field != "alert_text"
        ]
        self.out.print(f"  {escape('; '.join(cells))}", soft_wrap=True)

    def sync(self, result: Result) -> None:
        """Say what was written, and to whom something was said."""
        levels = Counter(verdict.level for verdict in result.looked.judgement.verdicts)
        written = len(result.written) - len(result.failures)
        counts = (written, len(result.failures), levels["红"], levels["黄"], levels["绿"], len(result.messages))
        self.out.print(f"\n[bold]{self.say('sync', *counts)}[/]")
        special = [message for message, _ in result.messages if message.template != _GENERIC][:_MESSAGES]
        for message in special:
            self.out.print(f"  → {escape('、'.join(message.to))}  {escape(message.title)}", soft_wrap=True)
        self.out.print(f"  {self.say('others', len(result.messages) - len(special))}")

    def again(self, result: Result) -> None:
        """Say what the second run did: nothing."""
        sentence = self.say("again", len(result.written), len(result.messages))
        self.out.print(f"\n[bold]{sentence}[/]")

    def next_steps(self, now: datetime, *, serving: bool) -> None:
        """Say what to try."""
        self.out.print(f"\n[bold]{self.say('serving' if serving else 'next')}[/]")
        config, later = self._folder / "duban.yaml", stamp(now.replace(hour=now.hour + 1), self._zone)
        url = self._seeded.teambition.url if serving else "http://127.0.0.1:…"
        answer = {"滞后原因": "接口变更返工", "调整计划": "增加1人，分两批提测", "调整后完成日期": "2024-07-29"}
        body = json.dumps({"row": "RD-02", "cells": answer}, ensure_ascii=False)
        for word, command in (
            ("explain", f"duban explain RD-02 -c {config} --now {stamp(now, self._zone)}"),
            ("edit", f"curl -d '{body}' {url}/_sandbox/edit"),
            ("sync_again", f"duban sync -c {config} --now {later}"),
        ):
            self.out.print(f"  # {self.say(word)}")
            self.out.print(f"  {escape(command)}", soft_wrap=True)


def play(seeded: Seeded, steps: Steps, teller: Teller | None) -> Played:
    """Plan, sync, and sync again, telling it on the way; ``None`` tells nothing."""
    before = _everything(seeded)
    if teller is not None:
        teller.before()
    plan = steps.plan()
    if teller is not None:
        teller.plan(plan)
    first = steps.sync()
    after = _everything(seeded)
    if teller is not None:
        teller.sync(first)
        teller.after()
    second = steps.sync()
    if teller is not None:
        teller.again(second)
    return Played(before, after, plan, first, second, steps.fingerprint)


def _everything(seeded: Seeded) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        f"{place.sheet.source}/{place.sheet.label}": {id_: plain_cells(cells) for id_, cells in place.rows().items()}
        for place in seeded.places.values()
    }


def demo_document(played: Played, seeded: Seeded, folder: Path) -> dict[str, Any]:
    """Return ``demo --json``: where everything is, the plan, and both runs as ``sync --json`` has them."""
    zone = seeded.scenario.zone
    return {
        "version": 1, "now": stamp(played.plan.now, zone), "config": str(folder / "duban.yaml"),
        "services": {tool: service.url for tool, service in seeded.services.items()},
        "before": played.before, "after": played.after,
        "plan": plan_document(played.plan, played.fingerprint, zone),
        "runs": [sync_document(result, zone) for result in (played.first, played.second)],
    }  # fmt: skip
