"""The recorded past judged again: under the same rules it says what was said, under others what would have been."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from desk import DIRECTORY, ZONE, _clock, at, row
from ruled_desk import RuledDesk, ruled
from sqlalchemy import text

from duban.cli import app
from duban.item import Person, Ref, make_item
from duban.sync.backtest import NOWHERE, backtest, department_of
from duban.sync.comparison import backtest_document, backtest_lines
from duban.sync.cycle import run_cycle
from duban.sync.history import tables_text, views_from
from duban.sync.ledger import Ledger
from duban.sync.setup import HoldLimits

SOONER = "params: {lag_notice_days: 1}"
END = "2024-08-02 18:00"


def story(path: Path) -> RuledDesk:
    """Two weeks at a desk: edits, answers (one dated back), rework, a held plan, a tool that is down, a row that others
    wait for goes and comes back, one that nobody but duban touches, and a long weekend without a run."""
    rows = {f"r{n}": row(f"A{n}", 截止日期=date(2024, 8, 30)) for n in range(1, 12)}
    rows["r1"]["截止日期"] = date(2024, 7, 17)
    rows["r2"]["截止日期"] = date(2024, 7, 19)
    rows["r3"] |= {"截止日期": date(2024, 7, 19), "负责部门(R)": ("市场部",), "负责人": (Person("", "徐洋"),)}
    rows["r4"]["截止日期"] = date(2024, 7, 24)
    rows["r9"]["最近更新"] = at("2024-07-17 10:00")
    rows["r10"]["上游任务"] = ("A4",)
    rows["r11"]["截止日期"] = date(2024, 7, 17)
    d = RuledDesk(path, rows)
    d.sync("2024-07-22 09:00")
    d.sync("2024-07-22 09:05")
    d.edit("r5", 交付标准="")
    d.sync("2024-07-22 09:20")
    d.edit("r1", 滞后原因="物料晚到", 调整计划="加班两天", 调整后完成日期=date(2024, 7, 25))
    d.sync("2024-07-22 15:00")
    d.sync("2024-07-23 09:00")
    d.edit("r2", 状态="待审核")
    d.edit("r6", 负责人=None)
    d.sync("2024-07-23 14:00")
    d.tool.down = True
    d.edit("r7", 负责人=None)
    d.sync("2024-07-24 09:00")
    d.tool.down = False
    d.limits = HoldLimits(records=1)
    d.sync("2024-07-24 10:00")
    d.limits = HoldLimits()
    d.sync("2024-07-24 11:00", release=True)
    gone = d.cells("r4")
    d.tool.delete("tasks", "r4")
    d.edit("r2", 状态="进行中")
    d.edit("r11", 滞后原因="等料", 调整计划="换料", 调整后完成日期=date(2024, 8, 9), 说明提交时间=at("2024-07-23 12:00"))
    d.sync("2024-07-25 09:00")
    d.sync("2024-07-26 17:00")
    d.tool._rows["tasks"]["r4"] = gone
    d.edit("r8", 状态="已完成", 成果物链接=None)
    d.sync("2024-07-30 09:00")
    d.edit("r3", 状态="已完成", 成果物链接="https://x/3")
    d.sync("2024-07-31 09:00")
    d.sync("2024-08-02 09:00")
    return d


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> RuledDesk:
    return story(tmp_path_factory.mktemp("story"))


def keys(column) -> list[tuple[str, datetime]]:
    return sorted((each.key, each.at) for each in column.warned)


@pytest.mark.parametrize(
    "since",
    ["2024-07-22 00:00", "2024-07-22 09:10", "2024-07-23 09:00", "2024-07-24 09:30", "2024-07-24 10:30",
     "2024-07-25 00:00", "2024-07-27 00:00"],
)  # fmt: skip
def test_the_same_rules_say_what_was_said(played: RuledDesk, since: str) -> None:
    found = played.backtest(since, END, every_run=True)
    said = sorted((key, at(now)) for key, now in played.keys if at(now) >= at(since))
    assert len(said) > 2
    assert keys(found.told) == said
    assert keys(found.present) == said
    assert found.changed is None


def test_the_hours_alone_say_the_same_here(played: RuledDesk) -> None:
    found = played.backtest("2024-07-22 00:00", END)
    assert (found.runs, found.steps) == (14, 14)  # 09:05 read back what 09:00 wrote: it counts
    assert keys(found.present) == keys(found.told)


def test_changed_rules_say_something_else(played: RuledDesk) -> None:
    found = played.backtest("2024-07-22 00:00", END, SOONER, every_run=True)
    assert found.changed is not None
    assert [change.text for change in found.changes] == ["lag_notice_days 3 -> 1"]
    assert keys(found.present) == keys(found.told)
    assert found.changed.by_rule().get("LAG-01", 0) == 0 < found.present.by_rule()["LAG-01"]
    assert found.changed.by_rule()["LAG-02"] > found.present.by_rule()["LAG-02"]
    first = min(each.at for each in found.changed.warned if each.code == "A3" and each.rule == "LAG-02")
    assert first == at("2024-07-22 09:00")
    assert sum(found.changed.by_week().values()) == len(found.changed.warned)
    assert set(found.changed.by_week()) <= {"2024-W30", "2024-W31"}
    assert found.changed.by_department()["市场部"] >= 1


def test_what_was_told_before_the_beginning_is_not_told_again(played: RuledDesk) -> None:
    found = played.backtest("2024-07-30 00:00", END, SOONER, every_run=True)
    assert found.changed is not None
    assert not {each.key for each in found.changed.warned} & {key for key, now in played.keys if at(now) < at("2024-07-30 00:00")}


def test_it_is_said_from_when_on_there_is_a_record(played: RuledDesk) -> None:
    found = played.backtest("2024-07-01 00:00", END, SOONER)
    assert found.recorded_since == at("2024-07-22 09:00")
    assert found.pause == (at("2024-07-26 17:00"), at("2024-07-30 09:00"))
    lines = list(backtest_lines(found, "en", ZONE))
    assert lines[0] == lines[-1]
    assert "the record begins at 2024-07-22 09:00" in lines[1]
    assert "no run between 2024-07-26 17:00" in lines[2]
    assert any("LAG-02" in line for line in lines)
    document = json.loads(json.dumps(backtest_document(found, ZONE)))
    assert document["told"]["messages"] == len(found.told.warned) == sum(document["told"]["by_rule"].values())
    assert document["changed"]["by_department"] == dict(found.changed.by_department())
    before = played.backtest("2024-07-01 00:00", "2024-07-02 00:00")
    assert (before.runs, before.present.warned) == (0, [])
    assert "no run is recorded in this time" in "\n".join(backtest_lines(before, "en", ZONE))


def test_a_replay_changes_nothing(played: RuledDesk) -> None:
    before = (played.path / "ledger.db").read_bytes()
    steps: list[tuple[str, int, int]] = []
    played.backtest("2024-07-22 00:00", END, SOONER, progress=lambda *step: steps.append(step))
    assert (played.path / "ledger.db").read_bytes() == before
    assert steps[0] == ("present", 1, 14)
    assert steps[-1] == ("changed", 14, 14)


def test_other_sources_do_not_count(played: RuledDesk) -> None:
    found = played.backtest("2024-07-22 00:00", END, sources=["market"])
    assert (found.told.warned, found.present.warned) == ([], [])


def test_shadow_and_live_count_as_they_did(tmp_path: Path) -> None:
    d = RuledDesk(tmp_path, {"r1": row("A1", 截止日期=date(2024, 7, 17)), "r2": row("A2", 交付标准="")}, mode="shadow")
    d.sync("2024-07-22 09:00")
    d.sync("2024-07-23 09:00")
    shown = d.backtest("2024-07-22 00:00", END)
    assert keys(shown.present) == keys(shown.told) == sorted((key, at(now)) for key, now in d.keys)
    d.mode = "live"
    d.sync("2024-07-24 09:00")
    found = d.backtest("2024-07-24 00:00", END)
    assert keys(found.present) == keys(found.told)
    assert len(found.told.warned) >= 2  # told anew, now that somebody hears it


def test_an_upgraded_ledger_replays_from_its_upgrade_on(tmp_path: Path) -> None:
    d = RuledDesk(tmp_path, {"r1": row("A1", 截止日期=date(2024, 7, 17)), "r2": row("A2", 截止日期=date(2024, 7, 19))})
    d.sync("2024-07-22 09:00")
    with Ledger.open(d.url, zone=ZONE) as ledger, ledger._database.writing() as connection:
        connection.execute(text("DELETE FROM duban_moments"))
        connection.execute(text("UPDATE duban_items SET since = NULL"))
        connection.execute(text("UPDATE duban_memories SET judged = '[]', closing = NULL"))
    assert d.restate("2024-07-22 10:00").since is None
    d.sync("2024-07-24 10:00")
    d.sync("2024-07-25 12:00")
    found = d.backtest("2024-07-01 00:00", END, every_run=True)
    assert found.recorded_since == at("2024-07-24 10:00")
    assert keys(found.present) == keys(found.told) == sorted((k, at(n)) for k, n in d.keys if n > "2024-07-23")
    assert found.told.warned


def test_sources_that_take_turns_are_replayed_in_turns(tmp_path: Path) -> None:
    a = RuledDesk(tmp_path / "a", {"r1": row("A1", 截止日期=date(2024, 7, 17))})
    b = RuledDesk(tmp_path / "b", {"m1": row("B1", 上游任务=("A1",), 计划开始=date(2024, 7, 20)), "m2": row("B2", 负责人=None)})
    one, other = a.setup(), b.setup()
    both = replace(one, sources=(one.sources[0], replace(other.sources[0], name="market")))
    told = []
    with Ledger.open(a.url, zone=ZONE) as ledger:
        for number, (name, now) in enumerate([
            ("rd", "2024-07-22 09:00"), ("market", "2024-07-22 09:02"), ("rd", "2024-07-22 09:05"),
            ("market", "2024-07-22 09:07"), ("rd", "2024-07-24 09:05"), ("market", "2024-07-24 09:07"),
            ("rd", "2024-07-25 09:05"), ("market", "2024-07-25 09:07"),
        ]):  # fmt: skip
            if number == 4:
                a.edit("r1", 状态="已完成", 成果物链接="https://x/1")
            result = run_cycle(both.only([name]), ledger, now=at(now), run=f"t{number}", clock=_clock)
            told += [(message.key, at(now)) for message in result.plan.messages]
        for every_run in (True, False):
            found = backtest(both, ledger, since=at("2024-07-22 00:00"), until=at(END), every_run=every_run)
            assert keys(found.present) == keys(found.told) == sorted(told)
        late = backtest(both, ledger, since=at("2024-07-22 09:03"), until=at(END), every_run=True)
        assert keys(late.present) == keys(late.told)
    assert {key.split("|")[1].split("/")[0] for key, _ in told} == {"rd", "market"}


def test_how_tables_stood_is_read_back_as_it_was(played: RuledDesk) -> None:
    views = played.look("2024-08-02 18:00").snapshot.tables
    again = views_from(tables_text(views))
    assert again == {place: replace(view, last_read=None) for place, view in views.items()}


def test_the_department_that_a_message_counts_for() -> None:
    ref = Ref("s", "t", "r")
    assert department_of(make_item(ref, "task", {"responsible_dept": ("研发部", "市场部")}), DIRECTORY) == "研发部"
    assert department_of(make_item(ref, "task", {"owner": (Person("", "徐洋"),)}), DIRECTORY) == "市场部"
    assert department_of(make_item(ref, "resource", {"req_dept": "销售部"}), DIRECTORY) == "销售部"
    assert department_of(make_item(ref, "task", {}), DIRECTORY) == NOWHERE


# --- by the command line

COLUMNS = "任务编号,任务名称,所属项目,负责部门(R),负责人,审批(A),咨询(C),知会(I),状态,计划开始,截止日期,输入要求,输出物,交付标准,最近更新,滞后原因,调整计划,调整后完成日期,预警级别"
CONFIG = """
state: sqlite:///duban.db
language: en
directory: directory.yaml
sources:
  - {name: plan, tool: workbook, path: plan.csv, tables: [{name: tasks, holds: task}]}
"""


def duban(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = app(list(words), standalone_mode=False)
    return code or 0, out.getvalue()


def test_restate_and_backtest_by_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "duban.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "directory.yaml").write_text("departments: {研发部: {head: 陈志远, members: [张磊]}}\n", encoding="utf-8")

    def plan(*rows: str) -> None:
        (tmp_path / "plan.csv").write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")

    def task(code: str, due: str, status: str = "进行中", answer: str = ",,") -> str:
        return f"{code},甲,新品,研发部,张磊,研发部,研发部,研发部,{status},2024-07-01,{due},说明书,成果,不少于3项,2024-07-22,{answer},"

    told = []
    for now, rows in (
        ("2024-07-22T09:00:00+08:00", [task("A1", "2024-07-17"), task("A2", "2024-07-19")]),
        ("2024-07-23T09:00:00+08:00", [task("A1", "2024-07-17", answer="晚到,加班,2024-07-26"), task("A2", "2024-07-19")]),
        ("2024-07-24T10:00:00+08:00", [task("A2", "2024-07-19"), task("A3", "2024-07-23")]),
        ("2024-07-26T10:00:00+08:00", [task("A2", "2024-07-19"), task("A3", "2024-07-23", "已完成")]),
    ):
        plan(*rows)
        code, out = duban("sync", "--json", "--now", now)
        assert code == 0
        told += [message["key"] for message in json.loads(out)["messages"]]
    assert len(told) >= 4

    after = ("--now", "2024-07-26T12:00:00+08:00")
    code, out = duban("rules", "backtest", "--since", "2024-07-22", "--every-run", "--json", *after)
    found = json.loads(out)
    assert (code, found["runs"], found["steps"]) == (0, 4, 4)
    assert [each["key"] for each in found["told"]["each"]] == sorted(told, key=[e["key"] for e in found["told"]["each"]].index)
    assert sorted(each["key"] for each in found["present"]["each"]) == sorted(told)
    code, out = duban("rules", "backtest", "--since", "2024-07-22", "--set", "lag_notice_days=1", *after)
    assert "lag_notice_days 3 -> 1" in out
    assert "by the changed rules" in out.splitlines()[0]

    (tmp_path / "ours.yaml").write_text("params: {explain: {hours: 96}}\n", encoding="utf-8")
    code, out = duban("rules", "restate", "--rules", "ours.yaml", *after)
    assert code == 0
    assert "explain.hours 48 -> 96" in out
    assert "EXP-01 +0 -1" in out
    (tmp_path / "duban.yaml").write_text(f"{CONFIG}rules: [guide, ours.yaml]\n", encoding="utf-8")
    assert "rules changed since the run of 2024-07-26 10:00" in duban("plan", *after)[1]
    document = json.loads(duban("sync", "--json", *after)[1])
    assert document["rules_changed"]["changes"] == ["explain.hours 48 -> 96"]
    assert document["rules_changed"]["items"] >= 1
    assert {item["code"]: item["versions"] for item in document["items"]}["A2"]["LAG-02"] == 1
    assert "rule versions: " in duban("explain", "A2", *after)[1]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("restate", "--set", "explan.hours=4"), "did you mean explain?"),
        (("restate", "--set", "nonsense"), "write it like issue_response.hours=4"),
        (("restate", "--set", "explain.hour=4"), "may have hours, mode"),
        (("backtest", "--since", "gestern"), "write it like 2024-07-01"),
        (("backtest", "--since", "2024-07-30", "--until", "2024-07-01"), "swap them"),
    ],
)
def test_mistakes_on_the_command_line_are_sentences(tmp_path: Path, monkeypatch, words, part) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "duban.yaml").write_text(CONFIG.replace("directory: directory.yaml\n", ""), encoding="utf-8")
    (tmp_path / "plan.csv").write_text(COLUMNS + "\n", encoding="utf-8")
    with pytest.raises(Exception, match=part.replace("?", r"\?")):
        duban("rules", *words)


def test_the_guide_is_in_force_again_as_it_was(played: RuledDesk) -> None:
    with Ledger.peek(played.url, zone=ZONE) as ledger:
        last = ledger.last_moment()
        assert last is not None
        assert last.book == ruled("").record.fingerprint
