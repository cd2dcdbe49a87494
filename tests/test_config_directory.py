"""directory.yaml: departments and people, and every mistake in it at its place."""

import pytest

from duban.config import load_config, load_directory
from duban.errors import ConfigError
from duban.item import Person
from duban.people import Contact, Directory


def written(tmp_path, text: str):
    path = tmp_path / "directory.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(tmp_path, text: str):
    with pytest.raises(ConfigError) as caught:
        load_directory(written(tmp_path, text))
    return [(problem.line, problem.source[problem.column - 1 : problem.column - 1 + problem.width], problem.message)
            for problem in caught.value.problems]  # fmt: skip


def test_departments_people_and_both_forms_of_aliases(tmp_path):
    directory = load_directory(written(tmp_path, (
        "departments:\n"
        "  市场部: {head: 林晓雯, superior: 周启航, liaison: 徐洋, members: [何雨, 徐洋], aliases: [Marketing]}\n"
        "  法务部: {head: , members: []}\n"
        "  空部:\n    {}\n"
        "people:\n"
        "  何雨: {feishu: ou_1, teambition: 5f01, airtable: usr1, email: he@x.cn, mobile: 13800000000}\n"
        "  路人: {mobile: +8613900000000}\n"
        "department_aliases: {R&D: 市场部, Legal: 法务部}\n"
    )))  # fmt: skip
    assert directory.department("marketing").superior == "周启航"
    assert directory.department("r&d").name == "市场部"
    assert directory.department("Legal").head == ""
    assert directory.departments["市场部"].aliases == ("Marketing", "R&D")
    assert directory.people["何雨"].mobile == "13800000000"
    assert directory.people["路人"].mobile == "+8613900000000"
    assert directory.name_of(Person("usr1", "He Yu")) == "何雨"
    assert directory.home("徐洋").name == "市场部"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("department: {}\n", [(1, "department", "did you mean 'departments'?")]),
        ("departments: {A: {haed: x}}\n", [(1, "haed", "did you mean 'head'?")]),
        ("departments: {A: {members: x}}\n", [(1, "x", "'members' must be a list")]),
        ("departments: {A: {members: [1]}}\n", [(1, "1", "an entry of 'members' must be text")]),
        ("departments: {A: }\n", [(1, "A", "'A' must be a mapping")]),
        ("departments: [A]\n", [(1, "[A]", "'departments' must be a mapping")]),
        ("people: {张三: {feisu: x}}\n", [(1, "feisu", "did you mean 'feishu'?")]),
        ("people: {张三: {mobile: true}}\n", [(1, "true", "'mobile' must be text")]),
        ("departments: {A: {aliases: [x]}, B: {aliases: [y, X]}}\n", [(1, "X", "'X' already means 'A'")]),
        ("departments: {A: {aliases: [b]}, B: {}}\n", [(1, "b", "'b' already means 'B'")]),
        ("departments: {A: {aliases: [x]}, B: {}}\ndepartment_aliases: {X: B}\n", [(2, "X", "'X' already means 'A'")]),
        ("departments: {销售部: {}}\ndepartment_aliases: {Sales: 销售}\n", [(2, "销售", "did you mean '销售部'?")]),
        ("people: {甲: {feishu: u1}, 乙: {feishu: u1}}\n", [(1, "u1", "is that of '甲' already")]),
        ("departments: {A: {}, A: {}}\n", [(1, "A", "twice")]),
        (
            "departments:\n  A: {haed: x}\n  B: {aliases: [A]}\npeople: {甲: 5}\n",
            [(2, "haed", "did you mean"), (3, "A", "already means 'A'"), (4, "5", "must be a mapping")],
        ),
    ],
)
def test_mistakes(tmp_path, text, wanted):
    found = problems_of(tmp_path, text)
    assert [place[:2] for place in found] == [place[:2] for place in wanted]
    for (*_, message), (*_, said) in zip(found, wanted, strict=True):
        assert said in message


def test_mistakes_of_both_files_are_told_together(tmp_path):
    written(tmp_path, "departments: {A: {haed: x}}\n")
    path = tmp_path / "duban.yaml"
    path.write_text(
        "sources: [{name: w, tool: workbook, path: a.csv, tables: [{holds: tsk}]}]\ndirectory: directory.yaml\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path, env={})
    assert [(problem.path.rpartition("/")[2], problem.line) for problem in caught.value.problems] == [
        ("duban.yaml", 1), ("directory.yaml", 1),
    ]  # fmt: skip


def test_an_admin_whom_the_directory_does_not_know(tmp_path):
    written(tmp_path, "departments: {A: {liaison: 徐洋}}\npeople: {林晓雯: {email: x@y}}\n")
    path = tmp_path / "duban.yaml"
    text = "admin: [徐洋, 林晓文]\ndirectory: directory.yaml\n"
    text += "sources: [{name: w, tool: workbook, path: a.csv, tables: [{holds: task}]}]\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean '林晓雯'") as caught:
        load_config(path, env={})
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(1, 13)]
    path.write_text(text.replace("林晓文", "林晓雯"), encoding="utf-8")
    assert load_config(path, env={}).admin == ("徐洋", "林晓雯")


def test_a_name_is_the_same_however_its_accents_are_stored() -> None:
    directory = Directory(people={"Zo\u00e9 M\u00fcller": Contact("Zo\u00e9 M\u00fcller")})
    assert directory.name_of(Person("", " Zoe\u0301 Mu\u0308ller")) == "Zo\u00e9 M\u00fcller"
    assert directory.name_of(Person("", "Zoe Muller")) is None
