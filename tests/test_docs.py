"""Documentation cannot rot: what exists is documented, and what is documented exists."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from duban.cli import COMMANDS, load_command
from duban.config import config_schema
from duban.item import KINDS, fields_of, own_columns
from duban.rules.book import read_book
from duban.rules.language.functions import FUNCTIONS, SPECIAL
from duban.rules.language.scope import CLOCK_VALUES, DERIVED

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")


def commands() -> dict[str, Any]:
    def walk(group: Any, prefix: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, command in group.commands.items():
            found |= walk(command, f"{prefix}{name} ") if hasattr(command, "commands") else {f"{prefix}{name}": command}
        return found

    loaded = {name: load_command(name) for name in COMMANDS}
    return walk(SimpleNamespace(commands=loaded), "")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_list_of_commands_says_what_the_commands_say(name: str) -> None:
    command = load_command(name)
    said = command.help or command.callback.__doc__
    assert " ".join(said.split("\n\n")[0].split()) == COMMANDS[name].summary


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_in_the_readme_and_says_what_it_does(name: str) -> None:
    assert f"`{name}`" in README
    assert commands()[name].help


def test_the_readme_names_no_command_or_option_that_does_not_exist() -> None:
    known = commands()
    for text in (README, CHINESE):
        blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
        for line in re.findall(r"^duban .*", blocks, re.MULTILINE) + re.findall(r"`duban [^`]*`", text):
            words = line.strip("`").split("#")[0].split()[1:]
            name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
            assert name in known or words[0] in {key.split()[0] for key in known}, line
            options = {option for p in known[name].params for option in p.opts} if name in known else set()
            assert {word for word in words if word.startswith("-")} <= options, line


def test_the_readmes_ten_lines_are_a_valid_configuration(tmp_path: Path) -> None:
    block = next(block for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "sources:" in block)
    assert len(block.strip().splitlines()) == 10
    assert yaml.safe_load(block) == yaml.safe_load(
        next(b for b in re.findall(r"```yaml\n(.*?)```", CHINESE, re.DOTALL) if "sources:" in b)
    )
    (tmp_path / "duban.yaml").write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "duban", "check", "--json"], cwd=tmp_path, text=True, capture_output=True, check=False,
        env={"FS_APP_ID": "cli_x", "FS_APP_SECRET": "s3cret-s3cret", "PATH": "", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tables"] == 1
    assert "s3cret" not in done.stdout + done.stderr


def test_the_readmes_rules_file_loads(tmp_path: Path) -> None:
    for number, text in enumerate((README, CHINESE)):
        block = next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "TEAM-01" in block)
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        assert "TEAM-01" in read_book(["guide", path]).rules


def test_every_own_column_is_in_both_readmes() -> None:
    for column in {column for kind in KINDS for column in own_columns(kind)}:
        assert column.zh in README
        assert column.zh in CHINESE
        assert column.en in README


def test_every_rule_is_documented() -> None:
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    rules = read_book(["guide"]).rules
    listed = re.findall(r"^\| ([A-Z]+-\d+) \| (.+?) · ", text, re.MULTILINE)
    assert dict(listed) == {rule.id: rule.entry.name.zh for rule in rules.values() if rule.entry.name}


def test_every_word_of_the_rule_language_is_documented() -> None:
    text = (ROOT / "docs" / "rule-language.md").read_text(encoding="utf-8")
    for name in (*FUNCTIONS, *SPECIAL):
        assert f"`{name}(" in text, name
    for value in {value.key for values in DERIVED.values() for value in values} | {value.key for value in CLOCK_VALUES}:
        assert f"`{value}`" in text, value


def test_every_configuration_key_is_in_the_example() -> None:
    text = (ROOT / "examples" / "duban.yaml").read_text(encoding="utf-8")

    def keys(schema: Any) -> set[str]:
        if isinstance(schema, dict):
            own = set(schema.get("properties", {})) if isinstance(schema.get("properties"), dict) else set()
            return own | {key for value in schema.values() for key in keys(value)}
        return {key for value in schema for key in keys(value)} if isinstance(schema, list) else set()

    fields = {field.key for kind in KINDS for field in fields_of(kind)} | {
        own.key for kind in KINDS for own in own_columns(kind)
    }
    missing = {key for key in keys(config_schema()) - fields if not re.search(rf"\b{key}\b", text)}
    assert missing == set()


def test_the_changelog_names_this_version() -> None:
    from duban import __version__  # noqa: PLC0415 - the version as it is now

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_text_of_the_project_names_a_machine() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=True).stdout.split("\n")
    for name in filter(None, files):
        path = ROOT / name
        if path.suffix in {".md", ".py", ".yaml", ".toml", ".lock", ""} and path.is_file() and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert "/work/" not in text, name
            assert "/root/" not in text, name
