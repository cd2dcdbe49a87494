"""The command as its users run it: on the workbook example, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

ROOT = Path(__file__).parent.parent
NOW = ("--now", "2024-07-24T10:00:00+08:00")
BOOK = "任务分工与交付标准表.xlsx"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in (ROOT / "examples" / "workbook").iterdir():
        if file.suffix in {".xlsx", ".yaml"}:
            shutil.copy(file, tmp_path / file.name)
    return tmp_path


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHONWARNINGS": "error"}


def duban(folder: Path, *words: str, **rest: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "duban", *words], cwd=folder, env=environment(), text=True, capture_output=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False, **rest,
    )  # fmt: skip


def live(folder: Path) -> None:
    path = folder / "duban.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("mode: shadow", "mode: live"), encoding="utf-8")


def test_check_says_what_is_there_and_what_to_do_next(folder: Path) -> None:
    done = duban(folder, "check")
    assert done.returncode == 0, done.stderr
    assert "1 sources, 2 tables" in done.stdout
    assert "next: duban pull --mapping" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("chekc",), 2, "No such command"),
        (("sync", "--nwo", "x"), 2, "No such option"),
        (("findings", "--now", "yesterday"), 2, "is not a time; write it like"),
        (("findings", "--now", "2024-07-24T10:00:00"), 2, "has no offset"),
        (("findings", "-c", "nowhere.yaml"), 2, "there is no such file"),
        (("findings", "--source", "plna"), 2, "plan"),
        (("apply", "nothing.json"), 2, "make one with 'duban plan -o nothing.json'"),
        (("state", "forget", "T-99"), 2, "nothing is remembered of T-99"),
        (("rules", "show", "LAG-20"), 2, "did you mean LAG-0"),
        (("explain", "T-99"), 2, "there is no item T-99"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(folder: Path, words: tuple[str, ...], code: int, says: str) -> None:
    done = duban(folder, *words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_wrong_configuration_shows_place_and_caret(folder: Path) -> None:
    (folder / "duban.yaml").write_text(
        "mode: lvie\nsources:\n  - name: a\n    tool: workbok\n    tables: []\n", encoding="utf-8"
    )
    done = duban(folder, "check")
    assert done.returncode == 2
    assert "duban.yaml:1:7:" in done.stderr
    assert "did you mean 'live'?" in done.stderr
    assert "duban.yaml:4:11:" in done.stderr
    assert "^^^^" in done.stderr


def test_findings_write_nothing_at_all(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = duban(folder, "findings", "--json", *NOW)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["complete"] is True
    assert {item["code"]: item["rules"] for item in document["items"]}["T-02"] == ["LAG-02", "PLN-12"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_whole_life_in_shadow_then_live(folder: Path) -> None:
    untouched = (folder / BOOK).read_bytes()
    shadow = json.loads(duban(folder, "sync", "--json", *NOW).stdout)
    assert (shadow["changes"]["planned"], shadow["changes"]["written"]) == (14, 0)
    assert {message["status"] for message in shadow["messages"]} == {"shadow"}
    assert (folder / BOOK).read_bytes() == untouched
    live(folder)
    first = json.loads(duban(folder, "sync", "--json", *NOW).stdout)
    assert (first["changes"]["written"], first["failures"]) == (14, [])
    sheet = openpyxl.load_workbook(folder / BOOK)["任务表"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    levels = {row[rows[0].index("任务编号")]: row[rows[0].index("预警级别")] for row in rows[1:]}
    assert levels["T-02"] == "红"
    second = json.loads(duban(folder, "sync", "--json", *NOW).stdout)
    assert (second["changes"], second["messages"]) == (
        {"planned": 0, "written": 0, "unchanged": 14, "stale": 0, "held": 0, "failed": 0}, [],
    )  # fmt: skip


def test_a_saved_plan_is_applied_and_a_changed_row_refused(folder: Path) -> None:
    live(folder)
    made = duban(folder, "plan", "-o", "plan.json", "--json", *NOW)
    assert made.returncode == 0
    assert json.loads(made.stdout) == json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    book = openpyxl.load_workbook(folder / BOOK)
    sheet = book["任务表"]
    headings = [cell.value for cell in sheet[2]]
    sheet.cell(4, headings.index("预警级别") + 1, "黄")
    book.save(folder / BOOK)
    done = duban(folder, "apply", "plan.json", "--json")
    assert done.returncode == 3
    outcomes = {each["record"]: each["outcome"] for each in json.loads(done.stdout)["outcomes"]}
    assert sorted(outcomes.values()) == ["stale"] + ["written"] * 13
    assert "expected" not in done.stderr


def test_a_plan_of_another_configuration_is_refused(folder: Path) -> None:
    duban(folder, "plan", "-o", "plan.json", *NOW)
    live(folder)
    done = duban(folder, "apply", "plan.json")
    assert done.returncode == 2
    assert "make it again" in done.stderr


def test_english_output(folder: Path) -> None:
    path = folder / "duban.yaml"
    path.write_text("language: en\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    done = duban(folder, "findings", *NOW)
    assert "workdays late" in done.stdout
    assert "14 items" in done.stdout


def test_state_goes_out_and_in_again(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    duban(folder, "sync", *NOW)
    exported = duban(folder, "state", "export")
    (folder / "state.json").write_text(exported.stdout, encoding="utf-8")
    (folder / "duban.db").unlink()
    done = duban(folder, "state", "import", "state.json")
    assert done.returncode == 0, done.stderr
    assert json.loads(duban(folder, "state", "export").stdout) == json.loads(exported.stdout)


@pytest.fixture
def daemon(folder: Path) -> Iterator[subprocess.Popen[str]]:
    live(folder)
    path = folder / "duban.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "    interval: 1\n", encoding="utf-8")
    running = subprocess.Popen(
        [sys.executable, "-m", "duban", "run", "--json-logs"], cwd=folder, env=environment(), text=True,
        stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with running:
        yield running
        running.kill()


def test_the_daemon_works_and_ends_on_sigterm(folder: Path, daemon: subprocess.Popen[str]) -> None:
    assert daemon.stderr is not None
    cycles: list[dict[str, Any]] = []
    until = time.monotonic() + 40
    while len(cycles) < 2 and time.monotonic() < until:
        line = json.loads(daemon.stderr.readline())
        if line["event"] == "cycle":
            cycles.append(line)
    daemon.send_signal(signal.SIGTERM)
    rest = daemon.stderr.read()
    assert daemon.wait(20) == 0, rest
    assert (cycles[0]["source"], cycles[0]["result"], cycles[0]["written"]) == ("plan", "complete", 14)
    assert (cycles[1]["written"], cycles[1]["messages"]) == (0, 0)
    with sqlite3.connect(folder / "duban.db") as ledger:
        assert ledger.execute("pragma integrity_check").fetchone() == ("ok",)
    ledger.close()


def test_help_needs_no_tool(folder: Path) -> None:
    seen = "import sys; sys.argv = ['duban', '--help']\ntry:\n import duban.cli; duban.cli.main()\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", seen + "print([m for m in ('lark_oapi', 'pyairtable', 'openpyxl', 'polars') if m in sys.modules])"],
        cwd=folder, env=environment(), text=True, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"
