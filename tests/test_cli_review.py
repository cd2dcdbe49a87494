"""The command line on the ways in which people hold it wrong."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import openpyxl
import pytest

from duban.commands.session import secrets_of
from duban.config import load_config
from duban.logs import start_logging
from tests.test_cli import BOOK, NOW, duban, folder, live

__all__ = ["folder"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plan", *NOW, "-o", "no/where.json"), "no/where.json cannot be written"),
        (("plan", *NOW, "-o", "."), "cannot be written: Is a directory; name another file"),
        (("state", "export", "-o", "no/where.json"), "no/where.json cannot be written"),
        (("findings", "--now", "0001-01-01T00:00:00+08:00"), "write a year from 1970 to 2200"),
        (("findings", "--now", "9999-12-31T23:59:59-08:00"), "write a year from 1970 to 2200"),
        (("explain", "T-01", "--source", "plna"), "did you mean 'plan'?"),
        (("state", "import", "nothing.json"), "duban state export makes one"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_next_step(folder: Path, words: tuple[str, ...], says: str) -> None:
    done = duban(folder, *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert says in done.stderr
    assert "a bug" not in done.stderr


def test_explain_takes_a_source_as_every_judging_command_does(folder: Path) -> None:
    done = duban(folder, "explain", "T-01", "--source", "plan", "--json", *NOW)
    assert done.returncode == 0, done.stderr
    assert [item["code"] for item in json.loads(done.stdout)["items"]] == ["T-01"]


def test_a_refused_plan_leaves_no_run_that_seems_to_go_on(folder: Path) -> None:
    duban(folder, "sync", *NOW)
    duban(folder, "plan", "-o", "plan.json", *NOW)
    live(folder)
    assert duban(folder, "apply", "plan.json").returncode == 2
    with closing(sqlite3.connect(folder / "duban.db")) as ledger:
        assert ledger.execute("select count(*) from duban_runs where ended is null").fetchone() == (0,)


@pytest.mark.parametrize(
    ("words", "encoding"),
    [(("findings",), "ascii"), (("plan", "-o", "plan.json"), "ascii"), (("pull",), "ascii"), (("sync",), "utf-8")],
)
def test_texts_that_the_terminal_cannot_show_end_nothing(
    folder: Path, words: tuple[str, ...], encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = openpyxl.load_workbook(folder / BOOK)
    book["任务表"].cell(4, 2, "[/red] [bold]😀 \\")
    book.save(folder / BOOK)
    monkeypatch.setitem(os.environ, "PYTHONIOENCODING", encoding)
    shown = duban(folder, *words, *NOW)
    assert shown.returncode in {0, 4}, shown.stderr
    data = duban(folder, *words, "--json", *NOW)
    assert data.returncode in {0, 4}, data.stderr
    assert json.loads(data.stdout)["version"] == 1
    assert "😀" in json.dumps(json.loads(data.stdout), ensure_ascii=False) or words[0] != "pull"


def test_no_command_shows_the_list_and_no_empty_sentence(folder: Path) -> None:
    done = duban(folder)
    assert done.returncode == 2
    assert done.stderr.strip() == "name a command of the list above"


def test_the_daemons_log_keeps_the_secrets_of_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE", "postgresql+psycopg://duban:s3cretword@db/duban")
    monkeypatch.setenv("TOKEN", "hush-hush-0123")
    (tmp_path / "duban.yaml").write_text(
        "state: ${STATE}\n"
        "sources:\n  - name: sales\n    tool: airtable\n    token: ${TOKEN}\n    base: appXXXXXXXXXXXXXX\n"
        "    tables: [{table: tblZZZZZZZZZZZZZZ, holds: task}]\n",
        encoding="utf-8",
    )
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        for as_json in (False, True):
            start_logging(as_json=as_json, secrets=secrets_of(load_config(tmp_path / "duban.yaml")))
            try:
                raise OSError("could not connect with s3cretword, nor with hush-hush-0123")
            except OSError:
                logging.getLogger("duban.daemon").exception("cycle_failed")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    said = capsys.readouterr().err
    assert said.count("OSError: could not connect with ***, nor with ***") == 2
    assert "s3cretword" not in said
    assert "hush-hush-0123" not in said
