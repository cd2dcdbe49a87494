"""YAML files with positions: what is read, what is refused, and where a caret stands."""

import pytest

from duban.errors import ConfigError, Problem
from duban.yamlfile import Document, nearest, read_document


def refused(text, **options):
    with pytest.raises(ConfigError) as caught:
        Document(text, "x.yaml", **options)
    return caught.value.problems


def under(problem: Problem) -> str:
    """The characters of the source line that the caret covers."""
    return problem.source[problem.column - 1 : problem.column - 1 + problem.width]


# --- values


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("9:00", "9:00"),
        ("13:30", "13:30"),
        ("no", "no"),
        ("on", "on"),
        ("2026-10-01", "2026-10-01"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0.25", 0.25),
        ("007", "007"),
        ("+8613800000000", "+8613800000000"),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ('"12"', "12"),
        ("'true'", "true"),
        ("5f0000000000000000000001", "5f0000000000000000000001"),
        ("500000000000000000000001", "500000000000000000000001"),
        ("9" * 5000, "9" * 5000),
        ("9" * 400 + ".5", "9" * 400 + ".5"),
    ],
)
def test_only_json_words_and_plain_numbers_are_typed(written, value):
    read = Document(f"a: {written}\n", "x.yaml").value["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_text():
    assert Document("2024: {true: 1, null: 2}", "x.yaml").value == {"2024": {"true": 1, "null": 2}}


def test_block_scalars_keep_their_text():
    assert Document("a: |\n  12\n  no\nb: >-\n  x\n  y\n", "x.yaml").value == {"a": "12\nno\n", "b": "x y"}


# --- positions


def test_columns_count_characters_not_bytes_or_cells():
    document = Document("部门: {市场部😀: {head: 林晓雯}}\n", "x.yaml")
    problem = document.problem(("部门", "市场部😀", "head"), "who?")
    assert (problem.line, problem.column, under(problem)) == (1, 19, "林晓雯")
    # 部门 and 市场部😀 are wide: the caret stands under the name on a terminal
    assert str(problem).splitlines()[2] == " " * (4 + 18 + 6) + "^" * 6


def test_a_key_or_its_value():
    document = Document("a:\n  - 名称: 值\n", "x.yaml")
    assert under(document.problem(("a", 0, "名称"), "m")) == "值"
    assert under(document.problem(("a", 0, "名称"), "m", on_key=True)) == "名称"


def test_a_place_the_file_lacks_is_shown_at_the_nearest_enclosing_one():
    document = Document("a:\n  - b: 1\n    c: 2\n", "x.yaml")
    problem = document.problem(("a", 0, "<tag>", "missing"), "m")
    assert (problem.line, problem.column, under(problem)) == (2, 5, "b: 1")
    assert document.has(("a", 0, "c"))
    assert not document.has(("a", 1))
    assert not document.has(("a", 0, "d"))


def test_offsets_inside_scalars():
    document = Document('p: 状态 == "x"\nq: "状态 == y"\ns: \'a == b\'\nb: |\n\n  first\n    状态 == z\n', "x.yaml")
    for key in ("p", "q", "s", "b"):
        text = document.value[key]
        problem = document.problem((key,), "m", offset=text.index("=="), width=2)
        assert under(problem) == "==", key
    assert problem.line == 7


def test_where_escapes_hide_the_offset_the_whole_scalar_is_shown():
    text = 'a: "x\\ty == 1"\nb: >\n  x ==\n  y\nc: x\n  == y\nd: "x\\ty\n  == 1"\n'
    document = Document(text, "x.yaml")
    assert under(document.problem(("a",), "m", offset=4, width=2)) == '"x\\ty == 1"'
    for key, line in (("b", 3), ("c", 6)):  # folding changes nothing but spaces
        found = document.problem((key,), "m", offset=2, width=2)
        assert (under(found), found.line) == ("==", line)
    assert document.problem(("d",), "m", offset=6, width=2).line == 7


def test_an_empty_value_is_shown_at_its_key():
    document = Document("b: 1\nabc:\nc: ['']\n", "x.yaml")
    assert under(document.problem(("abc",), "m")) == "abc"
    assert under(document.problem(("c", 0), "m")) == "''"


def test_windows_line_ends_and_form_feeds_do_not_shift_lines():
    document = Document("a: 1\r\nb: x\u2028c: 2\r\n", "x.yaml")
    assert document.problem(("c",), "m").line == 3
    assert under(document.problem(("c",), "m")) == "2"


# --- refusals


def test_every_duplicate_key_at_once():
    problems = refused("a: 1\nb: 2\na: 3\nc:\n  d: 1\n  d: 2\n")
    assert [(problem.line, under(problem)) for problem in problems] == [(3, "a"), (6, "d")]


def test_an_alias_bomb_is_refused_without_growing():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    problems = refused("\n".join(levels))
    assert len(problems) == 81
    assert (problems[0].line, under(problems[0])) == (2, "*a0")


def test_merge_keys_and_tags_are_refused_where_they_stand():
    problems = refused("a: &x {b: 1}\nc:\n  <<: *x\nd: !!int '5'\ne: !custom [1]\n")
    assert [(problem.line, under(problem)) for problem in problems] == [(3, "*x"), (4, "!!int '5'"), (5, "!custom [")]


def test_deep_nesting_is_refused_and_does_not_end_the_process():
    problems = refused("[" * 200_000)
    assert problems[0].column == 51
    assert "deeper" in problems[0].message


def test_a_key_must_be_a_word():
    problems = refused("a: 1\n? [x, y]\n: 2\n")
    assert (problems[0].line, under(problems[0])) == (2, "[x, y]")


def test_two_documents():
    assert "another document" in refused("a: 1\n---\nb: 2\n")[0].message


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: b: c\n", 1, 5), ("a:\n\tb: 1\n", 2, 1), ("a: 'x\nb: 1\n", 1, 4), ("a: [1, 2\nb: 3\n", 2, 2), ("a: @x", 1, 4)],
)
def test_unreadable_text(text, line, column):
    [problem] = refused(text)
    assert problem.message.startswith("not readable as YAML: ")
    assert (problem.line, problem.column) == (line, column)


def test_a_reference_in_braces_needs_quotes():
    assert 'put "${NAME}" in quotes' in refused("a: {b: ${NAME}}")[0].message


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1b", "\ud800"])
def test_control_characters(character):
    [problem] = refused(f"a: 1\n名: x{character}\n")
    assert (problem.line, problem.column) == (2, 5)
    assert f"U+{ord(character):04X}" in problem.message


# --- files


def written(tmp_path, data: bytes):
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    return path


def failure(path) -> Problem:
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    [problem] = caught.value.problems
    assert problem.path == str(path)
    return problem


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path):
    document = read_document(written(tmp_path, b"\xef\xbb\xbfa: 1\n"))
    assert document.value == {"a": 1}
    assert document.problem(("a",), "m", on_key=True).column == 1


@pytest.mark.parametrize("data", [b"", b"\n", b"# only a comment\n", b"---\n", b"null"])
def test_an_empty_file(tmp_path, data):
    assert "empty" in failure(written(tmp_path, data)).message


def test_a_file_in_another_encoding_tells_the_line(tmp_path):
    problem = failure(written(tmp_path, "a: 1\nb: 市场部\n".encode("gbk")))
    assert problem.line == 2
    assert "UTF-8" in problem.message


def test_a_missing_file_a_folder_and_a_huge_file(tmp_path):
    assert "no such file" in failure(tmp_path / "none.yaml").message
    assert "cannot be read" in failure(tmp_path).message
    assert "1 MiB" in failure(written(tmp_path, b"a: " + b"x" * (1 << 20))).message
    assert Document("a: " + "x" * 1000, "x").value["a"] == "x" * 1000


# --- what is never shown

CANARY = "s3cr3t-canary"
KEYS = ("token", "app_secret")


@pytest.mark.parametrize(
    "text",
    [
        f"token: {CANARY}\n",
        f"tokn: {CANARY}\n",
        f"a: {{Token: {CANARY}, b: 1}}\n",
        f"app_secret: '{CANARY}'\n",
        f"app_secret:\n  {CANARY}\n",
        f"app_secret: |\n  {CANARY}\n  more\n",
        f"app_secret: [{CANARY}]\n",
        f"app_secret: {{value: {CANARY}}}\n",
        f"state: postgresql://me:{CANARY}@host/db\n",
    ],
)
def test_source_lines_do_not_show_literal_secrets(text):
    document = Document(text, "x.yaml", secret_keys=KEYS)
    for number in range(len(document.lines)):
        assert CANARY not in document._line(number + 1)
    key = next(iter(document.value))
    problem = document.problem((key,), "m", on_key=True)
    assert under(problem) == key
    assert CANARY not in str(problem)


def test_references_stay_visible():
    text = "token: ${NAME}\napp_secret: {file: /run/x}\nother: {token: {command: [pass, show]}}\n"
    document = Document(text, "x.yaml", secret_keys=KEYS)
    assert "\n".join(document.lines) == text


@pytest.mark.parametrize(
    "text",
    [
        f"token: {CANARY}\ntoken: {CANARY}\n",  # a key twice
        f"token: !x {CANARY}\n",
        f"token: &a {CANARY}\nb: *a\ntoken2: *a\n",
        f'token: "{CANARY}\nb: 1\n',  # no end of the quotes
        f"token: {CANARY}: x\n",
        f"app_secret:\n  {CANARY}: : x\n",
        f"app_secret: |\n  {CANARY}\n - {CANARY}\n",
        f"a: {{token: {CANARY}, ]\n",
    ],
)
def test_refusals_do_not_show_literal_secrets(text):
    with pytest.raises(ConfigError) as caught:
        Document(text, "x.yaml", secret_keys=KEYS)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value.problems)


def test_nearest():
    assert nearest("tabels", ["tables", "token"]) == "tables"
    assert nearest("状太", ["状态", "部门"]) == "状态"
    assert nearest("jira", ["airtable", "feishu"]) is None
