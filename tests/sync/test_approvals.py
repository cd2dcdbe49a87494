"""Approvals through the whole product: columns that people fill in, waivers files, the ledger, the command line."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from rich.console import Console
from sqlalchemy import text

from duban.assembly import close, load_rules, make_setup, with_new_waivers
from duban.commands.check import check
from duban.config import load_config
from duban.connectors.base import Column, Schema
from duban.connectors.columns import map_columns, wanted_columns
from duban.connectors.limits import Pace
from duban.connectors.memory import MemoryConnector
from duban.connectors.settings import Table, WaiverColumns
from duban.errors import ConfigError, Unavailable
from duban.item import Person, Ref
from duban.notify.message import Message
from duban.rules.waiverfile import read_waivers
from duban.rules.waivers import Waiver, Waivers
from duban.screen import Screen
from duban.sync.cycle import look
from duban.sync.explaining import explained
from duban.sync.items import pull_document
from duban.sync.ledger import Ledger
from duban.sync.ledger.database import Database, parse_url
from duban.sync.report import findings_document
from duban.sync.setup import Setup
from tests.sync.desk import HUMAN, ZONE, Desk, row

ROOT = Path(__file__).parent.parent.parent
NOW = "2024-07-24 10:00"
LATE = date(2024, 7, 17)
CLAIMED: Mapping[str, Any] = {"延期至": "date", "批准人": "person", "延期原因": "text", "有效期": "date"}
COLUMNS = WaiverColumns(extend_to="延期至", approved_by="批准人", reason="延期原因", valid_until="有效期")
LEAD = (Person("", "林晓雯"),)


class Box:
    """A channel that takes everything."""

    name = "box"

    def send(self, message: Message) -> None:
        pass


@dataclass
class Office(Desk):
    """A desk whose table has columns of an approved extension, and a setup with approvals of a file."""

    waivers: Waivers = field(default_factory=Waivers)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        columns = [Column(name, name, kind) for name, kind in (HUMAN | CLAIMED).items()]
        columns += [Column(name, name, "text") for name in self.own]
        self.connector = MemoryConnector("rd", {"tasks": (columns, self.rows)}, page_size=10)

    def setup(self) -> Setup:
        made = super().setup()
        table = Table(name="tasks", holds="task", waivers=COLUMNS)
        return replace(made, sources=(replace(made.sources[0], tables=(table,)),), waivers=self.waivers)

    def item(self, now: str = NOW) -> dict[str, Any]:
        return findings_document(self.look(now), ZONE)["items"][0]


def office(path: Path, **cells: Any) -> Office:
    return Office(path, {"r1": row("T-1", 截止日期=LATE, **cells)})


def granted(to: date, **cells: Any) -> dict[str, Any]:
    return {"延期至": to, "批准人": LEAD, **cells}


# --- the columns


def test_claimed_columns_are_taken_before_the_automatic_mapping() -> None:
    headings = ("截止日期", "延期至", "批准人", "延期原因", "有效期")
    schema = Schema(tuple(Column(name, name, "text") for name in headings))
    plain = map_columns(Table(name="t", holds="task"), schema)
    fields = {key: column.name for key, column in plain.fields["task"].items()}
    assert fields == {"due": "截止日期", "new_due": "延期至", "accountable": "批准人", "lag_reason": "延期原因"}
    assert plain.waiver == {}
    claimed = map_columns(Table(name="t", holds="task", waivers=COLUMNS), schema)
    assert {key: column.name for key, column in claimed.fields["task"].items()} == {"due": "截止日期"}
    assert {key: column.name for key, column in claimed.waiver.items()} == {
        "extend_to": "延期至", "approved_by": "批准人", "reason": "延期原因", "valid_until": "有效期",
    }  # fmt: skip
    assert set(wanted_columns(claimed)) == set(headings)
    assert {found.column.name: (found.field, found.why) for found in claimed.how}["延期至"] == ("waivers.extend_to", "waiver")


def test_a_column_that_is_not_there_is_said_with_the_nearest() -> None:
    schema = Schema((Column("延期到", "延期到", "date"), Column("批准人", "批准人", "text")))
    made = map_columns(Table(name="t", holds="task", waivers=COLUMNS), schema)
    assert "waivers names the column '延期至', which the table does not have; did you mean '延期到'?" in made.problems
    assert set(made.waiver) == {"approved_by"}


def test_an_own_column_is_never_a_column_of_an_extension() -> None:
    schema = Schema((Column("预警级别", "预警级别", "text"), Column("批准人", "批准人", "text")))
    columns = WaiverColumns(extend_to="预警级别", approved_by="批准人")
    with pytest.raises(ConfigError, match="people fill as waivers: extend_to"):
        map_columns(Table(name="t", holds="task", waivers=columns), schema)


# --- cycles


def test_an_approved_extension_is_seen_by_everybody_and_no_cell_of_people_changes(tmp_path: Path) -> None:
    d = office(tmp_path, **granted(date(2024, 8, 5), 延期原因="等样品", 有效期=date(2024, 8, 31)))
    before = d.human() | {"claimed": {name: d.cells("r1").get(name) for name in CLAIMED}}
    item = d.item()
    assert (item["rules"], item["effective_due"], item["extensions"]) == ([], "2024-08-05", 1)
    assert item["extension"] == {
        "to": "2024-08-05", "approved_by": "林晓雯", "reason": "等样品", "from": None, "until": "2024-08-31",
        "origin": "column",
    }  # fmt: skip
    assert d.sync(NOW).exit_code == 0
    assert (d.cells("r1")["预警级别"], d.cells("r1")["预警状态"], d.cells("r1")["滞后天数"]) == ("绿", "正常", "0")
    assert d.human() | {"claimed": {name: d.cells("r1").get(name) for name in CLAIMED}} == before
    again = d.sync(NOW)
    assert (len(again.written), again.messages) == (0, [])
    (explanation,) = explained(d.look(NOW), d.setup(), "T-1").items
    assert "已延期1次" in explanation.text()
    (pulled,) = pull_document(d.look(NOW).pulled, d.look(NOW).now, ZONE)["items"]
    assert pulled["waiver"] == {
        "extend_to": "2024-08-05", "approved_by": [{"id": "", "name": "林晓雯"}], "reason": "等样品",
        "valid_until": "2024-08-31",
    }  # fmt: skip


def test_an_extension_without_approver_does_not_count_and_is_said(tmp_path: Path) -> None:
    d = office(tmp_path, **granted(date(2024, 8, 5)) | {"批准人": None})
    item = d.item()
    assert (item["rules"], item["extensions"], item["extension"]) == (["LAG-02"], 0, None)
    assert [(refused["why"], refused["to"]) for refused in item["waivers_refused"]] == [("no_approver", "2024-08-05")]
    (explanation,) = explained(d.look(NOW), d.setup(), "T-1").items
    assert "没有批准人" in explanation.text()


def test_a_day_that_cannot_be_read_does_not_count_and_is_said(tmp_path: Path) -> None:
    d = office(tmp_path, 延期至="下周五", 批准人=LEAD)
    item = d.item()
    assert (item["rules"], [refused["why"] for refused in item["waivers_refused"]]) == (["LAG-02"], ["unreadable"])


def test_extensions_are_counted_over_cycles_restarts_and_moves(tmp_path: Path) -> None:
    d = office(tmp_path, **granted(date(2024, 7, 26)))
    d.sync("2024-07-22 10:00")
    d.edit("r1", 延期至=date(2024, 8, 5))
    d.sync("2024-07-23 10:00")
    assert d.item()["extensions"] == 2
    d.edit("r1", 延期至=None, 批准人=None)
    d.sync(NOW)
    item = d.item()
    assert (item["extensions"], item["extension"], item["rules"]) == (2, None, ["LAG-02"])
    with Ledger.open(d.url, zone=ZONE) as ledger:
        state = ledger.export_state()
    (kept,) = state["items"]
    assert kept["extended"] == [["2024-07-26", "2024-07-22"], ["2024-08-05", "2024-07-23"]]
    moved = office(tmp_path / "other")
    with Ledger.open(moved.url, zone=ZONE) as ledger:
        ledger.import_state(state, now=d.look(NOW).now)
    assert moved.item()["extensions"] == 2


def test_a_table_that_cannot_be_read_keeps_its_extension(tmp_path: Path) -> None:
    d = office(tmp_path, **granted(date(2024, 8, 5)))
    d.sync("2024-07-23 10:00")
    assert d.item()["rules"] == []

    def refuse(*_: object) -> None:
        raise Unavailable("the tool is down")

    d.tool.describe = refuse  # type: ignore[method-assign, assignment]
    looked = d.look(NOW)
    assert not looked.complete
    (verdict,) = looked.judgement.verdicts
    assert (verdict.frozen, verdict.rules, verdict.approved.extensions) == (True, (), 1)


def test_a_waiver_that_expires_brings_the_finding_back_told_once(tmp_path: Path) -> None:
    d = Office(tmp_path, {"r1": row("T-1", 输出物=None)}, channels=(Box(),))
    assert [m.rule for m, _ in d.sync("2024-07-22 10:00").messages] == ["PLN-04"]
    d.waivers = Waivers((Waiver("林晓雯", "试点", "w:2", rules=("PLN-*",), departments=("研发部",), valid_until=date(2024, 7, 23)),))
    silent = d.sync("2024-07-23 10:00")
    assert silent.messages == []
    assert not d.cells("r1").get("触发规则")
    item = d.item("2024-07-23 10:00")
    assert [(waived["rule"], waived["approved_by"], waived["until"]) for waived in item["waived"]] == [
        ("PLN-04", "林晓雯", "2024-07-23")
    ]
    assert [m.rule for m, _ in d.sync("2024-07-24 00:00").messages] == ["PLN-04"]
    assert d.cells("r1")["触发规则"] == "PLN-04"
    assert d.sync("2024-07-24 00:00").messages == []
    assert d.sync("2024-07-25 00:00").messages == []


def test_an_older_ledger_learns_of_extensions(tmp_path: Path) -> None:
    d = office(tmp_path, **granted(date(2024, 8, 5)))
    d.sync("2024-07-23 10:00")
    database = Database(parse_url(d.url))
    with database.writing() as connection:
        for column in ("extended", "waived"):
            connection.execute(text(f"ALTER TABLE duban_memories DROP COLUMN {column}"))
        connection.execute(text("DELETE FROM duban_migrations WHERE name LIKE 'extensions%'"))
    database.close()
    assert d.sync(NOW).exit_code == 0
    with Ledger.open(d.url, zone=ZONE) as ledger:
        assert ledger.memories([("rd", "tasks")])[Ref("rd", "tasks", "r1")].extended == (("2024-08-05", "2024-07-24"),)


def test_a_cell_of_an_extension_is_part_of_the_mirror(tmp_path: Path) -> None:
    d = office(tmp_path, **granted(date(2024, 8, 5), 延期原因="等样品"))
    d.sync(NOW)
    with Ledger.open(d.url, zone=ZONE) as ledger:
        (item,) = ledger.items("rd", "tasks")
    assert item.waiver == (("extend_to", date(2024, 8, 5)), ("approved_by", LEAD), ("reason", "等样品"))


# --- configuration


FILE = """waivers:
  - 编号: T-02
    延期至: 2024-08-05
    批准人: 林晓雯
    原因: 测试环境推迟
  - rules: [PLN-*]
    department: 市场部
    approved_by: 周启航
    reason: 模板改版
    valid_until: 2024-07-31
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in (ROOT / "examples" / "workbook").iterdir():
        if file.suffix in {".xlsx", ".yaml"}:
            shutil.copy(file, tmp_path / file.name)
    config = tmp_path / "duban.yaml"
    said = config.read_text(encoding="utf-8")
    config.write_text(said.replace("mode: shadow", "mode: live\nwaivers: waivers.yaml"), encoding="utf-8")
    (tmp_path / "waivers.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


def rewrite(path: Path, before: str, after: str) -> None:
    said = path.read_text(encoding="utf-8")
    assert before in said
    path.write_text(said.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("waivers: {extend_to: 延期至}", "the key 'approved_by' is missing here"),
        ("waivers: {extend_to: 延期至, approved_by: 批准人, resaon: 原因}", "did you mean 'reason'?"),
        ("waivers: {extend_to: 延期至, approved_by: 延期至}", "'延期至' is the column of waivers: extend_to already"),
        (
            "waivers: {extend_to: 延期至, approved_by: 批准人}\n        columns: {new_due: 延期至}",
            "'延期至' is the column of columns: new_due already",
        ),
        ("waivers: {extend_to: 预警级别, approved_by: 批准人}", "is also the own column 'alert_level'"),
    ],
)
def test_mistakes_of_the_columns_are_said_at_load(folder: Path, table: str, said: str) -> None:
    rewrite(folder / "duban.yaml", "        holds: task\n", f"        holds: task\n        {table}\n")
    with pytest.raises(ConfigError, match=said) as error:
        load_config(folder / "duban.yaml")
    assert len(error.value.problems) == 1


def test_columns_of_an_extension_are_for_tasks(folder: Path) -> None:
    rewrite(
        folder / "duban.yaml", "        holds: resource\n",
        "        holds: resource\n        waivers: {extend_to: 延期至, approved_by: 批准人}\n",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="only tasks have a due date to extend"):
        load_config(folder / "duban.yaml")


def test_a_file_that_is_not_there_is_an_error_and_one_that_changed_another_plan(folder: Path) -> None:
    first = load_config(folder / "duban.yaml").fingerprint
    rewrite(folder / "waivers.yaml", "2024-08-05", "2024-08-06")
    assert load_config(folder / "duban.yaml").fingerprint != first
    rewrite(folder / "duban.yaml", "waivers: waivers.yaml", "waivers: [waivers.yaml, weivers.yaml]")
    with pytest.raises(ConfigError, match=r"there is no file 'weivers\.yaml'"):
        load_config(folder / "duban.yaml")


def test_a_daemon_takes_new_approvals_up_and_keeps_the_old_ones_when_the_file_breaks(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = load_config(folder / "duban.yaml")
    setup = make_setup(config, Pace())
    assert len(setup.waivers.entries) == 2
    rewrite(folder / "waivers.yaml", "2024-08-05", "2024-08-09")
    setup = with_new_waivers(config, setup)
    assert setup.waivers.entries[0].extend_to == date(2024, 8, 9)
    rewrite(folder / "waivers.yaml", "PLN-*", "PLX-*")
    with caplog.at_level(logging.WARNING, "duban.daemon"):
        setup = with_new_waivers(config, setup)
    assert setup.waivers.entries[0].extend_to == date(2024, 8, 9)
    assert "there is no rule 'PLX-*'" in caplog.text


def test_every_mistake_of_rules_and_waivers_comes_at_once(folder: Path) -> None:
    (folder / "ours.yaml").write_text("rules: [{id: LAG-40}]\n", encoding="utf-8")
    rewrite(folder / "duban.yaml", "mode: live", "mode: live\nrules: [guide, ours.yaml]")
    rewrite(folder / "waivers.yaml", "批准人: 林晓雯", "批准人: 林小雯")
    with pytest.raises(ConfigError) as error:
        make_setup(load_config(folder / "duban.yaml"), Pace())
    assert {Path(problem.path).name for problem in error.value.problems} == {"ours.yaml", "waivers.yaml"}


# --- the command line


def duban(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-m", "duban", *words], cwd=folder, env=environment, text=True, capture_output=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip


def items(folder: Path, now: str) -> dict[str, dict[str, Any]]:
    config = load_config(folder / "duban.yaml")
    setup = make_setup(config, Pace())
    with Ledger.peek(config.state.reveal(), zone=config.zone) as ledger:
        looked = look(setup, ledger, now=datetime.fromisoformat(now))
    close(setup)
    return {item["code"]: item for item in findings_document(looked, config.zone)["items"]}


def test_a_workbook_with_a_waivers_file_and_columns(folder: Path) -> None:
    path = next(folder.glob("*.xlsx"))
    book = openpyxl.load_workbook(path)
    sheet = book["任务表"]
    at = sheet.max_column
    for number, name in enumerate(("延期至", "批准人", "延期原因", "有效期"), 1):
        sheet.cell(2, at + number, name)
    late = next(row for row in range(3, sheet.max_row + 1) if sheet.cell(row, 1).value == "T-06")
    for number, value in enumerate((date(2024, 8, 2), "王建国", "门店装修", None), 1):
        sheet.cell(late, at + number, value)
    book.save(path)
    columns = "waivers: {extend_to: 延期至, approved_by: 批准人, reason: 延期原因, valid_until: 有效期}"
    rewrite(folder / "duban.yaml", "        holds: task\n", f"        holds: task\n        {columns}\n")

    found = items(folder, "2024-07-24T10:00:00+08:00")
    assert (found["T-02"]["rules"], found["T-02"]["effective_due"]) == ([], "2024-08-05")
    assert (found["T-06"]["rules"], found["T-06"]["extension"]["approved_by"]) == ([], "王建国")
    assert (found["T-05"]["rules"], found["T-05"]["level"]) == ([], "绿")
    assert [waived["rule"] for waived in found["T-05"]["waived"]] == ["PLN-08", "PLN-09"]
    shown = duban(folder, "findings", "--now", "2024-07-24T10:00:00+08:00").stdout
    assert "5 项已豁免或延期" in shown
    assert "T-06  第1次延期，至 2024-08-02 (周五): 王建国 批准" in shown
    assert "T-05  豁免 PLN-08,PLN-09: 周启航 批准，有效期至 2024-07-31 (周三)，原因：模板改版（waivers.yaml:6）" in shown

    synced = duban(folder, "sync", "--json", "--now", "2024-07-24T10:00:00+08:00")
    assert synced.returncode == 0, synced.stderr
    assert not {"T-02", "T-05", "T-06"} & {message["code"] for message in json.loads(synced.stdout)["messages"]}
    after = openpyxl.load_workbook(path)["任务表"]
    assert after.cell(late, at + 1).value.date() == date(2024, 8, 2)
    assert after.cell(late, at + 2).value == "王建国"
    explanation = duban(folder, "explain", "T-05", "--now", "2024-07-24T10:00:00+08:00").stdout
    assert "已豁免：周启航 批准" in explanation

    assert items(folder, "2024-08-01T10:00:00+08:00")["T-05"]["rules"] != []
    book = openpyxl.load_workbook(path)
    book["任务表"].cell(late, at + 1, date(2024, 8, 9))
    book.save(path)
    assert items(folder, "2024-07-25T10:00:00+08:00")["T-06"]["extensions"] == 2


def test_a_wrong_waivers_file_is_exit_2_with_place_and_caret(folder: Path) -> None:
    rewrite(folder / "waivers.yaml", "rules: [PLN-*]", "rules: [PLM-*]")
    done = duban(folder, "findings")
    assert done.returncode == 2
    assert "waivers.yaml:6:13: there is no rule 'PLM-*'" in done.stderr
    assert "^^^^^" in done.stderr


def test_check_counts_the_approvals_and_tells_their_mistakes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(folder / "duban.yaml")
    assert "2 approvals in waivers files" in capsys.readouterr().out
    rewrite(folder / "waivers.yaml", "延期至: 2024-08-05", "延期至: 2024-08-05\n    延期到: 2024-08-06")
    with pytest.raises(ConfigError, match="did you mean '延期至'"):
        check(folder / "duban.yaml")


def test_an_approval_for_nothing_is_said(folder: Path) -> None:
    rewrite(folder / "waivers.yaml", "T-02", "T-22")
    config = load_config(folder / "duban.yaml")
    setup = make_setup(config, Pace())
    with Ledger.peek(config.state.reveal(), zone=config.zone) as ledger:
        looked = look(setup, ledger, now=datetime.fromisoformat("2024-07-24T10:00:00+08:00"))
    close(setup)
    said = "waivers.yaml:2: there is no item T-22; did you mean T-02?"
    assert findings_document(looked, config.zone)["waivers_unmatched"] == [said]
    screen = Screen("zh", config.zone, Console(file=io.StringIO(), width=200))
    screen.findings(looked)
    assert said in screen.out.file.getvalue()  # type: ignore[attr-defined]


def test_the_example_is_right() -> None:
    config = load_config(ROOT / "examples" / "duban.yaml", env={
        "TB_APP_ID": "a", "TB_APP_SECRET": "b", "FS_APP_ID": "c", "FS_APP_SECRET": "d", "AIRTABLE_TOKEN": "e",
    })  # fmt: skip
    book = load_rules(["guide"])
    waivers = read_waivers([ROOT / "examples" / "waivers.yaml"], rules=book.book.rules, directory=config.directory)
    assert [(each.extend_to, each.rules) for each in waivers.entries] == [
        (date(2024, 8, 5), ()), (None, ("LAG-04", "STA-05")),
    ]  # fmt: skip
