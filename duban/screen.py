"""What people see on a terminal: a summary line first and last, between them only what matters, in Chinese or English.

Values in, text out; the command line decides where it goes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duban.item import fields_of
from duban.notify.message import Message
from duban.rules.evaluate import Verdict
from duban.rules.waivers import Waiver, refusal_said, waiver_said
from duban.sync.apply import Written
from duban.sync.cycle import Looked, Result
from duban.sync.plan import Change, Plan
from duban.sync.pulling import Pulled
from duban.sync.restating import Restatement
from duban.wording import NOTHING, Language, worded

_MARKS = {"红": "[bold red]● 红[/]", "黄": "[yellow]● 黄[/]", "绿": "[green]● 绿[/]"}
_IN_TIME = frozenset({"expired", "early"})
_LEVELS = {"critical": "红", "warn": "黄", "info": "绿"}
_WORDS: Mapping[str, tuple[str, str]] = {
    "read": ("读取", "read"),
    "complete": ("完整", "complete"),
    "partial": ("不完整", "partial"),
    "failed": ("失败", "failed"),
    "waived": ("{} 项已豁免或延期", "{} items waived or extended"),
    "waiver": ("豁免", "waived"),
    "extended": ("第{}次延期，至 {}", "extended to {1}, extension no. {0}"),
    "extended_before": ("曾延期{}次，现不计", "extended {} times before, none counts now"),
    "refused": ("批准不算", "an approval does not count"),
    "level": ("级别", "level"),
    "code": ("编号", "code"),
    "rules": ("规则", "rules"),
    "state": ("状态", "state"),
    "text": ("内容", "text"),
    "column": ("列", "column"),
    "field": ("字段", "field"),
    "why": ("依据", "why"),
    "tables": ("{} 张表", "{} tables"),
    "items": ("{} 项", "{} items"),
    "incomplete": ("有表未能完整读取，其预警保持不变", "some tables were not read completely; their findings are kept"),
    "shadow": (
        "影子模式：只判断和展示，没有写入也没有发送；要写入请设 mode: live",
        "shadow mode: nothing was written or sent; set mode: live to write",
    ),
    "held": (
        "{}/{}：{} 行变更超过上限（{}），已暂停；确认后运行 duban sync --yes",
        "{}/{}: {} rows would change, above the limit ({}); check, then run duban sync --yes",
    ),
    "written": (
        "写入 {} 行，未变 {} 行，失败 {} 行，消息 {} 条",
        "{} rows written, {} unchanged, {} failed, {} messages",
    ),
    "planned": ("计划写入 {} 行，发送 {} 条消息", "{} rows to write, {} messages to send"),
    "nothing": ("没有需要写入或发送的内容", "nothing to write, nothing to send"),
    "messages": ("消息", "messages"),
    "cc": ("抄送", "cc"),
    "esc": ("上报", "escalated to"),
    "unmapped": ("未映射", "unmapped"),
    "restored": ("{} 的 {} 被人改过，已恢复", "{}: {} had been changed by somebody and was restored"),
    "applied": ("写入 {} 行，过期 {} 行，失败 {} 行", "{} rows written, {} stale, {} failed"),
    "rules_changed": (
        "规则自 {} 的运行以来有变（{}）：{} 个未关闭事项因此判断不同；duban rules restate 可在同步前查看",
        "rules changed since the run of {} ({}): {} open items differ; duban rules restate shows it before a sync",
    ),
    "missing_own": ("缺少系统列（不写）：{}", "own columns it lacks (not written): {}"),
    "next_plan": ("下一步：duban plan 查看将写入的内容", "next: duban plan shows what would be written"),
    "next_apply": ("下一步：duban sync 执行", "next: duban sync does it"),
}


class Screen:
    """Prints results for people. ``console`` goes to standard output; colours only on a terminal."""

    def __init__(self, language: Language, zone: ZoneInfo, console: Console | None = None) -> None:
        self.language, self.zone = language, zone
        width = None if sys.stdout.isatty() else 200  # a pipe has no width; do not break lines for it
        self.out = console or Console(highlight=False, soft_wrap=True, width=width)

    def say(self, word: str, *values: object) -> str:
        """Return one of the screen's own sentences."""
        return _WORDS[word][0 if self.language == "zh" else 1].format(*values)

    def time(self, moment: datetime) -> str:
        """Return a time in the configured zone."""
        return worded(moment.astimezone(self.zone), self.language)

    # --- findings

    def findings(self, looked: Looked) -> None:
        """Print what holds now, by table, worst first."""
        verdicts = _shown(looked)
        self._summary(looked, verdicts)
        self._troubles(looked.pulled)
        for table in looked.pulled:
            here = [v for v in verdicts if (v.item.ref.source, v.item.ref.table) == (table.source, table.table)]
            self._table_findings(table, here, looked)
        for sentence in looked.unmatched_waivers:
            self.out.print(f"[yellow]{escape(sentence)}[/]")
        for finding in looked.judgement.system:
            self.out.print(f"{_MARKS[_LEVELS[finding.level]]} {finding.rule} {escape(finding.text)}")
        self._summary(looked, verdicts)
        self.out.print(self.say("next_plan"))

    def _table_findings(self, table: Pulled, verdicts: Sequence[Verdict], looked: Looked) -> None:
        found = sorted((v for v in verdicts if v.findings), key=lambda v: ("红黄绿".index(v.level), v.item.code))
        about = looked.judgement.tables[table.source, table.table].findings
        approved = [line for verdict in verdicts for line in self._approved(verdict)]
        if not found and not about and not approved:
            return
        self.out.print(f"\n[bold]{escape(table.source)} / {escape(table.table)}[/] ({table.tool})")
        for finding in about:
            self.out.print(f"  {finding.rule} {escape(finding.text)}")
        self._found(found)
        for line in approved:
            self.out.print(escape(line))

    def _approved(self, verdict: Verdict) -> Iterator[str]:
        """Yield a line for everything that was approved for an item, and for what of it does not count."""
        approved, name = verdict.approved, f"  {verdict.item.code or verdict.item.ref.record}"
        by_waiver: dict[Waiver, list[str]] = {}
        for rule, waiver in approved.waived.items():
            by_waiver.setdefault(waiver, []).append(rule)
        for waiver, rules in by_waiver.items():
            said = waiver_said(waiver, self.language)
            yield f"{name}  {self.say('waiver')} {','.join(sorted(rules))}: {said}"
        extension, over = approved.grants.extension, _is_over(verdict)
        if extension is not None and not over:
            until = worded(extension.extend_to, self.language)
            said = waiver_said(extension, self.language)
            yield f"{name}  {self.say('extended', approved.extensions, until)}: {said}"
        elif approved.extensions and verdict.findings:
            yield f"{name}  {self.say('extended_before', approved.extensions)}"
        for refused in approved.grants.refused if not over else ():
            if refused.why in _IN_TIME:  # what is over, or not yet valid, is no news: explain tells it
                continue
            yield f"{name}  {self.say('refused')}: {refusal_said(refused, self.language)}"

    def _found(self, found: Sequence[Verdict]) -> None:
        if not found:
            return
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("level", "code", "rules", "state", "text"):
            grid.add_column(self.say(name), overflow="fold", no_wrap=name in {"level", "code"})
        for verdict in found:
            worst = max(verdict.findings, key=lambda f: ("info", "warn", "critical").index(f.level))
            grid.add_row(
                _MARKS[verdict.level],
                escape(verdict.item.code),
                ",".join(verdict.rules),
                verdict.state,
                escape(worst.text),
            )
        self.out.print(grid)

    def _summary(self, looked: Looked, verdicts: Sequence[Verdict]) -> None:
        levels = Counter(verdict.level for verdict in verdicts)
        counts = "  ".join(f"{_MARKS[level]} {levels[level]}" for level in "红黄绿")
        tables, items = self.say("tables", len(looked.pulled)), self.say("items", len(verdicts))
        complete = self.say("complete") if looked.complete else f"[red]{self.say('partial')}[/]"
        read = f"{tables}{'' if self.language == 'zh' else ' '}{self.say('read')} {complete}"
        parts = [self.time(looked.now), read, items, counts]
        extended = (v for v in verdicts if v.approved.grants.extension is not None and not _is_over(v))
        approved = len({v.item.ref for v in (*extended, *(v for v in verdicts if v.approved.waived))})
        if approved:
            parts.append(self.say("waived", approved))
        self.out.print(" · ".join(parts))

    def _troubles(self, pulled: Sequence[Pulled]) -> None:
        for table in pulled:
            place = escape(f"{table.source}/{table.table}")
            if table.error is not None:
                self.out.print(f"[red]{place}: {self.say(table.read)}[/] {escape(table.error)}")
            for note in table.notes:
                self.out.print(f"[yellow]{place}:[/] {escape(note)}")
        if any(table.read != "complete" for table in pulled):
            self.out.print(self.say("incomplete"))

    # --- plans and cycles

    def plan(self, looked: Looked, plan: Plan, restated: Restatement | None = None) -> None:
        """Print what a sync would write and say."""
        self._summary(looked, _shown(looked))
        self._rules_changed(restated)
        self._troubles(looked.pulled)
        self._changes(plan.changes)
        self._messages((message, "shadow" if plan.is_shadow(message.ref) else "") for message in plan.messages)
        self._afterwords(plan, looked.pulled)
        if plan.changes or plan.messages:
            self.out.print(self.say("planned", len(plan.changes), len(plan.messages)))
            self.out.print(self.say("next_apply"))
        else:
            self.out.print(self.say("nothing"))

    def cycle(self, result: Result) -> None:
        """Print what a cycle did."""
        self._summary(result.looked, _shown(result.looked))
        self._rules_changed(result.restated)
        self._troubles(result.looked.pulled)
        self._changes(result.plan.changes)
        self._failures(result.failures)
        for ref, names in result.restored:
            self.out.print(f"[yellow]{escape(self.say('restored', ref, '、'.join(names)))}[/]")
        self._messages(result.messages)
        self._afterwords(result.plan, result.looked.pulled)
        written = sum(1 for each in result.written if each.outcome == "written")
        self.out.print(self.say("written", written, result.plan.unchanged, len(result.failures), len(result.messages)))

    def applied(self, written: Sequence[Written]) -> None:
        """Print what became of a saved plan."""
        counts = Counter(each.outcome for each in written)
        self._failures([each for each in written if each.outcome != "written"])
        failed = len(written) - counts["written"] - counts["stale"] - counts["held"]
        self.out.print(self.say("applied", counts["written"], counts["stale"], failed))

    def _rules_changed(self, restated: Restatement | None) -> None:
        if restated is not None and restated.since is not None:
            said = "; ".join(change.text for change in restated.changes[:3])
            said += f" +{len(restated.changes) - 3}" if len(restated.changes) > 3 else ""
            line = self.say("rules_changed", self.time(restated.since), said, len(restated.items))
            self.out.print(f"[yellow]{escape(line)}[/]")

    def _changes(self, changes: Iterable[Change]) -> None:
        place = ""
        for change in changes:
            here = f"{change.ref.source} / {change.ref.table}"
            if here != place:
                place = here
                self.out.print(f"\n[bold]{escape(here)}[/]")
            cells = "; ".join(
                f"{escape(cell.name)} {escape(self._value(cell.before))} → [bold]{escape(self._value(cell.after))}[/]"
                for cell in change.cells if cell.field != "alert_text"
            )  # fmt: skip
            self.out.print(f"  {escape(change.code or change.ref.record)}  {cells}")

    def _value(self, value: Any) -> str:
        return NOTHING if value in (None, "") else worded(value, self.language)

    def _messages(self, messages: Iterable[tuple[Message, str]]) -> None:
        listed = list(messages)
        if listed:
            self.out.print(f"\n[bold]{self.say('messages')}[/]")
        for message, status in listed:
            cc = f" ({self.say('cc')} {'、'.join(message.cc)})" if message.cc else ""
            cc += f" ({self.say('esc')} {'、'.join(message.esc)})" if message.esc else ""
            mark = f" \\[{status}]" if status else ""
            self.out.print(f"  → {escape('、'.join(message.to) + cc)}{mark} {escape(message.title)}")

    def _failures(self, failures: Iterable[Written]) -> None:
        for failure in failures:
            self.out.print(f"[red]{escape(str(failure.ref))}[/] {escape(failure.error or failure.outcome)}")

    def _afterwords(self, plan: Plan, pulled: Sequence[Pulled]) -> None:
        for problem in plan.problems:
            self.out.print(f"[yellow]{escape(problem)}[/]")
        for table in pulled:
            if table.mapping is not None and table.mapping.missing_own and table.live:
                missing = self.say("missing_own", "、".join(table.mapping.missing_own))
                self.out.print(f"[yellow]{escape(f'{table.source}/{table.table}')}:[/] {escape(missing)}")
        for held in plan.held:
            text = self.say("held", held.source, held.table, held.changes, held.limit)
            self.out.print(f"[bold red]{escape(text)}[/]")
        if any(plan.is_shadow(change.ref) for change in plan.changes):
            self.out.print(self.say("shadow"))

    # --- pull

    def mapping(self, pulled: Sequence[Pulled]) -> None:
        """Print how every column of every table was mapped."""
        for table in pulled:
            self.out.print(
                f"\n[bold]{escape(table.source)} / {escape(table.table)}[/] ({table.tool}) {self.say(table.read)}"
            )
            if table.mapping is None:
                self.out.print(f"  [red]{escape(table.error or '')}[/]")
                continue
            grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
            for name in ("column", "field", "why"):
                grid.add_column(self.say(name), overflow="fold")
            for found in table.mapping.how:
                grid.add_row(escape(found.column.name), found.field or NOTHING, found.why)
            self.out.print(grid)
            names = {
                f.key: f.zh if self.language == "zh" else f.en for kind in table.mapping.kinds for f in fields_of(kind)
            }
            unmapped = "、".join(names.get(key, key) for key in table.mapping.unmapped)
            self.out.print(f"  {self.say('unmapped')}: {unmapped or NOTHING}")
            for note in table.notes:
                self.out.print(f"  [yellow]{escape(note)}[/]")

    def items(self, pulled: Sequence[Pulled]) -> None:
        """Print the items of the common model, one line each."""
        self._troubles(pulled)
        for table in pulled:
            self.out.print(
                f"\n[bold]{escape(table.source)} / {escape(table.table)}[/] {self.say('items', len(table.items))}"
            )
            for item in table.items:
                values = [
                    f"{f.zh if self.language == 'zh' else f.en}={worded(value, self.language)}"
                    for f, value in zip(fields_of(item.kind), item.values, strict=False)
                    if value is not None
                ]
                self.out.print(f"  {escape(item.code or item.ref.record)}  {escape('; '.join(values))}")


def _is_over(verdict: Verdict) -> bool:
    return verdict.item.get("status") in {"已完成", "取消"}


def _shown(looked: Looked) -> list[Verdict]:
    read = {(table.source, table.table) for table in looked.pulled}
    return [
        v
        for v in looked.judgement.verdicts
        if (v.item.ref.source, v.item.ref.table) in read and v.item.ref not in looked.snapshot.doubtful
    ]
