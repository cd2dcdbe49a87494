"""``duban demo`` and ``duban sandbox`` as people run them: by processes of their own, ended by signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from duban.errors import ConfigError
from duban.sandbox.example.scenario import read_scenario

ROWS = """
meta: {name: 两行, timezone: Asia/Shanghai}
tables:
  mine:
    tool: airtable
    container: 我的表 / 任务
    item_type: task
    columns: {Task ID: text, Name: text, Status: single_select, Due date: date}
    writeback: [Alert level, Alert rules]
rows:
- {row: A-1, table: mine, fields: {Task ID: A-1, Name: 第一件事, Status: Todo, Due date: '2024-07-19'}}
- {row: A-2, table: mine, fields: {Task ID: A-2, Name: 第二件事, Status: Done}}
"""


SHOWN = ("RD-03", "滞后预警已发", "LAG-02,PLN-12", "SL-02", "07-26 10:00")


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "duban", *map(str, words)]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=60, check=False, env=environment())


@contextmanager
def serving(*words: str | Path, until: str = "Ctrl-C") -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Start a command that goes on until a signal; yield it with what it printed up to the line that says so."""
    env = environment() | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as started:
        lines: list[str] = []
        assert started.stdout is not None
        try:
            for line in started.stdout:
                lines.append(line)
                if until in line:
                    break
            yield started, lines
        finally:
            started.kill()


def ended(started: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    started.send_signal(number)
    out, err = started.communicate(timeout=30)
    return started.returncode, out, err


# --- demo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "folder"


@pytest.fixture(scope="module")
def document(folder: Path) -> Any:
    done = run("demo", "--json", "--dir", folder)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_the_demo_fills_the_empty_columns_and_is_quiet_the_second_time(document: Any) -> None:
    first, second = document["runs"]
    assert (first["complete"], first["changes"]["written"], first["changes"]["failed"]) == (True, 62, 0)
    assert (second["changes"]["written"], second["changes"]["planned"], second["messages"]) == (0, 0, [])
    assert len(document["plan"]["changes"]) == 62
    assert len(document["plan"]["messages"]) == len(first["messages"]) > 0
    own = ("预警级别", "Alert level")
    for table, rows in document["before"].items():
        assert not any(name in cells for cells in rows.values() for name in own), table
        after = document["after"][table]
        assert all(any(name in cells for name in own) for cells in after.values()), table
        assert after.keys() == rows.keys()
        for record, cells in rows.items():
            kept = {name: cell for name, cell in cells.items() if name != "更新时间"}
            assert kept.items() <= {name: cell for name, cell in after[record].items() if name != "更新时间"}.items()


def test_the_demo_tells_its_story_ends_by_itself_and_makes_its_folder_anew(document: Any, folder: Path) -> None:
    assert (folder / "duban.db").is_file()  # of the run before
    done = run("demo", "--dir", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert [word for word in SHOWN if word not in done.stdout] == []
    places = [done.stdout.index(word) for word in ("之前", "写入 62 行", "之后", "写入 0 行", "--serve")]
    assert places == sorted(places)


def test_the_demo_touches_no_other_folder(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "duban.yaml").write_text("timezone: Asia/Shanghai\n", encoding="utf-8")
    done = run("demo", "--dir", other)
    assert done.returncode == 2
    assert "--dir" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (other / "duban.yaml").read_text(encoding="utf-8") == "timezone: Asia/Shanghai\n"


def test_what_the_demo_says_to_try_works(tmp_path: Path) -> None:
    words = ("demo", "--serve", "--language", "en", "--dir", tmp_path / "demo")
    with serving(*words, until="duban sync -c") as (started, lines):
        assert [word for word in SHOWN if word not in "".join(lines)] == []
        assert "0 rows written, 0 messages" in "".join(lines)
        tried = [line.strip() for line in lines if line.startswith(("  duban ", "  curl "))]
        assert [line.split()[0:2] for line in tried] == [["duban", "explain"], ["curl", "-d"], ["duban", "sync"]]
        explained = run(*tried[0].split()[1:])
        assert explained.returncode == 0, explained.stderr
        assert "LAG-02" in explained.stdout
        body, url = re.fullmatch(r"curl -d '(.*)' (\S+)", tried[1]).groups()  # type: ignore[union-attr]
        answer = requests.post(url, data=body.encode(), timeout=10)
        assert answer.status_code == 200
        assert answer.json()["滞后原因"] == json.loads(body)["cells"]["滞后原因"]
        synced = run(*tried[2].split()[1:], "--json")
        assert synced.returncode == 0, synced.stderr
        item = next(item for item in json.loads(synced.stdout)["items"] if item["code"] == "RD-02")
        assert (item["state"], item["sla"]) == ("已说明", "超时完成")
        code, _, err = ended(started, signal.SIGINT)
        assert (code, err) == (0, "")


def test_an_unknown_language_is_a_usage_error(tmp_path: Path) -> None:
    done = run("demo", "--dir", tmp_path / "demo", "--language", "fr")
    assert (done.returncode, done.stdout) == (2, "")
    assert "zh or en" in done.stderr


# --- sandbox


def test_the_sandbox_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with serving("sandbox", "--dir", tmp_path / "box", "--no-limits") as (started, lines):
        shown = "".join(lines)
        assert "market/tasks: 16 rows" in shown
        urls = {line.split()[0]: line.split()[1] for line in lines if "http://" in line}
        rows = requests.get(f"{urls['airtable']}/_sandbox/rows", timeout=10).json()
        assert len(rows["channel"]) == 10
        edit = {"row": "SL-02", "cells": {"Status": "No such choice"}}
        refused = requests.post(f"{urls['airtable']}/_sandbox/edit", json=edit, timeout=10)
        assert refused.status_code == 400
        for body in ({"row": "XX-1", "cells": {}}, {"row": "SL-02", "cells": {"没有": 1}}):
            assert requests.post(f"{urls['feishu']}/_sandbox/edit", json=body, timeout=10).status_code == 400
        checked = run("check", "-c", tmp_path / "box" / "duban.yaml")
        assert checked.returncode == 0, checked.stderr
        code, _, err = ended(started, signal.SIGTERM)
        assert (code, err) == (0, "")


def test_the_sandbox_takes_rows_ports_and_faults(tmp_path: Path) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text(ROWS, encoding="utf-8")
    words = ("--rows", file, "--fault", "airtable:status=403:tbl:1")
    with serving("sandbox", "--dir", tmp_path / "box", *words) as (started, lines):
        assert "sales/mine: 2 rows" in "".join(lines)
        config = tmp_path / "box" / "duban.yaml"
        refused = run("findings", "-c", config, "--now", "2024-07-24T10:00:00+08:00", "--json")
        assert refused.returncode == 3
        found = run("findings", "-c", config, "--now", "2024-07-24T10:00:00+08:00", "--json")
        assert found.returncode == 0, found.stderr
        items = {item["code"]: item for item in json.loads(found.stdout)["items"]}
        assert "LAG-02" in items["A-1"]["rules"]
        assert len(items) == 2
        port = next(line.split()[1].rpartition(":")[2] for line in lines if line.startswith("airtable"))
        taken = run("sandbox", "--dir", tmp_path / "box2", "--airtable-port", port)
        assert taken.returncode == 2
        assert port in taken.stderr
        ended(started, signal.SIGTERM)


def test_an_empty_sandbox_has_tables_without_rows(tmp_path: Path) -> None:
    with serving("sandbox", "--dir", tmp_path / "box", "--empty") as (started, lines):
        assert "sales/channel: 0 rows" in "".join(lines)
        assert ended(started, signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--fault", "feishu"), "tool:kind:match:times"),
        (("--fault", "feishu:explode:x:1"), "drop_after"),
        (("--rows", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_the_sandbox_names_what_is_wrong_and_the_next_step(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = run("sandbox", "--dir", tmp_path / "box", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("tool: airtable", "tool: excel"), "excel"), (("Due date: date", "Due date: day"), "day"),
        (("[Alert level", "[Alarm"), "Alarm"), (("item_type: task", "item_type: chore"), "chore"),
        (("table: mine, fields: {Task ID: A-2", "table: yours, fields: {Task ID: A-2"), "yours"),
        (("Name: 第二件事", "Nmae: 第二件事"), "Nmae"), (("tables:", "tabels:"), "tables"), (("rows:\n", "rows: [\n"), "YAML"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_rows_is_one_sentence(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    file = tmp_path / "rows.yaml"
    assert change[0] in ROWS
    file.write_text(ROWS.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        read_scenario(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
