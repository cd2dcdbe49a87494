"""Time and memory of pulling and judging 10,000, 100,000 and 1,000,000 rows from the connector in memory.

    python benchmarks/scale.py [--rows 10000,100000,1000000] [--held] [--rules] [--profile]

Each size runs in a process of its own: tasks of 25 human columns and eight own ones, a project row for every 500 tasks,
all 93 rules of the guide, everybody in the directory, one task in five waits for another one, one in twenty stands in
an alert from an earlier cycle. Seven rows in a hundred are made with something wrong; "found" is the share that judging
finds fault with.

*pull*: describe, map, read all pages, items of the rows. *judge*: statuses, ladder, all rules, findings with their
sentences, messages. *peak MB*: the process' largest resident set (getrusage): Python, the rules, what the ledger
remembers of every row, and every item, finding, message and verdict, all still held at the end, as in a cycle. The
connector makes its pages as they are asked for, as a service's pages come from elsewhere; with ``--held`` it holds all
rows from the beginning, and *before MB* is with them. us/row is the processor's time of pull and judge together (other
work on the machine does not count); growth is that of us/row against the smallest size.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell, Column, Page, Row, Schema
from duban.connectors.memory import MemoryConnector
from duban.connectors.settings import Table
from duban.item import Item, Person, Ref, guide_table
from duban.notify.templates import check
from duban.people import Contact, Department, Directory
from duban.rules.book import read_book
from duban.rules.compiled import CompiledBook
from duban.rules.context import TableView
from duban.rules.evaluate import Judgement, Snapshot, evaluate
from duban.rules.memory import Alert, Memory
from duban.sync.collector import calm_collector
from duban.sync.pulling import Pulled, Watch, machine_update, pull_all
from duban.sync.setup import Setup, Source, working_calendar

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2024, 7, 24, 10, 0, tzinfo=ZONE)
TODAY = NOW.date()
PER_PROJECT = 500
DEPARTMENTS = tuple(f"{name}{number}部" for name in ("市场", "研发", "销售", "客服", "采购") for number in range(1, 5))
PEOPLE = tuple(Person(f"ou_{number:04}", f"成员{number:03}") for number in range(200))
OPTIONS = {entry["zh"]: tuple(map(str, entry.get("values", ()))) for entry in guide_table("writeback")}

HUMAN = {
    "任务编号": "text", "任务名称": "text", "所属项目": "text", "所属环节": "select", "发起部门": "select",
    "负责部门(R)": "multi_select", "负责人": "person", "审批(A)": "multi_select", "咨询(C)": "multi_select",
    "知会(I)": "multi_select", "状态": "select", "优先级": "select", "计划开始": "date", "截止日期": "date",
    "实际完成": "date", "进度%": "percent", "输入要求": "text", "输出物": "text", "交付标准": "text",
    "成果物链接": "url", "验收结果": "select", "上游任务": "links", "最近更新": "modified", "最新进展": "text",
    "滞后原因": "text",
}  # fmt: skip
OWN = ("预警级别", "预警状态", "触发规则", "预警内容", "预警时间", "滞后天数", "SLA状态", "规范状态")
TASKS = [Column(f"c{place}", name, kind) for place, (name, kind) in enumerate(HUMAN.items())]  # type: ignore[arg-type]
TASKS += [
    Column(f"o{place}", name, "select" if OPTIONS[name] else "datetime" if name == "预警时间" else "text",
           options=OPTIONS[name] or None)
    for place, name in enumerate(OWN)
]  # fmt: skip
IDS = {column.name: column.id for column in TASKS}
PROJECT = {
    "项目名称": "text", "阶段": "select", "发起部门": "select", "参与部门": "multi_select", "执行启动日期": "date",
    "最近核查时间": "datetime",
}  # fmt: skip
PROJECTS = [Column(f"p{place}", name, kind) for place, (name, kind) in enumerate(PROJECT.items())]  # type: ignore[arg-type]

# of a hundred rows: so many with this status, first and last day, progress
KINDS = (
    (40, "已完成", date(2024, 5, 6), date(2024, 6, 14), 100.0),
    (27, "进行中", date(2024, 7, 15), date(2024, 8, 9), 60.0),
    (22, "未开始", date(2024, 8, 1), date(2024, 8, 15), 0.0),
    (5, "待审核", date(2024, 6, 3), date(2024, 7, 31), 90.0),
    (4, "暂停", date(2024, 6, 3), date(2024, 8, 9), 20.0),
    (2, "取消", date(2024, 6, 3), date(2024, 7, 5), 0.0),
)
SPREAD = [(status, start, due, progress) for many, status, start, due, progress in KINDS for _ in range(many)]


def task(number: int) -> dict[str, Cell]:
    """Return one task's cells by column id."""
    place = number * 37 % 100  # the kinds are mixed, and the same whatever the size
    status, start, due, progress = SPREAD[place]
    department = DEPARTMENTS[number % 20]
    done = status == "已完成"
    cells: dict[str, Cell] = {
        "任务编号": f"T-{number:07}",
        "任务名称": f"第{number}项任务：新品上市推广物料准备与确认",
        "所属项目": f"专项{number // PER_PROJECT:04}",
        "所属环节": f"环节{number % 5}",
        "发起部门": "市场1部",
        "负责部门(R)": (department,),
        "负责人": (PEOPLE[number % 200],),
        "审批(A)": (DEPARTMENTS[(number + 7) % 20],),
        "咨询(C)": (DEPARTMENTS[(number + 3) % 20], DEPARTMENTS[(number + 5) % 20]),
        "知会(I)": None if number % 2 else (DEPARTMENTS[(number + 11) % 20],),
        "状态": status,
        "优先级": ("高", "中", "低")[number % 3],
        "计划开始": start,
        "截止日期": due,
        "实际完成": due - timedelta(days=number % 4) if done else None,
        "进度%": progress,
        "输入要求": f"第{number % 400}版需求说明与预算批复",
        "输出物": f"推广方案第{number % 900}版与配套物料清单",
        "交付标准": f"缺陷数不多于{number % 9 + 1}个，100%完成内部评审",
        "成果物链接": f"https://files.example.com/{number}" if done or status == "待审核" else None,
        "验收结果": "通过" if done else None,
        "上游任务": _upstream(number) if number % 5 == 3 else None,
        "最近更新": _updated(number),
        "最新进展": f"第{number}项进展：已完成初稿，等待评审意见",
        "滞后原因": None,
        "预警级别": "绿",
        "预警状态": "正常",
        "SLA状态": "不适用",
        "规范状态": status,
    }
    if number % 14 == 5:
        cells |= _fault(number)
    return {IDS[name]: cell for name, cell in cells.items() if cell is not None}


def _updated(number: int) -> datetime:
    return NOW - timedelta(hours=number % 90 + 1)


def _upstream(number: int) -> Cell:
    """Return the code of an earlier task that is done."""
    earlier = next((n for n in range(number - 1, max(-1, number - 101), -1) if n * 37 % 100 < 40), None)
    return None if earlier is None else (f"T-{earlier:07}",)


def _fault(number: int) -> dict[str, Cell]:
    faults: tuple[dict[str, Cell], ...] = (
        {"状态": "进行中", "截止日期": TODAY - timedelta(days=1 + number % 9), "实际完成": None, "进度%": 60.0},
        {"负责人": None, "输出物": None},
        {"负责人": (Person("ou_stranger", "外部人员"),), "交付标准": "尽快完成"},
        {"最近更新": NOW - timedelta(days=20), "上游任务": (f"T-{number + 3:07}",)},
        {"状态": "已完成", "实际完成": None, "验收结果": "不通过"},
        {"状态": "进行中", "截止日期": TODAY + timedelta(days=1), "实际完成": None, "进度%": 80.0},
    )
    return faults[number // 14 % len(faults)]


def project(number: int) -> dict[str, Cell]:
    cells = (f"专项{number:04}", "执行", "市场1部", DEPARTMENTS[:3], date(2024, 6, 3), NOW)
    return {f"p{place}": cell for place, cell in enumerate(cells)}


def memories(rows: int) -> dict[Ref, Memory]:
    """Return what a ledger would remember: of every task a status, of one in twenty an alert, and when a person last
    changed the row; one row in twenty was edited since."""
    return {Ref("mem", "tasks", f"rec{number:07}"): _memory(number) for number in range(rows)}


def _memory(number: int) -> Memory:
    since, seen = NOW - timedelta(days=12), _updated(number) - timedelta(hours=number % 20 == 7)
    status = SPREAD[number * 37 % 100][0]
    if number % 20 != 5 or status not in {"进行中", "未开始"}:
        return Memory(status, since, human_at=seen)
    due = date(2024, 7, 10)
    alert = Alert("滞后预警已发", since, NOW + timedelta(days=1), 1, due, due, sla="计时中")
    return Memory(status, since, alert=alert, human_at=seen, findings=("LAG-02",))


class Made(MemoryConnector):
    """Makes the tasks page by page while they are read, and keeps none of them."""

    def __init__(self, rows: int, projects: Mapping[str, Mapping[str, Cell]]) -> None:
        super().__init__("mem", {"tasks": (TASKS, {}), "projects": (PROJECTS, projects)})
        self._count = rows

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        if table != "tasks":
            yield from super().pull(table, schema, columns)
            return
        wanted = set(columns)
        for start in range(0, self._count, self.page_size):
            page = range(start, min(start + self.page_size, self._count))
            self.traffic.read += 1
            yield Page([_row(number, wanted) for number in page], self._count)


def _row(number: int, wanted: Collection[str]) -> Row:
    return Row(f"rec{number:07}", {id_: cell for id_, cell in task(number).items() if id_ in wanted})


def make_setup(rows: int, *, held: bool) -> Setup:
    projects = {f"prj{number:05}": project(number) for number in range(-(-rows // PER_PROJECT))}
    connector: MemoryConnector = Made(rows, projects)
    if held:
        tasks = {f"rec{number:07}": task(number) for number in range(rows)}
        connector = MemoryConnector("mem", {"tasks": (TASKS, tasks), "projects": (PROJECTS, projects)})
    book = CompiledBook(read_book(["guide"], [check]))
    tables = (Table(name="tasks", holds="task"), Table(name="projects", holds="project"))
    source = Source("mem", "memory", connector, tables, {"tasks": "live", "projects": "live"})
    members = [tuple(person.name for person in PEOPLE[place::20]) for place in range(20)]
    departments = {
        name: Department(name, members[place][0], "总经理", members[place][1], members[place])
        for place, name in enumerate(DEPARTMENTS)
    }
    directory = Directory(departments, {p.name: Contact(p.name, feishu=p.id) for p in PEOPLE})
    calendar = working_calendar(["CN"], ZONE, book.params)
    return Setup((source,), ZONE, "zh", book, calendar, directory)


def view(table: Pulled) -> TableView:
    assert table.mapping is not None
    assert table.read == "complete", table.error
    mapped = {str(kind): table.mapping.mapped(kind) for kind in table.mapping.kinds}
    return TableView(
        table.source, table.table, table.tool, mapped, machine_update=machine_update(table.mapping),
        last_read=NOW - timedelta(hours=1),
    )  # fmt: skip


def judged(setup: Setup, pulled: list[Pulled], known: Mapping[Ref, Memory]) -> Judgement:
    views = {(table.source, table.table): view(table) for table in pulled}
    items: list[Item] = [item for table in pulled for item in table.items]
    snapshot = Snapshot(views, items, known)
    return evaluate(setup.book, snapshot, now=NOW, zone=ZONE, calendar=setup.calendar, directory=setup.directory)


def resident() -> float:
    """Return the resident set now, in MB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6


def child(rows: int, *, held: bool, profile: bool) -> dict[str, Any]:
    setup, known = make_setup(rows, held=held), memories(rows)
    before = resident()
    watch = cProfile.Profile() if profile else None
    with calm_collector(), watch or nullcontext():
        begin, busy = time.perf_counter(), time.process_time()
        pulled = pull_all(setup, {}, Watch())
        middle = time.perf_counter()
        read = resident()
        judgement = judged(setup, pulled, known)
        end, busy = time.perf_counter(), time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576
    if watch is not None:
        pstats.Stats(watch, stream=sys.stderr).sort_stats("tottime").print_stats(45)
    counts = Counter(rule for verdict in judgement.verdicts for rule in verdict.rules)
    return {
        "rows": sum(table.rows for table in pulled), "before": before, "read": read, "peak": peak,
        "pull": middle - begin, "judge": end - middle, "busy": busy,
        "found": sum(bool(verdict.findings) for verdict in judgement.verdicts) / len(judgement.verdicts),
        "notices": sum(len(v.notices) for v in judgement.verdicts), "rules": dict(counts.most_common()),
        "book": len(setup.book.book.rules),
    }  # fmt: skip


HEAD = """\
|      rows | pull s | judge s | us/row | growth | found | messages | before MB | read MB | peak MB |
|---|---|---|---|---|---|---|---|---|---|"""


def measured(sizes: list[int], flags: list[str]) -> Iterator[dict[str, Any]]:
    for rows in sizes:
        command = [sys.executable, __file__, "--child", str(rows), *flags]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        yield json.loads(done.stdout)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rows", default="10000,100000,1000000")
    options.add_argument("--held", action="store_true", help="the connector holds all rows from the beginning")
    options.add_argument("--rules", action="store_true", help="print how often each rule fired")
    options.add_argument("--profile", action="store_true", help="print where the time goes; times mean nothing then")
    options.add_argument("--child", type=int, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        print(json.dumps(child(chosen.child, held=chosen.held, profile=chosen.profile)))
        return
    print(HEAD)
    first = 0.0
    flags = [f"--{name}" for name in ("held", "profile") if getattr(chosen, name)]
    for found in measured([int(size) for size in chosen.rows.split(",")], flags):
        rows = found["rows"]
        each = found["busy"] / rows * 1e6
        first = first or each
        times = f"{found['pull']:6.2f} | {found['judge']:7.2f} | {each:6.1f} | {each / first:6.2f}"
        space = f"{found['before']:9.0f} | {found['read']:7.0f} | {found['peak']:7.0f}"
        print(f"| {rows:9,} | {times} | {found['found']:5.1%} | {found['notices']:8,} | {space} |", flush=True)
        if chosen.rules:
            print(found["book"], "rules;", ", ".join(f"{rule} {count}" for rule, count in found["rules"].items()))


if __name__ == "__main__":
    main()
