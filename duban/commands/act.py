"""Commands that write: sync, apply, and the daemon run."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from duban.assembly import ledger_file, with_new_waivers
from duban.commands.options import (
    DEFAULT,
    AcceptOption,
    ConfigOption,
    JsonOption,
    NowOption,
    SourceOption,
    print_json,
    wall,
)
from duban.commands.session import Session, secrets_of, session
from duban.commands.stopping import STOP
from duban.logs import start_logging
from duban.notify.channels import LogChannel
from duban.progress import progress
from duban.sync.apply import Writer, Written
from duban.sync.cycle import Means, Result, run_cycle
from duban.sync.daemon import Beat, Daemon, Outcome
from duban.sync.ledger import Run
from duban.sync.planfile import apply_plan, must_fit, read_plan
from duban.sync.pulling import Watch
from duban.sync.report import applied_document, sync_document
from duban.sync.turns import turns

_RESULTS = {0: "complete", 3: "incomplete", 4: "held"}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (sync, apply, run):
        app.command()(command)


def sync(
    config: ConfigOption = DEFAULT,
    now: NowOption = None,
    source: SourceOption = None,
    as_json: JsonOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="release a held plan")] = False,
    accept_missing: AcceptOption = False,
) -> None:
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


def apply(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="a plan saved by duban plan -o")],
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Write exactly what a saved plan says; a row that changed since is refused as stale."""
    saved = read_plan(plan_file)
    with session(config, None, None, writing=True) as s, progress(as_json) as bars:
        sources = {source.name: source for source in s.setup.sources}
        writer = Writer(sources, {}, s.ledger, {}, s.now, STOP, bars.writing)
        name = uuid.uuid4().hex
        must_fit(saved, s.setup)
        with turns(ledger_file(s.config), STOP)():
            s.ledger.begin(Run(name, saved.now, wall(), "apply", s.config.fingerprint))
            written = apply_plan(saved, s.setup, s.ledger, writer, run=name, now=s.now)
            done = sum(1 for each in written if each.outcome == "written")
            code = _applied_code(written)
            s.ledger.end(name, _RESULTS[code], {"written": done}, at=wall())
        bars.close()
        if as_json:
            print_json(applied_document(written, name))
        else:
            s.screen.applied(written)
    raise typer.Exit(code)


def _applied_code(written: Sequence[Written]) -> int:
    rest = {each.outcome for each in written} - {"written"}
    return 0 if not rest else 4 if rest == {"held"} else 3


def run(
    config: ConfigOption = DEFAULT,
    source: SourceOption = None,
    json_logs: Annotated[bool, typer.Option("--json-logs", "--json", help="one JSON object per log line")] = False,
) -> None:
    """Run day and night: a cycle per source at its interval, until SIGTERM."""
    # schedule reckons in local time: at a change of clocks 70 minutes of silence were measured. UTC has none.
    os.environ["TZ"] = "UTC"
    time.tzset()
    with session(config, None, source, writing=True) as s:
        start_logging(as_json=json_logs, secrets=secrets_of(s.config))
        turn = turns(ledger_file(s.config), STOP)

        setup = s.setup

        def cycle(name: str, now: datetime) -> Outcome:
            nonlocal setup
            setup = with_new_waivers(s.config, setup)
            means = Means((LogChannel(),), s.pace, Watch(None, STOP), None, turn)
            started = time.monotonic()
            only = setup.only([name])
            result = run_cycle(only, s.ledger, now=now, run=uuid.uuid4().hex, clock=wall, means=means)
            return outcome_of(result, time.monotonic() - started)

        beats = [Beat(each.name, each.interval) for each in s.setup.sources]
        _announce(s, beats)
        Daemon(beats, cycle, s.ledger, clock=wall, stop=STOP).run()
        logging.getLogger("duban.daemon").info("stopped", extra={"action": "stopped"})


def _announce(s: Session, beats: list[Beat]) -> None:
    shown = ", ".join(f"{beat.source} every {beat.interval:g} s" for beat in beats)
    logging.getLogger("duban.daemon").info("started: %s; %s", shown, s.config.path.name, extra={"action": "started"})


def outcome_of(result: Result, seconds: float) -> Outcome:
    """Return what the daemon's log line says of a cycle."""
    traffic = list(result.requests.values())
    troubles = [table.error for table in result.looked.pulled if table.error]
    troubles += [each.error or each.outcome for each in result.failures[:1]]
    errors = "; ".join(dict.fromkeys((*troubles, *result.plan.problems)))
    counts = {
        "items": sum(len(table.items) for table in result.looked.pulled),
        "written": sum(1 for each in result.written if each.outcome == "written"), "failed": len(result.failures),
        "held": sum(table.changes for table in result.plan.held), "messages": len(result.messages),
        "read": sum(each.read for each in traffic), "write": sum(each.write for each in traffic),
        "retried": sum(each.retried for each in traffic), "seconds": round(seconds, 2), "run": result.run,
    }  # fmt: skip
    if result.restated is not None:
        counts["rules_changed"] = len(result.restated.changes)
        counts["restated"] = len(result.restated.items)
    if errors:
        counts["error"] = errors
    read = any(table.read == "complete" for table in result.looked.pulled)
    return Outcome(read, _RESULTS[result.exit_code], counts)
