"""A corpus of broken duban.yaml: every mistake is told at its exact place, and the JSON Schema sees what it can.

In a case, the characters that a caret must cover stand between « and »; a place that lacks something is marked ‹ in
front of the first character of the mapping that lacks it.
"""

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from duban.config import config_schema, directory_schema, load_config
from duban.errors import ConfigError, cells
from duban.yamlfile import read_document

EXAMPLES = Path(__file__).parent.parent / "examples"
ENV = {"T": "canary-token", "BAD": "canary-bad"}
HEAD = "sources:\n"
AIRTABLE = "  - name: s\n    tool: airtable\n    token: ${T}\n    base: app1\n"
ONE = "    tables: [{table: T, holds: task}]\n"
GOOD = HEAD + AIRTABLE + ONE
FEISHU = "  - name: f\n    tool: feishu\n    app_id: cli\n    app_secret: ${T}\n    tables:\n"


def table(text: str, holds: str = "task") -> str:
    return HEAD + AIRTABLE + f"    tables:\n      - table: T\n        holds: {holds}\n        {text}\n"


# name: (file, what the messages say in order, does the schema see it too?)
CASES = {
    "a key that is not known": ("«timezon»: UTC\n" + GOOD, ["did you mean 'timezone'?"], True),
    "a key like none": ("«colour»: red\n" + GOOD, ["the keys here are timezone, language"], True),
    "a key of a source": (
        GOOD.replace("    base: app1", "    base: app1\n    «organization»: x"), ["no key 'organization' here"], True,
    ),
    "a misspelt key is one mistake, not two": (
        HEAD + AIRTABLE + ONE.replace("tables", "«tabels»"), ["did you mean 'tables'?"], True,
    ),
    "a key of a table": (table("«colums»: {}"), ["did you mean 'columns'?"], True),
    "a key of limits": ("limits: {«record»: 5}\n" + GOOD, ["did you mean 'records'?"], True),
    "a key of another tool's table": (table("«sheet»: A"), ["no key 'sheet' here"], True),
    "a list where a word belongs": ("timezone: «[UTC]»\n" + GOOD, ["'timezone' must be text"], True),
    "a number where text belongs": (
        GOOD.replace("app1", "«12»"), ["'base' must be text; put quotes around it"], True,
    ),
    "text where a number belongs": ("limits: {records: «many»}\n" + GOOD, ["must be a whole number"], True),
    "a quoted number": ("interval: «'60'»\n" + GOOD, ["'interval' must be a number"], True),
    "true is no number": ("interval: «true»\n" + GOOD, ["'interval' must be a number"], True),
    "a share above one": ("limits: {share: «20»}\n" + GOOD, ["'share' must be at most 1"], True),
    "an interval of nothing": ("interval: «0»\n" + GOOD, ["'interval' must be greater than 0"], True),
    "a word where a list belongs": ("rules: «guide»\n" + GOOD, ["'rules' must be a list"], True),
    "no rules": ("rules: «[]»\n" + GOOD, ["'rules' must not be empty"], True),
    "a mapping where a list belongs": ("sources: «{a: 1}»\n", ["'sources' must be a list"], True),
    "an entry that is no mapping": (GOOD + "  - «sales»\n", ["an entry of 'sources' must be a mapping"], True),
    "no sources at all": ("‹mode: shadow\n", ["the key 'sources' is missing"], True),
    "an empty key": (HEAD + AIRTABLE + "    «tables»:\n", ["'tables' must be a list"], True),
    "no tables": (HEAD + AIRTABLE + "    tables: «[]»\n", ["'tables' must not be empty"], True),
    "a table without holds": (
        HEAD + AIRTABLE + "    tables:\n      - ‹table: T\n        mode: live\n", ["the key 'holds' is missing"], True,
    ),
    "a source without its secret": (
        GOOD.replace("- name", "- ‹name").replace("    token: ${T}\n", ""), ["the key 'token' is missing"], True,
    ),
    "a source without a tool": (
        GOOD.replace("- name", "- ‹name").replace("    tool: airtable\n", ""), ["the key 'tool' is missing"], True,
    ),
    "a tool that is misspelt, and what else is wrong with its source": (
        GOOD.replace("airtable", "«airtabel»").replace("    base:", "    «bass»:"),
        ["'airtabel' is no tool; did you mean 'airtable'?", "did you mean 'base'?"],
        True,
    ),
    "a tool like none": (GOOD.replace("airtable", "«jira»"), ["'jira' is no tool; write one of feishu, "], True),
    "memory is not for files": (GOOD.replace("airtable", "«memory»"), ["'memory' is no tool"], True),
    "a variable that is not set": (GOOD.replace("${T}", "«${NOPE}»"), ["variable NOPE is not set"], False),
    "a variable inside a text": (GOOD.replace("app1", "«app${T}»"), ["must be the whole value"], False),
    "a secret in the file": (GOOD.replace("${T}", "«pat123»"), ["'token' must not stand in the file"], True),
    "a form of secret that is not known": (GOOD.replace("${T}", "«{env: T}»"), ["not one of the forms"], True),
    "a time zone": ("timezone: «Asia/Shangai»\n" + GOOD, ["did you mean 'Asia/Shanghai'?"], False),
    "a time zone from outside": ("timezone: «../etc/passwd»\n" + GOOD, ["is no time zone"], False),
    "a folder of time zones": ("timezone: «Asia»\n" + GOOD, ["is no time zone"], False),
    "a mode": ("mode: «lives»\n" + GOOD, ["'lives' is no mode; did you mean 'live'?"], True),
    "a mode of a table": (table("mode: «dry»"), ["'dry' is no mode; write one of shadow, live"], True),
    "a mode from the environment is shown as written": ("mode: «${BAD}»\n" + GOOD, ["'${BAD}' is no mode"], False),
    "a language": ("language: «cn»\n" + GOOD, ["'cn' is no language"], True),
    "a ledger that is no address": ("state: «duban.db»\n" + GOOD, ["must be a SQLAlchemy URL"], False),
    "a name with a slash": (GOOD.replace("name: s", "name: «a/b»"), ["a name without /"], True),
    "an address with a password": (
        GOOD.replace("    base:", "    base_url: «https://u:p@host/x»\n    base:"), ["without user, password"], True,
    ),
    "an address without a scheme": (
        GOOD.replace("    base:", "    base_url: «host»\n    base:"), ["such as https"], True,
    ),
    "a kind": (table("mode: live", holds="«tasks»"), ["'tasks' is no kind of item; did you mean 'task'?"], True),
    "a kind by column": (
        table("mode: live", holds="{column: C, values: {A: «isue»}}"), ["did you mean 'issue'?"], True,
    ),
    "a list of kinds": (table("mode: live", holds="«[task]»"), ["'holds' must be a word, or a mapping"], True),
    "kinds without a column": (table("mode: live", holds="‹{values: {A: issue}}"), ["'column' is missing"], True),
    "a key of holds": (
        table("mode: live", holds="{«col»: C, column: C, values: {A: issue}}"), ["no key 'col'"], True,
    ),
    "two sources with one name": (
        GOOD + AIRTABLE.replace("name: s", "name: «s»") + ONE, ["two sources have the name 's'"], False,
    ),
    "two tables with one name": (
        table("name: x") + "      - {table: U, name: «x», holds: task}\n", ["two tables of this source"], False,
    ),
    "a table named like another's id": (
        table("mode: live") + "      - {table: U, name: «T», holds: task}\n", ["two tables of this source"], False,
    ),
    "a table twice": (table("name: x") + "      - «{table: T, name: y, holds: task}»\n", ["listed twice"], False),
    "a field": (table("columns: {«du»: Due}"), ["'du' is no field of task; did you mean 'due'?"], True),
    "a Chinese field": (table("columns: {«截至日期»: D}"), ["did you mean '截止日期'?"], True),
    "a field of another kind": (table("columns: {«raised_at»: D}"), ["is no field of task"], True),
    "a field of a default": (table("defaults: {«projekt»: P}"), ["did you mean 'project'?"], True),
    "a field by both names": (table("columns: {due: D, «截止日期»: E}"), ["are one field"], False),
    "a default of the wrong type": (table("defaults: {due: «soon»}"), ["a date such as"], False),
    "a default that is empty": (table("defaults: {«project»: }"), ["must be text"], False),
    "an impossible date": (table("defaults: {due: «2024-02-30»}"), ["a date such as"], False),
    "two fields in one column": (
        table("columns: {due: Date, planned_start: « date »}").replace("« date »", "«'date '»"),
        ["is the column of 'due' already"],
        False,
    ),
    "a heading that is no text": (table("columns: {due: «5»}"), ["'due' must be text"], True),
    "an empty heading": (table("columns: {due: «''»}"), ["'due' must not be empty"], True),
    "an own column": (table("writes: {«alert_levl»: Level}"), ["did you mean 'alert_level'?"], True),
    "an own column that this kind has not": (table("writes: {«sla_due»: A1}"), ["is no own column of task"], True),
    "an own column that is a mapped human column": (
        table("columns: {latest_note: Log}\n        writes: {alert_text: «Log»}"),
        ["'Log' is also a mapped human column (columns: latest_note)"],
        False,
    ),
    "an own column that would be mapped by itself": (
        table("writes: {alert_text: «备注»}"), ["it means 'latest_note'"], False,
    ),
    "a human column with an own column's name": (
        table("columns: {latest_note: «预警内容»}"), ["also the own column 'alert_text'"], False,
    ),
    "a human column with an own column's English name": (
        table("columns: {latest_note: «Alert message»}"), ["also the own column 'alert_text'"], False,
    ),
    "an own column in the place of another": (
        table("writes: {alert_text: «预警级别»}"), ["is the own column 'alert_level' already"], False,
    ),
    "two own columns in one": (
        table("writes: {alert_text: W, alert_rules: «W»}"), ["is the column of 'alert_text' already"], False,
    ),
    "the column of kinds is an own column": (
        table("writes: {alert_level: «类型»}", holds="{column: 类型, values: {问题: issue}}"), ["(holds)"], False,
    ),
    "a status": (table("statuses: {«进行»: [x]}"), ["'进行' is no status; did you mean '进行中'?"], True),
    "a status that is ambiguous itself": (table("statuses: {«已关闭»: [x]}"), ["'已关闭' is no status"], True),
    "a word with two statuses": (
        table("statuses: {已完成: [Closed], 取消: [a, «closed»]}"), ["stands under '已完成' too"], False,
    ),
    "a status without a list": (table("statuses: {进行中: «Blocked»}"), ["'进行中' must be a list"], True),
    "a Feishu table without a place": (
        HEAD + FEISHU + "      - ‹holds: task\n        name: x\n", ["needs app and table, or the url"], True,
    ),
    "a Feishu table without its id": (
        HEAD + FEISHU + "      - ‹app: a\n        holds: task\n", ["which table of the base"], True,
    ),
    "a Feishu address of something else": (
        HEAD + FEISHU + "      - {url: «https://x.feishu.cn/docx/abc?table=t», holds: task}\n",
        ["no address of a base"],
        False,
    ),
    "a Feishu address with a broken host": (
        HEAD + FEISHU + "      - {url: «'https://x].cn/base/abc?table=t'», holds: task}\n",
        ["no address of a base"],
        False,
    ),
    "a Feishu address without a table": (
        HEAD + FEISHU + "      - {url: «https://x.feishu.cn/base/abc», holds: task}\n", ["which table"], False,
    ),
    "a Feishu table said twice": (
        HEAD + FEISHU + "      - {app: a, table: t, url: «https://x.feishu.cn/base/b?table=t», holds: task}\n",
        ["either url or app and table"],
        False,
    ),
    "a shipped pack": ("rules: [«guid»]\n" + GOOD, ["did you mean 'guide'?"], False),
    "a rules file": ("rules: [guide, «ours.yaml»]\n" + GOOD, ["there is no file 'ours.yaml'"], False),
    "a directory": ("directory: «people.yaml»\n" + GOOD, ["there is no file 'people.yaml'"], False),
    "a directory that is a folder": ("directory: «./»\n" + GOOD, ["cannot be read"], False),
    "a calendar": ("calendar: «days.yaml»\n" + GOOD, ["there is no file 'days.yaml'"], False),
    "a calendar of several": ("calendar: [CN, «days.yaml»]\n" + GOOD, ["there is no file 'days.yaml'"], False),
    "a country": ("calendar: «US»\n" + GOOD, ["there is no holiday data for 'US'"], False),
    "a workbook's header": (
        HEAD + "  - {name: w, tool: workbook, path: a.csv, tables: [{holds: task, header: «0»}]}\n",
        ["at least 1"],
        True,
    ),
    "everything at once": (
        "«timezon»: UTC\nmode: «liv»\nrules: [«none.yaml»]\n" + HEAD
        + AIRTABLE.replace("${T}", "«${NOPE}»") + "    tables:\n      - table: T\n        holds: «tsk»\n"
        + "      - table: U\n        holds: task\n        columns: {«du»: X, due: Y, title: «Y»}\n"
        + "  - {‹name: s2, tool: «fieshu», «app_idd»: x, tables: [{app: a, table: b, holds: risk}]}\n".replace("‹", ""),
        ["timezone", "live", "none.yaml", "NOPE", "task", "due", "already", "feishu", "app_id", "app_secret"],
        True,
    ),
}  # fmt: skip


def unmarked(text: str) -> tuple[str, list[tuple[int, int, int | None]]]:
    """Return the file and its marked places: line, column, width (``None`` for a place that lacks something)."""
    places, lines = [], []
    for number, marked in enumerate(text.splitlines(), 1):
        line = marked
        while found := re.search("[«‹]", line):
            start = found.start()
            if found.group() == "‹":
                places.append((number, start + 1, None))
                line = line[:start] + line[start + 1 :]
            else:
                end = line.index("»", start)
                places.append((number, start + 1, end - start - 1))
                line = line[:start] + line[start + 1 : end] + line[end + 1 :]
        lines.append(line)
    return "\n".join(lines) + "\n", places


def problems_of(tmp_path: Path, text: str):
    path = tmp_path / "duban.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, env=ENV)
    assert "canary" not in str(caught.value)
    return caught.value.problems


@pytest.mark.parametrize("name", [name for name in CASES if name != "everything at once"])
def test_each_mistake_has_its_place(tmp_path, name):
    marked, messages, _ = CASES[name]
    text, places = unmarked(marked)
    assert len(places) == len(messages) > 0
    problems = problems_of(tmp_path, text)
    found = [(problem.line, problem.column, problem.width) for problem in problems]
    wanted = [
        (line, column, problem.width if width is None else width)
        for (line, column, width), problem in zip(places, problems, strict=False)
    ]
    assert found == wanted, "\n".join(map(str, problems))
    for problem, message in zip(problems, messages, strict=True):
        assert message in problem.message
        if "*" not in problem.source:
            assert problem.source == text.splitlines()[problem.line - 1]


def test_all_mistakes_of_a_file_are_told_in_its_order(tmp_path):
    marked, messages, _ = CASES["everything at once"]
    text, places = unmarked(marked)
    problems = problems_of(tmp_path, text)
    assert [(problem.line, problem.column) for problem in problems if "is missing" not in problem.message] == [
        (line, column) for line, column, _ in places
    ]
    for message in messages:
        assert message in "\n".join(map(str, problems))
    assert len(problems) == len(messages)


@pytest.mark.parametrize("name", CASES)
def test_the_schema_sees_what_it_can(tmp_path, name):
    marked, _, seen = CASES[name]
    path = tmp_path / "duban.yaml"
    path.write_text(unmarked(marked)[0], encoding="utf-8")
    valid = Draft202012Validator(config_schema()).is_valid(read_document(path).value)
    assert valid is not seen


def test_the_corpus_is_wide():
    assert len(CASES) >= 80
    assert sum(seen for _, _, seen in CASES.values()) >= 40


@pytest.mark.parametrize("schema", [config_schema(), directory_schema()], ids=["config", "directory"])
def test_the_schemas_are_schemas_and_describe_every_key(schema):
    Draft202012Validator.check_schema(schema)
    keys = {**schema["properties"]}
    for name, definition in schema["$defs"].items():
        if "Source" in name or "Table" in name or "Entry" in name:
            keys |= {f"{name}.{key}": value for key, value in definition["properties"].items()}
    assert len(keys) > 3
    silent = {key for key, value in keys.items() if not value.get("description")}
    assert {key for key in silent if not key.endswith(".tables")} == set()


@pytest.mark.parametrize(("file", "schema"), [("duban", config_schema()), ("directory", directory_schema())])
def test_the_examples_keep_the_schemas(file, schema):
    value = read_document(EXAMPLES / f"{file}.yaml").value
    assert list(Draft202012Validator(schema).iter_errors(value)) == []


def test_an_editor_is_offered_all_tools_and_the_fields_of_a_kind():
    schema = config_schema()
    assert schema["properties"]["sources"]["items"]["properties"]["tool"]["enum"] == [
        "feishu", "teambition", "airtable", "workbook",
    ]  # fmt: skip
    assert "oneOf" not in schema["properties"]["sources"]["items"]
    assert schema["$defs"]["fields.task"]["properties"]["due"]["description"] == "截止日期 · Due date"


def test_carets_stand_under_wide_characters(tmp_path):
    [problem] = problems_of(tmp_path, table("defaults: {负责人: 张三, 截止: x}"))
    head, source, caret = str(problem).splitlines()
    assert head.endswith("did you mean '截止日期'?")
    assert cells(source[: source.index("截止")]) == caret.index("^")
    assert caret.count("^") == 4


def test_unreadable_yaml_a_missing_file_and_a_list(tmp_path):
    assert "not readable as YAML" in problems_of(tmp_path, "a: b: c\n")[0].message
    assert "must be a mapping" in problems_of(tmp_path, "- a\n")[0].message
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "other.yaml", env=ENV)
