"""Commands that read and judge, and change nothing: pull, findings, plan, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from duban.commands.options import (
    DEFAULT,
    AcceptOption,
    ConfigOption,
    JsonOption,
    NowOption,
    SourceOption,
    print_json,
    save_json,
)
from duban.commands.session import session
from duban.commands.stopping import STOP
from duban.progress import progress
from duban.sync.cycle import look, plan_of, restated_since
from duban.sync.explaining import explained
from duban.sync.items import pull_document
from duban.sync.pulling import Watch, pull_all
from duban.sync.report import findings_document, plan_document, rules_changed


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (pull, findings, plan, explain):
        app.command()(command)


def pull(
    config: ConfigOption = DEFAULT,
    source: SourceOption = None,
    mapping: Annotated[bool, typer.Option("--mapping", help="only how the columns were mapped")] = False,
    as_json: JsonOption = False,
    now: NowOption = None,
) -> None:
    """Read and print the items of the common model, with how every column was mapped."""
    with session(config, now, source) as s, progress(as_json) as bars:
        pulled = pull_all(s.setup, s.ledger.tables(), Watch(bars.reading, STOP))
        bars.close()
        if as_json:
            print_json(pull_document(pulled, s.now, s.config.zone, mapping_only=mapping))
        elif mapping:
            s.screen.mapping(pulled)
        else:
            s.screen.items(pulled)
    raise typer.Exit(0 if all(table.read == "complete" for table in pulled) else 3)


def findings(
    config: ConfigOption = DEFAULT,
    now: NowOption = None,
    source: SourceOption = None,
    as_json: JsonOption = False,
    accept_missing: AcceptOption = False,
) -> None:
    """Pull and judge; write nothing anywhere, the ledger included."""
    with session(config, now, source, accept=accept_missing) as s, progress(as_json) as bars:
        looked = look(s.setup, s.ledger, now=s.now, watch=Watch(bars.reading, STOP))
        bars.close()
        if as_json:
            print_json(findings_document(looked, s.config.zone))
        else:
            s.screen.findings(looked)
    raise typer.Exit(0 if looked.complete else 3)


def plan(
    config: ConfigOption = DEFAULT,
    now: NowOption = None,
    source: SourceOption = None,
    as_json: JsonOption = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="save the plan to this file")] = None,
    accept_missing: AcceptOption = False,
) -> None:
    """Show the changes and messages that a sync would make now; -o saves them for apply."""
    with session(config, now, source, accept=accept_missing) as s, progress(as_json) as bars:
        looked = look(s.setup, s.ledger, now=s.now, watch=Watch(bars.reading, STOP))
        made = plan_of(looked, s.setup, s.ledger)
        restated = restated_since(looked, s.setup, s.ledger)
        bars.close()
        document = plan_document(made, s.config.fingerprint, s.config.zone)
        document |= {"rules_changed": rules_changed(restated, s.config.zone)}
        if output is not None:
            save_json(output, document)
        if as_json:
            print_json(document)
        else:
            s.screen.plan(looked, made, restated)
    raise typer.Exit(3 if not looked.complete else 4 if made.held else 0)


def explain(
    what: Annotated[
        str, typer.Argument(metavar="CODE_OR_REF", help="a code or source/table/record; a table; the id of a rule")
    ],
    config: ConfigOption = DEFAULT,
    now: NowOption = None,
    source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain one item - every rule tried, the values it saw, where the time went - or a table, or a rule."""
    with session(config, now, source) as s, progress(as_json) as bars:
        looked = look(s.setup, s.ledger, now=s.now, watch=Watch(bars.reading, STOP))
        bars.close()
        found = explained(looked, s.setup, what)
        if as_json:
            print_json(found.to_json())
        else:
            for text in found.texts(s.config.language):
                s.screen.out.print(text, markup=False)
    raise typer.Exit(0 if looked.complete else 3)
