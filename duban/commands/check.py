"""Commands that need nothing but files: check, schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import typer

from duban.assembly import check_everything
from duban.commands.options import DEFAULT, ConfigOption, JsonOption, print_json
from duban.config import config_schema, load_config
from duban.rules.schema import rules_schema
from duban.rules.waiverschema import waivers_schema


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (check, schema):
        app.command()(command)


def check(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Check the configuration, rules, calendar and directory. No network."""
    loaded = load_config(config)
    book, calendar, approvals = check_everything(loaded)
    today = datetime.now(loaded.zone).date()
    year = today.year
    waivers = approvals.entries
    uncovered = [each for each in (year, year + 1) if not calendar.covered(each)]
    facts = {
        "sources": len(loaded.sources), "tables": sum(len(source.tables) for source in loaded.sources),
        "rules": sum(1 for _ in book.book.enabled()), "departments": len(loaded.directory.departments),
        "mode": loaded.mode, "years_without_calendar": uncovered, "waivers": len(waivers),
        "waivers_expired": sum(1 for waiver in waivers if waiver.out_of_time(today) == "expired"),
    }  # fmt: skip
    if as_json:
        print_json(facts)
        return
    print(
        f"{config}: ok: {facts['sources']} sources, {facts['tables']} tables, {facts['rules']} rules, "
        f"{facts['departments']} departments, mode {facts['mode']}"
    )
    if waivers:
        print(f"{facts['waivers']} approvals in waivers files, {facts['waivers_expired']} of them expired")
    for missing in uncovered:
        print(f"{missing} has no holiday data: Monday to Friday is used meanwhile; add the year to a calendar file")
    print(f"next: duban pull --mapping -c {config} shows how the columns are understood")


_SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "config": config_schema, "rules": rules_schema, "waivers": waivers_schema,
}  # fmt: skip


def schema(
    which: Annotated[Literal["config", "rules", "waivers"], typer.Argument(help="config, rules or waivers")],
) -> None:
    """Print the JSON Schema of duban.yaml, of rules files or of waivers files, for editors."""
    print_json(_SCHEMAS[which]())
