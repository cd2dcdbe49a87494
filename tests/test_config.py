"""duban.yaml that is right: what it becomes, what it defaults to, what it costs to start."""

import dataclasses
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from duban.config import Config, load_config
from duban.config.files import SHIPPED
from duban.connectors import _CLASSES
from duban.connectors.settings import AnySource, FeishuSource, FeishuTable, Secret, Table
from duban.errors import ConfigError

EXAMPLES = Path(__file__).parent.parent / "examples"
ENV = {name: f"canary-{name}" for name in
       ("TB_APP_ID", "TB_APP_SECRET", "FS_APP_ID", "FS_APP_SECRET", "AIRTABLE_TOKEN")}  # fmt: skip
SMALLEST = """\
sources:
  - name: sales
    tool: airtable
    token: ${TOKEN}
    base: app1
    tables:
      - table: Tasks
        holds: task
"""


def load(tmp_path: Path, text: str = SMALLEST, **files: str) -> Config:
    path = tmp_path / "duban.yaml"
    path.write_text(text, encoding="utf-8")
    for name, content in files.items():
        (tmp_path / f"{name}.yaml").write_text(content, encoding="utf-8")
    return load_config(path, env={"TOKEN": "canary"})


@pytest.fixture
def example() -> Config:
    return load_config(EXAMPLES / "duban.yaml", env=ENV)


def test_the_example_is_the_specifications(example):
    assert example.zone == ZoneInfo("Asia/Shanghai")
    assert (example.language, example.mode) == ("zh", "shadow")
    assert (example.rules, example.calendar) == (("guide",), ("CN",))
    assert (example.limits.records, example.limits.share) == (100, 0.2)
    assert [(source.name, source.tool) for source in example.sources] == [
        ("rd", "teambition"), ("market", "feishu"), ("sales", "airtable"), ("plan", "workbook"),
    ]  # fmt: skip
    assert [table.label for table in example.source("market").tables] == ["tasks", "problems", "risks"]
    assert example.source("rd").app_secret.reveal() == ENV["TB_APP_SECRET"]
    assert example.table("market", "problems").holds.values == {"突发问题": "issue", "部门分歧": "dispute"}
    assert example.table("sales", "channel").columns == {"due": "Due date", "lag_reason": None}
    assert example.source("plan").path == str(EXAMPLES / "任务分工与交付标准表.xlsx")
    assert example.directory.department("Sales").head == "王建国"
    assert example.admin == ("徐洋",)


def test_modes_are_the_tables_then_the_sources_then_the_files(tmp_path):
    text = SMALLEST.replace("base: app1", "base: app1\n    mode: live")
    text += "        mode: shadow\n      - {table: B, holds: task}\n"
    other = "  - {name: w, tool: workbook, path: a.csv, tables: [{holds: task}]}\n"
    config = load(tmp_path, text + other)
    assert config.mode_of("sales", "Tasks") == "shadow"
    assert config.mode_of("sales", "B") == "live"
    assert config.mode_of("w", "sheet") == "shadow"
    assert load(tmp_path, "mode: live\n" + text + other).mode_of("w", "sheet") == "live"


def test_strangers_are_told_with_the_nearest_name(example):
    with pytest.raises(ConfigError, match="'markt' is no source of this configuration; did you mean 'market'"):
        example.source("markt")
    with pytest.raises(ConfigError, match="'task' is no table of market; did you mean 'tasks'"):
        example.table("market", "task")


def test_the_smallest_file(tmp_path):
    assert len(SMALLEST.splitlines()) <= 10
    config = load(tmp_path)
    assert config.state.reveal() == f"sqlite:///{tmp_path / 'duban.db'}"
    assert config.sources[0].interval == 300
    assert config.directory.departments == {}
    assert config.path == tmp_path / "duban.yaml"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:///a/b.db", "sqlite:///{}/a/b.db"),
        ("sqlite+pysqlite:///b.db?timeout=5", "sqlite+pysqlite:///{}/b.db?timeout=5"),
        ("sqlite:////var/lib/duban.db", "sqlite:////var/lib/duban.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql+psycopg://duban@db/duban", "postgresql+psycopg://duban@db/duban"),
    ],
)
def test_the_ledgers_address(tmp_path, written, meant):
    assert load(tmp_path, f'state: "{written}"\n{SMALLEST}').state.reveal() == meant.format(tmp_path)


def test_relative_paths_start_at_the_files_folder(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    head = "rules: [guide, ours.yaml]\ncalendar: [CN, days.yaml]\ndirectory: people.yaml\n"
    load(tmp_path, head + SMALLEST, ours="rules: []\n", days="years: {}\n", people="people: {张三: {mobile: 138}}\n")
    config = load_config(Path("../duban.yaml"), env={"TOKEN": "x"})
    assert config.rules == ("guide", tmp_path / "ours.yaml")
    assert config.calendar == ("CN", tmp_path / "days.yaml")
    assert config.directory.people["张三"].mobile == "138"


def test_environment_values_for_anything_that_is_text(tmp_path):
    path = tmp_path / "duban.yaml"
    path.write_text("mode: ${MODE}\ntimezone: ${TZ}\nstate: ${STATE}\n" + SMALLEST, encoding="utf-8")
    env = {"MODE": "live", "TZ": "Europe/Berlin", "STATE": "postgresql://u:canary@h/d", "TOKEN": "x"}
    config = load_config(path, env=env)
    assert (config.mode, config.zone.key, config.state.reveal()) == ("live", "Europe/Berlin", env["STATE"])
    assert "canary" not in repr(config)


def test_chinese_names_become_keys(tmp_path):
    words = ("columns: {截止日期: DDL, owner: PIC}", "defaults: {所属项目: P}", "writes: {预警级别: Level}")
    config = load(tmp_path, SMALLEST + "".join(f"        {line}\n" for line in words))
    [table] = config.sources[0].tables
    assert table.columns == {"due": "DDL", "owner": "PIC"}
    assert table.defaults == {"project": "P"}
    assert table.writes == {"alert_level": "Level"}


def test_fields_of_different_kinds_may_share_a_column(tmp_path):
    holds = "{column: 类别, values: {问题: issue, 风险: risk}}"
    text = SMALLEST.replace("holds: task", f"holds: {holds}\n        columns: {{owner: 跟进, measure_owner: 跟进}}")
    assert load(tmp_path, text).sources[0].tables[0].columns == {"owner": "跟进", "measure_owner": "跟进"}


def test_a_human_column_may_be_given_away(tmp_path):
    text = SMALLEST + "        columns: {latest_note: null}\n        writes: {alert_text: 备注}\n"
    assert load(tmp_path, text).sources[0].tables[0].writes == {"alert_text": "备注"}


def test_escalation_columns_of_disputes_are_human(tmp_path):
    columns = "columns: {submitted_to: 上报对象, submitted_at: Escalated at}"
    text = SMALLEST.replace("holds: task", f"holds: dispute\n        {columns}")
    assert load(tmp_path, text).sources[0].tables[0].columns["submitted_to"] == "上报对象"


def test_intervals_and_addresses(tmp_path):
    text = "interval: 60\n" + SMALLEST.replace("base: app1", "base: app1\n    base_url: http://127.0.0.1:8080/v0/")
    other = "  - {name: w, tool: workbook, path: a.csv, interval: 5, tables: [{holds: task}]}\n"
    first, second = load(tmp_path, text + other).sources
    assert (first.interval, second.interval) == (60, 5)
    assert first.base_url == "http://127.0.0.1:8080/v0"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"app": "a", "table": "t"}, ("a", "", "t")),
        ({"url": "https://x.feishu.cn/base/bas1?table=tbl2&view=vew3"}, ("bas1", "", "tbl2")),
        ({"url": "https://x.larksuite.com/wiki/wik1?table=tbl2"}, ("", "wik1", "tbl2")),
        ({"url": "https://x.feishu.cn/base/bas1", "table": "tbl9"}, ("bas1", "", "tbl9")),
    ],
)
def test_feishu_tables_by_address(said, place):
    table = FeishuTable(holds="task", **said)
    assert table.place == place
    assert table.label == place[2]


# --- fingerprint


def test_the_fingerprint_knows_what_decides_and_no_secret(tmp_path):
    files = {"ours": "rules: []\n", "days": "years: {}\n", "people": "people: {}\n"}
    head = "rules: [guide, ours.yaml]\ncalendar: [CN, days.yaml]\ndirectory: people.yaml\n"
    first = load(tmp_path, head + SMALLEST, **files)
    assert re.fullmatch("[0-9a-f]{64}", first.fingerprint)
    same = [
        load(tmp_path, "# a comment\n" + head + SMALLEST, **files),
        load(tmp_path, head + "state: sqlite:///other.db\n" + SMALLEST, **files),
        load(tmp_path, head + SMALLEST.replace("${TOKEN}", "{command: [echo, other]}"), **files),
    ]
    assert {config.fingerprint for config in same} == {first.fingerprint}
    changed = [
        load(tmp_path, head + "mode: live\n" + SMALLEST, **files),
        load(tmp_path, head + SMALLEST.replace("app1", "app2"), **files),
        load(tmp_path, head + SMALLEST + "        writes: {alert_level: null}\n", **files),
        *(load(tmp_path, head + SMALLEST, **files | {name: content + "# x\n"}) for name, content in files.items()),
    ]
    assert len({first.fingerprint, *(config.fingerprint for config in changed)}) == 7


def test_the_fingerprint_does_not_depend_on_the_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert load(tmp_path / "a").fingerprint == load(tmp_path / "b").fingerprint


def test_a_configuration_is_frozen(example):
    with pytest.raises(dataclasses.FrozenInstanceError):
        example.mode = "live"
    with pytest.raises(Exception, match="frozen"):
        example.sources[0].name = "x"


# --- start-up and the registry


def test_starting_imports_nothing_heavy():
    heavy = ["requests", "pyairtable", "openpyxl", "sqlalchemy", "lark_oapi", "typer", "duban.sync"]
    code = f"import sys, json, duban.config; print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []


def test_every_tool_of_the_file_is_in_the_registry():
    tools = {model.model_fields["tool"].annotation.__args__[0] for model in AnySource.__args__[0].__args__}
    assert tools == set(_CLASSES) - {"memory"}
    for place in _CLASSES.values():
        assert re.fullmatch(r"duban\.connectors\.\w+:\w+Connector", place)


def test_every_shipped_name_is_a_pack():
    packs = Path(importlib.util.find_spec("duban").origin).parent / "rules" / "packs"
    for name in SHIPPED:
        assert (packs / f"{name}.yaml").is_file()


def test_models_stand_alone_for_connectors_and_their_tests():
    source = FeishuSource(
        name="m", tool="feishu", app_id=Secret("a"), app_secret=Secret("canary"),
        tables=({"app": "a", "table": "t", "holds": "task"},),
    )  # fmt: skip
    assert source.tables[0].label == "t"
    assert "canary" not in repr(source) + str(source) + source.model_dump_json()
    with pytest.raises(LookupError):
        _ = Table(holds="task").label


def test_the_example_folder_is_complete(tmp_path):
    shutil.copytree(EXAMPLES, tmp_path / "copy")
    assert (
        load_config(tmp_path / "copy" / "duban.yaml", env=ENV).fingerprint
        == load_config(EXAMPLES / "duban.yaml", env=ENV).fingerprint
    )
