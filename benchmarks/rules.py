"""Rules per second: ten task rules of the shipped pack in duban, zen-engine, rule-engine and CEL, then the whole pack.

    python benchmarks/rules.py [--rows 5000] [--rounds 5]

The ten compare dates and numbers, ask for membership and emptiness of texts and lists, do arithmetic, and four of them
count workdays; with the guards of the pack (a cancelled task has no findings). duban runs them as a sync does: from the
shipped pack, the others switched off by an ordinary rules file. For the other three they are written in their own
language (:mod:`engines`), and every result is compared with ours: if one differs, the exit code is 1.

What is timed: from a row to a truth for every rule. A row is a dict of Python values for the three, the context of an
item for us; what the ladder derives stands ready in both. Three parts are counted, each a column: *evaluate*; *form*,
where an engine wants a row in a form of its own (JSON, its own context, fewer names); *workdays*, which none of the
three can count: our calendar counts for them the four numbers that their rules ask for, while ours count inside.
Everything is compiled before. An engine is asked in several manners: each rule by itself, or all ten as one expression
that gives a list, so that a row crosses into the engine once; ours likewise. Rounds are interleaved, each pass follows
one that is not timed, medians are printed; ns are of the processor's time, per row and rule.

The whole pack: every rule for every task, with the same rows, and once more with the ladder and the sentences.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.engines import ENGINES, TEN, Row
from duban.item import Item, Person, Ref, make_item, places_of
from duban.people import Contact, Department, Directory
from duban.rules.book import read_book
from duban.rules.calendar import load_calendar
from duban.rules.clock import Clock
from duban.rules.compiled import CompiledBook
from duban.rules.context import Context, TableView
from duban.rules.evaluate import Judging, Snapshot, judge
from duban.rules.memory import Alert, Memory
from duban.sync.collector import calm_collector

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2024, 7, 24, 10, 0, tzinfo=ZONE)
DEPARTMENTS = ("市场部", "产品研发部", "销售部", "客服部")
STATUSES = ("未开始", "进行中", "待审核", "已完成", "暂停", "取消", None)
PROGRESS = {"未开始": 5.2, "进行中": 101, "待审核": 101, "已完成": 101, "暂停": 60, "取消": 60, None: 60}  # at most
BEFORE = {"进行中": "未开始", "待审核": "进行中", "已完成": "待审核", "暂停": "进行中"}
Truths = Sequence[Sequence[bool]]


# --- tasks


def tasks(count: int) -> tuple[list[Item], dict[Ref, Memory]]:
    """Return tasks as people leave them, and what was remembered of them: any of the ten rules holds for some."""
    dice = random.Random(count)
    items, memories = [], {}
    for number in range(count):
        ref = Ref("bench", "tasks", f"rec{number:07}")
        items.append(make_item(ref, "task", _values(number, dice)))
        memories[ref] = _memory(items[-1], dice)
    return items, memories


def _values(number: int, dice: random.Random) -> dict[str, Any]:
    def some(value: Any, share: float = 0.9) -> Any:
        return value if dice.random() < share else None

    status = dice.choices(STATUSES, (22, 27, 5, 38, 4, 2, 2))[0]
    start = NOW.date() + timedelta(days=dice.randrange(-60, 20))
    due = start + timedelta(days=dice.randrange(-1, 80))
    done = status == "已完成"
    return {
        "code": f"T-{number:06}", "title": f"第{number}项任务", "project": f"专项{number // 500:03}",
        "responsible_dept": (dice.choice(DEPARTMENTS),), "owner": some((Person("", f"成员{number % 40:02}"),)),
        "accountable": tuple(dice.sample(DEPARTMENTS, dice.choices((0, 1, 2), (2, 96, 2))[0])),
        "consulted": some((dice.choice(DEPARTMENTS),), 0.8), "informed": some((dice.choice(DEPARTMENTS),)),
        "status": status, "planned_start": some(start), "due": some(due, 0.95),
        "actual_finish": some(due + timedelta(days=dice.randrange(-20, 2)), 0.96 if done else 0.02),
        "progress": some(100.0 if done and dice.random() < 0.97 else PROGRESS[status] * dice.random() // 5 * 5),
        "input_req": some("需求说明", 0.97), "output": some("推广方案", 0.97),
        "standard": some("缺陷数不多于3个，100%完成评审", 0.97), "deliverable_link": some("https://files.example.com/1"),
        "acceptance_result": "通过" if done else None, "submitted_at": NOW - timedelta(days=2),
        "last_update": NOW - timedelta(minutes=dice.randrange(13_000)), "latest_note": some("已完成初稿", 0.6),
        "lag_reason": some("供应商交付延迟", 0.1), "adjust_plan": some("增派人手", 0.05),
    }  # fmt: skip


def _memory(item: Item, dice: random.Random) -> Memory:
    status, since = item.get("status"), NOW - timedelta(days=3)
    earlier = BEFORE.get(str(status)) if dice.random() < 0.97 else dice.choice(STATUSES)
    alert = Alert()
    if dice.random() < 0.05:
        due, asked = item.get("due"), NOW - timedelta(hours=dice.randrange(1, 60))
        alert = Alert("滞后预警已发", asked, asked + timedelta(hours=48), 1, due, due)  # type: ignore[arg-type]
    return Memory(status, since, previous_status=earlier, alert=alert)  # type: ignore[arg-type]


def judging(book: CompiledBook, items: Sequence[Item], memories: dict[Ref, Memory]) -> Judging:
    """Judge the tasks once: every context then stands where the rules find it."""
    mapped = frozenset(places_of("task"))
    table = TableView("bench", "tasks", "memory", {"task": mapped})
    people = [f"成员{number:02}" for number in range(40)]
    homes = {name: Department(name, people[n], "总经理", people[n + 4], tuple(people[n::4])) for n, name in
             enumerate(DEPARTMENTS)}  # fmt: skip
    directory = Directory(homes, {name: Contact(name) for name in people})
    snapshot = Snapshot({("bench", "tasks"): table}, items, memories)
    clocks = Clock(load_calendar(["CN"], ZONE))
    return judge(book, snapshot, now=NOW, zone=ZONE, clocks=clocks, directory=directory)


def book_of_ten() -> CompiledBook:
    """Return the shipped pack with all other rules switched off, as an admin would do it."""
    others = [rule_id for rule_id in read_book(["guide"]).rules if rule_id not in TEN]
    text = "rules:\n" + "".join(f"- {{id: {rule_id}, enabled: false}}\n" for rule_id in others)
    with tempfile.TemporaryDirectory(prefix="rules-") as folder:
        path = Path(folder) / "ten.yaml"
        path.write_text(text, encoding="utf-8")
        return CompiledBook(read_book(["guide", path]))


def row_of(context: Context) -> Row:
    """Return what the other engines get of a task: days and times as numbers, workdays counted."""
    get, world = context.get, context.world
    start = get("planned_start")
    values = {
        "status": context.status, "previous_status": context.previous_status, "open": context.open,
        "planned_start": start, "due": get("due"), "actual_finish": get("actual_finish"),
        "accountable": list(get("accountable") or ()), "consulted": list(get("consulted") or ()),
        "informed": list(get("informed") or ()), "progress": get("progress"), "lag_days": context.lag_days,
        "ladder_due": context.ladder_due, "laddered": context.laddered,
        "notice_outstanding": context.notice_outstanding, "explain_deadline": context.explain_deadline,
        "notice_sent_now": context.notice_sent_now, "explanation_parts": context.explanation_parts,
        "today": world.today, "now": world.now,
    }  # fmt: skip
    idle, started, gone, planned = workdays_of(context)
    values |= {"idle_workdays": idle, "started_workdays": started}
    values |= {"workdays_gone": _float(gone), "workdays_planned": _float(planned)}
    return {name: _number(value) for name, value in values.items()}


def workdays_of(context: Context) -> tuple[int | None, ...]:
    """Return the four counts of workdays that the ten rules ask for."""
    world, start = context.world, context.get("planned_start")
    return (
        world.wd(context.human_update, world.today), world.wd(start, world.today),
        world.workdays(start, world.today - timedelta(days=1)), world.workdays(start, context.ladder_due),
    )  # fmt: skip


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _number(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    return value.toordinal() if isinstance(value, date) else value


# --- the contest


class Manner(NamedTuple):
    """One way to ask one engine: how its rows are made of the plain ones, and how they are asked."""

    name: str
    form: Callable[[Sequence[Row]], Any]
    ask: Callable[[Any], Truths]


class Cost(NamedTuple):
    """Seconds of one pass over all rows."""

    form: float
    evaluate: float


def ours(judged: Judging) -> list[Manner]:
    """Return the loop that a sync runs, and one function for each rule, over contexts without findings."""
    contexts, world = judged.world.contexts, judged.world
    found = judged.rules_for(contexts[0])
    each = [(found.rules[rule_id].test, [g.test for g in found.guards if g.silences(rule_id)]) for rule_id in TEN]

    def loop(_: Any) -> Truths:
        for _, function in sorted(found.strata.items()):
            function(contexts, world)
        return [context.hits for context in contexts]  # type: ignore[misc]

    def alone(_: Any) -> Truths:
        return [
            [not any(guard(context, world) for guard in guards) and test(context, world) for test, guards in each]
            for context in contexts
        ]

    return [Manner("duban, as a sync runs them", _as_they_are, loop), Manner("duban, each rule", _as_they_are, alone)]


def _as_they_are(rows: Sequence[Row]) -> Sequence[Row]:
    return rows


def forget(judged: Judging) -> None:
    """Take the findings from the contexts, so that they can be judged again."""
    for context in judged.world.contexts:
        context.hits = ()


def manners() -> tuple[list[Manner], list[str]]:
    """Return all ways to ask the other engines, and the packages that are not installed."""
    found, missing = [], []
    for package, make in ENGINES.items():
        try:
            ways = make()
        except ModuleNotFoundError:
            missing.append(package)
            continue
        found += [Manner(f"{package}, {name}", form, ask) for name, form, ask in ways]
    return found, missing


def cost(manner: Manner, rows: Sequence[Row], judged: Judging) -> Cost:
    """Return what a pass over all rows takes, after one that is not timed."""
    took = Cost(0.0, 0.0)
    for _ in range(2):
        forget(judged)
        begin = time.process_time()
        formed = manner.form(rows)
        between = time.process_time()
        manner.ask(formed)
        took = Cost(between - begin, time.process_time() - between)
    return took


def counting(judged: Judging) -> float:
    """Return the seconds in which our calendar counts the workdays that stand ready in the rows of the others."""
    begin = time.process_time()
    for context in judged.world.contexts:
        workdays_of(context)
    return time.process_time() - begin


def different(manner: Manner, rows: Sequence[Row], truth: Truths) -> int:
    """Return for how many rows and rules an engine says something else."""
    answers = manner.ask(manner.form(rows))
    return sum(
        bool(said) is not bool(known)
        for row, others in zip(answers, truth, strict=True)
        for said, known in zip(row, others, strict=True)
    )


def contest(rows: int, rounds: int) -> bool:
    """Print the table of the ten rules; tell whether all results are equal."""
    judged = judging(book_of_ten(), *tasks(rows))
    truth = [[rule_id in context.hits for rule_id in TEN] for context in judged.world.contexts]
    mine, alone = ours(judged)
    plain = [row_of(context) for context in judged.world.contexts]
    theirs, missing = manners()
    wrong = {each.name: different(each, plain, truth) for each in (alone, *theirs)}
    every = (mine, alone, *theirs)
    took: dict[str, list[Cost]] = {each.name: [] for each in every}
    counted = []
    with calm_collector():
        for _ in range(rounds):
            counted.append(counting(judged))
            for each in every:
                took[each.name].append(cost(each, plain, judged))
    workdays, unit = statistics.median(counted), 1e9 / rows / len(TEN)
    best = sum(_middle(took[mine.name]))
    print(f"{sum(map(sum, truth)):,} findings of {len(TEN)} rules over {rows:,} tasks; ns a rule\n")
    print("| engine, manner | evaluate | form | workdays | sum | ratio to ours | different results |")
    print("|---|---|---|---|---|---|---|")
    for each in every:
        form, evaluate = _middle(took[each.name])
        aside = workdays if each in theirs else 0.0
        whole = form + evaluate + aside
        print(f"| {each.name} | {evaluate * unit:,.0f} | {form * unit:,.0f} | {aside * unit:,.0f} |"
              f" {whole * unit:,.0f} | {whole / best:,.1f} | {wrong.get(each.name, 0):,} |")  # fmt: skip
    for package in missing:
        print(f"| {package} | is not installed here: not compared; requirements-dev.lock has it | | | | | |")
    return not any(wrong.values())


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(each.form for each in costs), statistics.median(each.evaluate for each in costs))


# --- the whole pack


def whole_pack(rows: int, rounds: int) -> None:
    """Print tasks × rules a second of all rules that apply to a task."""
    book, (items, memories) = CompiledBook(read_book(["guide"])), tasks(rows)
    judged = judging(book, items, memories)
    contexts = judged.world.contexts
    found = judged.rules_for(contexts[0])
    alone, whole = [], []
    for _ in range(rounds):
        for context in contexts:
            context.hits = ()
        begin = time.process_time()
        for _, function in sorted(found.strata.items()):
            function(contexts, judged.world)
        alone.append(time.process_time() - begin)
        begin = time.process_time()
        judging(book, items, memories).judgement()
        whole.append(time.process_time() - begin)
    many = len(found.rules) * rows
    print(f"\nthe whole pack, {len(found.rules)} rules for a task:")
    print("| what | us a task | tasks × rules a second |\n|---|---|---|")
    for name, times in (("the rules", alone), ("ladder, rules, sentences, messages", whole)):
        took = statistics.median(times)
        print(f"| {name} | {took / rows * 1e6:.1f} | {many / took:,.0f} |")


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rows", type=int, default=5_000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    same = contest(chosen.rows, chosen.rounds)
    whole_pack(chosen.rows, chosen.rounds)
    if not same:
        print("results differ", file=sys.stderr)
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
