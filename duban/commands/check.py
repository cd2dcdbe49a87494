"""Commands that need nothing but files: check, schema."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import typer

from duban.assembly import check_everything
from duban.commands.options import DEFAULT, ConfigOption, JsonOption, print_json
from duban.config import config_schema, load_config
from duban.rules.schema import rules_schema


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (check, schema):
        app.command()(command)


def check(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Check the configuration, rules, calendar and directory. No network."""
    loaded = load_config(config)
    book, calendar = check_everything(loaded)
    year = datetime.now(loaded.zone).year
    uncovered = [each for each in (year, year + 1) if not calendar.covered(each)]
    facts = {
        "sources": len(loaded.sources), "tables": sum(len(source.tables) for source in loaded.sources),
        "rules": sum(1 for _ in book.book.enabled()), "departments": len(loaded.directory.departments),
        "mode": loaded.mode, "years_without_calendar": uncovered,
    }  # fmt: skip
    if as_json:
        print_json(facts)
        return
    print(
        f"{config}: ok: {facts['sources']} sources, {facts['tables']} tables, {facts['rules']} rules, "
        f"{facts['departments']} departments, mode {facts['mode']}"
    )
    for missing in uncovered:
        print(f"{missing} has no holiday data: Monday to Friday is used meanwhile; add the year to a calendar file")
    print(f"next: duban pull --mapping -c {config} shows how the columns are understood")


def schema(which: Annotated[Literal["config", "rules"], typer.Argument(help="config or rules")]) -> None:
    """Print the JSON Schema of duban.yaml or of rules files, for editors."""
    print_json(config_schema() if which == "config" else rules_schema())
