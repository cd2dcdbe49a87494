"""Commands about rules: list, show, test, schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from duban.assembly import check_everything, load_rules
from duban.commands.history import backtest, restate
from duban.commands.options import JsonOption, print_json
from duban.config import load_config
from duban.errors import ConfigError
from duban.rules.book import Rule
from duban.rules.compiled import CompiledBook
from duban.rules.schema import rules_schema
from duban.rules.selftest import run_tests
from duban.yamlfile import nearest

FilesArgument = Annotated[
    list[Path] | None, typer.Argument(help="rules files on top of the guide (default: the rules of the configuration)")
]
MaybeConfig = Annotated[Path | None, typer.Option("-c", "--config", help="take the rules of this configuration")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    rules = typer.Typer(no_args_is_help=True, help="The rules in force: list, show, test, schema, restate, backtest.")
    rules.command("list")(list_rules)
    rules.command()(show)
    rules.command()(test)
    rules.command()(schema)
    rules.command()(restate)
    rules.command()(backtest)
    app.add_typer(rules, name="rules")


def _book(config: Path | None, files: list[Path] | None = None) -> CompiledBook:
    """The rules of the files, else of the configuration, else of the shipped pack."""
    if files:
        return load_rules(["guide", *files])
    path = config or Path("duban.yaml")
    if config is None and not path.exists():
        return load_rules(["guide"])
    return load_rules(load_config(path).rules)


def _data(rule: Rule) -> dict[str, Any]:
    entry = rule.entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"id": rule.id, "enabled": rule.entry.enabled, "version": rule.entry.version, **entry}


def list_rules(config: MaybeConfig = None, as_json: JsonOption = False) -> None:
    """List the rules in force."""
    book = _book(config).book
    if as_json:
        print_json({"version": 1, "rules": [_data(rule) for rule in book.rules.values()]})
        return
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("id", "of", "level", "clause", "name"):
        grid.add_column(name)
    for rule in book.rules.values():
        entry = rule.entry
        level = entry.level if entry.enabled else f"{entry.level} (off)"
        name = entry.name.zh if entry.name else ""
        grid.add_row(rule.id, ",".join(entry.of), level, ",".join(entry.src), escape(name))
    console = Console(highlight=False, soft_wrap=True)
    console.print(grid)
    on = sum(1 for rule in book.rules.values() if rule.entry.enabled)
    console.print(f"{len(book.rules)} rules, {on} on; duban rules show ID prints one")


def show(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="a rule's id")],
    config: MaybeConfig = None,
    as_json: JsonOption = False,
) -> None:
    """Show one rule as it is in force, with the parameters that it uses and where it is written."""
    book = _book(config).book
    rule = book.rules.get(rule_id)
    if rule is None:
        near = nearest(rule_id, book.rules)
        raise ConfigError(
            f"there is no rule {rule_id}" + (f"; did you mean {near}?" if near else "; duban rules list names them")
        )
    text = " ".join(str(value) for value in _data(rule).values())
    params = {name: value for name, value in book.params.items() if name in text}
    document = {
        "rule": _data(rule),
        "params": params,
        "files": sorted({place.document.path for place in rule.places.values()}),
    }
    if as_json:
        print_json(document)
        return
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for key, value in document["rule"].items():  # type: ignore[attr-defined]
        console.print(f"{key}: {value}")
    console.print(f"params: {params}")
    console.print(f"from: {', '.join(Path(path).name for path in document['files'])}")


def test(files: FilesArgument = None, config: MaybeConfig = None, as_json: JsonOption = False) -> None:
    """Run the tests written in rules files, on a simulated clock."""
    path = config or Path("duban.yaml")
    if files or (config is None and not path.exists()):
        own: list[str | Path] = [*files] if files else ["guide_tests"]
        report = run_tests(load_rules(["guide", *own]))
    else:
        loaded = load_config(path)
        book, calendar, _ = check_everything(loaded)
        report = run_tests(book, zone=loaded.zone, calendar=calendar, directory=loaded.directory)
    if as_json:
        print_json(report.to_json())
    else:
        Console(highlight=False, soft_wrap=True, markup=False).print(report.text())
    raise typer.Exit(0 if report.passed else 2)


def schema() -> None:
    """Print the JSON Schema of rules files."""
    print_json(rules_schema())
