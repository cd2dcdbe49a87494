"""Whole rules files: what must load, what must not, and that the JSON Schema and the checker say the same of their form."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rules_world import guide_documents

from duban.errors import ConfigError, Problem
from duban.rules.book import MOST_PROBLEMS, merge, read_book, structure_problems
from duban.rules.compiled import CompiledBook
from duban.rules.schema import rules_schema
from duban.yamlfile import Document, read_document

HERE = Path(__file__).parent
MISTAKES = sorted((HERE / "mistakes").glob("*.yaml"))
VALID = sorted((HERE / "valid").glob("*.yaml"))
ALONE = [path for path in VALID if path.stem.startswith(("over_", "nothing"))]
VALIDATOR = jsonschema.Draft202012Validator(rules_schema())
RULE = "rules: [{id: TEAM-01, name: 团队, of: task, test: empty(审核方), level: warn, text: x}]\n"


def load(*documents: Document) -> CompiledBook:
    return CompiledBook(merge([*guide_documents(), *documents]))


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(Document(text, "ours.yaml"))
    return caught.value.problems


# --- what must load


def test_there_are_many_valid_files():
    assert len(VALID) >= 45


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_file_is_valid_for_the_schema(path):
    assert [error.message for error in VALIDATOR.iter_errors(read_document(path).value)] == []


def test_valid_rules_load_side_by_side():
    documents = [read_document(path) for path in VALID if path not in ALONE]
    book = load(*documents)
    assert sum(rule.id.startswith("OK") for rule in book.book.rules.values()) > 100


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.stem)
def test_a_file_that_changes_the_guide_loads(path):
    assert load(read_document(path)).book.rules


@pytest.mark.parametrize("data", [
    b"\xef\xbb\xbf" + RULE.encode(), RULE.replace("\n", "\r\n").encode(), b"# \xe6\xb3\xa8\n---\n" + RULE.encode() + b"...\n",
    RULE.rstrip("\n").encode(), b"%YAML 1.2\n---\n" + RULE.encode(),
])  # fmt: skip
def test_files_as_editors_write_them_load(tmp_path, data):
    path = tmp_path / "ours.yaml"
    path.write_bytes(data)
    assert "TEAM-01" in CompiledBook(read_book([path])).book.rules


# --- what must not


_NESTED = "[" * 100_000
_LAUGHS = "a: &a [x, x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(("data", "says"), [
    (RULE.encode("gb18030"), "not UTF-8"), (RULE.encode("utf-16"), "not UTF-8"), (b"\x00" * 20, "U+0000 is not allowed"),
    (b"rules: []\x07\n", "U+0007"), (b"x: " + b"a" * 10_000_000, "larger than 1 MiB"), (b"# \xe6\n", "not UTF-8"),
    (_LAUGHS.encode(), "aliases"), (f"rules: {_NESTED}".encode(), "nested deeper"), (b"rules: []\n---\nrules: []\n", "single document"),
    (b"\t\n", ""), (b"rules: [}\n", "YAML"), (b"? [a]\n: b\n", "a key must be a plain word"), (b"PK\x03\x04\x14\x00", ""),
    (b"id,name,of\nTEAM-01,x,task\n", "keys with values"), (b'"rules"\n', "keys with values"), (b"12\n", "keys with values"),
])  # fmt: skip
def test_files_that_are_no_rules_files(tmp_path, data, says):
    path = tmp_path / "ours.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_book(["guide", path])
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


def test_a_directory_or_no_file_at_all(tmp_path):
    for path, says in ((tmp_path, "cannot be read"), (tmp_path / "none.yaml", "there is no such file")):
        with pytest.raises(ConfigError, match=says):
            read_book([path])


def test_mistakes_by_the_thousand_are_told_up_to_a_number():
    text = "rules:\n" + "".join(f"- {{id: T-{n}, name: x, of: task, test: statsu{n} == 1, level: info, text: x}}\n" for n in range(600))
    assert len(problems_of(text)) == MOST_PROBLEMS
    assert len(problems_of("rules:\n" + "- {idd: x}\n" * 3000)) == MOST_PROBLEMS


def test_a_long_chain_of_rules_that_ask_for_each_other():
    rows = [f"- {{id: T-{n}, name: x, of: task, test: 'holds(\"T-{n + 1}\")', level: info, text: x}}\n" for n in range(1200)]
    last = "- {id: T-1200, name: x, of: task, test: open, level: info, text: x}\n"
    book = CompiledBook(merge([Document("rules:\n" + "".join(rows) + last, "ours.yaml")]))
    assert len(book.book.rules) == 1201
    with pytest.raises(ConfigError, match=r"wait for each other: T-0 -> T-1 -> .* … -> T-0"):
        CompiledBook(merge([Document("rules:\n" + "".join(rows).replace("T-1200", "T-0"), "ours.yaml")]))


# --- the corpus of mistakes


@cache
def form_of(path: Path) -> tuple[Problem, ...]:
    """What is said of the form of a file, the parser's words included."""
    try:
        return tuple(structure_problems(read_document(path))[1])
    except ConfigError as error:
        return error.problems


def test_the_corpus_is_what_it_says():
    heads = [path.read_text(encoding="utf-8").splitlines()[:2] for path in MISTAKES]
    assert len(heads) >= 200
    assert all(head[0].startswith("# error: ") for head in heads)
    assert sum(head[1].startswith("# suggest: ") for head in heads) >= 60


@pytest.mark.parametrize("path", [*MISTAKES, *VALID], ids=lambda path: path.stem)
def test_schema_and_checker_agree_about_the_form(path):
    try:
        document = read_document(path)
    except ConfigError:
        assert path in MISTAKES
        return
    seen = {tuple(error.absolute_path)[-1:] for error in VALIDATOR.iter_errors(document.value)}
    if path.stem in {"need_misspelt", "want_misspelt"}:  # the checker knows the kinds of the rule, and is stricter
        assert seen
        return
    assert bool(seen) is bool(form_of(path))


# --- files with a part changed


_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2.5, 1e9, "", "x", "task", "owner", "yes", [], {}, ["x"], [1], ["task"], [1, 2], {"zh": "a"},
    {"zh": "a", "en": "b"}, {"hours": 1}, {"hours": 1, "mode": "wall"}, {"mode": ["x"]}, {"a": "b"}, [["a", "b"]], [None],
    {"if": "open", "then": "owner"},
]  # fmt: skip
_KEYS = ("zh", "en", "id", "of", "name", "if", "then", "else", "x", "hours", "mode", "rules", "msg", "to")
_LADDER: dict[str, Any] = {
    "ladder": {"of": "task", "steps": {"soon": "A", "minor": "B"}, "clock": "c", "escalated_by": [],
               "tells": {"T3": ["A", {"msg": "m", "to": ["owner"], "text": "x"}]}},
    "suppression": [{"of": "task", "when": "x", "keep": ["a"]}],
}  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def changed(chance: random.Random, value: Any) -> Any:
    value = copy.deepcopy(value)
    for _ in range(chance.choice([1, 1, 2])):
        *path, last = chance.choice([place for place in places(value) if place] or [("x",)])
        holder, pick = value, chance.random()
        for key in path:
            holder = holder[key]
        if pick < 0.5 or (pick < 0.7 and last == "x"):
            holder[last] = copy.deepcopy(chance.choice(_VALUES))
        elif pick < 0.7:
            del holder[last]
        elif isinstance(holder, dict):
            holder[chance.choice(_KEYS)] = copy.deepcopy(chance.choice(_VALUES))
        else:
            holder.insert(last, copy.deepcopy(chance.choice(_VALUES)))
    return value


class Plain(Document):
    """Data without a file."""

    def __init__(self, value: Any) -> None:
        self.path, self.value, self._root = "plain", value, None


def test_schema_and_checker_agree_about_random_changes():
    chance = random.Random(20240724)
    sources = [_LADDER, *(each.value for path in [*MISTAKES, *VALID] if (each := readable(path)) is not None and "tests" not in each.value)]
    seen = {True: 0, False: 0}
    for number in range(2_500):
        value = changed(chance, sources[0] if number % 4 == 0 else chance.choice(sources))
        wrong = bool(structure_problems(Plain(value))[1])
        errors = list(VALIDATOR.iter_errors(value))
        if not (errors and all({"need", "wants"} & set(error.absolute_path) for error in errors)):
            assert wrong is bool(errors), (value, [error.message for error in errors])
            seen[wrong] += 1
    assert min(seen.values()) > 300, seen


def readable(path: Path) -> Document | None:
    try:
        return read_document(path)
    except ConfigError:
        return None


# --- files with characters changed


_PIECES = ["and", "or", "not", "(", ")", "[", "]", "{", "}", '"', "'", ":", ": ", "- ", "\n", "  ", "#", "&a", "*a", "!", "|", ">", "，", "：",
           "状态", "due", "3d", "3", "==", "=", "in", "matches", "null", "true", "yes", "\t", "é", "\U0001f600", "%", "@", "`", ",", "--- ", "<<"]  # fmt: skip


def test_files_with_characters_changed_are_refused_cleanly_or_load():
    chance = random.Random(7)
    texts = [path.read_text(encoding="utf-8") for path in VALID if path not in ALONE]
    outcome = {"loads": 0, "refused": 0}
    for _ in range(1_500):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(text))
            text = text[:start] + chance.choice(["", chance.choice(_PIECES)]) + text[start + chance.choice([0, 1, 1, 4]) :]
        found = refused(text)
        outcome["refused" if found else "loads"] += 1
        assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in found)
    assert min(outcome.values()) > 50, outcome


def test_token_soup_is_refused_cleanly():
    chance = random.Random(11)
    for _ in range(2_000):
        found = refused("".join(chance.choices(_PIECES, k=chance.randint(1, 25))))
        assert all(problem.line >= 1 and problem.message for problem in found)


def refused(text: str) -> tuple[Problem, ...]:
    """The mistakes of a file; any other exception than ConfigError fails the test."""
    try:
        CompiledBook(merge([Document(text, "ours.yaml")]))
    except ConfigError as error:
        return error.problems
    return ()


def test_the_clock_of_the_documentation_loads():
    text = (HERE.parents[1] / "docs" / "rule-language.md").read_text(encoding="utf-8")
    (written,) = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    book = load(Document(written, "ours.yaml"))
    assert book.shown_clock("issue") == "repair"
    assert [rule.name for rule in book.remembered_clocks("issue", frozenset({"raised_at", "resolved_at"}))] == ["repair"]
