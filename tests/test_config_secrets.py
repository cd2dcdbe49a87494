"""Secrets in duban.yaml: by reference only, resolved, and shown nowhere."""

import io
import pickle
import sys
import traceback

import pytest
from pydantic import ValidationError

from duban.config import load_config
from duban.connectors.settings import AirtableSource, Secret
from duban.errors import ConfigError

CANARY = "s3cr3t-canary"
PRINTS = [sys.executable, "-c"]


def written(tmp_path, token: str, more: str = ""):
    path = tmp_path / "duban.yaml"
    path.write_text(
        f"sources:\n  - name: s\n    tool: airtable\n    token: {token}\n    base: app1\n"
        f"    tables: [{{table: T, holds: task}}]\n{more}",
        encoding="utf-8",
    )
    return path


def failure(path, env=None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(path, env=env or {})
    return caught.value


@pytest.mark.parametrize("content", [f"{CANARY}\n", f"\ufeff{CANARY}", f"  {CANARY} \nsecond line\n"])
def test_from_a_file(tmp_path, content):
    (tmp_path / "token").write_text(content, encoding="utf-8")
    config = load_config(written(tmp_path, "{file: token}"), env={})
    assert config.sources[0].token.reveal() == CANARY


def test_from_the_environment(tmp_path):
    config = load_config(written(tmp_path, "${T_1}"), env={"T_1": f"{CANARY}\n"})
    assert config.sources[0].token.reveal() == CANARY


def test_from_a_command(tmp_path):
    (tmp_path / "say.py").write_text(f"import os\nprint('{CANARY}' + os.environ['X'])\nprint('more')", encoding="utf-8")
    config = load_config(written(tmp_path, f"{{command: [{sys.executable}, say.py]}}"), env={"X": "-$HOME"})
    assert config.sources[0].token.reveal() == CANARY + "-$HOME"


def test_a_commands_arguments_meet_no_shell(tmp_path):
    path = written(tmp_path, f"{{command: [{sys.executable}, -c, 'import sys; print(sys.argv[1])', '$(id);*']}}")
    assert load_config(path, env={}).sources[0].token.reveal() == "$(id);*"


@pytest.mark.parametrize(
    ("token", "message", "column"),
    [
        ("${NOPE}", "the environment variable NOPE is not set", 12),
        ("${EMPTY}", "the environment variable EMPTY is empty", 12),
        ("{file: none}", "the secret's file cannot be read (No such file or directory)", 19),
        ("{file: empty}", "the secret's file is empty", 19),
        ("{file: binary}", "the secret's file cannot be read; it must be", 19),
        ("{command: [no-such-program-anywhere]}", "could not be started", 22),
        ("{command: pass show}", "a command must be a list of texts", 22),
        ("{command: []}", "a command must be a list of texts", 22),
        (f"{{command: [{sys.executable}, -c, 'raise SystemExit(3)']}}", "ended with 3", 22),
        (f"{{command: [{sys.executable}, -c, 'pass']}}", "printed nothing", 22),
        (f"{{env: {CANARY}}}", "is not one of the forms of a secret", 12),
        ("", "'token' is empty", 5),
        (CANARY, "the secret 'token' must not stand in the file", 12),
        (f"'{CANARY}'", "the secret 'token' must not stand in the file", 12),
        ("123456", "the secret 'token' must not stand in the file", 12),
        (f"[{CANARY}]", "the secret 'token' must not stand in the file", 12),
        (f"a${{NOPE}}{CANARY}", "the secret 'token' must not stand in the file", 12),
    ],
)
def test_what_is_wrong_is_told_at_its_place_and_once(tmp_path, token, message, column):
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    error = failure(written(tmp_path, token), {"EMPTY": " "})
    [problem] = error.problems
    assert message in problem.message
    assert (problem.line, problem.column) == (4, column)
    assert CANARY not in str(error)


def test_a_command_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr("duban.config.references._SECONDS", 0.05)
    error = failure(written(tmp_path, f"{{command: [{sys.executable}, -c, 'import time; time.sleep(60)']}}"))
    assert "gave no answer" in str(error)


def test_a_commands_complaint_is_not_repeated(tmp_path):
    code = f"import sys\nsys.stderr.write('{CANARY}')\nprint('{CANARY}')\nsys.exit(1)\n"
    (tmp_path / "x.py").write_text(code, encoding="utf-8")
    assert CANARY not in str(failure(written(tmp_path, f"{{command: [{sys.executable}, x.py]}}")))


def test_an_app_id_may_be_written_down(tmp_path):
    text = written(tmp_path, "x").read_text(encoding="utf-8")
    text = text.replace("airtable", "feishu").replace("token: x", "app_id: cli_1\n    app_secret: ${S}")
    path = tmp_path / "duban.yaml"
    path.write_text(text.replace("    base: app1\n", "").replace("table: T", "app: a, table: t"), encoding="utf-8")
    config = load_config(path, env={"S": CANARY})
    assert config.sources[0].app_id.reveal() == "cli_1"


# --- shown nowhere


def everything_shown(value) -> str:
    return "\n".join([str(value), repr(value), f"{value}", f"{value!r:>5}", ascii(value), "%s %r" % (value, value)])  # noqa: UP031


def test_a_loaded_configuration_shows_no_secret(tmp_path):
    config = load_config(
        written(tmp_path, "${T}", "state: ${S}\n"), env={"T": CANARY, "S": f"postgresql://u:{CANARY}@h/d"}
    )
    assert config.sources[0].token.reveal() == CANARY
    assert CANARY in config.state.reveal()
    source = config.sources[0]
    shown = everything_shown(config) + everything_shown(source) + everything_shown(source.token)
    shown += source.model_dump_json() + str(source.model_dump(mode="json")) + repr(source.model_dump())
    assert CANARY not in shown + config.fingerprint
    assert '"token":"***"' in source.model_dump_json()


def test_a_literal_secret_is_in_no_error_whatever_else_is_wrong(tmp_path):
    path = written(tmp_path, CANARY, f"mode: liv\nstate: postgresql://u:{CANARY}@h/d\n")
    text = path.read_text(encoding="utf-8")
    more = f"bas: app1\n    tokn: {CANARY}\n    app_secret: {CANARY}"
    path.write_text(text.replace("base: app1", more), encoding="utf-8")
    error = failure(path)
    assert len(error.problems) == 7
    assert [problem.line for problem in error.problems] == [4, 5, 6, 7, 7, 9, 10]
    shown = everything_shown(error) + repr(error.problems) + "".join(traceback.format_exception(error))
    assert CANARY not in shown


def test_a_resolved_secret_is_in_no_error_of_its_neighbours(tmp_path):
    path = written(tmp_path, "${T}", "mode: liv\n")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("base: app1", "base: 5\n    colour: red"), encoding="utf-8")
    error = failure(path, {"T": CANARY})
    assert len(error.problems) == 3
    output = io.StringIO()
    traceback.print_exception(error, file=output, chain=True)
    assert CANARY not in output.getvalue() + everything_shown(error)
    assert error.__context__ is None  # nothing below it that a debugger's page would print
    assert CANARY.encode() not in pickle.dumps(error.problems)


def test_pydantics_own_errors_show_no_secret():
    with pytest.raises(ValidationError) as caught:
        AirtableSource(name="a/b", tool="airtable", token=Secret(CANARY), base=5, tables=())
    error = caught.value
    assert CANARY not in everything_shown(error) + repr(error.errors()) + error.json(include_input=False)
    with pytest.raises(ValidationError) as caught:
        AirtableSource(name="a", tool="airtable", token=CANARY, base="b", tables=[{"table": "t", "holds": "task"}])
    assert CANARY not in everything_shown(caught.value)


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"
