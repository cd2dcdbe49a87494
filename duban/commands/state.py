"""Commands about the ledger: its state as portable JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from duban.assembly import ledger_file
from duban.commands.options import DEFAULT, ConfigOption, NowOption, parse_now, print_json, save_json
from duban.commands.session import opened_ledger
from duban.commands.stopping import STOP
from duban.config import load_config
from duban.errors import StateError
from duban.item import Ref
from duban.sync.turns import turns


def register(app: typer.Typer) -> None:
    """Add these commands."""
    state = typer.Typer(no_args_is_help=True, help="The ledger as portable JSON: export, import, forget.")
    state.command("export")(export_state)
    state.command("import")(import_state)
    state.command()(forget)
    app.add_typer(state, name="state")


def export_state(
    config: ConfigOption = DEFAULT,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="write to this file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the only form there is")] = True,  # noqa: ARG001
) -> None:
    """Print everything remembered of items and messages as JSON."""
    with opened_ledger(load_config(config), writing=False) as ledger:
        document = ledger.export_state()
    if output is None:
        print_json(document)
    else:
        save_json(output, document)


def import_state(
    file: Annotated[Path, typer.Argument(help="a state document; - for standard input")],
    config: ConfigOption = DEFAULT,
    now: NowOption = None,
) -> None:
    """Put a state document in: all of it or nothing."""
    loaded = load_config(config)
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise StateError(f"{file} is not a state document: {error}; duban state export makes one") from None
    with turns(ledger_file(loaded), STOP)(), opened_ledger(loaded, writing=True) as ledger:
        ledger.import_state(document, now=parse_now(now))
    print(f"{len(document['items']) if 'items' in document else 0} items taken over; the next sync goes on from there")


def forget(
    what: Annotated[str, typer.Argument(metavar="CODE_OR_REF", help="a code, or source/table/record")],
    config: ConfigOption = DEFAULT,
) -> None:
    """Delete all that is remembered of an item: the next cycle judges it as one never seen."""
    loaded = load_config(config)
    parts = what.split("/", 2)
    with turns(ledger_file(loaded), STOP)(), opened_ledger(loaded, writing=True) as ledger:
        gone = (ledger.forget(Ref(*parts)) if len(parts) == 3 else ()) or ledger.forget(what)
    if not gone:
        raise StateError(f"nothing is remembered of {what}; duban state export shows what is")
    print("\n".join(f"forgotten: {ref}" for ref in gone))
