"""The commands that need no account anywhere: demo and sandbox."""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from duban.commands.options import JsonOption, print_json, wall
from duban.commands.session import Session, session
from duban.commands.stopping import STOP
from duban.demo import Played, Steps, Teller, demo_document, play
from duban.errors import ConfigError
from duban.notify.channels import LogChannel
from duban.sandbox.example.papers import state_document
from duban.sandbox.example.scenario import EXAMPLE, Tool, read_scenario
from duban.sandbox.example.seed import Seeded
from duban.sandbox.launch import open_sandbox, read_fault, write_folder
from duban.sync.cycle import Means, Result, look, plan_of, run_cycle
from duban.sync.plan import Plan
from duban.sync.pulling import Watch
from duban.wording import Language

LanguageOption = Annotated[str, typer.Option("--language", help="zh or en")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: any free port")]
_FOLDER = "a folder for the configuration that goes with it, the directory, the keys and the ledger"
_PIPE_WIDTH = 132  # of tables where the output is no terminal
_TICK = 0.2  # seconds between two looks at the wish to stop


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (demo, sandbox):
        app.command()(command)


def demo(
    folder: Annotated[Path, typer.Option("--dir", help=_FOLDER)] = Path("duban-demo"),
    serve: Annotated[bool, typer.Option("--serve", help="keep the simulators up until Ctrl-C")] = False,
    language: LanguageOption = "zh",
    as_json: JsonOption = False,
) -> None:
    """Show duban at work on the guide's own example, in three simulated tools."""
    spoken, scenario = _language(language), read_scenario()
    now = scenario.now or wall()
    with open_sandbox(scenario) as seeded:
        config = write_folder(seeded, folder, language=spoken)
        teller = None if as_json else Teller(_console(), spoken, seeded, folder)
        with session(config, now.isoformat(), None, writing=True) as s:
            s.ledger.import_state(state_document(seeded), now=now)
            if teller is not None:
                teller.opening(now)
            played = play(seeded, _steps(s), teller)
        if teller is None:
            print_json(demo_document(played, seeded, folder))
        else:
            teller.next_steps(now, serving=serve)
        if serve:
            _wait()
    raise typer.Exit(_code(played))


def _code(played: Played) -> int:
    return 0 if played.good else 3


def _language(text: str) -> Language:
    known: dict[str, Literal["zh", "en"]] = {"zh": "zh", "en": "en"}
    if text not in known:
        raise ConfigError(f"there is no language {text!r}; it is zh or en")
    return known[text]


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def _steps(s: Session) -> Steps:
    def sync() -> Result:
        means = Means((LogChannel(),), s.pace, Watch(None, STOP))
        return run_cycle(s.setup, s.ledger, now=s.now, run=uuid.uuid4().hex, clock=wall, means=means)

    def planned() -> Plan:
        return plan_of(look(s.setup, s.ledger, now=s.now, watch=Watch(None, STOP)), s.setup, s.ledger)

    return Steps(planned, sync, s.config.fingerprint)


def sandbox(
    folder: Annotated[Path, typer.Option("--dir", help=_FOLDER)] = Path("duban-sandbox"),
    feishu_port: Port = 0,
    teambition_port: Port = 0,
    airtable_port: Port = 0,
    rows: Annotated[Path, typer.Option("--rows", help="a file of tables and rows; default: the example")] = EXAMPLE,
    empty: Annotated[bool, typer.Option("--empty", help="the tables without their rows")] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", help="tool:kind:match:times, such as feishu:drop_after:batch_update:1 (repeatable)"),
    ] = None,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="do not enforce the services' rate limits")] = False,
    language: LanguageOption = "zh",
) -> None:
    """Serve the three simulated tools alone, until Ctrl-C."""
    scenario = read_scenario(rows)
    ports: dict[Tool, int] = {"feishu": feishu_port, "teambition": teambition_port, "airtable": airtable_port}
    faults = [read_fault(text) for text in fault or ()]
    scenario = scenario.without_rows() if empty else scenario
    spoken = _language(language)
    with open_sandbox(scenario, ports=ports, limits=not no_limits, faults=faults) as seeded:
        config = write_folder(seeded, folder, language=spoken)
        _announce(seeded, config)
        _wait()


def _announce(seeded: Seeded, config: Path) -> None:
    for tool, service in seeded.services.items():
        typer.echo(f"{tool:<11} {service.url}")
        for place in seeded.places.values():
            if place.sheet.tool == tool:
                ids = " ".join(f"{name}={value}" for name, value in place.address.items())
                typer.echo(f"  {place.sheet.source}/{place.sheet.label}: {len(place.records)} rows, {ids}")
    now = seeded.scenario.now
    moment = f" --now {now.isoformat()}" if now is not None else ""
    if any(line.state for line in seeded.scenario.lines):
        typer.echo(f"what was known before: duban state import {config.with_name('state.json')} -c {config}")
    typer.echo(f"try: duban plan -c {config}{moment}")
    typer.echo("serving until Ctrl-C")
    sys.stdout.flush()


def _wait() -> None:
    """Wait for the first SIGINT or SIGTERM, which here is the usual end."""
    while not STOP.is_set():
        time.sleep(_TICK)
