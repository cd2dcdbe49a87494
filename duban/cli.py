"""The commands: parse, call one function, print. Exit codes are in spec section 4."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from duban import __version__
from duban.assembly import check_everything, close, ledger_file, make_setup
from duban.config import Config, config_schema, load_config
from duban.connectors.limits import Pace
from duban.errors import ConfigError, ConnectorError, DubanError, Interrupted
from duban.notify.channels import LogChannel
from duban.progress import progress
from duban.screen import Screen
from duban.sync.apply import Writer
from duban.sync.cycle import Means, Result, look, plan_of, run_cycle
from duban.sync.ledger import Ledger, LedgerSlots, Run
from duban.sync.planfile import apply_plan, read_plan
from duban.sync.pulling import Watch, pull_all
from duban.sync.report import findings_document, message_data, plan_document, sync_document
from duban.sync.setup import Setup
from duban.sync.turns import turns

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="督办 duban: checks cross-department work in Feishu Bitable, Teambition, Airtable and workbooks against one guide.",
)  # fmt: skip

ConfigOption = Annotated[Path, typer.Option("-c", "--config", help="the configuration file")]
NowOption = Annotated[str | None, typer.Option("--now", help="judge at this moment, ISO 8601 with offset (default: the clock)")]
SourceOption = Annotated[list[str] | None, typer.Option("--source", help="only this source (repeatable)")]
JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON document")]
AcceptOption = Annotated[bool, typer.Option("--accept-missing", help="believe reads that lost most rows or columns")]
DEFAULT = Path("duban.yaml")


@dataclass(frozen=True, slots=True)
class Session:
    """What one command works with."""

    config: Config
    setup: Setup
    ledger: Ledger
    now: datetime
    screen: Screen
    pace: Pace


@contextmanager
def session(config_path: Path, now: str | None, sources: list[str] | None, *, writing: bool = False, accept: bool = False) -> Iterator[Session]:
    """Open everything that a command needs, and close it whatever happens."""
    moment = parse_now(now)
    config = load_config(config_path)
    for name in sources or []:
        config.source(name)
    url = config.state.reveal()
    ledger = Ledger.open(url, zone=config.zone) if writing else Ledger.peek(url, zone=config.zone)
    slots = ledger.slots(time.time) if writing else None
    pace = Pace(slots, STOP)
    try:
        setup = make_setup(config, pace, accept_missing=accept).only(sources or [])
        try:
            yield Session(config, setup, ledger, moment, Screen(config.language, config.zone), pace)
        finally:
            close(setup)
    finally:
        if isinstance(slots, LedgerSlots):
            slots.close()
        ledger.close()


STOP = threading.Event()


def parse_now(text: str | None) -> datetime:
    """Return ``--now``, else the clock's present. This is the only place where a command asks the clock."""
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--now {text!r} is not a time; write it like 2024-07-24T10:00:00+08:00") from None
    if moment.tzinfo is None:
        raise ConfigError(f"--now {text!r} has no offset; write it like {text}+08:00")
    return moment


def print_json(document: Any) -> None:
    """Print one JSON document, and nothing else, on standard output."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def wall() -> datetime:
    """Return the clock's present, for dating runs."""
    return datetime.now(UTC)


# --- looking


@app.command()
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
        return print_json(facts)
    print(f"{config}: ok. {facts['sources']} sources, {facts['tables']} tables, {facts['rules']} rules, {facts['departments']} departments, mode {facts['mode']}")
    if uncovered:
        print(f"no holiday data for {', '.join(map(str, uncovered))}: Monday to Friday is used; add the year to a calendar file")
    print("next: duban pull --mapping shows how the columns are understood")


@app.command()
def schema(which: Annotated[str, typer.Argument(help="config or rules")]) -> None:
    """Print a JSON Schema for editors."""
    from duban.rules.schema import rules_schema

    schemas = {"config": config_schema, "rules": rules_schema}
    if which not in schemas:
        raise ConfigError(f"there is no schema {which!r}; it is config or rules")
    print_json(schemas[which]())


@app.command()
def pull(
    config: ConfigOption = DEFAULT, source: SourceOption = None, mapping: Annotated[bool, typer.Option("--mapping", help="only how columns were mapped")] = False,
    as_json: JsonOption = False, now: NowOption = None,
) -> None:  # fmt: skip
    """Read and print the items of the common model."""
    from duban.sync.items import pull_document

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


@app.command()
def findings(
    config: ConfigOption = DEFAULT, now: NowOption = None, source: SourceOption = None, as_json: JsonOption = False, accept_missing: AcceptOption = False,
) -> None:  # fmt: skip
    """Pull and judge; write nothing anywhere."""
    with session(config, now, source, accept=accept_missing) as s, progress(as_json) as bars:
        looked = look(s.setup, s.ledger, now=s.now, watch=Watch(bars.reading, STOP))
        bars.close()
        if as_json:
            print_json(findings_document(looked, s.config.zone))
        else:
            s.screen.findings(looked)
    raise typer.Exit(0 if looked.complete else 3)


@app.command()
def plan(
    config: ConfigOption = DEFAULT, now: NowOption = None, source: SourceOption = None, as_json: JsonOption = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="save the plan to this file")] = None, accept_missing: AcceptOption = False,
) -> None:  # fmt: skip
    """Show the changes and messages that a sync would make now."""
    with session(config, now, source, accept=accept_missing) as s, progress(as_json) as bars:
        looked = look(s.setup, s.ledger, now=s.now, watch=Watch(bars.reading, STOP))
        made = plan_of(looked, s.setup, s.ledger)
        bars.close()
        document = plan_document(made, s.config.fingerprint, s.config.zone)
        if output is not None:
            output.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        if as_json:
            print_json(document)
        else:
            s.screen.plan(looked, made)
    raise typer.Exit(3 if not looked.complete else 4 if made.held else 0)


# --- doing


@app.command()
def apply(plan_file: Annotated[Path, typer.Argument(help="a plan saved by duban plan -o")], config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Write exactly what a saved plan says; a row whose own cells changed since is refused as stale."""
    saved = read_plan(plan_file)
    with session(config, None, None, writing=True) as s, progress(as_json) as bars:
        writer = Writer({source.name: source for source in s.setup.sources}, {}, s.ledger, {}, s.now, STOP, bars.writing)
        run = uuid.uuid4().hex
        with turns(ledger_file(s.config), STOP)():
            s.ledger.begin(Run(run, saved.now, wall(), "apply", s.config.fingerprint))
            written = apply_plan(saved, s.setup, s.ledger, writer, run=run, now=s.now)
            good = all(each.outcome == "written" for each in written)
            s.ledger.end(run, "complete" if good else "incomplete", {"written": sum(w.outcome == "written" for w in written)}, at=wall())
        bars.close()
        if as_json:
            outcomes = [{"source": w.ref.source, "table": w.ref.table, "record": w.ref.record, "outcome": w.outcome, "error": w.error} for w in written]
            print_json({"version": 1, "run": run, "outcomes": outcomes})
        else:
            s.screen.applied(written)
    raise typer.Exit(0 if good else 3)


@app.command()
def sync(
    config: ConfigOption = DEFAULT, now: NowOption = None, source: SourceOption = None, as_json: JsonOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="release a held plan")] = False, accept_missing: AcceptOption = False,
) -> None:  # fmt: skip
    """Do one whole cycle: pull, judge, plan, apply, tell."""
    with session(config, now, source, writing=True, accept=accept_missing) as s, progress(as_json) as bars:
        turn = turns(ledger_file(s.config), STOP)
        means = Means((LogChannel(),), s.pace, Watch(bars.reading, STOP), bars.writing, turn)
        result = run_cycle(s.setup, s.ledger, now=s.now, run=uuid.uuid4().hex, clock=wall, means=means, release=yes)
        bars.close()
        if as_json:
            print_json(sync_document(result, s.config.zone))
        else:
            s.screen.cycle(result)
    raise typer.Exit(result.exit_code)


def _on_signal(_number: int, _frame: Any) -> None:
    """First signal: stop between two requests. Second: at once."""
    if STOP.is_set():
        os._exit(130)
    STOP.set()


def main() -> None:
    """Run the command line; the one place where errors become sentences and exit codes."""
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
    try:
        code = app(standalone_mode=False) or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported as one sentence
        code = _explained(error)
    sys.stdout.flush()
    raise SystemExit(code)


def _explained(error: Exception) -> int:
    if "--debug" in sys.argv or os.environ.get("DUBAN_DEBUG"):
        traceback.print_exc()
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    if isinstance(error, typer.TyperException if hasattr(typer, "TyperException") else ()):
        return 2
    shown: Callable[[Any], Any] | None = getattr(error, "show", None)
    if shown is not None:  # click's own usage errors
        shown(sys.stderr)
        return 2
    if isinstance(error, (Interrupted, KeyboardInterrupt)) or type(error).__name__ == "Abort":
        console.print("interrupted: what was done up to here is recorded; run the command again to go on")
        return 130
    if isinstance(error, DubanError):
        console.print(str(error))
        return 3 if isinstance(error, ConnectorError) else 2
    console.print(f"a bug in duban {__version__}: {type(error).__name__}: {error}; run again with --debug and report it")
    return 1


__all__ = ["app", "main", "message_data", "Result"]
