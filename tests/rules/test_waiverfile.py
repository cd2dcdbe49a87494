"""Waivers files: their form, their mistakes at their places, schema and documentation."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from duban.errors import ConfigError
from duban.people import Directory
from duban.rules.selftest import DIRECTORY, run_tests
from duban.rules.waiverfile import KEYS, read_waivers
from duban.rules.waivers import Waiver, Waivers, Why
from duban.rules.waiverschema import waivers_schema
from duban.yamlfile import Document
from tests.rules.rules_world import guide, overlay
from tests.rules.test_waivers import LEAD, TASK, an_item, extension, office

ROOT = Path(__file__).parent.parent.parent


# --- the file

GOOD = """
waivers:
  - item: RD-02
    extend_to: 2024-08-05
    approved_by: 市场部上级
    reason: 供应商交期推迟
  - 规则: [LAG-04, "EXP-*", 全部]
    部门: 市场部
    项目: [新品, 旧品]
    表: rd/tasks
    批准人: 李四
    原因: 集中测试
    生效日期: 2024年7月1日
    有效期: 2024/7/31
"""


def read(tmp_path: Path, text: str, directory: Directory = DIRECTORY, tables: tuple[str, ...] = ()) -> Waivers:
    path = tmp_path / "waivers.yaml"
    path.write_text(text, encoding="utf-8")
    return read_waivers([path], rules=guide().book.rules, directory=directory, tables=tables)


def test_a_file_in_english_and_chinese(tmp_path: Path) -> None:
    first, second = read(tmp_path, GOOD, tables=("tasks", "rd/tasks")).entries
    assert first == Waiver(LEAD, "供应商交期推迟", "waivers.yaml:3", items=("RD-02",), extend_to=date(2024, 8, 5))
    assert second == Waiver(
        "李四", "集中测试", "waivers.yaml:7", departments=("市场部",), projects=("新品", "旧品"), tables=("rd/tasks",),
        rules=("LAG-04", "EXP-*", "*"), valid_from=date(2024, 7, 1), valid_until=date(2024, 7, 31),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["waivers: []", "[]", "豁免与延期: []"])
def test_a_file_may_have_no_approval(tmp_path: Path, text: str) -> None:
    assert not read(tmp_path, text)


def entry(**changes: str | None) -> str:
    """An entry that is right, with changed lines; ``None`` takes one away."""
    lines: dict[str, str | None] = {
        "item": "RD-02", "rules": "LAG-04", "extend_to": "2024-08-05", "approved_by": LEAD, "reason": "因",
        "valid_from": "2024-07-01", "valid_until": "2024-08-31",
    }  # fmt: skip
    return "waivers:\n- " + "\n  ".join(f"{k}: {v}" for k, v in {**lines, **changes}.items() if v is not None)


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("waivers: 3", 1, 10, "must be a list"),
        ("waiver: []", 1, 1, "did you mean 'waivers'?"),
        ("3", 1, 1, "is a list of approvals"),
        ("waivers: [RD-02]", 1, 11, "is written with keys"),
        (entry(extend_too="2024-08-05"), 9, 3, "there is no key 'extend_too' here; did you mean 'extend_to'?"),
        (entry(批准=LEAD), 9, 3, "did you mean '批准人'?"),
        (entry(批准人=LEAD), 9, 3, "'批准人' and 'approved_by' are one key"),
        (entry(rules="LAG-40"), 3, 10, "there is no rule 'LAG-40'; did you mean 'LAG-04'?"),
        (entry(rules='[LAG-02, "LAX-*"]'), 3, 19, "there is no rule 'LAX-*'"),
        (entry(rules="CFG-02"), 3, 10, "switch it off with enabled: false"),
        (entry(rules="CFG-01"), 3, 10, "is about a table as a whole"),
        (entry(rules="[]"), 3, 10, "'rules' must not be empty"),
        (entry(approved_by=None), 2, 3, "it must be said who approved this"),
        (entry(approved_by='" "'), 5, 16, "it must be said who approved this"),
        (entry(approved_by="[李四, 王五]"), 5, 16, "'approved_by' must be one text"),
        (entry(approved_by="市场部上及"), 5, 16, "does not know the approver '市场部上及'; did you mean '市场部上级'?"),
        (entry(reason=None), 2, 3, "it must be said why"),
        (entry(valid_until="2024-08-04"), 8, 16, "it ends before the day that it extends to (2024-08-05)"),
        (entry(valid_until="2024-06-30", extend_to=None), 7, 16, "it ends before it begins"),
        (entry(valid_from="2024-08-06"), 7, 15, "it begins after the day it extends to"),
        (entry(valid_until=None), 3, 10, "add valid_until (有效期)"),
        (entry(extend_to="20240805"), 4, 14, "'extend_to' must be a date such as 2024-08-05"),
        (entry(extend_to="2024-02-30"), 4, 14, "must be a date"),
        (entry(extend_to="下周五"), 4, 14, "must be a date"),
        (entry(extend_to="2024-08-05 18:00"), 4, 14, "must be a date"),
        (entry(valid_from=""), 7, 3, "'valid_from' must be a date"),
        (entry(rules=None, extend_to=None), 2, 3, "add one of them"),
        (entry(item=None, extend_to=None), 2, 3, "say what it is for"),
        (entry(item=None, department="市场部"), 3, 14, "an extension names its items"),
        (entry(department="市场布"), 9, 15, "there is no department '市场布'; did you mean '市场部'?"),
        (entry(table="taks"), 9, 10, "there is no table 'taks'; did you mean 'tasks'?"),
        (entry(item="{a: b}"), 2, 9, "must be a text or a list of texts"),
    ],
)  # fmt: skip
def test_mistakes_of_a_file_are_said_where_they_stand(tmp_path: Path, text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text, tables=("tasks", "rd/tasks"))
    found = [(problem.line, problem.column) for problem in error.value.problems if said in problem.message]
    assert found == [(line, column)], error.value
    assert len(error.value.problems) == 1, error.value


def test_all_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    one, two = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text("waivers:\n- {item: A, rules: LAG-1, valid_until: x}\n", encoding="utf-8")
    two.write_text("waivers:\n- {}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        read_waivers([one, tmp_path / "none.yaml", two], rules=guide().book.rules, directory=Directory())
    names = [Path(problem.path).name for problem in error.value.problems]
    assert (names.count("a.yaml"), names.count("none.yaml"), names.count("b.yaml")) == (4, 1, 4)


def test_an_item_that_is_nowhere_is_said(tmp_path: Path) -> None:
    waivers = read(tmp_path, GOOD)
    assert list(waivers.strangers([TASK])) == [
        "waivers.yaml:3: there is no item RD-02", "waivers.yaml:7: there is no project 旧品; did you mean 新品?",
    ]  # fmt: skip
    there = an_item(code="RD-20")
    assert next(waivers.strangers([there])) == "waivers.yaml:3: there is no item RD-02; did you mean RD-20?"
    assert list(waivers.strangers([an_item(code="RD-02", project="新品"), an_item("project", name="旧品")])) == []


# --- schema and documentation

VALIDATOR = jsonschema.Draft202012Validator(waivers_schema())
DOCUMENTED = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "waivers.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_schema_is_one_and_takes_what_is_right() -> None:
    jsonschema.Draft202012Validator.check_schema(waivers_schema())
    for text in (GOOD, "[]", entry(), (ROOT / "examples" / "waivers.yaml").read_text(encoding="utf-8")):
        assert not list(VALIDATOR.iter_errors(Document(text, "w.yaml").value)), text


@pytest.mark.parametrize(
    "text",
    [
        "waivers: 3", "waiver: []", entry(extend_too="x"), entry(approved_by=None), entry(reason=None),
        entry(extend_to="20240805"), entry(valid_until=None), entry(rules=None, extend_to=None), entry(rules="[]"),
        entry(item=None, extend_to=None), entry(item=None, department="市场部"), entry(approved_by="[李四]"),
        entry(item="{a: b}"), entry(approved_by='" "'),
    ],
)  # fmt: skip
def test_schema_and_reader_refuse_the_same(tmp_path: Path, text: str) -> None:
    assert list(VALIDATOR.iter_errors(Document(text, "w.yaml").value))
    with pytest.raises(ConfigError):
        read(tmp_path, text)


def test_the_documentation_s_examples_are_right(tmp_path: Path) -> None:
    text = next(block for block in DOCUMENTED if block.startswith("# waivers.yaml"))
    entries = read(tmp_path, text, Directory()).entries
    assert [(each.items, each.rules, each.departments) for each in entries] == [
        (("RD-02",), (), ()), ((), ("LAG-04", "EXP-*"), ("研发部",)),
    ]  # fmt: skip
    tests = next(block for block in DOCUMENTED if block.startswith("tests:"))
    report = run_tests(overlay(tests))
    assert [problem for result in report.results for problem in result.problems] == []


def test_every_key_and_every_reason_is_documented() -> None:
    text = (ROOT / "docs" / "waivers.md").read_text(encoding="utf-8")
    for key, others in KEYS.items():
        assert f"| `{key}` |" in text
        assert all(other in text for other in others if not other.isascii()), key
    for why in get_args(Why):
        assert f"`{why}`" in text


def test_a_rule_may_count_the_extensions() -> None:
    book = overlay(next(block for block in DOCUMENTED if block.startswith("rules:")))
    twice = extension("2024-08-30"), extension("2024-08-16")
    (finding,) = office(*twice, book=book).run("2024-07-24 10:00").findings
    assert finding.text == "T1 已延期2次，现按2024-08-30 (周五)计，请上级关注"
    assert office(twice[0], book=book).run("2024-07-24 10:00").rules == ()
